"""Training shards: samples cut from recordings, and the truth of those recordings.

Root datasets, N samples of t frames of h x w px:

    noisy    (N, t, h, w)  number type of the recordings    counts, or intensity without a sensor
    clean    (N, t, h, w)  float32                          movie before digitization (optional)
    index    (N,)          key S16, sample, t0, y0, x0 i8   where each sample was cut

and for each recording, in `units/{key}`: data f4, indices i4, indptr i8, shape i8 (2,) - the
observed footprints as CSR matrix (units, H * W) -, C and S (n, T) f8, detectable (n,) bool, shifts
(T, 2) f8 px and exposure (T,) f8 where the recording has them; attribute expected_scale.
"""

from contextlib import contextmanager

import numpy as np

from simlab.calcium.files.rows import attribute, dataset_of
from simlab.core.errors import InputFileError
from simlab.core.hdf5 import create_hdf5, reading_hdf5, write_attributes

FORMAT = "calcium-training"
FORMAT_VERSION = 1
INDEX = np.dtype([("key", "S16"), ("sample", "i8"), ("t0", "i8"), ("y0", "i8"), ("x0", "i8")])


class TrainingWriter:
    """An open shard; `write` fills one sample, `write_units` adds the truth of a recording."""

    def __init__(self, file, places, shape, dtype, clean, attributes):
        n = len(places)
        self._file = file
        arrays = ["noisy", *(["clean"] if clean else []), "index"]
        write_attributes(
            file,
            {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "sample_arrays": arrays,
                "axes": ["sample", "frame", "height", "width"],
                **attributes,
            },
        )
        self._create(file, "noisy", (n, *shape), dtype)
        if clean:
            self._create(file, "clean", (n, *shape), np.float32)
        table = np.array([tuple(place) for place in places], INDEX)
        file.create_dataset("index", data=table, track_times=False)
        self._units = file.create_group("units")

    @staticmethod
    def _create(file, name, shape, dtype):
        file.create_dataset(name, shape, np.dtype(dtype), chunks=(1, *shape[1:]), track_times=False)

    def write(self, position, noisy, clean=None):
        """Sample number `position`: (t, h, w) arrays."""
        self._file["noisy"][position] = noisy
        if clean is not None:
            self._file["clean"][position] = clean

    def write_units(self, key, footprints, arrays, attributes):
        """Truth of a recording: CSR `footprints` (n, H * W), arrays by name (None = absent)."""
        group = self._units.create_group(key)
        write_attributes(group, attributes)
        csr = {
            "data": footprints.data.astype(np.float32),
            "indices": footprints.indices.astype(np.int32),
            "indptr": footprints.indptr.astype(np.int64),
            "shape": np.array(footprints.shape, np.int64),
        }
        for name, values in {**csr, **arrays}.items():
            if values is not None:
                group.create_dataset(name, data=values, track_times=False)


@contextmanager
def training_writer(path, places, shape, dtype, *, clean, attributes):
    """A TrainingWriter whose file appears when the block succeeds.

    Parameters
    ----------
    path : path
    places : list of (key, sample, t0, y0, x0)
    shape : (t, h, w)
    dtype : number type of `noisy`
    clean : bool
    attributes : mapping
        Root attributes besides format, version, sample_arrays and axes.
    """
    with create_hdf5(path) as file:
        yield TrainingWriter(file, places, shape, dtype, clean, attributes)


@contextmanager
def open_training(path):
    """A shard opened for reading (h5py.File); InputFileError for anything else."""
    with reading_hdf5(path, InputFileError) as file:
        found = attribute(file, "format", str)
        if found != FORMAT:
            raise InputFileError(f"{path}: format is {found!r}, expected {FORMAT!r}")
        count = len(dataset_of(file, "index"))
        for name in ("noisy", "clean"):
            if name == "noisy" or name in file:
                data = dataset_of(file, name, by_row=True)
                if data.ndim != 4 or len(data) != count or data.dtype.kind not in "iuf":
                    raise InputFileError(
                        f"{path}: {name} is {data.dtype} of shape {data.shape}, expected numbers "
                        f"of shape ({count}, t, h, w)"
                    )
        yield file
