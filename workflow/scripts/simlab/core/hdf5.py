"""HDF5 files: read, with one error for whatever h5py finds wrong, and written as a whole."""

import json
from contextlib import contextmanager
from pathlib import Path

import h5py

from simlab.core.errors import InputFileError, MissingFileError
from simlab.core.files import atomic_path


@contextmanager
def open_hdf5(path):
    """A file opened for reading; MissingFileError, or InputFileError for anything but HDF5."""
    path = Path(path)
    if not path.exists():
        raise MissingFileError(f"file not found: {path}")
    with reading_hdf5(path, InputFileError) as file:
        yield file


@contextmanager
def create_hdf5(path):
    """A new file that appears under its name when the block succeeds."""
    with atomic_path(path) as part, h5py.File(part, "w", libver="latest") as file:
        yield file


def write_attributes(target, attributes):
    """Attributes of a file or dataset: None is left out, mappings and lists become JSON text."""
    for key, value in attributes.items():
        if value is None:
            continue
        if isinstance(value, dict | list | tuple):
            value = json.dumps(value, sort_keys=True)
        target.attrs[key] = value


@contextmanager
def reading_hdf5(path, error):
    """The file `path` opened for reading; `error` for anything but intact HDF5.

    Errors of the block itself pass through, those of h5py inside it do not.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as problem:
        raise error(f"{path}: not an HDF5 file, or truncated ({_one_line(problem)})") from None
    with file:
        try:
            yield file
        except (OSError, RuntimeError, KeyError, ValueError) as problem:
            if not _raised_by_h5py(problem):
                raise
            raise error(f"{path}: damaged ({_one_line(problem)})") from None


def _one_line(problem):
    return " ".join(str(problem).split())


def _raised_by_h5py(problem):
    """Whether an error comes from the file; h5py has no error classes of its own."""
    trace = problem.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    return "h5py" in trace.tb_frame.f_code.co_filename
