"""Frames in blocks: written to shards, read back from shards, data sets or memory.

A shard holds the frames [first, last) of a data set: `diff3d`, `ground_truth_patches` where the
patches are stored, the positions, `frame_scale` and `dose` where the dose varies, and the root
attribute `first_frame`.
"""

from contextlib import ExitStack

import numpy as np

from simlab.core.errors import InputFileError, MissingKeyError, SimlabError
from simlab.core.hdf5 import create_hdf5, open_hdf5, read_values, write_attributes
from simlab.ptycho.files.hdf5 import create_frames, dataset_at, write_array

POSITIONS = ("xcoords", "ycoords", "xcoords_start", "ycoords_start", "scan_index", "object_index")
PER_FRAME = (*POSITIONS, "diff3d", "ground_truth_patches", "frame_scale", "dose")
CANONICAL = {"diff3d": "diffraction", "ground_truth_patches": "Y"}
BLOCK_BYTES = 16 << 20


class ShardWriter:
    """Streams the blocks of `ForwardModel.frames` into one shard; use in a `with` block.

    The file appears when the block ends without error and all frames were written.

    Parameters
    ----------
    path : path
    positions : mapping
        xcoords, ycoords, xcoords_start, ycoords_start float64, scan_index, object_index int64,
        each (m,): of the frames of this shard.
    first_frame : int
        Global index of its first frame.
    compression : "auto" | "deflate" | "gzip" | "lzf" | "none"
    attributes : mapping, optional
        More root attributes; mappings become JSON text.
    """

    def __init__(self, path, positions, *, first_frame=0, compression="auto", attributes=None):
        self._path, self._compression = path, compression
        self._attributes = attributes or {}
        self._positions = {key: np.asarray(positions[key]) for key in POSITIONS}
        self._first, self._count = first_frame, len(self._positions["xcoords"])
        self._written, self._stack, self._file = 0, ExitStack(), None

    def __enter__(self):
        with ExitStack() as stack:
            self._file = stack.enter_context(create_hdf5(self._path))
            write_attributes(self._file, {"format": "ptycho-shard", "format_version": 1})
            write_attributes(self._file, {"first_frame": self._first, **self._attributes})
            for key, values in self._positions.items():
                write_array(self._file, key, values)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind, error, trace):
        if kind is None and self._written != self._count:
            error = SimlabError(
                f"{self._path}: {self._written} of {self._count} frames were simulated"
            )
            self._stack.__exit__(SimlabError, error, None)
            raise error
        return self._stack.__exit__(kind, error, trace)

    def write(self, block):
        """Append a block: `diff3d`, `patches` or None, `frame_scale` and `dose` or None."""
        arrays = {
            "diff3d": block.diff3d,
            "ground_truth_patches": None if block.patches is None else block.patches[..., None],
            "frame_scale": block.frame_scale,
            "dose": block.dose,
        }
        start, stop = self._written, self._written + len(block.diff3d)
        for key, values in arrays.items():
            if values is None:
                continue
            if start == 0:
                self._create(key, values)
            self._file[key][start:stop] = values
        self._written = stop

    def _create(self, key, values):
        shape = (self._count, *values.shape[1:])
        if values.ndim > 1:
            create_frames(self._file, key, shape, values.dtype, self._compression)
        else:
            self._file.create_dataset(key, shape, values.dtype, track_times=False)


