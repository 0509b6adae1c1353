"""What arrays a data set file holds, under its own names and in its own shapes."""

from simlab.core.files import npz_headers, read_npz
from simlab.core.hdf5 import open_hdf5
from simlab.ptycho.files.archive import METADATA
from simlab.ptycho.headers import HDF5_SUFFIXES


def arrays_in(path):
    """[(key, shape, dtype, value of a single number or None)] of an npz or HDF5 file."""
    if path.suffix not in HDF5_SUFFIXES:
        return [
            (key, shape, dtype, _number(shape, dtype, lambda key=key: read_npz(path, [key])[key]))
            for key, (shape, dtype) in npz_headers(path).items()
            if key != METADATA
        ]
    found = []

    def visit(key, item):
        if hasattr(item, "dtype"):
            value = _number(item.shape, item.dtype, lambda: item[()])
            found.append((key, item.shape, item.dtype, value))

    with open_hdf5(path) as file:
        file.visititems(visit)
    return found


def _number(shape, dtype, read):
    return float(read()) if shape == () and dtype.kind in "biuf" else None
