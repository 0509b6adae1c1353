"""Faults of npz, npy and HDF5 files; see `malformed`."""

import io
import struct
import zipfile
import zlib
from functools import partial

import h5py
import numpy as np
from malformed import BINARY, edited, replaced, without

HUGE = 10**15


def npy_bytes(array, pickles=False):
    """The bytes of an npy file."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(array), allow_pickle=pickles)
    return stream.getvalue()


def npy_header(text, body=b""):
    """An npy file of version 1.0 whose header is `text`."""
    text = text + " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode("latin-1") + body


def described(descr="'<f8'", order="False", shape="(4, 4)", body=128):
    """An npy file that announces what it does not hold."""
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"
    return npy_header(text, bytes(body))


HEADERS = {
    "a shape of more than is there": described(shape="(400, 4)"),
    "a huge shape": described(shape=f"({HUGE}, {HUGE})"),
    "a negative side": described(shape="(-4, 4)"),
    "two negative sides": described(shape="(-4, -4)"),
    "a shape of text": described(shape="('4', 4)"),
    "no shape": npy_header("{'descr': '<f8', 'fortran_order': False, }", bytes(128)),
    "a call in the header": npy_header("{'descr': exit(3), 'fortran_order': 0, 'shape': ()}"),
    "a header of brackets": npy_header("(" * 5000 + ")" * 5000),
    "a header cut off": b"\x93NUMPY\x01\x00\xff\xff{'descr'",
    "a version of the future": b"\x93NUMPY\x09\x00" + described()[8:],
    "an unknown type": described(descr="'<q99'"),
    "objects": npy_bytes(np.array([{1: 2}], object), pickles=True),
    "a hostile pickle": described(descr="'|O'", shape="()", body=0)
    + b"cos\nsystem\n(S'touch hacked'\ntR.",
}


def values(key, change, path):
    """Replace array `key` of an npz file by `change` of it; None removes it."""
    with np.load(path) as archive:
        arrays = dict(archive)
    array = None if change is None else change(arrays[key])
    arrays = {k: array if k == key else v for k, v in arrays.items()}
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})


def first_value(value):
    """A copy of an array, in floating point, whose first entry is `value`."""

    def change(array):
        array = array.astype(np.result_type(array, np.float32))
        array[(0,) * array.ndim] = value
        return array

    return change


def first_part(value):
    """As `first_value`, as the real part of a complex number where the array is complex."""
    return first_value(value)


CONTENTS = {
    "not a number in it": first_value(np.nan),
    "an infinity in it": first_value(np.inf),
    "text in it": lambda array: np.full(array.shape, "text"),
    "dates in it": lambda array: np.full(array.shape, np.datetime64("2024-01-01")),
    "records in it": lambda array: np.zeros(array.shape, [("a", "f4"), ("b", "f4"), ("c", "i2")]),
    "one axis more": lambda array: np.stack([array] * 3, axis=-1),
    "a scalar": lambda array: array.reshape(-1)[0],
    "no entry": lambda array: array.reshape(-1)[:0],
}


def rewritten(key, change, path):
    """Write an npz file again, member by member: change(name, bytes) -> list of (name, bytes)."""
    with zipfile.ZipFile(path) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            pairs = change(name, content) if name == f"{key}.npy" else [(name, content)]
            for new, data in pairs:
                archive.writestr(new, data)


def _twice(name, content):
    return [(name, content), (name, content)]


def _bomb(key, path):
    """A member that unpacks to 8 GiB of zeros, as its directory entry says."""
    _inflated(key, 8 << 30, path)


def _inflated(key, size, path):
    with zipfile.ZipFile(path) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    shape = f"({size // 8},)"
    head = described(shape=shape, body=0)
    # zeros deflate to themselves: one compressed block, repeated
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = start + block * 8  # the entry announces `size`, far more than this
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            if name != f"{key}.npy":
                archive.writestr(name, content)
        info = zipfile.ZipInfo(f"{key}.npy")
        info.compress_type = zipfile.ZIP_STORED
        archive.writestr(info, packed)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.file_size = len(head) + size


def _announced(key, path):
    """A stored member whose array announces more than the member holds."""
    rewritten(key, lambda name, content: [(name, described(shape=f"({HUGE},)"))], path)


def _checksum(key, path):
    """A member of which one byte differs from its checksum."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(f"{key}.npy")
        members = [(name, archive.read(name)) for name in archive.namelist()]
    content = dict(members)[info.filename]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    raw = path.read_bytes()
    place = raw.index(content) + len(content) - 1
    path.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])


def _flagged(offset, value, path):
    """Set two bytes of the last entry in the directory: its flags or its compression method."""
    raw = bytearray(path.read_bytes())
    place = raw.index(b"PK\x01\x02")
    while True:
        raw[place + offset : place + offset + 2] = struct.pack("<H", value)
        place = raw.find(b"PK\x01\x02", place + 4)
        if place < 0:
            break
    path.write_bytes(raw)


def npz_faults(key, *, contents=CONTENTS):
    """Faults of an npz file of which array `key` is needed, and must be numbers."""
    return {
        **without(BINARY, "line ends of another system"),  # zip files may have a preface
        "an empty archive": replaced(b"PK\x05\x06" + bytes(18)),
        "an npy file instead": replaced(npy_bytes(np.eye(4))),
        f"no {key}": partial(values, key, None),
        f"{key} twice": partial(rewritten, key, _twice),
        f"{key} without suffix too": partial(
            rewritten, key, lambda name, data: [(name, data), (name[:-4], data)]
        ),
        f"{key}: a wrong checksum": partial(_checksum, key),
        f"{key}: 8 GiB of zeros": partial(_bomb, key),
        "an unknown compression": partial(_flagged, 10, 77),
        "encrypted": partial(_flagged, 8, 1),
        **{f"{key}: {name}": partial(values, key, change) for name, change in contents.items()},
        **{
            f"{key}: {name}": partial(rewritten, key, lambda name, _, data=data: [(name, data)])
            for name, data in HEADERS.items()
        },
    }