class FrameFiles:
    """The frames of one or several HDF5 files in a row, read in blocks; use in a `with` block.

    Parameters
    ----------
    paths : list of path
        Shards in frame order, or one data set.
    """

    def __init__(self, paths):
        self.paths = list(paths)

    def __enter__(self):
        with ExitStack() as stack:
            self._files = [stack.enter_context(open_hdf5(path)) for path in self.paths]
            self._check_order()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception):
        return self._stack.__exit__(*exception)

    def _check_order(self):
        keys = self._keys_of(self._files[0])
        self._first = [0]
        for path, file in zip(self.paths, self._files, strict=True):
            first = file.attrs.get("first_frame", 0)
            if first != self._first[-1]:
                raise InputFileError(
                    f"{path}: starts with frame {first}, frame {self._first[-1]} comes next"
                )
            if self._keys_of(file) != keys:
                raise InputFileError(
                    f"{path}: holds {self._keys_of(file)}, the first shard holds {keys}"
                )
            self._first.append(first + len(file["xcoords"]))

    @staticmethod
    def _keys_of(file):
        keys = [key for key in PER_FRAME if dataset_of(file, key) is not None]
        if not {"diff3d", "xcoords", "ycoords"} <= set(keys):
            raise MissingKeyError(
                f"{file.filename}: diff3d (or diffraction), xcoords and ycoords are needed; "
                f"found {sorted(file)}"
            )
        return keys

    def __len__(self):
        return self._first[-1]

    @property
    def files(self):
        """(first frame, open h5py file) of each."""
        return list(zip(self._first, self._files, strict=False))

    @property
    def keys(self):
        """Names of the arrays with one row a frame."""
        return self._keys_of(self._files[0])

    def layout(self, key):
        """(shape of all frames, dtype) of an array."""
        data = dataset_of(self._files[0], key)
        tail = (*data.shape[1:3], 1) if key == "ground_truth_patches" else data.shape[1:]
        return (len(self), *tail), data.dtype

    def read(self, key, start=0, stop=None):
        """Rows [start, stop) of an array, across the files."""
        stop = len(self) if stop is None else stop
        shape, dtype = self.layout(key)
        out = np.empty((stop - start, *shape[1:]), dtype)
        for first, file in self.files:
            a, b = max(start, first), min(stop, first + len(file["xcoords"]))
            if a < b:
                rows = read_values(dataset_of(file, key), np.s_[a - first : b - first])
                out[a - start : b - start] = rows.reshape(b - a, *shape[1:])
        return out

    def take(self, key, indices):
        """Rows `indices` of an array, in that order; rows in a row are read together."""
        indices = np.asarray(indices, np.int64)
        order = np.argsort(indices, kind="stable")
        shape, dtype = self.layout(key)
        out = np.empty((len(indices), *shape[1:]), dtype)
        runs = np.split(order, np.flatnonzero(np.diff(indices[order]) > 1) + 1)
        for run in (run for run in runs if len(run)):
            first = indices[run[0]]
            out[run] = self.read(key, first, indices[run[-1]] + 1)[indices[run] - first]
        return out

    def blocks(self, key):
        """Iterator of the rows in blocks of at most 16 MiB."""
        size = frames_per_block(*self.layout(key))
        for start in range(0, len(self), size):
            yield self.read(key, start, min(start + size, len(self)))


def dataset_of(file, key):
    """The dataset of array `key` under its legacy or its canonical name; None if missing."""
    for name in (key, CANONICAL.get(key)):
        if name is not None and name in file:
            # the numbers of the frames are read whole
            return dataset_at(file, name, by_row=key in CANONICAL)
    return None


class FramesInMemory:
    """Arrays with one row a frame behind the interface of `FrameFiles`."""

    def __init__(self, arrays):
        self._arrays = {key: arrays[key] for key in PER_FRAME if arrays.get(key) is not None}

    def __len__(self):
        return len(next(iter(self._arrays.values())))

    @property
    def keys(self):
        """Names of the arrays with one row a frame."""
        return list(self._arrays)

    def layout(self, key):
        """(shape, dtype) of an array."""
        return self._arrays[key].shape, self._arrays[key].dtype

    def read(self, key, start=0, stop=None):
        """Rows [start, stop) of an array."""
        return self._arrays[key][start:stop]

    def take(self, key, indices):
        """Rows `indices` of an array, in that order."""
        return self._arrays[key][indices]

    def blocks(self, key):
        """Iterator of the rows in blocks of at most 16 MiB."""
        array = self._arrays[key]
        size = frames_per_block(array.shape, array.dtype)
        for start in range(0, len(array), size):
            yield array[start : start + size]


def blocks_of(frames, key, indices=None):
    """Iterator of all rows of an array, or of rows `indices`, in blocks of at most 16 MiB."""
    if indices is None:
        yield from frames.blocks(key)
        return
    size = frames_per_block(*frames.layout(key))
    for start in range(0, len(indices), size):
        yield frames.take(key, indices[start : start + size])


def frames_per_block(shape, dtype):
    """Rows of an array that make at most 16 MiB, at least one."""
    row = int(np.prod(shape[1:], dtype=np.int64)) * np.dtype(dtype).itemsize
    return max(1, BLOCK_BYTES // max(1, row))
