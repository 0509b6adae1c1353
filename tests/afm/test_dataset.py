"""Reading finished samples: the module's own reader and that of all domains."""

import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest

from simlab.afm import load_dataset
from simlab.afm.files.shards import Shard
from simlab.core.dataset import Dataset
from simlab.core.errors import MissingFileError, SimlabError


def test_samples_are_read_one_by_one(small_afm):
    data = load_dataset(small_afm.folder)
    assert len(data) == 9
    assert data.channels == ["vdwSpheres", "AtomicDisks", "HeightMap", "Bonds", "AtomRfunc"]
    assert data.tips == ["CO"]
    with Shard(small_afm.shards()[1]) as shard:
        images, maps, mol = data[6]
        np.testing.assert_array_equal(images, shard.array("afm", 0))
        np.testing.assert_array_equal(maps, shard.array("desc", 0))
        np.testing.assert_array_equal(mol, shard.molecule(0))
    assert sum(1 for _ in data) == 9
    data.close()


def test_splits_are_those_of_the_index(small_afm):
    data = load_dataset(small_afm.folder)
    index = Dataset(small_afm.folder)
    for name in ("train", "val", "test"):
        assert len(data.split(name)) == len(index.split(name))
    np.testing.assert_array_equal(data.split("test")[0][0], index.split("test")[0]["afm"])
    with pytest.raises(SimlabError, match="split 'tests' is unknown"):
        data.split("tests")


def test_a_reader_can_be_sent_to_another_process(small_afm):
    data = load_dataset(small_afm.shards()[0])
    again = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(data[3][0], again[3][0])


def test_many_shards_need_few_open_files(small_afm, tmp_path):
    """More shards than files may be open: each is read, and closed again."""
    (tmp_path / "shards").mkdir()
    for k in range(40):
        shutil.copy(small_afm.shards()[1], tmp_path / f"shards/shard_{k:05d}.h5")
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)); "
        "from simlab.afm import load_dataset; data = load_dataset(sys.argv[1]); "
        "print(len(data), sum(mol.shape[1] for _, _, mol in data), len(data.split('train')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    with Shard(small_afm.shards()[1]) as shard:
        train = int((shard.array("split") == 0).sum())
    assert done.stdout.split() == ["120", "600", str(40 * train)]


def test_the_folder_of_the_shards_serves_for_that_of_the_data_set(small_afm):
    assert len(load_dataset(small_afm["shards"])) == len(load_dataset(small_afm.folder)) == 9


def test_a_folder_without_shards_is_an_error(tmp_path):
    with pytest.raises(MissingFileError, match=r"no shards; expected a shard_\*\.h5 file"):
        load_dataset(tmp_path)


def test_reading_imports_no_simulator(root):
    program = (
        "import sys; from simlab.afm import load_dataset; "
        "print(sorted({'numba', 'scipy', 'pyopencl', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_configuration_and_plan_import_nothing_heavy(root):
    program = (
        "import sys; import simlab.afm, simlab.afm.config, simlab.afm.plan, simlab.afm.specs; "
        "heavy = {'numba', 'scipy', 'h5py', 'cv2', 'pyopencl', 'matplotlib'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
