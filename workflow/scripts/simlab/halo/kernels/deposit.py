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
def _node(p, n):
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
        i0, i1, u = _node(positions[k, 0] * scale, n)
        j0, j1, v = _node(positions[k, 1] * scale, n)
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
        i0, i1, u = _node(positions[k, 0] * scale, n)
        j0, j1, v = _node(positions[k, 1] * scale, n)
        l0, l1, w = _node(positions[k, 2] * scale, n)
        m = np.float64(masses[k * step])
        for i, a in ((i0, m * (1 - u)), (i1, m * u)):
            for j, b in ((j0, a * (1 - v)), (j1, a * v)):
                field[i, j, l0] += b * (1 - w)
                field[i, j, l1] += b * w


@njit(cache=True, nogil=True)
def deposit_images(d, masses, rotation, box, half_depth, reach, scale, field):
    """Add all images of particles inside the rotated cube of side `box` to `field` (n, n) float64.

    d (N, 3) float64: offsets from the center, nearest image, each in [-box/2, box/2]. An image
    d + box n, n in {-1, 0, 1}^3, rotated, is taken if its x and y are in [-box/2, box/2) and its z
    in [-half_depth, half_depth). reach < 0: all images. reach >= 0: only the given one and those
    shifted along one axis k with |d_k| > box/2 - reach (the six face copies).
    Returns how many were taken.
    """
    h = box / 2
    n = field.shape[0]
    # farther images than the cube's corners need no rotation
    far = 0.75 * box * box * (1 + 1e-12)
    step = 0 if masses.size == 1 else 1
    taken = 0
    for k in range(d.shape[0]):
        m = np.float64(masses[k * step])
        for a in range(-1, 2):
            x = d[k, 0] + a * box
            if x * x > far:
                continue
            for b in range(-1, 2):
                y = d[k, 1] + b * box
                if x * x + y * y > far:
                    continue
                for c in range(-1, 2):
                    z = d[k, 2] + c * box
                    if x * x + y * y + z * z > far:
                        continue
                    if reach >= 0:
                        shifts = abs(a) + abs(b) + abs(c)
                        face = a * d[k, 0] + b * d[k, 1] + c * d[k, 2]
                        if shifts > 1 or (shifts == 1 and not -face > h - reach):
                            continue
                    xr = rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z
                    yr = rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z
                    zr = rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z
                    if not (-h <= xr < h and -h <= yr < h and -half_depth <= zr < half_depth):
                        continue
                    i0, i1, u = _node((xr + h) * scale, n)
                    j0, j1, v = _node((yr + h) * scale, n)
                    field[i0, j0] += m * (1 - u) * (1 - v)
                    field[i0, j1] += m * (1 - u) * v
                    field[i1, j0] += m * u * (1 - v)
                    field[i1, j1] += m * u * v
                    taken += 1
    return taken


def warm():
    """Compile for the types that the library uses."""
    field = np.zeros((4, 4))
    for real in (np.float32, np.float64):
        masses = np.ones(1, real)
        count_outside(masses, 0.0, 1.0)
        deposit_plane(np.zeros((1, 2), real), masses, 1.0, field)
        deposit_volume(np.zeros((1, 3), real), masses, 1.0, np.zeros((4, 4, 4)))
        deposit_images(np.zeros((1, 3)), masses, np.eye(3), 1.0, 0.5, -1.0, 4.0, field)
