"""Coordinate files: scan positions given by the user in npz, HDF5 or csv."""

from pathlib import Path

import numpy as np

from simlab.core.errors import InputFileError, MissingKeyError
from simlab.core.files import npz_headers, open_input, read_csv
from simlab.core.hdf5 import open_hdf5
from simlab.core.inputs import shown
from simlab.ptycho.files import products
from simlab.ptycho.files.archive import read_archive
from simlab.ptycho.files.hdf5 import read_dataset
from simlab.ptycho.headers import HDF5_SUFFIXES


def read_coordinates(path):
    """Positions of a coordinate file.

    Parameters
    ----------
    path : path
        .npz, .csv (header line), .h5/.hdf5/.cxi with `xcoords`, `ycoords` and, optionally,
        `object_index`; positions in m of the product and CXI layouts are converted.

    Returns
    -------
    dict
        xcoords, ycoords: float64 (M,), px; object_index: int64 (M,) if the file has it.

    Raises
    ------
    InputFileError
        Missing column, different lengths, values that are no finite numbers, several positions
        within less than 1 px, as in other units.
    """
    path = Path(path)
    if path.suffix == ".csv":
        columns = _from_csv(path)
    elif path.suffix == ".npz":
        present = npz_headers(path)
        keys = ["xcoords", "ycoords", *(["object_index"] if "object_index" in present else [])]
        columns = read_archive(path, keys)
    elif path.suffix in HDF5_SUFFIXES:
        with open_hdf5(path) as file:
            columns = products.positions(file)
            if columns is None:
                raise MissingKeyError(f"{path}: no dataset 'xcoords'; found {sorted(file)}")
            if "object_index" in file:
                columns["object_index"] = read_dataset(file, "object_index")
    else:
        open_input(path).close()
        raise InputFileError(f"{path}: coordinate files end in .npz, .csv, .h5, .hdf5 or .cxi")
    return _checked(path, columns)


def _from_csv(path):
    header, rows = read_csv(path)
    header = [name.strip() for name in header]
    missing = [key for key in ("xcoords", "ycoords") if key not in header]
    if missing:
        raise MissingKeyError(f"{path}: no column {missing[0]!r}; columns found: {header}")
    columns = {}
    for key in ("xcoords", "ycoords", "object_index"):
        if key not in header:
            continue
        place, values = header.index(key), []
        for number, row in enumerate(rows, start=1):
            try:
                values.append(float(row[place]))
            except ValueError:
                raise InputFileError(
                    f"{path}: {key} of row {number} is {shown(row[place])}, not a number"
                ) from None
        columns[key] = np.array(values)
    return columns


def _checked(path, columns):
    lengths = {key: np.size(value) for key, value in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InputFileError(f"{path}: lengths differ: {lengths}")
    if lengths["xcoords"] == 0:
        raise InputFileError(f"{path}: holds no position")
    checked = {}
    for key, value in columns.items():
        value = np.asarray(value).reshape(-1)
        if value.dtype.kind not in "iuf":
            raise InputFileError(f"{path}: {key} is {value.dtype}, numbers are expected")
        value = value.astype(np.float64)
        bad = np.flatnonzero(~np.isfinite(value))
        if len(bad):
            raise InputFileError(
                f"{path}: {key} of row {bad[0] + 1} is {value[bad[0]]}, "
                f"{len(bad)} of {len(value)} are not finite"
            )
        checked[key] = value
    extent = max(np.ptp(checked[key]) for key in ("xcoords", "ycoords"))
    if 0 < extent < 1:
        raise InputFileError(
            f"{path}: the positions span {extent:.3g} px, expected a scan of 1 px or more: "
            "object pixels, not meters"
        )
    if "object_index" in checked:
        index = checked["object_index"]
        bad = np.flatnonzero((index < 0) | (index != np.floor(index)))
        if len(bad):
            raise InputFileError(
                f"{path}: object_index of row {bad[0] + 1} is {index[bad[0]]:g}, "
                "a whole number >= 0 is expected"
            )
        checked["object_index"] = index.astype(np.int64)
    return checked
