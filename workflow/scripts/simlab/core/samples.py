"""Samples in HDF5 and npz files, read by file and position, by any number of processes."""

import json
import os
import threading
import weakref
from collections import OrderedDict
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from simlab.core.errors import ConfigError, InputFileError, MissingFileError, MissingKeyError
from simlab.core.files import read_npz
from simlab.core.inputs import shown

KEPT_FILES = 16
"""HDF5 files that stay open in a process, those that were read last."""
SMALL_BYTES = 1 << 20
"""Arrays up to this size are read whole when their file is opened."""


class SampleFiles:
    """Reads samples of the files of one data set, as dicts of numpy arrays.

    From HDF5 files come the arrays that the root attribute `sample_arrays` names, cut at the
    sample's position; from files without it all arrays, whole. Handles belong to the process that
    opened them: a copy in another process, forked or unpickled, opens its own.

    Parameters
    ----------
    folder : path
        Folder of the data set.
    arrays : iterable of str, optional
        Read only these; paths in an HDF5 file may name arrays that are not listed there, if they
        have one row a sample.
    """

    ragged = ()
    """Arrays whose shapes differ from sample to sample."""

    def __init__(self, folder, arrays=None):
        self.folder = Path(folder)
        if isinstance(arrays, str):
            raise ConfigError(f"{folder}: arrays is {arrays!r}, expected a list of names")
        self.arrays = None if arrays is None else tuple(arrays)
        self._forget()

    def _forget(self):
        self._process, self._lock, self._open = os.getpid(), threading.Lock(), OrderedDict()

    def __getstate__(self):
        kept = ("_process", "_lock", "_open")
        return {key: value for key, value in self.__dict__.items() if key not in kept}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._forget()

    def read(self, places):
        """Samples at `places`, a list of (file, position), in this order.

        Rows that follow one another in a file are read in one go, so samples of one call may be
        views of the same block; none shares memory with what stays in the reader.
        """
        if self._process != os.getpid():
            self._forget()
        groups = {}
        for number, (file, position) in enumerate(places):
            groups.setdefault(file, []).append((position, number))
        samples = [None] * len(places)
        with self._lock:
            for file, wanted in groups.items():
                found = self.samples_of(file, [position for position, _ in wanted])
                for (_, number), sample in zip(wanted, found, strict=True):
                    samples[number] = sample
        return samples

    def samples_of(self, file, positions):
        """Samples of one file."""
        path = self.folder / file
        if path.suffix == ".npz":
            return [read_npz(path, self.arrays) for _ in positions]
        if path.suffix == ".h5":
            return self.opened(file).read(positions)
        raise InputFileError(f"{path} holds no arrays; expected an .h5 or .npz file")

    def is_missing(self, file):
        """Whether samples cannot be read because this file is not there."""
        return not (self.folder / file).is_file()

    def opened(self, file):
        """The HDF5 file, opened now or before."""
        if file in self._open:
            self._open.move_to_end(file)
        else:
            if not (self.folder / file).is_file():
                raise MissingFileError(f"{self.folder / file}: missing")
            self._open[file] = self.open(self.folder / file)
            while len(self._open) > KEPT_FILES:
                self._open.popitem(last=False)[1].close()
        return self._open[file]

    def open(self, path):
        """The arrays of an HDF5 file."""
        return OpenFile(path, self.arrays)


class OpenFile:
    """An HDF5 file opened for reading, with its arrays by name."""

    def __init__(self, path, names=None):
        import hdf5plugin  # noqa: F401 - registers the compression filters

        from simlab.core.hdf5 import open_hdf5

        self.path = path
        with ExitStack() as stack:
            self.file = stack.enter_context(open_hdf5(path))
            self.arrays, self.cut = _sample_arrays(path, self.file, names)
            if self.cut:
                self._keep_small()
            # also when Python ends, before it takes apart what h5py needs for it
            self._close = weakref.finalize(self, stack.pop_all().close)

    def close(self):
        """Close the file."""
        self._close()

    def _keep_small(self):
        """Hold small arrays in memory: to read a number takes HDF5 as long as a picture."""
        from simlab.core.hdf5 import read_values

        for name, data in self.arrays.items():
            if data.nbytes <= SMALL_BYTES and data.ndim < 3:
                self.arrays[name] = read_values(data)

    def block(self, name, first, stop):
        """Rows `first` to `stop` - 1 of an array."""
        data = self.arrays[name]
        if stop > len(data):
            raise InputFileError(
                f"{self.path}: {name} has {len(data)} rows, index.csv names {first} to {stop - 1}"
            )
        return _rows(data, first, stop)

    def read(self, positions):
        """Samples at `positions`, a list."""
        if not self.cut:
            return [{name: _whole(data) for name, data in self.arrays.items()} for _ in positions]
        for name, data in self.arrays.items():
            if max(positions) >= len(data):
                raise InputFileError(
                    f"{self.path}: {name} has {len(data)} samples, index.csv names position "
                    f"{max(positions)}"
                )
        samples = [{} for _ in positions]
        runs = runs_of(positions)
        for name, data in self.arrays.items():
            for first, stop, numbers in runs:
                rows = _rows(data, first, stop)
                for number in numbers:
                    samples[number][name] = rows[positions[number] - first, ...]
        return samples


def runs_of(positions):
    """(first, stop, places in the list) of ascending positions without gaps and doubles."""
    runs = []
    for number in sorted(range(len(positions)), key=positions.__getitem__):
        if runs and runs[-1][1] == positions[number]:
            runs[-1][1] += 1
            runs[-1][2].append(number)
        else:
            runs.append([positions[number], positions[number] + 1, [number]])
    return runs


def _rows(data, first, stop):
    if isinstance(data, np.ndarray):
        return data[first:stop].copy()
    from simlab.core.hdf5 import read_values

    return read_values(data, slice(first, stop))


def _whole(data):
    from simlab.core.hdf5 import read_values

    return np.asarray(read_values(data))


def _sample_arrays(path, file, names):
    """({name: dataset}, whether samples are cut out of them) of an open HDF5 file."""
    import h5py

    from simlab.core.hdf5 import require_readable

    text = file.attrs.get("sample_arrays")
    if text is None:
        listed = [name for name in file if isinstance(file.get(name), h5py.Dataset)]
    else:
        listed = _listed(path, text)
    arrays = {}
    for name in listed if names is None else names:
        data = file.get(name)
        if not isinstance(data, h5py.Dataset) or data.shape is None or (text and data.ndim == 0):
            error = InputFileError if names is None else MissingKeyError
            raise error(f"{path}: no array {name!r}; found {list(file)}")
        require_readable(data, by_row=bool(text))
        arrays[name] = data
    if text:
        for name in set(arrays) - set(listed):
            count = len(file[listed[0]])
            if len(arrays[name]) != count:
                raise InputFileError(
                    f"{path}: {name} has {len(arrays[name])} rows for {count} samples, it is no "
                    "array that is cut by sample"
                )
    return arrays, bool(text)


def _listed(path, text):
    try:
        names = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise InputFileError(f"{path}: sample_arrays is {shown(text)}, expected a list of names")
    return names
