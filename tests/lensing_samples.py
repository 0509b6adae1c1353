"""Rows of lensing tables that tests share."""

from simlab.lensing.simulate import simulate_row

SMALL = {"imagesize": 128, "nterms": 6}
"""Settings of small pictures."""
SIE = {"lens": "SIE", "einsteinradius": 16, "ellipseratio": 0.6, "orientation": 30}
ROULETTE_SIE = {**SIE, "model": "Roulette"}


def row_of(**cells):
    """A row: a Gaussian source behind an SIS of 16 px, with changes."""
    row = {
        "index": 1,
        "filename": "image-000001.png",
        "model": "Raytrace",
        "lens": "SIS",
        "einsteinradius": 16,
        "source": "Spherical",
        "sigma": 4,
        "x": 9,
        "y": 5,
    }
    return {**row, **cells}


def complex_of(columns, name):
    """The point that columns `{name}X` and `{name}Y` hold."""
    return complex(float(columns[f"{name}X"]), float(columns[f"{name}Y"]))


def simulated(row, **settings):
    """The Simulation of a row with small pictures."""
    return simulate_row(row, {**SMALL, **settings})
