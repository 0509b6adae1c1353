import pytest
from afm_commands import call
from afm_finished import SMALL, SmallDataset


@pytest.fixture(scope="session")
def small_afm(tmp_path_factory):
    """A small data set with all that the checks look at; not to be changed."""
    return SmallDataset.of(tmp_path_factory.mktemp("afm") / "small", SMALL).make()


@pytest.fixture
def spoilable(small_afm, tmp_path):
    """A copy of it that a test may damage."""
    return small_afm.copy_to(tmp_path / "small")


@pytest.fixture
def afm(capsys):
    """Run `simlab afm ...` in this process; returns (stdout, stderr)."""

    def start(*words, code=0):
        capsys.readouterr()
        found = call(*words)
        out, err = capsys.readouterr()
        assert found == code, out + err
        return out, err

    return start
