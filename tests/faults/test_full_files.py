"""Every writer of HDF5 ends soon after its file can grow no more, and leaves nothing of it."""

import resource
from contextlib import contextmanager
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from simlab.afm.files.shards import PER_SAMPLE
from simlab.afm.files.shards import ShardWriter as AfmShard
from simlab.calcium.files.parts import part_writer
from simlab.calcium.files.recordings import Header, recording_writer
from simlab.calcium.files.training import training_writer
from simlab.core.errors import SimlabError
from simlab.core.hdf5 import create_hdf5
from simlab.lensing.files.shards import shard_writer
from simlab.ptycho.files.published import _copy
from simlab.ptycho.files.shards import POSITIONS, FrameFiles
from simlab.ptycho.files.shards import ShardWriter as PtychoShard

LIMIT = 1 << 20
ROWS, ROW_BYTES = 1024, 1 << 13
"""8 MiB in rows of which 128 fit; HDF5 keeps some in caches of 1 MiB a dataset."""


@contextmanager
def limited(size):
    """A block in which no file of this process grows beyond `size` bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def rows():
    return np.random.default_rng(1).integers(0, 256, (ROWS, ROW_BYTES), np.uint8)


def ptycho(path, rows):
    positions = {key: np.zeros(ROWS) for key in POSITIONS}
    with PtychoShard(path, positions) as shard:
        for values in rows.view("f4").reshape(ROWS, 1, 32, 64):
            yield
            shard.write(SimpleNamespace(diff3d=values, patches=None, frame_scale=None, dose=None))


def afm(path, rows):
    plan = {"mol_id": np.zeros(ROWS)}
    shapes = {"afm": (1, 32, 64, 1), "desc": (1, 1, 1)}
    record = dict.fromkeys(PER_SAMPLE, 0)
    with AfmShard(path, 0, plan, shapes) as shard:
        for values in rows.view("f4").reshape(ROWS, 1, 32, 64, 1):
            yield
            shard.write(values, np.zeros((1, 1, 1)), np.zeros((1, 5)), record)


def calcium_part(path, rows):
    with part_writer(path, 0, ROWS, (64, 128), "u1", "key") as part:
        for values in rows.reshape(ROWS, 1, 64, 128):
            yield
            part.append(values)


def calcium_recording(path, rows):
    header = Header("{}", "key", "1", "counts", [], [])
    options = {"fps": 20.0, "pixel_size_um": 1.0}
    with recording_writer(path, header, (ROWS, 64, 128), "u1", **options) as recording:
        for values in rows.reshape(ROWS, 1, 64, 128):
            yield
            recording.append(values)


def calcium_training(path, rows):
    places = [("key", sample, 0, 0, 0) for sample in range(ROWS)]
    options = {"clean": False, "attributes": {}}
    with training_writer(path, places, (1, 64, 128), "u1", **options) as training:
        for sample, values in enumerate(rows.reshape(ROWS, 1, 64, 128)):
            yield
            training.write(sample, values)


def lensing(path, rows):
    with shard_writer(path, ROWS, {"images": ((64, 128), "u1")}, [], {}) as shard:
        for row, values in enumerate(rows.reshape(ROWS, 64, 128)):
            yield
            shard.write(row, {"images": values}, "a.png", {})


@pytest.mark.parametrize(
    "write", [ptycho, afm, calcium_part, calcium_recording, calcium_training, lensing]
)
def test_a_writer_of_rows_ends_soon_after_its_file_is_full(write, rows, tmp_path):
    path, begun = tmp_path / "folder" / "rows.h5", 0
    with limited(LIMIT), pytest.raises(SimlabError) as told:
        for _ in write(path, rows):
            begun += 1
    assert str(told.value) == f"cannot write {path}: File too large"
    assert LIMIT // 2 < begun * ROW_BYTES < 4 * LIMIT
    assert not list(tmp_path.iterdir())


def test_a_copy_of_shards_that_does_not_fit_leaves_nothing(rows, tmp_path):
    source, path = tmp_path / "shard.h5", tmp_path / "all.h5"
    for _ in ptycho(source, rows):
        pass
    with (
        FrameFiles([source]) as frames,
        limited(LIMIT),
        pytest.raises(SimlabError) as told,
        create_hdf5(path) as file,
    ):
        _copy(file, "diffraction", frames, "diff3d", "auto")
    assert str(told.value) == f"cannot write {path}: File too large"
    assert list(tmp_path.iterdir()) == [source]


def one_attribute(file):
    file.attrs["a"] = 1


def small_pieces_by_one_handle(file):
    data = file.create_dataset("a", (ROWS, ROW_BYTES), "u1", chunks=(1, ROW_BYTES))
    for row in range(ROWS):
        data[row] = 1 + row % 255


def small_datasets_of_a_group(file):
    group = file.create_group("a")
    for name in range(ROWS):
        group.create_dataset(str(name), data=np.arange(300))


@pytest.mark.parametrize(
    ("write", "size"),
    [
        (one_attribute, 0),
        (one_attribute, 64),
        (small_pieces_by_one_handle, LIMIT),
        (small_datasets_of_a_group, LIMIT),
    ],
)
def test_what_only_the_closing_of_a_file_can_tell_is_told(write, size, tmp_path):
    """Small writes that a full disk refuses wait in memory; the file never appears without them."""
    path = tmp_path / "a.h5"
    with h5py.File(tmp_path / "whole.h5", "w", libver="latest") as file:
        write(file)
    assert (tmp_path / "whole.h5").stat().st_size > size
    with limited(size), pytest.raises(SimlabError) as told, create_hdf5(path) as file:
        write(file)
    assert str(told.value) == f"cannot write {path}: File too large"
    assert [p.name for p in tmp_path.iterdir()] == ["whole.h5"]
