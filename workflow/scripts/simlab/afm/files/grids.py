"""Grids of potentials and densities: the npz form, and the choice of reader by suffix.

| key | type, shape | |
|---|---|---|
| `data` | float32 (nx, ny, nz) | V or electrons/Å³ |
| `lvec` | float64 (4, 3) | origin and cell vectors, Å; `origin` and `lattice` (3, 3) also serve |
| `xyzs` | float64 (n, 3) | atoms, Å; `xyz` also serves |
| `Zs` | int32 (n,) | atomic numbers; `Z` also serves |
"""

from pathlib import Path

import numpy as np

from simlab.afm.errors import AfmConfigError, AfmInputError, AfmMissingFileError
from simlab.afm.files.cube import FACTORS, read_cube
from simlab.afm.files.xsf import read_xsf, write_xsf
from simlab.core.errors import InputFileError, MissingFileError
from simlab.core.files import read_npz, write_npz

READ_SUFFIXES = (".cube", ".cub", ".xsf", ".npz")
WRITE_SUFFIXES = (".npz", ".xsf")


def read_grid(path, quantity="potential", scale=1.0, form=None):
    """Grid and atoms of a cube, xsf or npz file.

    Parameters
    ----------
    path : path
        The suffix tells the format.
    quantity : "potential" or "density"
        Of a cube file, whose atomic units are converted; others are taken as written.
    scale : float
        Factor of the values. The potential energy of an electron in eV, which density functional
        programs write, becomes V with -1.
    form : "cube", "xsf" or "npz", optional
        In place of the suffix.

    Returns
    -------
    array : (nx, ny, nz) float32
    lvec : (4, 3) float64
        Origin and cell vectors, Å.
    xyzs : (n, 3) float64
        Å.
    Zs : (n,) int32

    Raises
    ------
    AfmConfigError
        For another suffix or quantity, or a scale that is not a finite number.
    AfmInputError
        Naming the file and what is wrong in it.
    """
    path = Path(path)
    if quantity not in FACTORS:
        raise AfmConfigError(f"afm: quantity: {quantity!r}; expected one of {', '.join(FACTORS)}")
    if not np.isfinite(scale):
        raise AfmConfigError(f"afm: scale: {scale}; expected a finite number")
    suffix = path.suffix.lower() if form is None else f".{form}"
    if suffix in (".cube", ".cub"):
        array, *rest = read_cube(path, quantity)
    elif suffix == ".xsf":
        array, *rest = read_xsf(path)
    elif suffix == ".npz":
        array, *rest = read_grid_npz(path)
    else:
        raise AfmConfigError(
            f"afm: {path}: suffix {suffix!r}; expected one of {', '.join(READ_SUFFIXES)}"
        )
    _check_cell(path, rest[0])
    if scale != 1.0:
        array *= np.float32(scale)
    return array, *rest


def read_grid_npz(path):
    """Grid and atoms of an npz file with the keys of this module; returns as `read_grid`."""
    try:
        arrays = read_npz(path)
    except MissingFileError:
        raise AfmMissingFileError(f"afm: {path}: no such file; expected a grid as npz") from None
    except InputFileError as error:
        raise AfmInputError(f"afm: {error}; expected a grid as npz") from None
    data = _array(path, arrays, ("data",), (None, None, None), np.float32)
    if min(data.shape) < 2:
        raise AfmInputError(
            f"afm: {path}: data of shape {data.shape}; expected at least 2 points an axis"
        )
    if "lvec" in arrays or "lattice" not in arrays:
        lvec = _array(path, arrays, ("lvec",), (4, 3), np.float64)
    else:
        origin = np.zeros(3)
        if "origin" in arrays:
            origin = _array(path, arrays, ("origin",), (3,), np.float64)
        lvec = np.vstack([origin, _array(path, arrays, ("lattice",), (3, 3), np.float64)])
    if not {"xyzs", "xyz"} & set(arrays):
        return data, lvec, np.zeros((0, 3)), np.zeros(0, np.int32)
    xyzs = _array(path, arrays, ("xyzs", "xyz"), (None, 3), np.float64)
    Zs = _array(path, arrays, ("Zs", "Z"), (len(xyzs),), np.int32)
    return data, lvec, xyzs, Zs


def _array(path, arrays, keys, shape, dtype):
    """The first array of `keys`, checked; None in `shape` stands for any length."""
    key = next((key for key in keys if key in arrays), None)
    if key is None:
        raise AfmInputError(
            f"afm: {path}: no array {' or '.join(keys)}, found {', '.join(arrays) or 'none'}; "
            "expected data, lvec, xyzs, Zs"
        )
    array = arrays[key]
    fits = len(shape) == array.ndim and all(
        n is None or n == m for n, m in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in "fiu":
        wanted = ", ".join("n" if n is None else str(n) for n in shape)
        raise AfmInputError(
            f"afm: {path}: {key} of shape {array.shape} and dtype {array.dtype}; expected numbers "
            f"of shape ({wanted})"
        )
    bad = array.size - int(np.isfinite(array).sum())
    if bad:
        raise AfmInputError(
            f"afm: {path}: {bad} values of {key} are not finite; expected finite numbers"
        )
    return np.ascontiguousarray(array, dtype)


def _check_cell(path, lvec):
    if abs(np.linalg.det(lvec[1:])) < 1e-9:
        raise AfmInputError(
            f"afm: {path}: cell vectors {lvec[1:].tolist()} span no volume; expected three "
            "independent vectors, Å"
        )


def write_grid(path, array, lvec, xyzs=None, Zs=None):
    """Write a grid and its atoms as npz or xsf, by the suffix of `path`.

    Parameters
    ----------
    path : path
    array : (nx, ny, nz) float32
    lvec : (4, 3) float64
        Origin and cell vectors, Å.
    xyzs : (n, 3) float64, optional
        Å.
    Zs : (n,) int, optional

    Raises
    ------
    AfmConfigError
        For another suffix.
    """
    path = Path(path)
    xyzs = np.zeros((0, 3)) if xyzs is None else np.asarray(xyzs, np.float64)
    Zs = np.zeros(0, np.int32) if Zs is None else np.asarray(Zs, np.int32)
    if path.suffix.lower() == ".xsf":
        write_xsf(path, array, lvec, xyzs, Zs)
    elif path.suffix.lower() == ".npz":
        arrays = {
            "data": np.asarray(array, np.float32),
            "lvec": np.asarray(lvec, np.float64),
            "xyzs": xyzs,
            "Zs": Zs,
        }
        write_npz(path, arrays)
    else:
        raise AfmConfigError(
            f"afm: {path}: suffix {path.suffix!r}; expected one of {', '.join(WRITE_SUFFIXES)}"
        )
