"""xyz geometries with optional point charges: plain, with atomic numbers, extended xyz."""

import logging
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simlab.afm.errors import (
    AfmConfigError,
    AfmInputError,
    AfmMissingFileError,
    ChargeColumnError,
)
from simlab.afm.species import atomic_number
from simlab.core.errors import InputFileError, MissingFileError
from simlab.core.files import open_input, write_text
from simlab.core.inputs import shown

logger = logging.getLogger("simlab.afm")

CHARGE_MODES = ("check", "ignore", "trust")
CHARGE_NAMES = ("charge", "charges", "initial_charge", "initial_charges")
CHARGE_LIMIT = 5.0
WAY_OUT = "`charges: ignore` (all 0) or `charges: trust` (as they are)"
PROPERTIES = re.compile(r".*Properties=(\S*) ")
LATTICE = re.compile(r'Lattice\s*=\s*"([^"]*)"', re.IGNORECASE)
BAD_LINES_SHOWN = 5


@dataclass(frozen=True)
class _BadLine:
    number: int
    problem: str


def loadXYZ(path, charges="check"):
    """Geometry and point charges of one molecule.

    Line 1 holds the number N of atoms, line 2 a comment, then N lines `element x y z [...]`
    follow; the element is a symbol or an atomic number. Charges are 0 without extra columns on
    the first of these lines; else they are the column that `Properties=` of an extended-xyz
    comment calls charge or initial_charges (0 if none; logged where another column has charge in
    its name), and the fifth column without `Properties=`. Lines after the atoms are ignored unless
    they begin another geometry.

    Parameters
    ----------
    path : path
    charges : "check", "ignore" or "trust"
        Refuse columns that cannot be charges (a value beyond 5 e, or atomic numbers throughout),
        take all charges as 0, or take the column as it is.

    Returns
    -------
    xyzs : (n, 3) float64
        Å.
    Zs : (n,) int32
    qs : (n,) float64
        e.
    comment : str

    Raises
    ------
    AfmMissingFileError, AfmInputError
        Naming the file and every bad line.
    ChargeColumnError
    AfmConfigError
        `charges` is none of the three.
    """
    if charges not in CHARGE_MODES:
        raise AfmConfigError(
            f"afm: charges: {charges!r}; expected one of {', '.join(CHARGE_MODES)}"
        )
    path = Path(path)
    n_atoms, comment, rows = _rows(path)
    column = None if charges == "ignore" else _charge_column(path, comment, len(rows[0]))
    xyzs = np.empty((n_atoms, 3))
    Zs = np.empty(n_atoms, np.int32)
    qs = np.zeros(n_atoms)
    bad = []
    for i, cells in enumerate(rows):
        try:
            if len(cells) < 4:
                raise AfmInputError(f"{shown(' '.join(cells))} has fewer than 4 columns")
            Zs[i] = atomic_number(cells[0])
            xyzs[i] = [_number(cell, "coordinate") for cell in cells[1:4]]
            if column is not None:
                qs[i] = _charge(cells, column)
        except AfmInputError as error:
            bad.append(_BadLine(i + 3, str(error)))
    if bad:
        raise _bad_lines(path, bad, "element x y z [charge] on every line")
    if charges == "check":
        check_charges(path, qs, Zs)
    return xyzs, Zs, qs, comment


def _rows(path):
    try:
        with open_input(path) as stream:
            text = stream.read().decode("utf-8-sig", errors="replace")
    except MissingFileError:
        raise AfmMissingFileError(f"afm: {path}: no such file; expected an xyz file") from None
    except InputFileError as error:
        raise AfmInputError(f"afm: {error}; expected an xyz file") from None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = lines[0].strip()
    if not text.strip():
        raise AfmInputError(f"afm: {path}: line 1: the file is empty; expected the number of atoms")
    if not re.fullmatch(r"[0-9]{1,9}", first) or int(first) < 1:
        raise AfmInputError(
            f"afm: {path}: line 1: {first[:80]!r}; expected the number of atoms, at least 1"
        )
    n_atoms = int(first)
    if lines[-1] == "":
        lines.pop()
    if len(lines) < n_atoms + 2:
        found = max(len(lines) - 2, 0)
        raise AfmInputError(
            f"afm: {path}: line {len(lines)}: {lines[-1][:80]!r} is the last, after {found} of "
            f"{n_atoms} atoms; expected {n_atoms} atom lines as line 1 says"
        )
    _require_one_frame(path, lines, n_atoms)
    return n_atoms, lines[1], [line.split() for line in lines[2 : n_atoms + 2]]


def _require_one_frame(path, lines, n_atoms):
    """Raise AfmInputError where a number of atoms follows the atoms: the file is a trajectory."""
    for number, line in enumerate(lines[n_atoms + 2 :], start=n_atoms + 3):
        if line.strip():
            if re.fullmatch(r"\s*[0-9]{1,9}\s*", line):
                raise AfmInputError(
                    f"afm: {path}: line {number}: {line.strip()!r} begins another geometry after "
                    f"the {n_atoms} atoms of line 1; expected one in a file: split the trajectory"
                )
            return


def _number(text, what):
    try:
        value = math.nan if "_" in text else float(text)
        readable = "_" not in text
    except ValueError:
        value, readable = math.nan, False
    if not readable:
        raise AfmInputError(f"{shown(text)} is not a number ({what})")
    if not math.isfinite(value):
        raise AfmInputError(f"{what} {text!r} is not finite")
    return value


