"""Cloud-in-cell maps of particles, one after the other: any positions, any grid.

Nodes sit at i L / n. A particle at grid coordinate p gives 1 - (p - floor p) of its mass to node
floor p and the rest to the next one, on every axis, with periodic wrap (Hockney & Eastwood 1988).
`masses` has one element per particle, or one for all.
"""

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def count_outside(values, low, high):
    """How many of `values` (n,) are not in [low, high); NaN is not."""
    outside = 0
    for i in range(values.size):
        v = values[i]
        outside += not (low <= v < high)
    return outside


@njit(cache=True, nogil=True, inline="always")
def node(p, n):
    """(node below p, next node, share of the next node) on a periodic axis of n nodes."""
    i = np.int64(math.floor(p))
    u = p - i
    i %= n
    j = i + 1
    return i, (0 if j == n else j), u


@njit(cache=True, nogil=True)
def deposit_plane(positions, masses, scale, field):
    """Add particles at `positions` (N, 2) times `scale` to `field` (n, n) float64."""
    n = field.shape[0]
    step = 0 if masses.size == 1 else 1
    for k in range(positions.shape[0]):
        i0, i1, u = node(positions[k, 0] * scale, n)
        j0, j1, v = node(positions[k, 1] * scale, n)
        m = np.float64(masses[k * step])
        field[i0, j0] += m * (1 - u) * (1 - v)
        field[i0, j1] += m * (1 - u) * v
        field[i1, j0] += m * u * (1 - v)
        field[i1, j1] += m * u * v


@njit(cache=True, nogil=True)
def deposit_volume(positions, masses, scale, field):
    """Add particles at `positions` (N, 3) times `scale` to `field` (n, n, n) float64."""
    n = field.shape[0]
    step = 0 if masses.size == 1 else 1
    for k in range(positions.shape[0]):
        i0, i1, u = node(positions[k, 0] * scale, n)
        j0, j1, v = node(positions[k, 1] * scale, n)
        l0, l1, w = node(positions[k, 2] * scale, n)
        m = np.float64(masses[k * step])
        for i, a in ((i0, m * (1 - u)), (i1, m * u)):
            for j, b in ((j0, a * (1 - v)), (j1, a * v)):
                field[i, j, l0] += b * (1 - w)
                field[i, j, l1] += b * w


def warm():
    """Compile for the types that the library uses."""
    for real in (np.float32, np.float64):
        masses = np.ones(1, real)
        count_outside(masses, 0.0, 1.0)
        deposit_plane(np.zeros((1, 2)), masses, 1.0, np.zeros((4, 4)))
        deposit_volume(np.zeros((1, 3)), masses, 1.0, np.zeros((4, 4, 4)))
