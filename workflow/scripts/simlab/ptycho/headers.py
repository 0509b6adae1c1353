"""Shapes of the arrays in files of the user, read from headers alone.

The DAG needs them on every start of the workflow, so this module imports only numpy; h5py is
imported when an HDF5 file is named.
"""

import math

from simlab.core.errors import InputFileError, MissingKeyError
from simlab.core.files import npz_headers, open_input, read_csv
from simlab.core.inputs import DAMAGE, npy_header, one_line

HDF5_SUFFIXES = (".h5", ".hdf5", ".cxi")
FOREIGN_PLACES = {
    "objectGuess": ("object", "entry_1/sample_1/object"),
    "probeGuess": ("probe", "entry_1/sample_1/probe"),
}
"""Where the product layout and CXI files keep object and probe."""
COORDINATES = ("xcoords", "ycoords")
OBJECT_INDEX = "object_index"
CXI_TRANSLATION = "entry_1/data_1/translation"


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


def coordinate_layout(path):
    """(number of scan positions, whether each has its object) of a coordinate file.

    Files are npz, HDF5 or csv. Columns are counted as `files.coordinates` reads them, flattened.

    Errors: MissingKeyError for a file without positions; InputFileError for columns of different
    length and for a file that holds no position.
    """
    if path.suffix == ".npz":
        shapes = {key: shape for key, (shape, _) in npz_headers(path).items()}
        lengths = _lengths(path, shapes, "array")
    elif path.suffix == ".csv":
        header, rows = read_csv(path)
        lengths = _lengths(path, {name.strip(): (len(rows),) for name in header}, "column")
    elif path.suffix in HDF5_SUFFIXES:
        lengths = _lengths(path, _hdf5_positions(path), "dataset")
    else:
        raise InputFileError(f"{path}: coordinate files end in .npz, .csv, .h5, .hdf5 or .cxi")
    if len(set(lengths.values())) > 1:
        raise InputFileError(f"{path}: lengths differ: {lengths}")
    if lengths["xcoords"] == 0:
        raise InputFileError(f"{path}: holds no position")
    return lengths["xcoords"], OBJECT_INDEX in lengths


def mask_shape(path):
    """Shape of a detector mask in an npy file, or of `mask` in an npz file."""
    if path.suffix == ".npy":
        return tuple(_npy_shape(path))
    headers = npz_headers(path)
    if "mask" not in headers:
        raise MissingKeyError(f"{path}: no array 'mask'; found {list(headers)}")
    return tuple(headers["mask"][0])


def _lengths(path, shapes, what):
    """Numbers of entries of the columns that count among `shapes` (name -> shape)."""
    missing = [key for key in COORDINATES if key not in shapes]
    if missing:
        raise MissingKeyError(f"{path}: no {what} {missing[0]!r}; {what}s found: {list(shapes)}")
    keys = (*COORDINATES, *((OBJECT_INDEX,) if OBJECT_INDEX in shapes else ()))
    return {key: math.prod(shapes[key]) for key in keys}


def _npy_shape(path):
    with open_input(path) as stream:
        try:
            return npy_header(stream)[0]
        except DAMAGE as error:
            raise InputFileError(f"{path}: not an npy file ({one_line(error)})") from None


def _hdf5_shape(path, key):
    with _opened_hdf5(path) as file:
        if key in file:
            return _shape_at(file, key)
        for place in FOREIGN_PLACES.get(key, ()):
            if place in file:
                shape = _shape_at(file, place)
                return shape[-2:] if key == "objectGuess" else shape[-3:]
        found = list(file)
    raise MissingKeyError(f"{path}: no dataset {key!r}; found {found}")


def _hdf5_positions(path):
    """Shapes of the datasets at the root, positions in m counted under the names of those in px."""
    with _opened_hdf5(path) as file:
        shapes = {key: _shape_at(file, key) for key in file if hasattr(file.get(key), "shape")}
        if all(key in shapes for key in COORDINATES):
            return shapes
        if "probe_position_x_m" in file:
            meters = {f"{axis}coords": _shape_at(file, f"probe_position_{axis}_m") for axis in "xy"}
        elif CXI_TRANSLATION in file:
            meters = dict.fromkeys(COORDINATES, _shape_at(file, CXI_TRANSLATION)[:1])
        else:
            return shapes
        return shapes | meters


def _shape_at(file, place):
    shape = getattr(file[place], "shape", None)
    if shape is None:
        raise InputFileError(f"{file.filename}: {place} is no array")
    return shape


def _opened_hdf5(path):
    from simlab.core.hdf5 import open_hdf5

    return open_hdf5(path)
