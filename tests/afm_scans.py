"""Reference scans and simulators for the tests of scans."""

import json
from pathlib import Path

import numpy as np

from simlab.afm.simulator import AFMulator

FOLDER = Path(__file__).parent / "data" / "afm"
SCANS = np.load(FOLDER / "scans.npz")
PARAMS = json.loads(str(SCANS["params"]))
TIP = ("tipR0", "tipStiffness", "iZPP", "Qs", "QZs")
NAMES = ("bcb", "PTCDA", "camphor")


def reference_simulator(**options):
    """AFMulator of the scans in `scans.npz`."""
    given = {key: PARAMS[key] for key in (*TIP, "scan_window", "scan_dim", "df_steps", "npbc")}
    given["pixPerAngstrome"] = PARAMS["pixPerAngstrome"]
    return AFMulator(**{**given, "backend": "numba", **options})


def periodic_simulator(**options):
    """AFMulator of the periodic case."""
    given = {key: PARAMS[key] for key in TIP}
    window = ((4, 4, 5), (12, 12, 6.2))
    given.update(pixPerAngstrome=8, scan_dim=(24, 24, 12), scan_window=window, df_steps=5)
    return AFMulator(**{**given, "npbc": (1, 1, 0), "backend": "numba", **options})


def sample(name):
    """(xyzs, Zs, qs) of a placed reference molecule."""
    return SCANS[f"{name}_xyz"], SCANS[f"{name}_Z"], SCANS[f"{name}_q"]


def small_simulator(**options):
    """AFMulator of few pixels over the reference window."""
    given = {
        "scan_dim": (12, 11, 14),
        "scan_window": ((6, 6, 5), (14, 14, 6.4)),
        "df_steps": 5,
        "npbc": (0, 0, 0),
        "pixPerAngstrome": 10,
        "backend": "numba",
    }
    return AFMulator(**{**given, **options})


def assert_quantiles(difference, bounds):
    """Each quantile of |difference| lies below its bound; 1 is the maximum."""
    difference = np.abs(difference).ravel()
    for quantile, bound in bounds.items():
        assert np.quantile(difference, quantile) < bound, quantile
