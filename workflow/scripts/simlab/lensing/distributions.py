"""Panels of the distributions page: gray levels, amplitudes, radii of convergence and of trust."""

import math
from pathlib import Path

import numpy as np

from simlab.core.dataset import read_index
from simlab.core.distributions import Curve, Histogram, published, rebinned, value_histogram
from simlab.core.files import read_json, read_npz
from simlab.core.splits import SPLITS
from simlab.lensing.files.tables import read_table
from simlab.lensing.statistics import BINS, HIGH, LOW, scaled_columns

SKIPPED = ("index",)
CHANNELS = {1: ("train",), 3: ("train, blue", "train, green", "train, red")}
SHOWN = {
    "alpha[1][0]": "minus convergence (1)",
    "alpha[1][2]": "minus shear, first component (1)",
    "beta[1][2]": "minus shear, second component (1)",
}
RADII = {"r_conv": "radius of convergence (px)", "trust_radius": "trust radius (px)"}


def outputs(folder, splits):
    """(panels, notes) of the data set in `folder`; `splits`: (n,) split number of every row."""
    folder = Path(folder)
    r0 = read_json(folder / "normalization.json")["r0"]
    columns, rows = read_table(folder / "roulette.csv")
    labels = [SPLITS[number] for number in splits]
    values = {
        name: _numbers(name, rows, labels) for name in columns if "[" in name or name in RADII
    }
    panels = [_gray_levels(folder)]
    for name, label in (SHOWN | RADII).items():
        if values.get(name):
            title = name if name in SHOWN else label.split(" (")[0]
            panels.append(value_histogram(title, label, values[name], what="pictures", bins=30))
    if r0:
        panels.append(_orders(values, r0))
    return panels, ["Gray levels of all training pictures; amplitudes and radii of all rows."]


def _numbers(name, rows, labels):
    """{split: values} of a column; empty cells are left out, and so are infinite radii."""
    found = {}
    for row, label in zip(rows, labels, strict=True):
        if row[name] and math.isfinite(value := float(row[name])):
            found.setdefault(label, []).append(value)
    return {split: np.array(found[split]) for split in SPLITS if split in found}


def _gray_levels(folder):
    paths = published(folder, "statistics/", ".npz")
    if paths is None:
        shards = dict.fromkeys(Path(file).stem for file in read_index(folder).column("file"))
        paths = [folder / "statistics" / f"{shard}.npz" for shard in shards]
    parts = [read_npz(path, ["counts"]) for path in paths]
    total = sum(part["counts"] for part in parts)
    counts = dict(zip(CHANNELS[len(total)], total, strict=True))
    edges, counts = rebinned(np.sinh(np.linspace(LOW, HIGH, BINS + 1)), counts)
    return Histogram(
        "pictures", "gray level", edges, counts, "pixels", "asinh", 1.0, log_counts=True
    )


def _orders(values, r0):
    """Median over the rows of the largest scaled amplitude of each order."""
    splits = [split for split in SPLITS if any(split in parts for parts in values.values())]
    largest = {split: {} for split in splits}
    for split in splits:
        columns = {name: parts[split] for name, parts in values.items() if split in parts}
        amplitudes = {name: part for name, part in columns.items() if "[" in name}
        for name, scaled in scaled_columns(amplitudes, r0).items():
            order = int(name[name.index("[") + 1 : name.index("]")])
            known = largest[split].get(order)
            sizes = np.abs(scaled)
            largest[split][order] = sizes if known is None else np.maximum(known, sizes)
    orders = sorted(next(iter(largest.values())))
    curves = {s: np.array([np.median(found[m]) for m in orders]) for s, found in largest.items()}
    return Curve(
        "size of the amplitudes",
        "order m",
        "median of |gamma| r0^(m-1)/m!",
        np.array(orders),
        curves,
        log_y=True,
    )
