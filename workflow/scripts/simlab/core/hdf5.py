"""HDF5 files: read, with one error for whatever h5py finds wrong, and written as a whole."""

import json
from contextlib import contextmanager
from pathlib import Path

import h5py

from simlab.core.errors import InputFileError, MissingFileError, SimlabError
from simlab.core.files import atomic_path
from simlab.core.inputs import one_line, require_file, require_unpackable


@contextmanager
def open_hdf5(path):
    """A file opened for reading; MissingFileError, or InputFileError for anything but HDF5."""
    with reading_hdf5(Path(path), InputFileError) as file:
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
        require_file(path)
        file = h5py.File(path, "r")
    except MissingFileError:
        raise
    except InputFileError as problem:
        raise error(str(problem)) from None
    except (OSError, RuntimeError, ValueError) as problem:
        raise error(f"{path}: not an HDF5 file, or truncated ({one_line(problem)})") from None
    with file:
        try:
            yield file
        except (OSError, RuntimeError, KeyError, ValueError, TypeError) as problem:
            if isinstance(problem, SimlabError) or not _raised_by_h5py(problem):
                raise
            raise error(f"{path}: damaged ({one_line(problem)})") from None
        except MemoryError as problem:
            raise error(
                f"{path}: its arrays need more memory than this machine has ({one_line(problem)})"
            ) from None


def require_readable_size(data):
    """Refuse a dataset that announces far more than the file holds of it.

    Chunks that were never written cost nothing in the file, and all of it in memory. The limit
    is that of `core.files`; datasets whose values lie in other files are not looked at.
    """
    if isinstance(data, h5py.Dataset) and not data.is_virtual and not data.external:
        stored = data.id.get_storage_size()
        require_unpackable(data.nbytes, stored, f"{data.file.filename}: dataset {data.name}")


def read_values(data, selection=()):
    """Values of a dataset; InputFileError naming file and dataset where they do not unpack."""
    try:
        return data[selection]
    except (OSError, RuntimeError, TypeError) as problem:
        raise InputFileError(
            f"{data.file.filename}: dataset {data.name} is damaged ({one_line(problem)})"
        ) from None


def _raised_by_h5py(problem):
    """Whether an error comes from the file; h5py has no error classes of its own."""
    trace = problem.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    return "h5py" in trace.tb_frame.f_code.co_filename
