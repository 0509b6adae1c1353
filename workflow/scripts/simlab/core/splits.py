"""Splits of data sets: their names, how units are dealt to them, what is recorded of it.

A unit is what has to stay together, because its samples share more than chance: a simulation, a
molecule, a recording. What it is and in which order units are dealt is for the domain to say.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from simlab.core.errors import InputFileError, IntegrityError
from simlab.core.files import read_csv
from simlab.core.inputs import shown

SPLITS = ("train", "val", "test", "excluded")
"""Their numbers in files are their places."""
ALIASES = {"validation": "val"}
REST = None


@dataclass(frozen=True)
class Unit:
    """What is dealt to the splits of a data set as one.

    Attributes
    ----------
    name : str
        In the words of the domain.
    column : str
        Of index.csv, which names the unit of a sample.
    seed : int or None
        Of the order in which units are dealt; None where nothing is drawn.
    along : bool
        Whether the splits are cut along the values of `column`, numbers, so that each has an
        interval of its own.
    """

    name: str
    column: str
    seed: int | None
    along: bool = False


def deal(order, shares):
    """Split of each unit, (n,) int8, places in SPLITS.

    Parameters
    ----------
    order : (n,) int
        The units as they are dealt, a permutation of 0 ... n - 1.
    shares : mapping of str to int or REST
        How many each split gets, one after the other; one of them may get the rest.
    """
    order = np.asarray(order, np.int64)
    given = sum(count for count in shares.values() if count is not REST)
    counts = [len(order) - given if count is REST else count for count in shares.values()]
    if min(counts) < 0 or sum(counts) != len(order):
        raise ValueError(f"{len(order)} units cannot be dealt as {dict(shares)}")
    labels = np.empty(len(order), np.int8)
    labels[order] = np.repeat([SPLITS.index(name) for name in shares], counts)
    return labels


def split_at(u, fractions):
    """The split that a unit with the number u in [0, 1) falls into; more units change no other's.

    Parameters
    ----------
    u : float
    fractions : mapping of str to float
        Adding up to 1; u is compared with the cumulative ones in this order.
    """
    upper = 0.0
    for name, fraction in fractions.items():
        upper += fraction
        if u < upper:
            return name
    # rounding of the fractions may leave a gap below 1: the last that has a share takes it
    return [name for name, fraction in fractions.items() if fraction > 0][-1]


def split_record(index, unit):
    """What the manifest tells of the splits of a data set: unit, column, seed, counts.

    Parameters
    ----------
    index : path
        `index.csv`.
    unit : Unit

    Raises
    ------
    IntegrityError
        A unit lies in two splits. Excluded samples count for none.
    InputFileError
        The table has no such column, an unknown split, or a text where a number is needed.
    """
    header, rows = read_csv(index)
    absent = [name for name in ("split", unit.column) if name not in header]
    if absent:
        raise InputFileError(f"{index}: no column {', '.join(absent)}; found {header}")
    place, column = header.index("split"), header.index(unit.column)
    found, counts = {}, dict.fromkeys(SPLITS, 0)
    for line, row in enumerate(rows, start=2):
        split, cell = row[place], row[column]
        if split not in counts:
            raise InputFileError(
                f"{index}: line {line}: split is {shown(split)}, expected one of "
                f"{', '.join(SPLITS)}"
            )
        counts[split] += 1
        if split != "excluded":
            value = _number(cell, f"{index}: line {line}: {unit.column}") if unit.along else cell
            found.setdefault(split, []).append(value)
    leak = _overlap(found) if unit.along else _in_two(found)
    if leak:
        raise IntegrityError(f"{index}: {unit.column} {leak}, a {unit.name} belongs to one split")
    return {"unit": unit.name, "column": unit.column, "seed": unit.seed, "counts": counts}


def _number(cell, place):
    try:
        return float(cell)
    except ValueError:
        raise InputFileError(f"{place} is {shown(cell)}, expected a number") from None


def _in_two(found):
    """Which value, and in which two splits; None if each is in one."""
    first = {}
    for split, values in found.items():
        for value in values:
            if first.setdefault(value, split) != split:
                return f"{value} is in {first[value]} and {split}"
    return None


def _overlap(found):
    """Two splits whose values overlap; None if each has an interval of its own."""
    ranges = sorted((min(numbers), max(numbers), split) for split, numbers in found.items())
    for (_, high, split), (low, _, other) in itertools.pairwise(ranges):
        if high > low:
            return f"of {split} reaches {high:g}, that of {other} begins at {low:g}"
    return None


def without_aliases(section):
    """A configuration section (mapping) with the names of splits in place of their aliases.

    ValueError where a split is given under both; anything but a mapping is returned as it is.
    """
    if not isinstance(section, dict):
        return section
    for alias, name in ALIASES.items():
        if alias in section and name in section:
            raise ValueError(f"{name} and {alias} are the same, give one of them")
    return {ALIASES.get(key, key): value for key, value in section.items()}
