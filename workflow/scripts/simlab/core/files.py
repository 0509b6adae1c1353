"""Reading and writing that every domain shares.

Files appear under their final name complete, or not at all; published bytes carry no time stamps,
host names or absolute paths; nothing that comes from others is unpickled.
"""

import csv
import hashlib
import io
import json
import math
import os
import re
import socket
import time
import uuid
import zipfile
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from simlab.core.errors import InputFileError, MissingKeyError, SimlabError
from simlab.core.inputs import DAMAGE, npy_header, one_line, require_file, require_unpackable

STALE_AFTER_S = 24 * 3600
# How h5py begins when it cannot read an input, which is not the fault of the file being written.
HDF5_READING = "Can't synchronously read"
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@contextmanager
def atomic_path(path, suffix=""):
    """Yield a temporary sibling of `path`; rename it onto `path` if the block succeeds.

    The temporary name is unique per call. A job that outlived its Snakemake (SLURM keeps it
    running) can then not write into the file of the job that replaced it. It ends in `suffix`,
    for writers that choose their format by it.
    """
    path = Path(path)
    made = [folder for folder in path.parents if not folder.exists()]
    sweep_stale(path)
    owner = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    part = path.with_name(f".{path.name}.{owner}.part{suffix}")
    try:
        _begin(part)
        yield part
        with open(part, "rb") as stream:
            os.fsync(stream.fileno())  # a full or failing disk is reported here
        os.replace(part, path)
    except BaseException as error:
        _discard(part, made)
        own = isinstance(error, SimlabError) or str(error).startswith(HDF5_READING)
        if own or not isinstance(error, OSError):
            raise
        raise SimlabError(f"cannot write {path}: {_cause(error)}") from error


def _begin(part):
    """An empty file: others who fail remove the folders that they made, unless there are files."""
    for _ in range(100):  # so many others may remove it meanwhile
        with suppress(FileNotFoundError, FileExistsError):
            part.parent.mkdir(parents=True, exist_ok=True)
            return part.touch()
    return part.touch()


def _cause(error):
    """Why the system refused; the text of h5py has several lines and the temporary name."""
    number = error.errno or next(map(int, re.findall(r"errno = (\d+)", str(error))), None)
    return os.strerror(number) if number else one_line(error)


def _discard(part, folders):
    with suppress(OSError):  # there may be no such file, or its name is too long for one
        part.unlink()
    with suppress(OSError):  # another job may have begun a file there meanwhile
        for folder in folders:
            folder.rmdir()


def sweep_stale(path, older_than=STALE_AFTER_S):
    """Remove temporary files that killed jobs left next to `path`."""
    for part in path.parent.glob(f".{path.name}.*.part*"):
        try:
            if time.time() - part.stat().st_mtime > older_than:
                part.unlink()
        except FileNotFoundError:  # another job swept it first
            continue


