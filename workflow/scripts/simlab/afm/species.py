"""The element table: Lennard-Jones and Morse parameters, radii, valence electrons; mixing rules."""

import csv
import difflib
import functools
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from simlab.afm.errors import AfmInputError
from simlab.core.errors import InputFileError
from simlab.core.files import open_input, read_csv
from simlab.core.inputs import shown

PLACEHOLDER = "placeholder"
COLUMNS = ("lj_rmin_A", "lj_eps_eV", "morse_alpha_invA", "r_cov_A", "r_vdw_desc_A")


@dataclass(frozen=True)
class ElementTable:
    """Properties of the elements; row Z - 1 is element Z.

    Attributes
    ----------
    symbols : tuple of str
    rmin, eps, alpha : (118,) float64
        Half of the distance of minimal pair energy, Å; depth, eV; Morse exponent, 1/Å.
    covalent, vdw : (118,) float64
        Radii of bonds and descriptors, Å; NaN where none is known (Z > 112).
    valence : (118,) float64
        Valence electrons; NaN where unknown.
    placeholder : (118,) bool
        Whether the Lennard-Jones parameters are arbitrary.
    """

    symbols: tuple
    rmin: np.ndarray
    eps: np.ndarray
    alpha: np.ndarray
    covalent: np.ndarray
    vdw: np.ndarray
    valence: np.ndarray
    placeholder: np.ndarray


@functools.cache
def element_table():
    """The shipped ElementTable, `data/species.csv`."""
    text = files(__package__).joinpath("data/species.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    columns = [_column(rows, name) for name in (*COLUMNS, "n_val")]
    return ElementTable(
        tuple(row["symbol"] for row in rows),
        *columns,
        _frozen(np.array([row["lj_source"] == PLACEHOLDER for row in rows])),
    )


def _column(rows, name):
    return _frozen(np.array([float(row[name]) if row[name] else np.nan for row in rows]))


def _frozen(array):
    array.flags.writeable = False
    return array


def symbol_of(number):
    """Symbol of the element with atomic number `number`."""
    return element_table().symbols[int(number) - 1]


def atomic_number(element):
    """Atomic number of a symbol, a number, or a number as text.

    Raises AfmInputError for anything that is not an element.
    """
    symbols = element_table().symbols
    text = str(element).strip()
    if text.isascii() and text.isdigit() and 1 <= int(text) <= len(symbols):
        return int(text)
    if text.capitalize() in symbols:
        return symbols.index(text.capitalize()) + 1
    near = difflib.get_close_matches(text.capitalize(), symbols, n=1)
    hint = f", did you mean {near[0]}?" if near else ""
    raise AfmInputError(
        f"{text!r} is not an element, expected a symbol or an atomic number 1 to "
        f"{len(symbols)}{hint}"
    )


def loadSpecies(path=None):
    """Lennard-Jones and Morse parameters of all elements.

    Parameters
    ----------
    path : path, optional
        A file whose rows replace those of the shipped table: whitespace-separated columns
        `rmin eps alpha Z symbol ...`, or a csv with the columns of `data/species.csv`.

    Returns
    -------
    (118, 4) float64
        rmin (Å), eps (eV), alpha (1/Å), Z; row Z - 1.
    """
    table = element_table()
    rows = np.column_stack(
        [table.rmin, table.eps, table.alpha, np.arange(1.0, len(table.symbols) + 1)]
    )
    if path is not None:
        for number, values in _overrides(Path(path)):
            rows[number - 1, :3] = values
    return rows


def _overrides(path):
    try:
        with open_input(path) as stream:
            lines = stream.read().decode("utf-8-sig").splitlines()
    except (InputFileError, UnicodeDecodeError) as error:
        raise AfmInputError(f"afm: {path}: {error}; expected a species table") from None
    if not lines:
        raise AfmInputError(f"afm: {path}: empty; expected a species table")
    if path.suffix == ".csv":
        header, rows = read_csv(path)
        missing = [name for name in (*COLUMNS[:3], "Z") if name not in header]
        if missing or not rows:
            raise AfmInputError(
                f"afm: {path}: {f'no column {missing[0]}' if missing else 'no row'}; expected the "
                f"columns {', '.join(COLUMNS[:3])}, Z"
            )
        places = [header.index(name) for name in COLUMNS[:3]]
        records = [
            (number, [row[place] for place in places], row[header.index("Z")])
            for number, row in enumerate(rows, start=2)
        ]
    else:
        cells = [(number, line.split("#")[0].split()) for number, line in enumerate(lines, 1)]
        records = [(number, c[:3], c[3] if len(c) > 3 else "") for number, c in cells if c]
    for number, values, element in records:
        try:
            found = [float(value) for value in values]
            if len(found) != 3 or not np.isfinite(found).all():
                raise ValueError(values)
            yield atomic_number(element), found
        except (ValueError, TypeError):
            raise AfmInputError(
                f"afm: {path}: line {number}: {shown(lines[number - 1])}; expected rmin eps alpha Z"
            ) from None


def getAtomsREA(iZPP, Zs, typeParams, alphaFac=-1.0):
    """Mixed parameters of each atom with the probe particle.

    R = rmin_PP + rmin_a, eps = sqrt(eps_PP eps_a), alpha = alphaFac alpha_a.

    Parameters
    ----------
    iZPP : int
        Atomic number of the probe particle.
    Zs : (n,) int
        Atomic numbers.
    typeParams : (118, 4) float64
        As of `loadSpecies`.

    Returns
    -------
    (n, 4) float64
        R (Å), eps (eV), alphaFac alpha (1/Å), 0.
    """
    parameters = np.asarray(typeParams, np.float64)
    probe = parameters[int(iZPP) - 1]
    atoms = parameters[np.asarray(Zs, np.int64) - 1]
    return np.column_stack(
        [
            probe[0] + atoms[:, 0],
            np.sqrt(probe[1] * atoms[:, 1]),
            alphaFac * atoms[:, 2],
            np.zeros(len(atoms)),
        ]
    )


def REA2LJ(REAs):
    """Lennard-Jones coefficients C6 = 2 eps R^6 (eV Å^6), C12 = eps R^12 of rows (R, eps, ...).

    Returns (n, 2) float64.
    """
    REAs = np.asarray(REAs, np.float64)
    sixth = REAs[:, 0] ** 6
    return np.column_stack([2 * REAs[:, 1] * sixth, REAs[:, 1] * sixth**2])
