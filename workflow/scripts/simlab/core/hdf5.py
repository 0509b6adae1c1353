"""HDF5 files: read, with one error for whatever h5py finds wrong, and written as a whole."""

import io
import json
import math
import os
from contextlib import contextmanager
from pathlib import Path

import h5py

from simlab.core.errors import InputFileError, MissingFileError, SimlabError
from simlab.core.files import atomic_path
from simlab.core.inputs import one_line, require_file, require_unpackable

STRUCTURE_BYTES = 1 << 16
"""Largest writes that are kept in memory when the disk is full."""


@contextmanager
def open_hdf5(path):
    """A file opened for reading; MissingFileError, or InputFileError for anything but HDF5."""
    with reading_hdf5(Path(path), InputFileError) as file:
        yield file


@contextmanager
def create_hdf5(path, libver="latest"):
    """A new file that appears under its name when the block succeeds.

    Long writes should name their dataset at every block, `file[name][rows] = block`: to take it
    out of the file raises what a full disk refused before.
    """
    with atomic_path(path) as part, _new_file(part, libver) as file:
        yield file


@contextmanager
def _new_file(path, libver):
    """A new file on a disk that may become full; OSError in or after the block if it did.

    HDF5 itself forgets half of what it could not write, and the process crashes later on.
    """
    with open(path, "w+b", buffering=0) as raw:
        stream = _Unfailing(raw)
        try:
            with _NewFile(stream, "w", libver=libver) as file:
                yield file
        finally:
            if stream.error is not None:
                raise stream.error


class _NewFile(h5py.File):
    """A file that raises what its stream could not store when a dataset is taken or made."""

    def __init__(self, stream, *options, **more):
        self._stream = stream
        super().__init__(stream, *options, **more)

    def __getitem__(self, name):
        self._require_room()
        return super().__getitem__(name)

    def create_dataset(self, *options, **more):
        self._require_room()
        return super().create_dataset(*options, **more)

    def _require_room(self):
        if self._stream.error is not None:
            raise self._stream.error


class _Unfailing(io.RawIOBase):
    """A file whose writes seem to succeed; `error` is the first that did not.

    What small writes, the structure of the file, could not store is read back from memory.
    """

    def __init__(self, raw):
        self._raw, self._lost, self.error = raw, [], None

    def write(self, data):
        start, data = self._raw.tell(), memoryview(data).cast("B")
        if self.error is None:
            try:
                done = 0
                while done < len(data):
                    done += self._raw.write(data[done:])
                return done
            except OSError as error:
                self.error = error
        if len(data) <= STRUCTURE_BYTES:
            self._lost.append((start, bytes(data)))
        self._raw.seek(start + len(data))
        return len(data)

    def readinto(self, buffer):
        start, buffer = self._raw.tell(), memoryview(buffer).cast("B")
        done = self._raw.readinto(buffer)
        if not self._lost:
            return done
        buffer[done:] = bytes(len(buffer) - done)
        for place, data in self._lost:
            first, last = max(place, start), min(place + len(data), start + len(buffer))
            if first < last:
                buffer[first - start : last - start] = data[first - place : last - place]
        self._raw.seek(start + len(buffer))
        return len(buffer)

    def seek(self, offset, whence=os.SEEK_SET):
        return self._raw.seek(offset, whence)

    def tell(self):
        return self._raw.tell()

    def truncate(self, size=None):
        try:
            return self._raw.truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size


def create_virtual(target, name, layout):
    """The virtual dataset `name` of an h5py.VirtualLayout, without the times that h5py notes.

    Where the files behind it are missing, floats read as NaN, and all else as 0.
    """
    layout.dcpl.set_obj_track_times(False)
    missing = math.nan if layout.dtype.kind == "f" else None
    return target.create_virtual_dataset(name, layout, fillvalue=missing)


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


def require_readable(data, by_row=False):
    """Refuse a dataset that is not in its file.

    HDF5 reads zeros where the files behind a virtual dataset are missing. Chunks that were never
    written cost nothing in the file, and all of it in memory: the limit is that of `core.inputs`.
    Of what is read `by_row` only a row, with the chunks it lies in, must keep to it.
    """
    if data.is_virtual:
        folder = Path(data.file.filename).parent
        for source in sorted({s.file_name for s in data.virtual_sources()} - {"."}):
            if not (folder / source).exists():
                raise MissingFileError(
                    f"{data.file.filename}: {data.name} lies in {source}, which is missing; "
                    "keep both together or merge by copy"
                )
    elif not data.external:
        stored, size = data.id.get_storage_size(), data.nbytes
        if by_row and stored:
            together = data.chunks[0] if data.chunks else 1
            size = min(size, together * math.prod(data.shape[1:]) * data.dtype.itemsize)
        require_unpackable(size, stored, f"{data.file.filename}: dataset {data.name}")


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
