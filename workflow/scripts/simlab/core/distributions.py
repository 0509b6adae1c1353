"""How parameters and outputs of a data set are distributed, split by split, as a page."""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from simlab.core.dataset import FIRST_COLUMNS, read_index
from simlab.core.files import read_json
from simlab.core.packages.source import NUMBER
from simlab.core.splits import SPLITS

FEW = 12
"""Different numbers that are drawn as bars, one each, unless most samples differ."""
MOST_TEXTS = 24
"""Different texts that are drawn as bars; more of them are names."""
BINS = (8, 40)
"""Fewest and most bins of a parameter."""
LOGARITHMIC = 300.0
"""Largest over smallest value from which a positive parameter is drawn by its logarithm ..."""
CROWDED = 0.1
"""... if half of its values lie in this part of the range, at its low end."""


@dataclass(frozen=True)
class Histogram:
    """Numbers of values in bins, for each of several series, splits mostly.

    Attributes
    ----------
    title, label : str
        Of the panel; of the axis of values, with the unit.
    edges : (B+1,) increasing
    counts : dict
        Series -> (B,).
    what : str
        What is counted: samples, pixels, patterns ...
    scale : str
        Of the values: linear, log or asinh (linear about 0, logarithmic far from it).
    linear_to : float
        With asinh, value at which the axis changes.
    log_counts : bool
        Whether shares are drawn on a logarithmic axis.
    """

    title: str
    label: str
    edges: np.ndarray
    counts: dict
    what: str = "samples"
    scale: str = "linear"
    linear_to: float = 1.0
    log_counts: bool = False


@dataclass(frozen=True)
class Bars:
    """Numbers of samples with each of several names; `counts`: series -> {name: number}."""

    title: str
    label: str
    names: tuple
    counts: dict
    what: str = "samples"


@dataclass(frozen=True)
class Curve:
    """A mean or median over the samples of each series as a function; `y`: series -> (n,)."""

    title: str
    label: str
    y_label: str
    x: np.ndarray
    y: dict
    log_y: bool = False


@dataclass
class Column:
    """One column of index.csv: its numbers, or which texts occur how often in which split.

    Where one filled cell is no number all are texts; an empty cell is neither.
    """

    is_text: bool
    numbers: array = field(default_factory=lambda: array("d"))
    texts: dict = field(default_factory=lambda: {split: Counter() for split in SPLITS})
    filled: int = 0

    def add(self, cell, split):
        """Append a cell."""
        self.filled += bool(cell)
        if not self.is_text:
            self.numbers.append(float(cell) if cell else np.nan)
        elif cell:
            self.texts[split][cell] += 1


def read_columns(folder):
    """(array of split numbers (n,), {column: Column}) of a data set's index.csv."""
    index = read_index(folder)
    texts = {
        name for row in index for name, cell in row.items() if cell and not NUMBER.fullmatch(cell)
    }
    columns = {name: Column(name in texts) for name in index.header[len(FIRST_COLUMNS) :]}
    for row in index:
        for name, column in columns.items():
            column.add(row[name], row["split"])
    return index.split_numbers().astype(np.int8), columns


def parameter_panels(splits, columns, described, skipped=()):
    """(panels, same, others) of the parameters of a data set.

    Parameters
    ----------
    splits : (n,) int
    columns : dict
        Of `read_columns`.
    described : mapping
        Column -> (unit, meaning); of others the axis has the name alone.
    skipped : collection of str
        Columns that number samples and parameters of nothing.

    Returns
    -------
    list of Histogram or Bars, a list of what is the same in all samples, and a list of what else
    must be said: which columns have empty cells, and how many texts those have that are not drawn
    """
    panels, same, others = [], [], []
    for name, column in columns.items():
        if name in skipped:
            continue
        unit, meaning = described.get(name, ("", ""))
        numbers = np.frombuffer(column.numbers) if len(column.numbers) else np.empty(0)
        known = np.isfinite(numbers)
        if column.is_text:
            distinct, having = sum(column.texts.values(), Counter()), column.filled
        else:
            distinct, having = np.unique(numbers[known]), int(np.count_nonzero(known))
        part = "" if having == len(splits) else f"in {having} of {len(splits)} samples"
        if len(distinct) == 1:
            [value] = distinct
            text = value if column.is_text else f"{value:.6g}"
            said = f"{labeled(name, unit)} = {text}"
            (others if part else same).append(f"{said} {part}".rstrip())
            continue
        if column.is_text and len(distinct) > MOST_TEXTS:
            others.append(f"{name}: {len(distinct)} different texts {part}".rstrip())
            continue
        if part:
            others.append(f"{name}: {'given' if having == column.filled else 'finite'} {part}")
        if not len(distinct):
            continue
        label = labeled(meaning.split(";")[0] or name, unit)
        if column.is_text:
            panels.append(_texts(name, label, column, distinct))
        else:
            panels.append(_numbers(name, label, numbers, splits, known))
    return panels, same, others


