"""Halo catalogs as text: CSV with columns x,y,z,mass[,radius], and Rockstar lists.

| format | columns | units |
|---|---|---|
| csv | `x y z mass`, `radius` if there is one | given by the user |
| rockstar | `x y z m200c`, `r200c` if there is one | Mpc/h, Msun/h, radius kpc/h |

Rockstar's names are taken in any case, and with the column numbers of merger trees, `M200c(38)`.
A radius that is not given follows from the mass as at redshift 0.
"""

import re

import numpy as np

from simlab.core.config import nearest
from simlab.core.errors import InputFileError
from simlab.core.files import open_input, read_csv
from simlab.core.inputs import shown
from simlab.halo.cells import finite_number
from simlab.halo.cosmology import radius_200
from simlab.halo.errors import CatalogError

LENGTHS = {"Mpc/h": 1.0, "kpc/h": 1e-3}
MASSES = {"Msun/h": 1.0, "1e10Msun/h": 1e10}
BOX_SIZE = re.compile(r"#\s*Box size:\s*([0-9]+\.?[0-9]*)\s*Mpc/h")


def read_csv_catalog(path, units):
    """(pos (G, 3) Mpc/h, mass (G,) Msun/h, r200 (G,) Mpc/h, None) of a CSV catalog, float64."""
    if units is None:
        raise CatalogError(
            f"{path}: a csv catalog needs units={{length: {' | '.join(LENGTHS)}, "
            f"mass: {' | '.join(MASSES)}}} (source.catalog_units)"
        )
    length = _unit(path, units, "length", LENGTHS)
    mass = _unit(path, units, "mass", MASSES)
    try:
        header, rows = read_csv(path)
    except InputFileError as error:
        raise CatalogError(str(error)) from None
    header = [name.strip() for name in header]
    columns = _numbers(path, header, rows, ("x", "y", "z", "mass"), "radius")
    return _converted(columns, length, mass, length, None)


def read_rockstar(path):
    """(pos (G, 3) Mpc/h, mass (G,) Msun/h, r200 (G,) Mpc/h, box side or None), float64."""
    with open_input(path, "halo catalog") as stream:
        try:
            lines = stream.read().decode().splitlines()
        except UnicodeDecodeError as error:
            raise CatalogError(f"{path}: not a text file ({error})") from None
    if not lines or not lines[0].startswith("#"):
        raise CatalogError(f"{path}: no first line with #, which names the columns")
    header = [re.sub(r"\(\d+\)$", "", name).lower() for name in lines[0].lstrip("#").split()]
    rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    columns = _numbers(path, header, rows, ("x", "y", "z", "m200c"), "r200c")
    boxes = [match[1] for match in map(BOX_SIZE.match, lines) if match]
    side = float(boxes[0]) if boxes else None
    if side == 0:
        raise CatalogError(f"{path}: Box size is 0 Mpc/h, expected a number > 0")
    return _converted(columns, 1.0, 1.0, 1e-3, side)


def _unit(path, units, key, known):
    if units.get(key) not in known:
        raise CatalogError(
            f"{path}: unit of {key} is {units.get(key)!r}, allowed: {', '.join(known)}"
        )
    return known[units[key]]


def _numbers(path, header, rows, needed, radius):
    """Columns as float64: those that are needed, and the radius or None."""
    missing = [name for name in needed if name not in header]
    if missing:
        raise CatalogError(
            f"{path}: no column {', '.join(missing)}{nearest(missing[0], header)}; "
            f"found {', '.join(header)}"
        )
    twice = sorted({name for name in (*needed, radius) if header.count(name) > 1})
    if twice:
        raise CatalogError(f"{path}: column {twice[0]} appears twice")
    if not rows:
        raise CatalogError(f"{path}: no halo below the header")
    wanted = [*needed, *([radius] if radius in header else [])]
    places = [header.index(name) for name in wanted]
    values = np.empty((len(rows), len(wanted)))
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise CatalogError(
                f"{path}: data row {number} has {len(row)} cells, the header names {len(header)}"
            )
        for column, place in enumerate(places):
            values[number, column] = _number(path, number, wanted[column], row[place])
    columns = list(values.T)
    return columns if len(wanted) > len(needed) else [*columns, None]


def _number(path, row, column, text):
    value = finite_number(text)
    if value is None:
        raise CatalogError(
            f"{path}: data row {row}: {column} is {shown(text)}, expected a finite number"
        )
    return value


def _converted(columns, length, mass_unit, radius_unit, box_size):
    x, y, z, mass, radius = columns
    mass = mass * mass_unit
    radius = radius_200(np.maximum(mass, 0)) if radius is None else radius * radius_unit
    return np.stack([x, y, z], axis=1) * length, mass, radius, box_size