def sha256_of(path):
    """SHA-256 of a file's bytes, hexadecimal."""
    with open_input(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def array_sha256(array):
    """SHA-256 of an array's bytes in C order, hexadecimal."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def open_input(path, what="file"):
    """Open a file of the user for binary reading; a missing one is a MissingFileError."""
    require_file(path, what)
    try:
        return open(path, "rb")
    except OSError as error:
        raise InputFileError(f"cannot read {path}: {error.strerror}") from None


def files_below(paths):
    """The files among `paths`, and for a folder all but the hidden files in it, sorted."""
    found = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(item for item in path.rglob("*") if item.is_file())
            found += [item for item in inside if not item.name.startswith(".")]
        else:
            found.append(path)
    return found


def write_text(path, text):
    """Write `text` as UTF-8 with unchanged line ends."""
    with atomic_path(path) as part:
        part.write_bytes(text.encode())


def json_text(value):
    """`value` as JSON with sorted keys and a final newline; infinite or undefined = null."""
    return json.dumps(_plain(value), sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def write_json(path, value):
    """Write `value` as `json_text` gives it. numpy scalars and arrays are converted."""
    write_text(path, json_text(value))


def read_json(path):
    """The value in a JSON file."""
    with open_input(path) as stream:
        try:
            return json.loads(stream.read())
        except (ValueError, RecursionError) as error:
            raise InputFileError(f"{path}: not a JSON file ({one_line(error)})") from None


def _plain(value):
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return value.as_posix()
    return value


def write_csv(path, header, rows):
    r"""Write a table: UTF-8, `\n`, floats as `repr`, so that they read back exactly."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    write_text(path, text.getvalue())


def _cell(value):
    if isinstance(value, np.generic):
        value = value.item()
    return repr(value) if isinstance(value, float) else value


def read_csv(path):
    """(header, rows) of a table with a header line; all cells as text."""
    with open_input(path) as stream:
        try:
            text = stream.read().decode("utf-8-sig")
            if "\0" in text:
                raise csv.Error("it holds NUL")
            lines = list(csv.reader(io.StringIO(text)))
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputFileError(f"{path}: not a CSV table ({one_line(error)})") from None
    if not lines:
        raise InputFileError(f"{path}: empty, expected a header line")
    header, rows = lines[0], [row for row in lines[1:] if row]
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise InputFileError(f"{path}: column {twice[0]!r} is twice in the header")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputFileError(
                f"{path}: line {number} has {len(row)} cells, the header has {len(header)}"
            )
    return header, rows


class NpzWriter:
    """An npz file written member by member, so that memory need not hold an array.

    Member times are 1980-01-01 and the order is the order of the calls: equal content gives
    equal bytes.

    Parameters
    ----------
    stream : binary file, open for writing
    level : int
        Deflate level, 0 (stored) to 9.
    runs : bool
        Look for repeated bytes only (zlib's Z_RLE). On maps of floats, which are noise and zeros,
        this takes less than half the time and gives no larger files.
    """

    def __init__(self, stream, level=0, runs=False):
        method = zipfile.ZIP_DEFLATED if level else zipfile.ZIP_STORED
        self._zip = zipfile.ZipFile(stream, "w", method, allowZip64=True, compresslevel=level)
        self._method, self._level, self._runs = method, level, runs and level > 0

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._zip.close()

    def add(self, key, array):
        """Add a whole array."""
        array = np.asanyarray(array)
        self.add_blocks(key, array.shape, array.dtype, [array])

    def add_blocks(self, key, shape, dtype, blocks):
        """Add an array of `shape` and `dtype` whose C-ordered bytes come in `blocks`."""
        dtype = np.dtype(dtype)
        if dtype.hasobject:
            raise SimlabError(f"array {key!r} holds Python objects, which npz files must not")
        member = zipfile.ZipInfo(f"{key}.npy", ZIP_EPOCH)
        member.compress_type = self._method
        member.external_attr = 0o644 << 16
        expected, written = math.prod(shape) * dtype.itemsize, 0
        with self._zip.open(member, "w", force_zip64=True) as stream:
            if self._runs:
                # zipfile has no option for it
                stream._compressor = zlib.compressobj(
                    self._level, zlib.DEFLATED, -zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE
                )
            np.lib.format.write_array_header_2_0(
                stream,
                {
                    "descr": np.lib.format.dtype_to_descr(dtype),
                    "fortran_order": False,
                    "shape": tuple(shape),
                },
            )
            for block in blocks:
                data = np.ascontiguousarray(block, dtype).reshape(-1).view(np.uint8)
                stream.write(data)
                written += data.nbytes
        if written != expected:
            raise SimlabError(f"array {key!r}: {written} bytes written, {expected} announced")


def write_npz(path, arrays, level=0, runs=False):
    """Write `arrays` (key -> array) in the order given; deflate level 0 or 1.

    `runs`: as of NpzWriter.
    """
    with (
        atomic_path(path) as part,
        open(part, "wb") as stream,
        NpzWriter(stream, level, runs) as npz,
    ):
        for key, array in arrays.items():
            npz.add(key, array)


def read_npz(path, keys=None):
    """Arrays of an npz file as a dict; `keys` selects (all must be there), None reads all.

    Raises MissingFileError, MissingKeyError, or InputFileError for a file that is no npz, is
    truncated or holds pickled objects.
    """
    with open_npz(path) as archive:
        present = [name.removesuffix(".npy") for name in archive.namelist()]
        if not present:
            raise InputFileError(f"{path}: an archive without any array")
        wanted = present if keys is None else list(keys)
        missing = [key for key in wanted if key not in present]
        if missing:
            raise MissingKeyError(f"{path}: no array {', '.join(missing)}; found {present}")
        return {key: read_npz_member(archive, key, path) for key in wanted}


def read_npy(path):
    """The array of an npy file; pickles are refused."""
    with open_input(path) as stream:
        try:
            shape, dtype, _ = npy_header(stream)
            size = math.prod(shape) * dtype.itemsize
            there = os.fstat(stream.fileno()).st_size - stream.tell()
            if size > there:
                raise ValueError(f"shape {shape} and {dtype} need {size} bytes, {there} are there")
            stream.seek(0)
            return np.lib.format.read_array(stream, allow_pickle=False)
        except DAMAGE as error:
            raise InputFileError(
                f"{path}: not an npy file, or truncated ({one_line(error)})"
            ) from None


@contextmanager
def open_npz(path):
    """The zip archive behind an npz file; anything that is no such archive is refused."""
    with open_input(path) as stream:
        try:
            archive = zipfile.ZipFile(stream)
        except DAMAGE as error:
            raise InputFileError(
                f"{path}: not an npz file, or truncated ({one_line(error)})"
            ) from None
        with archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise InputFileError(f"{path}: array {twice[0]!r} is twice in the file")
            yield archive


def npz_headers(path):
    """{key: (shape, dtype)} of an npz file, read from the member headers alone."""
    with open_npz(path) as archive:
        return {
            name.removesuffix(".npy"): _read_header(archive, name, path)[:2]
            for name in archive.namelist()
        }


def _read_header(archive, name, path, stream=None):
    own = stream is None
    stream = stream or open_member(archive, name, path)
    try:
        return npy_header(stream)
    except DAMAGE as error:
        raise InputFileError(
            f"{path}: member {name!r} is not a readable array ({one_line(error)})"
        ) from None
    finally:
        if own:
            stream.close()


def open_member(archive, name, path):
    """Member `name` of an archive of `open_npz`, opened for reading."""
    member = archive.getinfo(name)
    require_unpackable(member.file_size, member.compress_size, f"{path}: member {name!r}")
    try:
        return archive.open(name)
    except DAMAGE as error:
        raise InputFileError(f"{path}: member {name!r} is damaged ({one_line(error)})") from None


def read_npz_member(archive, key, path):
    """Array `key` of an archive of `open_npz`; pickled members are refused."""
    name = f"{key}.npy" if f"{key}.npy" in archive.namelist() else key
    with open_member(archive, name, path) as stream:
        shape, dtype, fortran = _read_header(archive, name, path, stream)
        if dtype.hasobject:
            raise InputFileError(
                f"{path}: member {name!r} holds pickled Python objects, which are not read"
            )
        count = math.prod(shape)
        size = count * dtype.itemsize
        announced = archive.getinfo(name).file_size
        if size > announced:
            raise InputFileError(
                f"{path}: member {name!r} of shape {shape} and dtype {dtype} needs {size} bytes, "
                f"{announced} are there"
            )
        try:
            data = stream.read(size)
            stream.read(1)  # at the end of the member its checksum is compared
        except MemoryError:
            raise InputFileError(
                f"{path}: member {name!r} needs {size} bytes, more than this machine has"
            ) from None
        except DAMAGE as error:
            raise InputFileError(
                f"{path}: member {name!r} is damaged ({one_line(error)})"
            ) from None
    if len(data) != size:
        raise InputFileError(f"{path}: member {name!r} is truncated")
    array = np.frombuffer(bytearray(data), dtype, count)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)
