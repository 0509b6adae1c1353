"""HDF5 files of others: opening, attributes, units, datasets that can be read or say why not."""

from contextlib import contextmanager, suppress
from pathlib import Path

import h5py
import numpy as np

from simlab.core.hdf5 import reading_hdf5

CM_PER_MPC = 3.085678e24
G_PER_MSUN = 1.989e33
DEFAULT_LENGTH = 1e-3
"""Mpc per code length where a file does not say: kpc."""
DEFAULT_MASS = 1e10
"""Msun per code mass where a file does not say."""

FILTER_NAMES = {32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32015: "zstd", 32026: "blosc2"}


@contextmanager
def open_hdf5(path, error):
    """A file opened for reading; `error` for anything but intact HDF5 with a group `Header`."""
    with reading_hdf5(path, error) as file:
        if not isinstance(file.get("Header"), h5py.Group):
            raise error(f"{path}: no group Header; found {', '.join(file) or 'nothing'}")
        yield file


class Attributes:
    """Attributes of a file's `Header`, then of its `Parameters`, where Gadget-4 keeps some."""

    def __init__(self, file, error):
        self.path = Path(file.filename)
        self._error = error
        self._groups = [
            group.attrs
            for group in (file["Header"], file.get("Parameters"))
            if isinstance(group, h5py.Group)
        ]

    def number(self, name, default=...):
        """One finite number; an error, or `default` if that is given, where there is none."""
        values = self._values(name, default)
        if values is default:
            return default
        if values.size != 1 or not np.isfinite(values).all():
            raise self._error(f"{self.path}: {name} is {values.tolist()}, expected one number")
        return values.item()

    def numbers(self, name, default=...):
        """A row of numbers as a tuple of Python numbers."""
        values = self._values(name, default)
        if values is default:
            return default
        if not np.isfinite(values).all() or (values < 0).any():
            raise self._error(f"{self.path}: {name} is {values.tolist()}, expected numbers >= 0")
        return tuple(values.tolist())

    def _values(self, name, default):
        for attributes in self._groups:
            if name in attributes:
                values = np.atleast_1d(attributes[name]).ravel()
                if values.dtype.kind not in "iuf":
                    raise self._error(f"{self.path}: {name} is {values.tolist()}, no number")
                return values
        if default is ...:
            raise self._error(f"{self.path}: no attribute {name} in Header or Parameters")
        return default

    def length_factor(self):
        """Mpc/h per code length."""
        return self._factor("UnitLength_in_cm", CM_PER_MPC, DEFAULT_LENGTH)

    def mass_factor(self):
        """Msun/h per code mass."""
        return self._factor("UnitMass_in_g", G_PER_MSUN, DEFAULT_MASS)

    def _factor(self, name, unit, default):
        value = self.number(name, None)
        if value is None:
            return default
        if value <= 0:
            raise self._error(f"{self.path}: {name} is {value:g}, expected a number > 0")
        return float(f"{value / unit:.12e}")  # 1e-3 and 1e10 come out exactly

    def box_size(self):
        """Side of the box, Mpc/h."""
        side = self.number("BoxSize") * self.length_factor()
        if side <= 0:
            raise self._error(f"{self.path}: BoxSize is {side:g} Mpc/h, expected a number > 0")
        return float(side)


def dataset(group, name, shape, error):
    """Dataset `name` of a group, checked for its shape, its type and the filters it needs.

    A length that is not the header's, numbers that are no floats, a filter that is not installed
    and a virtual dataset whose sources are gone (HDF5 would read zeros) are errors.
    """
    path = group.file.filename
    data = group[name]
    label = data.name.lstrip("/")
    if not isinstance(data, h5py.Dataset) or data.dtype.kind != "f":
        raise error(f"{path}: {label} is no array of floating-point numbers")
    if data.shape != shape:
        raise error(f"{path}: {label} has the shape {data.shape}, the header says {shape}")
    if data.is_virtual:
        for source in sorted({s.file_name for s in data.virtual_sources()} - {"."}):
            if not (Path(path).parent / source).exists():
                raise error(f"{path}: {label} lies in {source}, which is missing")
    _check_filters(path, label, data, error)
    return data


def _check_filters(path, label, data, error):
    plist = data.id.get_create_plist()
    for place in range(plist.get_nfilters()):
        code, _, _, name = plist.get_filter(place)
        if not filter_available(code):
            name = FILTER_NAMES.get(code) or name.decode(errors="replace") or "unknown"
            raise error(
                f"{path}: dataset {label} uses HDF5 filter {code} ({name}); install hdf5plugin"
            )


def filter_available(code):
    """Whether HDF5 can decode a filter, with the help of hdf5plugin if that is installed."""
    if not h5py.h5z.filter_avail(code):
        with suppress(ImportError):
            import hdf5plugin  # noqa: F401 - registers the compression filters
    return h5py.h5z.filter_avail(code)


def blocks(data, start, stop, rows):
    """(first, last) row pairs from `start` to `stop`, cut where the dataset's own chunks end.

    About `rows` rows each, so that every compressed chunk is unpacked once.
    """
    step = rows
    if data.chunks:
        step = data.chunks[0] * max(1, rows // data.chunks[0])
    while start < stop:
        end = min(stop, (start // step + 1) * step)
        yield start, end
        start = end