def labeled(name, unit):
    """`name (unit)`, or the name alone."""
    return f"{name} ({unit})" if unit else name


def by_split(splits, values_of):
    """{split: values_of(mask)} of the splits that occur; `splits`: (n,) numbers."""
    masks = {name: splits == number for number, name in enumerate(SPLITS)}
    return {name: values_of(mask) for name, mask in masks.items() if mask.any()}


def counted(values, splits, edges):
    """{split: counts (B,)} of one value a sample, in bins."""
    return by_split(splits, lambda mask: np.histogram(values[mask], edges)[0])


def bins_of(values):
    """(edges, scale) for values of samples: few or many bins, logarithmic over a wide range."""
    low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.linspace(low - 0.5, low + 0.5, 2), "linear"
    number = int(np.clip(np.sqrt(len(values)) * 2, *BINS))
    crowded = np.median(values) < low + CROWDED * (high - low)
    if low > 0 and high / low > LOGARITHMIC and crowded:
        return np.geomspace(low, high, number + 1), "log"
    return np.linspace(low, high, number + 1), "linear"


def _texts(name, label, column, total):
    names = tuple(sorted(total, key=lambda text: (-total[text], text)))
    counts = {split: dict(texts) for split, texts in column.texts.items() if texts}
    return Bars(name, label, names, counts)


def _numbers(name, label, numbers, splits, known):
    values = numbers[known]
    distinct = np.unique(values)
    if len(distinct) <= min(FEW, (len(values) + 1) // 2):
        names = tuple(f"{value:.6g}" for value in distinct)

        def numbers_of(mask):
            return {
                text: int(np.count_nonzero(numbers[mask] == value))
                for text, value in zip(names, distinct, strict=True)
            }

        return Bars(name, label, names, by_split(splits, numbers_of))
    edges, scale = bins_of(values)
    counts = by_split(splits, lambda mask: np.histogram(numbers[mask & known], edges)[0])
    return Histogram(name, label, edges, counts, scale=scale)


def rebinned(edges, counts, most=120):
    """(edges, counts) with adjacent bins joined to `most` at most, between the first and last hit.

    Parameters
    ----------
    edges : (B+1,)
    counts : dict
        Series -> (B,).
    """
    total = sum(np.asarray(values, np.int64) for values in counts.values())
    used = np.flatnonzero(total)
    if not len(used):
        return edges[:2], {name: np.zeros(1) for name in counts}
    first, last = used[0], used[-1] + 1
    step = max(1, -(-(last - first) // most))
    starts = np.arange(first, last, step)
    ends = np.minimum(starts + step, last)
    joined = {
        name: np.add.reduceat(np.asarray(values)[first:last], starts - first)
        for name, values in counts.items()
    }
    return np.append(edges[starts], edges[ends[-1]]), joined


def value_histogram(title, label, values, *, what="pixels", linear_to=None, bins=60):
    """A Histogram of the values of each series over the range of all; of pixels by log of share.

    Parameters
    ----------
    title, label, what : str
    values : dict
        Series -> array of any shape of finite numbers, at least one.
    linear_to : float, optional
        Bins are linear below it and logarithmic above; without it all are equal.
    bins : int
    """
    low = min(float(part.min()) for part in values.values())
    high = max(float(part.max()) for part in values.values())
    several = high > low
    if not several:
        low, high = low - 0.5, low + 0.5
    if linear_to is None:
        edges = np.linspace(low, high, bins + 1)
    else:
        ends = np.arcsinh(np.array([low, high]) / linear_to)
        edges = linear_to * np.sinh(np.linspace(*ends, bins + 1))
        edges[0], edges[-1] = low, high  # exactly, so that no value lies beyond
    counts = {name: np.histogram(part, edges)[0] for name, part in values.items()}
    scale = "linear" if linear_to is None else "asinh"
    many = what == "pixels" and several  # rare values of them matter too
    return Histogram(title, label, edges, counts, what, scale, linear_to or 1.0, log_counts=many)


def chosen(splits, most):
    """{split: rows}: at most `most` rows of each split, evenly over it; `splits`: (n,) numbers."""
    found = {}
    for number, name in enumerate(SPLITS):
        rows = np.flatnonzero(splits == number)
        if len(rows):
            places = np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)
            found[name] = rows[places]
    return found


def published(folder, start, end):
    """Files whose names begin and end so, in order: those of the manifest, none of an earlier run.

    None without a manifest.
    """
    manifest = Path(folder) / "manifest.json"
    if not manifest.exists():
        return None
    names = read_json(manifest)["files"]
    return [
        Path(folder) / name
        for name in sorted(names)
        if name.startswith(start) and name.endswith(end)
    ]


def sentence_of(picked, splits, what="samples"):
    """Which part of the samples was read, as a sentence; `picked`: of `chosen`."""
    parts = [
        f"{len(rows)} of {int(np.count_nonzero(splits == SPLITS.index(name)))} {name}"
        for name, rows in picked.items()
    ]
    return f"From the pixels of {', '.join(parts)} {what}, evenly over each split."
