"""npz files, including those whose `_metadata` is a pickled 0-d object array.

Older programs write the metadata text as a Python object, so that the member is a pickle. It is
the only pickle that is read, by an unpickler that can build numpy arrays, numpy scalars and
text, and nothing else.
"""

import io
import math
import pickle
from contextlib import contextmanager

import numpy as np

from simlab.core.errors import InputFileError, MissingKeyError
from simlab.core.files import open_member, open_npz, read_npz_member
from simlab.core.inputs import DAMAGE, npy_header, one_line

METADATA = "_metadata"
MAX_METADATA_BYTES = 16 << 20

_ADMITTED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
}


class _TextUnpickler(pickle.Unpickler):
    """Builds numpy arrays and scalars that hold text; every other class is refused."""

    def find_class(self, module, name):
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"class {module}.{name} is not admitted")
        return super().find_class(module.replace("numpy.core.", "numpy._core."), name)


def read_archive(path, keys=None):
    """Arrays of an npz file as a dict, `_metadata` as text (str) if it is there.

    Parameters
    ----------
    path : path
    keys : iterable of str, optional
        Those to read, each must be there; None reads all.

    Raises
    ------
    MissingFileError, MissingKeyError
    InputFileError
        No npz, truncated, or a pickled member other than `_metadata`.
    """
    with open_npz(path) as archive:
        present = [name.removesuffix(".npy") for name in archive.namelist()]
        wanted = present if keys is None else list(keys)
        missing = [key for key in wanted if key not in present]
        if missing:
            raise MissingKeyError(f"{path}: no array {', '.join(missing)}; found {present}")
        return {
            key: _metadata_text(archive, path)
            if key == METADATA
            else read_npz_member(archive, key, path)
            for key in wanted
        }


def _metadata_text(archive, path):
    with open_member(archive, f"{METADATA}.npy", path) as stream:
        data = _read(stream, MAX_METADATA_BYTES + 1, path, METADATA)
    if len(data) > MAX_METADATA_BYTES:
        raise InputFileError(f"{path}: _metadata is longer than {MAX_METADATA_BYTES} bytes")
    stream = io.BytesIO(data)
    try:
        shape, dtype, _ = npy_header(stream)
        if dtype.hasobject:
            value = _TextUnpickler(stream).load()
        else:
            value = np.frombuffer(stream.read(), dtype, count=math.prod(shape)).reshape(shape)
        text = np.asarray(value).item()
    # A hostile pickle can raise anything, and none of it is the fault of this program.
    except Exception as error:
        raise InputFileError(
            f"{path}: member '_metadata' is not readable ({one_line(error)})"
        ) from None
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    if not isinstance(text, str):
        raise InputFileError(f"{path}: member '_metadata' holds {type(text).__name__}, not text")
    return text


@contextmanager
def member_blocks(path, key, frames):
    """Yield an iterator of blocks of `frames` entries along axis 0 of array `key`.

    Memory holds one block. A Fortran-ordered array is read as a whole first.
    """
    with open_npz(path) as archive:
        name = f"{key}.npy" if f"{key}.npy" in archive.namelist() else key
        shape, dtype, fortran = _layout(archive, name, path)
        if fortran or dtype.hasobject:
            array = read_npz_member(archive, key, path)
            yield (array[i : i + frames] for i in range(0, shape[0], frames))
            return
        with open_member(archive, name, path) as stream:
            npy_header(stream)
            yield _blocks(stream, shape, dtype, frames, path, key)


def _blocks(stream, shape, dtype, frames, path, key):
    for start in range(0, shape[0], frames):
        count = min(frames, shape[0] - start)
        size = count * math.prod(shape[1:]) * dtype.itemsize
        data = _read(stream, size, path, key)
        if len(data) != size:
            raise InputFileError(f"{path}: member {key!r} is truncated")
        yield np.frombuffer(bytearray(data), dtype).reshape(count, *shape[1:])


def _read(stream, size, path, key):
    try:
        return stream.read(size)
    except DAMAGE as error:
        raise InputFileError(f"{path}: member {key!r} is damaged ({one_line(error)})") from None


def _layout(archive, name, path):
    with open_member(archive, name, path) as stream:
        try:
            return npy_header(stream)
        except DAMAGE as error:
            raise InputFileError(
                f"{path}: member {name!r} is not an array ({one_line(error)})"
            ) from None
