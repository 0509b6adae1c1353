"""Kernel of the potential of Gaussian charges on a rectangular grid."""

import math

import numpy as np
from numba import njit

ONE_BEYOND = 4.3
"""r/(sqrt(2) sigma) from which on erf differs from 1 by less than 2e-9."""

CONSTANT_BELOW = 1e-4
"""r/sigma below which erf(r/(sqrt(2) sigma))/r is constant to 1e-9."""

OPTIONS = {"cache": True, "error_model": "numpy", "nogil": True}


@njit(**OPTIONS)
def gaussian_potential(first, last, x, y, z, atoms, charges, sigma, out):
    """V = sum_a q_a erf(r_a/(sqrt(2) sigma))/r_a for the rows first to last - 1 of x.

    Parameters
    ----------
    x, y, z : (a,), (b,), (c,) float64
        Coordinates of the points, Å.
    atoms : (n, 3) float64
        Å.
    charges : (n,) float64
        Charges times Coulomb's constant, V Å.
    sigma : float
        Å.
    out : (a, b, c) float32
        V.
    """
    scale = 1.0 / (math.sqrt(2.0) * sigma)
    beyond = (ONE_BEYOND / scale) ** 2
    least = (CONSTANT_BELOW * sigma) ** 2
    for a in range(first, last):
        column = np.empty(z.size)
        for b in range(y.size):
            column[:] = 0.0
            for n in range(len(atoms)):
                plane2 = (x[a] - atoms[n, 0]) ** 2 + (y[b] - atoms[n, 1]) ** 2
                for c in range(z.size):
                    r2 = max(plane2 + (z[c] - atoms[n, 2]) ** 2, least)
                    r = math.sqrt(r2)
                    part = 1.0 if r2 > beyond else math.erf(r * scale)
                    column[c] += charges[n] * part / r
            for c in range(z.size):
                out[a, b, c] = column[c]


def warm():
    """Compile the kernel of this module."""
    axis, out = np.zeros(1), np.zeros((1, 1, 1), np.float32)
    gaussian_potential(0, 1, axis, axis, axis, np.zeros((1, 3)), np.ones(1), 0.6, out)
