"""HDF5 as every file of ptychography uses it: arrays, complex numbers, compression."""

import h5py
import numpy as np

from simlab.core.errors import InputFileError, MissingKeyError
from simlab.core.hdf5 import require_readable

CHUNK_PIXELS = 65536


def read_dataset(file, key, selection=()):
    """Array at `key` of an open file, complex numbers in compound r/i or real/imag included."""
    data = dataset_at(file, key, by_row=selection != ())
    array = np.asarray(data[selection])
    names = array.dtype.names
    if names and len(names) == 2:
        array = array[names[0]] + 1j * array[names[1]]
    return array


def dataset_at(file, key, by_row=False):
    """Dataset `key` of an open file; InputFileError for what cannot be read as an array.

    `by_row`: whether rows are read, not the whole of it.
    """
    data = file.get(key)
    if not isinstance(data, h5py.Dataset):
        raise MissingKeyError(f"{file.filename}: no dataset {key!r}; found {list(file)}")
    if data.shape is None or data.dtype.hasobject:
        found = "nothing" if data.shape is None else "text"
        raise InputFileError(
            f"{file.filename}: dataset {key!r} holds {found}, numbers are expected"
        )
    require_readable(data, by_row)
    return data


def frames_per_chunk(side):
    """Frames in one chunk of an (M, N, N) dataset of side N: 65536 pixels, at least one frame."""
    return max(1, CHUNK_PIXELS // side**2)


def filters(dtype, compression="auto"):
    """Arguments of h5py's create_dataset for frames of `dtype`.

    `auto` compresses counts by shuffle and lzf and leaves floating point as it is, for noise does
    not compress; deflate and gzip are one algorithm.
    """
    name = {"deflate": "gzip", "auto": "lzf" if np.dtype(dtype).kind in "iu" else "none"}.get(
        compression, compression
    )
    if name == "none":
        return {}
    options = {"compression_opts": 1} if name == "gzip" else {}
    return {"compression": name, "shuffle": True, **options}


def create_frames(file, key, shape, dtype, compression="auto"):
    """An empty chunked dataset of M frames, `shape` = (M, N, N, ...)."""
    chunk = (min(frames_per_chunk(shape[1]), shape[0]), *shape[1:])
    return file.create_dataset(
        key, shape, dtype, chunks=chunk, track_times=False, **filters(dtype, compression)
    )


def write_array(file, key, array):
    """A small array or scalar, contiguous."""
    file.create_dataset(key, data=np.asarray(array), track_times=False)
