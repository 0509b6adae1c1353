import numba
import pytest
from lensing_commands import call
from lensing_finished import CENTERED, SMALL, SmallDataset


@pytest.fixture(scope="session")
def small_lensing(tmp_path_factory):
    """A finished data set with every product; tests only look at it, or copy it."""
    return SmallDataset.of(tmp_path_factory.mktemp("lensing") / "small", SMALL).make()


@pytest.fixture(scope="session")
def centered_lensing(tmp_path_factory):
    """A finished data set whose amplitudes are at the center of light."""
    return SmallDataset.of(tmp_path_factory.mktemp("lensing") / "centered", CENTERED).make()


@pytest.fixture
def spoiled(small_lensing, tmp_path):
    """A copy of the data set that a test may spoil."""
    return small_lensing.copy(tmp_path / "spoiled")


@pytest.fixture
def lensing(capsys):
    """Run `simlab lensing ...` in this process; returns (stdout, stderr)."""
    threads = numba.get_num_threads()

    def start(*words, code=0):
        capsys.readouterr()
        found = call(*words)
        out, err = capsys.readouterr()
        assert found == code, out + err
        return out, err

    yield start
    numba.set_num_threads(threads)