def npy_faults(contents=CONTENTS):
    """Faults of an npy file that must hold numbers."""
    return {
        **BINARY,
        "an empty archive": replaced(b"PK\x05\x06" + bytes(18)),
        **{
            name: edited(lambda raw, change=change: npy_bytes(change(np.load(io.BytesIO(raw)))))
            for name, change in contents.items()
        },
        **{name: replaced(data) for name, data in HEADERS.items()},
    }


# HDF5


def _inside(change, path):
    with h5py.File(path, "r+") as file:
        change(file)


def _without(key, file):
    del file[key]


def hdf5_without(key, path):
    """Remove a group or a dataset of an HDF5 file."""
    _inside(partial(_without, key), path)


def _as(value, key, file):
    array = file[key][()]
    attributes = dict(file[key].attrs)
    del file[key]
    file[key] = value(array) if callable(value) else value
    if callable(value):
        for name, item in attributes.items():
            file[key].attrs[name] = item


def _group(key, file):
    del file[key]
    file.create_group(key)


def _announcing(key, file):
    """A dataset of 8e12 bytes of which no chunk was written."""
    shape, dtype = file[key].shape, file[key].dtype
    del file[key]
    tail = shape[1:] if len(shape) > 1 else ()
    file.create_dataset(key, (10**12, *tail), dtype, chunks=(1024, *tail))


def _chunked(key, raw, file, **options):
    """The dataset as one chunk that holds `raw`, whatever its filters make of it."""
    array = file[key][()]
    del file[key]
    array = np.atleast_1d(array)
    new = file.create_dataset(key, data=array, chunks=array.shape, **options)
    new.id.write_direct_chunk((0,) * array.ndim, raw)


def _unknown_filter(key, file):
    array = np.atleast_1d(file[key][()])
    del file[key]
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(array.shape)
    plist.set_filter(32099, h5py.h5z.FLAG_OPTIONAL)
    space = h5py.h5s.create_simple(array.shape)
    parent = file.require_group(key.rpartition("/")[0] or "/")
    name = key.rpartition("/")[2].encode()
    kind = h5py.h5t.py_create(array.dtype)
    new = h5py.h5d.create(parent.id, name, kind, space, plist)
    new.write_direct_chunk((0,) * array.ndim, array.tobytes())


def _virtual(key, file):
    data = file[key]
    layout = h5py.VirtualLayout(data.shape, data.dtype)
    layout[...] = h5py.VirtualSource("nowhere.h5", "x", data.shape, data.dtype)
    del file[key]
    file.create_virtual_dataset(key, layout)


def _external(key, file):
    data = file[key]
    shape, dtype = data.shape, data.dtype
    del file[key]
    file.create_dataset(key, shape, dtype, external=[("nowhere.raw", 0, h5py.h5f.UNLIMITED)])


def _empty(key, file):
    dtype = file[key].dtype
    del file[key]
    file[key] = h5py.Empty(dtype)


def _words(key, file):
    shape = file[key].shape
    del file[key]
    file.create_dataset(key, shape, h5py.string_dtype(), fillvalue="text")


def hdf5_faults(key, *, contents=CONTENTS, virtual=True):
    """Faults of an HDF5 file of which dataset `key` is needed, and must be numbers."""
    parts = {
        "missing": partial(_without, key),
        "a group": partial(_group, key),
        "a dangling link": partial(_as, h5py.SoftLink("/nowhere"), key),
        "a link to itself": partial(_as, h5py.SoftLink(f"/{key}"), key),
        "a link to a missing file": partial(_as, h5py.ExternalLink("nowhere.h5", "/x"), key),
        "8 TB announced": partial(_announcing, key),
        "a chunk that does not unpack": partial(_chunked, key, b"no deflate", compression="gzip"),
        "a wrong checksum": partial(_chunked, key, b"1" * 4096, fletcher32=True),
        "an unknown filter": partial(_unknown_filter, key),
        "nothing, not even a shape": partial(_empty, key),
        "words": partial(_words, key),
        **({"in a missing file": partial(_virtual, key)} if virtual else {}),
        "in a missing raw file": partial(_external, key),
        **{
            name: partial(_as, change, key)
            for name, change in contents.items()
            if name not in ("text in it", "dates in it")
        },
    }
    return {
        **BINARY,
        **{f"{key}: {name}": partial(_inside, change) for name, change in parts.items()},
    }


WRONG = ("text", np.array([1.5, 2.5]), np.nan)


def attribute_faults(name, where="/", wrong=WRONG):
    """Faults of an attribute that an HDF5 file needs."""

    def gone(file):
        del file[where].attrs[name]

    def setting(value):
        def change(file):
            del file[where].attrs[name]
            file[where].attrs[name] = value

        return change

    return {
        f"attribute {name}: missing": partial(_inside, gone),
        f"attribute {name}: without a value": partial(_inside, setting(h5py.Empty("f8"))),
        **{
            f"attribute {name}: {np.asarray(value).tolist()!s:.20}": partial(
                _inside, setting(value)
            )
            for value in wrong
        },
    }