def _charge(cells, column):
    if column >= len(cells):
        raise AfmInputError(
            f"{shown(' '.join(cells))} has no column {column + 1}, where the first atom has its "
            "charge"
        )
    try:
        return _number(cells[column], "charge")
    except AfmInputError as error:
        raise AfmInputError(f"{error}; without it use {WAY_OUT.split(' or ')[0]}") from None


def _bad_lines(path, bad, expected):
    shown = "; ".join(f"line {line.number}: {line.problem}" for line in bad[:BAD_LINES_SHOWN])
    more = len(bad) - BAD_LINES_SHOWN
    rest = f"; and {more} more bad lines" if more > 0 else ""
    return AfmInputError(f"afm: {path}: {shown}{rest}; expected {expected}")


def _charge_column(path, comment, n_columns):
    """Index of the column with the charges, None where there is none."""
    if n_columns <= 4:
        return None
    match = PROPERTIES.match(comment)
    if match is None:
        if "Properties=" in comment:
            logger.warning(
                "afm: %s: line 2: no space behind Properties=..., so it is not read and the fifth "
                "column is taken as charges; expected a space", path,
            )  # fmt: skip
        return 4
    cells = match.group(1).split(":")
    sizes = cells[2::3]
    if len(cells) % 3 or not all(re.fullmatch("[1-9][0-9]*", size) for size in sizes):
        raise AfmInputError(
            f"afm: {path}: line 2: Properties={match.group(1)}; expected name:type:size of every "
            "column, as in species:S:1:pos:R:3:initial_charges:R:1"
        )
    column = 4
    for name, size in zip(cells[6::3], sizes[2:], strict=True):
        if name in CHARGE_NAMES:
            return column
        column += int(size)
    similar = [name for name in cells[6::3] if "charge" in name.lower()]
    if similar:
        logger.warning(
            "afm: %s: line 2: column %s is not used and the charges are 0; expected one of the "
            "names %s", path, shown(similar[0]), ", ".join(CHARGE_NAMES),
        )  # fmt: skip
    return None


def check_charges(path, qs, Zs):
    """ChargeColumnError if these numbers cannot be the charges of these atoms.

    The two rules: no charge beyond 5 e, and not the atomic number of every atom (a single atom
    with q = Z, the proton, is accepted).

    Parameters
    ----------
    path : path
        Named in the message.
    qs : (n,) float64
        e.
    Zs : (n,) int
    """
    worst = int(np.argmax(np.abs(qs)))
    if len(qs) > 1 and np.array_equal(qs, Zs):
        raise ChargeColumnError(
            f"afm: {path}: the charge of every atom equals its atomic number; expected charges "
            f"in e, or {WAY_OUT}"
        )
    if abs(qs[worst]) > CHARGE_LIMIT:
        raise ChargeColumnError(
            f"afm: {path}: line {worst + 3}: charge {qs[worst]:g} e; expected at most "
            f"{CHARGE_LIMIT:g} e in size, or {WAY_OUT}"
        )


def parse_lattice(comment):
    """Lattice vectors of an extended-xyz comment, rows (3, 3) float64 in Å, or None.

    AfmInputError if `Lattice="..."` does not hold nine finite numbers of linearly independent
    vectors.
    """
    match = LATTICE.search(comment)
    if match is None:
        return None
    try:
        lattice = np.array([_number(cell, "lattice") for cell in match.group(1).split()])
        if lattice.size == 9 and abs(np.linalg.det(lattice.reshape(3, 3))) > 0:
            return lattice.reshape(3, 3)
    except AfmInputError:
        pass
    raise AfmInputError(
        f"afm: Lattice: {match.group(1)!r}; expected nine numbers, three vectors that span a cell"
    )


def saveXYZ(path, xyzs, Zs, qs=None, comment=""):
    """Write a geometry: count, comment, then `Z x y z [q]` a line, all digits kept.

    Parameters
    ----------
    path : path
        Replaced atomically.
    xyzs : (n, 3) float
        Å.
    Zs : (n,) int
    qs : (n,) float, optional
        e.
    comment : str
        One line.
    """
    xyzs, Zs = np.asarray(xyzs, np.float64), np.asarray(Zs)
    columns = xyzs if qs is None else np.column_stack([xyzs, np.asarray(qs, np.float64)])
    if xyzs.ndim != 2 or xyzs.shape[1] != 3 or Zs.shape != xyzs.shape[:1] or not len(xyzs):
        raise AfmConfigError(
            f"afm: xyzs, Zs: shapes {xyzs.shape} and {Zs.shape}; expected (n, 3) and (n,), n >= 1"
        )
    if not np.isfinite(columns).all():
        raise AfmConfigError("afm: xyzs, qs: a value is not finite; expected numbers")
    if "\n" in comment or "\r" in comment:
        raise AfmConfigError(f"afm: comment: {comment!r} has a line break; expected one line")
    lines = [
        " ".join([str(atomic_number(Z)), *map(repr, row)])
        for Z, row in zip(Zs, columns.tolist(), strict=True)
    ]
    write_text(path, "\n".join([str(len(lines)), comment, *lines]))
