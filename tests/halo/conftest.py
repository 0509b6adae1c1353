import pytest
from halo_finished import small_dataset


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished data set; tests must not change it."""
    return small_dataset(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def spoilable(finished, tmp_path):
    """A copy of the finished data set that a test may spoil."""
    return finished.copy(tmp_path / "spoiled")


@pytest.fixture(scope="session")
def chosen(finished):
    """A training sample whose pixels every check looks at."""
    case = finished.case()
    return min(name for name in case.chosen if case.samples[name][1] == "train")
