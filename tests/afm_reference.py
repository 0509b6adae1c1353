"""Reference data and molecules of the AFM tests."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from simlab.afm.files.xyz import loadXYZ

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data" / "afm"
MOLECULES = ROOT / "resources" / "afm" / "molecules"
HELPERS = json.loads((DATA / "helpers.json").read_text())


@cache
def arrays(name):
    """Arrays of a reference file as a dict."""
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as archive:
        return dict(archive)


def molecule(name):
    """(xyzs, Zs, qs) of a shipped molecule."""
    return loadXYZ(MOLECULES / f"{name}.xyz")[:3]


def paths(*names):
    """Files of shipped molecules."""
    return [MOLECULES / f"{name}.xyz" for name in names]


def within(measured, expected, limit, quantile=1.0):
    """Whether a share `quantile` of the values is within `limit` of what is expected."""
    difference = np.abs(np.asarray(measured, np.float64) - expected)
    return float(np.quantile(difference, quantile)) <= limit
