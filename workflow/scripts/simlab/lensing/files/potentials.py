"""Maps of a deflection potential: arrays in `.npy` or `.h5` files.

| file | content |
|---|---|
| `.npy` | one array (n, n) |
| `.h5`, `.hdf5` | data set `potential` (n, n), or the only data set of the file |

Numbers are psi in px^2 at the points (c - n/2) + i (n/2 - r) of row r, column c.
"""

from pathlib import Path

import h5py
import numpy as np

from simlab.core.errors import InputFileError, MissingFileError
from simlab.core.files import read_npy
from simlab.core.hdf5 import reading_hdf5, require_readable
from simlab.lensing.errors import MissingRowsError, RowsError

NAME = "potential"
SUFFIXES = (".npy", ".h5", ".hdf5")


def load_potential(path):
    """The map in a file, float64 (n, n).

    Raises
    ------
    RowsError
        If the file is missing, of another type, damaged, or holds no finite square array.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise RowsError(f"{path}: a potential is read from {', '.join(SUFFIXES)} files")
    try:
        psi = read_npy(path) if path.suffix == ".npy" else _read_hdf5(path)
    except MissingFileError:
        raise MissingRowsError(f"file not found: {path}") from None
    except InputFileError as error:
        raise RowsError(str(error)) from None
    if psi.ndim != 2 or psi.shape[0] != psi.shape[1] or psi.shape[0] < 2:
        raise RowsError(f"{path}: shape {psi.shape}, expected a square map (n, n)")
    if psi.dtype.kind not in "iuf":
        raise RowsError(f"{path}: dtype {psi.dtype}, expected real numbers")
    psi = np.ascontiguousarray(psi, np.float64)
    if not np.isfinite(psi).all():
        raise RowsError(f"{path}: holds numbers that are not finite")
    return psi


def _read_hdf5(path):
    with reading_hdf5(path, RowsError) as file:
        names = [name for name in file if isinstance(file.get(name), h5py.Dataset)]
        if NAME not in names and len(names) != 1:
            raise RowsError(f"{path}: expected a data set {NAME!r}, found {names}")
        data = file[NAME if NAME in names else names[0]]
        if data.shape is None:
            raise RowsError(f"{path}: {data.name} holds nothing, expected a square map (n, n)")
        require_readable(data)
        return data[()]
