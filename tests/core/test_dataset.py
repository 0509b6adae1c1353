"""The reader gives the samples of index.csv from any domain's files."""

import json
import pickle

import h5py
import numpy as np
import pytest

from simlab.core.dataset import Dataset
from simlab.core.errors import ConfigError, InputFileError, MissingFileError
from simlab.core.files import write_csv, write_npz
from simlab.core.inputs import MAX_RATIO, MAX_UNPACKED_BYTES


@pytest.fixture
def folder(tmp_path):
    with h5py.File(tmp_path / "frames.h5", "w") as file:
        file["frames"] = np.arange(12.0).reshape(3, 4)
        file["probe"] = np.ones(5)
        file.attrs["sample_arrays"] = json.dumps(["frames"])
    write_npz(tmp_path / "single.npz", {"image": np.eye(2)})
    rows = [(i, "frames.h5", i, "train" if i < 2 else "test") for i in range(3)]
    write_csv(
        tmp_path / "index.csv",
        ["id", "file", "position", "split"],
        [*rows, (3, "single.npz", 0, "val")],
    )
    return tmp_path


def test_samples_are_cut_at_their_position(folder):
    dataset = Dataset(folder)
    assert len(dataset) == 4
    assert list(dataset[1]) == ["frames"]
    np.testing.assert_array_equal(dataset[1]["frames"], [4, 5, 6, 7])
    np.testing.assert_array_equal(dataset[3]["image"], np.eye(2))


def test_splits_select_rows(folder):
    assert [len(Dataset(folder).split(s)) for s in ("train", "val", "test")] == [2, 1, 1]


def test_an_unknown_split_is_refused_and_validation_means_val(folder):
    with pytest.raises(ConfigError, match="split 'foo' is unknown, known: train"):
        Dataset(folder).split("foo")
    assert len(Dataset(folder).split("validation")) == 1


def test_a_slice_is_a_data_set(folder):
    part = Dataset(folder)[1:3]
    assert [row["id"] for row in part.index] == ["1", "2"]
    np.testing.assert_array_equal(part[0]["frames"], [4, 5, 6, 7])


def test_a_reader_with_open_files_can_be_pickled(folder):
    dataset = Dataset(folder)
    dataset[0]
    copy = pickle.loads(pickle.dumps(dataset))
    np.testing.assert_array_equal(copy[0]["frames"], dataset[0]["frames"])


def test_iteration_ends_after_the_last_sample(folder):
    assert len(list(Dataset(folder))) == 4


def test_a_missing_file_is_named_with_its_sample(folder):
    (folder / "single.npz").unlink()
    with pytest.raises(MissingFileError, match=r"single\.npz.*sample 3"):
        Dataset(folder)[3]


def test_another_table_is_refused(folder):
    write_csv(folder / "index.csv", ["file", "id"], [])
    with pytest.raises(InputFileError, match="first columns"):
        Dataset(folder)


def _sparse(path, name, shape, written):
    """An HDF5 file of rows of ones, of which only those `written` take any room."""
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            name, shape, "f4", chunks=(1, *shape[1:]), compression="gzip", compression_opts=1
        )
        for row in written:
            data[row] = 1
        file.attrs["sample_arrays"] = json.dumps([name])
        assert data.nbytes > MAX_UNPACKED_BYTES
        assert data.nbytes > MAX_RATIO * data.id.get_storage_size()


def test_samples_of_a_large_file_that_packs_well_are_read_one_by_one(tmp_path):
    """Flat pictures pack by more than files of others may; a sample at a time needs little."""
    _sparse(tmp_path / "flat.h5", "images", (1600, 512, 512, 3), (0, 1599))
    rows = [(i, "flat.h5", i, "train") for i in (0, 1599)]
    write_csv(tmp_path / "index.csv", ["id", "file", "position", "split"], rows)
    for sample in Dataset(tmp_path):
        assert sample["images"].shape == (512, 512, 3)
        assert (sample["images"] == 1).all()


def test_a_sample_that_is_too_large_by_itself_is_refused(tmp_path):
    with h5py.File(tmp_path / "bomb.h5", "w") as file:
        shape = (2, 1 << 10, 1 << 10, 1 << 11)
        data = file.create_dataset("x", shape, "f4", chunks=(1, 64, 64, 64), compression="gzip")
        data[0, :64, :64, :64] = 1
        file.attrs["sample_arrays"] = json.dumps(["x"])
    rows = [("s", "bomb.h5", 0, "train")]
    write_csv(tmp_path / "index.csv", ["id", "file", "position", "split"], rows)
    with pytest.raises(InputFileError, match=r"bomb\.h5: dataset /x would unpack"):
        Dataset(tmp_path)[0]
