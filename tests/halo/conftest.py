import pytest
from halo_commands import FOLDER, call, of_pairs, processing
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


@pytest.fixture
def halo(capsys):
    """Run `simlab halo ...` in this process; returns (stdout, stderr)."""

    def start(*words, code=0):
        capsys.readouterr()
        found = call(*words)
        out, err = capsys.readouterr()
        assert found == code, out + err
        return out, err

    return start


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """Folders DMO, Hydro, FOF of three tiny simulations and their table; not to be changed."""
    root = tmp_path_factory.mktemp("pairs")
    assert call("synthesize", "-o", root, "-n", 3, "--n_grid", 16) == 0
    return root


@pytest.fixture(scope="session")
def processed(tmp_path_factory, pairs):
    """Data set that process-simulations makes of `pairs`; not to be changed."""
    root = tmp_path_factory.mktemp("processed")
    assert call(*processing(root, base=of_pairs(pairs))) == 0
    return root / FOLDER
