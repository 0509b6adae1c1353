"""Shapes of the arrays in files of the user, read from headers alone.

The DAG needs them on every start of the workflow, so this module imports only numpy; h5py is
imported when an HDF5 file is named.
"""

import numpy as np

from simlab.core.errors import InputFileError, MissingKeyError
from simlab.core.files import npz_headers, open_input, read_csv

HDF5_SUFFIXES = (".h5", ".hdf5", ".cxi")
FOREIGN_PLACES = {
    "objectGuess": ("object", "entry_1/sample_1/object"),
    "probeGuess": ("probe", "entry_1/sample_1/probe"),
}
"""Where the product layout and CXI files keep object and probe."""
COORDINATES = ("xcoords", "ycoords")


def array_shape(path, key, what):
    """Shape, without axes of length 1, of array `key` in an npz, npy or HDF5 file.

    In the product layout (root datasets `object`, `probe`) the axes of object layers and of
    coherent probe components are left out, since layer 0 and component 0 are taken.
    """
    if path.suffix == ".npz":
        headers = npz_headers(path)
        if key not in headers:
            raise MissingKeyError(f"{path}: no array {key!r}; found {list(headers)}")
        shape = headers[key][0]
    elif path.suffix == ".npy":
        shape = _npy_shape(path)
    elif path.suffix in HDF5_SUFFIXES:
        shape = _hdf5_shape(path, key)
    else:
        raise InputFileError(f"{path}: {what} files end in .npz, .npy, .h5, .hdf5 or .cxi")
    squeezed = tuple(n for n in shape if n != 1)
    if len(squeezed) not in (2, 3):
        raise InputFileError(f"{path}: {key} has shape {tuple(shape)}, expected 2-D or 3-D")
    return squeezed


def row_count(path):
    """Number of scan positions in a coordinate file (npz, HDF5 or csv)."""
    if path.suffix == ".npz":
        headers = npz_headers(path)
        missing = [key for key in COORDINATES if key not in headers]
        if missing:
            raise MissingKeyError(f"{path}: no array {missing[0]!r}; found {list(headers)}")
        return headers[COORDINATES[0]][0][0]
    if path.suffix == ".csv":
        return len(read_csv(path)[1])
    if path.suffix in HDF5_SUFFIXES:
        return _hdf5_shape(path, COORDINATES[0])[0]
    raise InputFileError(f"{path}: coordinate files end in .npz, .csv, .h5, .hdf5 or .cxi")


def _npy_shape(path):
    with open_input(path) as stream:
        try:
            version = np.lib.format.read_magic(stream)
            read = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            return read(stream)[0]
        except (ValueError, KeyError) as error:
            raise InputFileError(f"{path}: not an npy file ({error})") from None


def _hdf5_shape(path, key):
    import h5py

    with open_input(path):
        pass
    try:
        with h5py.File(path, "r") as file:
            if key in file:
                return file[key].shape
            for place in FOREIGN_PLACES.get(key, ()):
                if place in file:
                    shape = file[place].shape
                    return shape[-2:] if key == "objectGuess" else shape[-3:]
            found = list(file)
    except (OSError, RuntimeError, KeyError, AttributeError) as error:
        raise InputFileError(f"{path}: not an HDF5 file, or damaged ({error})") from None
    raise MissingKeyError(f"{path}: no dataset {key!r}; found {found}")
