import pytest
from calcium_commands import call
from calcium_finished import ONE, SMALL, SmallDataset


@pytest.fixture(scope="session")
def small_calcium(tmp_path_factory):
    """A finished data set of four recordings in parts; tests only look at it."""
    return SmallDataset.of(tmp_path_factory.mktemp("calcium") / "small", SMALL).make()


@pytest.fixture(scope="session")
def one_recording(tmp_path_factory):
    """A finished data set of one recording; tests only look at it, or copy it."""
    return SmallDataset.of(tmp_path_factory.mktemp("calcium") / "one", ONE).make()


@pytest.fixture
def spoiled(one_recording, tmp_path):
    """A copy of the data set of one recording that a test may spoil."""
    return one_recording.copy(tmp_path / "spoiled")


@pytest.fixture
def calcium(capsys):
    """Run `simlab calcium ...` in this process; returns (stdout, stderr)."""

    def start(*words, code=0):
        capsys.readouterr()
        found = call(*words)
        out, err = capsys.readouterr()
        assert found == code, out + err
        return out, err

    return start
