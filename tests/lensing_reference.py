"""Reference numbers of lenses: what the files hold, and the lenses they are about."""

import csv
import json
from functools import cache
from pathlib import Path

import numpy as np

from simlab.lensing.clusters import make_cluster
from simlab.lensing.lenses import make_lens

FOLDER = Path(__file__).resolve().parent / "data" / "lensing"

SINGLE_LENSES = {
    "SIS": make_lens("SIS", einstein_radius=40),
    "PM": make_lens("PM", einstein_radius=35),
    "SIE": make_lens("SIE", einstein_radius=40, ratio=0.6, orientation_deg=30),
    "flat SIE": make_lens("SIE", einstein_radius=30, ratio=0.05, orientation_deg=200),
    "NFW": make_lens("NFW", kappa_s=0.3, scale_radius=70),
    "Shear": make_lens("Shear", kappa0=0.1, gamma1=0.05, gamma2=-0.12),
}
"""One lens of every kind."""

MASSIVE = tuple(name for name in SINGLE_LENSES if name != "Shear")


def mixed_cluster():
    """A cluster with one member of every kind."""
    centers = [(-20, 15), (30, 25), (10, -40), (45, -10), (-35, -30), (3, 2)]
    return make_cluster(
        moved(lens, x + 1j * y) for lens, (x, y) in zip(all_lenses(), centers, strict=True)
    )


def all_lenses():
    return list(SINGLE_LENSES.values())


def moved(lens, center):
    """The same lens about another center."""
    return type(lens)(**{**vars_of(lens), "center": complex(center)})


def vars_of(lens):
    """Parameters of a single lens by name."""
    return {name: getattr(lens, name) for name in lens.__dataclass_fields__}


@cache
def json_entries(name):
    """Entries of <name>.json."""
    return json.loads((FOLDER / f"{name}.json").read_text())


@cache
def table(name):
    """Rows of <name>.csv, text."""
    with (FOLDER / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def lens_of(entry):
    """Lens of an entry: one member stays single, several are a cluster."""
    members = entry["lens"] if isinstance(entry["lens"], list) else [entry["lens"]]
    lenses = [make_lens(**member) for member in members]
    return lenses[0] if len(lenses) == 1 else make_cluster(lenses)


def lens_of_row(row):
    """Lens of a row of deflection.csv; members are separated by |."""
    columns = ("cx", "cy", "einstein_radius", "ratio", "orientation_deg")
    values = [[float(text) for text in row[column].split("|")] for column in columns]
    return make_cluster(
        make_lens(kind, x=x, y=y, einstein_radius=g, ratio=f, orientation_deg=t)
        for kind, x, y, g, f, t in zip(row["kind"].split(";"), *values, strict=True)
    )


def amplitudes_of(entry):
    """Amplitudes of an entry, complex128 (N+1, N+2)."""
    order = entry.get("nterms") or max(int(key.split(",")[0]) for key in entry["alpha"])
    G = np.zeros((order + 1, order + 2), np.complex128)
    for unit, name in ((1, "alpha"), (1j, "beta")):
        for key, value in entry[name].items():
            m, s = map(int, key.split(","))
            G[m, s] += unit * value
    return G


def worst_of_orders(G, reference):
    """Largest deviation relative to the largest amplitude of the same m."""
    return np.max(np.abs(G - reference).max(1) / np.abs(reference).max(1))
