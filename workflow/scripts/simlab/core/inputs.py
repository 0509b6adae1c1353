"""What every file of the user must be before it is read."""

import os
import stat
import struct
import tokenize
import zipfile
import zlib

import numpy as np

from simlab.core.errors import InputFileError, MissingFileError

# An array larger than this is refused if it fills less than 1 / MAX_RATIO of it in its file.
MAX_UNPACKED_BYTES = 4 << 30
MAX_RATIO = 100
# What zipfile, zlib and numpy's header parser raise at damaged or unusual archives.
DAMAGE = (
    ValueError,
    KeyError,
    OSError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    OverflowError,
    SyntaxError,
    TypeError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
)


def require_file(path, what="file"):
    """Refuse what is no regular file: reading a pipe or a device may never end."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise MissingFileError(f"{what} not found: {path}") from None
    except (OSError, ValueError) as error:
        raise InputFileError(
            f"cannot read {path}: {getattr(error, 'strerror', None) or error}"
        ) from None
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "Is a directory", stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device"}
        found = kinds.get(stat.S_IFMT(mode), "not a regular file")
        raise InputFileError(f"cannot read {path}: {found}, expected a file")


def require_unpackable(size, stored, what):
    """Refuse `size` bytes that `stored` bytes of a file would unpack to, if that is a bomb.

    The limit is MAX_UNPACKED_BYTES, and MAX_RATIO above it.
    """
    if size > MAX_UNPACKED_BYTES and size > MAX_RATIO * stored:
        raise InputFileError(
            f"{what} would unpack {stored} bytes to {size}; arrays of more than "
            f"{MAX_UNPACKED_BYTES} bytes are read if they fill 1/{MAX_RATIO} of it in the file"
        )


def npy_header(stream):
    """(shape, dtype, whether in Fortran order) of an npy file; an error of DAMAGE for others."""
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"npy format {version[0]}.{version[1]}, 1.0 and 2.0 are read")
    shape, fortran, dtype = readers[version](stream)
    if min(shape, default=0) < 0:
        raise ValueError(f"the shape is {shape}, its sides must be >= 0")
    return shape, dtype, fortran


def shown(value):
    """A value as messages quote it, cut at 80 letters."""
    return cut(repr(value), 80)


def cut(text, length=80):
    """`text`, with dots in place of what is beyond `length` letters."""
    return text if len(text) <= length else f"{text[: length - 3]}..."


def one_line(error):
    """The text of an error of a library without line breaks, cut at 300 letters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return cut(text, 300)
