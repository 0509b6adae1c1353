"""What the calcium files have in common: checked headers, arrays read where they are used."""

from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from simlab.calcium.errors import RecordingFileError
from simlab.core.hdf5 import read_values, reading_hdf5, require_readable

KINDS = {str: "text", int: "a whole number", np.ndarray: "a list"}


class RowReader:
    """A dataset of a file; indexing opens the file, reads that part and closes it again.

    Attributes
    ----------
    path : path
    name : str
        Of the dataset.
    shape : tuple of int
    dtype : numpy.dtype
    """

    def __init__(self, path, dataset):
        self.path, self.name = path, dataset.name
        self.shape, self.dtype = dataset.shape, dataset.dtype

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, key):
        with open_file(self.path) as file:
            return read_values(
                dataset_of(file, self.name, by_row=isinstance(key, int | slice)), key
            )

    def __array__(self, dtype=None, copy=None):
        return self[()].astype(dtype or self.dtype, copy=False)


@contextmanager
def open_file(path, expected=None, version=None):
    """A file opened for reading, as context.

    Parameters
    ----------
    path : path
    expected, version : str, int or None
        What the root attributes `format` and `format_version` must be; None: not looked at.

    Raises
    ------
    MissingFileError
    RecordingFileError
        For anything else, and for whatever h5py finds wrong inside the context.
    """
    path = Path(path)
    with reading_hdf5(path, RecordingFileError) as file:
        if expected is not None:
            found = attribute(file, "format", str)
            if found != expected:
                raise RecordingFileError(f"{path}: format is {found!r}, expected {expected!r}")
            found = attribute(file, "format_version", int)
            if found != version:
                raise RecordingFileError(
                    f"{path}: format_version is {found}, this program reads {version}"
                )
        yield file


def attribute(node, name, kind=None):
    """An attribute of a file, group or dataset.

    RecordingFileError where it is missing, or of another type than `kind` (None: any).
    """
    if name not in node.attrs:
        raise RecordingFileError(f"{node.file.filename}: attribute {name!r} is missing")
    value = node.attrs[name]
    value = value.item() if isinstance(value, np.generic) else value
    if kind is not None and not isinstance(value, kind):
        raise RecordingFileError(
            f"{node.file.filename}: attribute {name!r} is {value!r}, expected {KINDS[kind]}"
        )
    return value


def dataset_of(group, name, by_row=False):
    """A dataset of a group or file; RecordingFileError where it is missing.

    `by_row`: whether some rows are read at a time, not the whole of it.
    """
    item = group.get(name)
    if not isinstance(item, h5py.Dataset):
        where = f"{group.name}/{name}".replace("//", "/")
        raise RecordingFileError(f"{group.file.filename}: dataset {where} is missing")
    if item.shape is None or item.dtype.hasobject:
        found = "nothing" if item.shape is None else "text"
        raise RecordingFileError(
            f"{group.file.filename}: dataset {item.name} holds {found}, expected numbers"
        )
    require_readable(item, by_row)
    return item


def group_of(group, name):
    """A group of a group or file; RecordingFileError where it is missing."""
    item = group.get(name)
    if not isinstance(item, h5py.Group):
        raise RecordingFileError(f"{group.file.filename}: group {name!r} is missing")
    return item


def text_list(node, name):
    """An attribute that lists texts."""
    return [
        text.decode() if isinstance(text, bytes) else str(text)
        for text in attribute(node, name, np.ndarray)
    ]


def write_text_list(node, name, texts):
    """Write an attribute that lists texts."""
    node.attrs.create(name, list(texts), (len(texts),), h5py.string_dtype())


def write_arrays(group, arrays):
    """Write arrays by name in their order; None is left out, a mapping becomes a group."""
    for name, values in arrays.items():
        if isinstance(values, dict):
            write_arrays(group.create_group(name), values)
        elif values is not None:
            group.create_dataset(name, data=values, track_times=False)
