"""Kernels of the grid-based force fields: gather, centered gradient, shifted fields, power.

Arrays are float32, (nx, ny, nz) in C order; a region of a periodic box is given by three index
arrays that lie inside the box, so that a point has the same value in every region. `first`, `last`
are the rows (first axis of the region) to work on, as of `threads.over_rows`.
"""

import math

import numpy as np
from numba import njit

ZERO = np.float32(0.0)
ONE = np.float32(1.0)

OPTIONS = {"cache": True, "error_model": "numpy", "nogil": True}


@njit(**OPTIONS)
def _wrapped_line(first, step, index, n, stride, lower, upper, offsets):
    """Where the values around first + step * index (mod n) lie along an axis.

    `lower`, `upper` (c,) uint64: cell and next cell times `stride`; `offsets` (c,) float32: place
    inside the cell.
    """
    inverse = 1.0 / n
    for c in range(index.size):
        u = first + step * index[c]
        u -= n * math.floor(u * inverse)
        cell = math.floor(u)
        offsets[c] = np.float32(u - cell)
        k = np.int32(cell)
        k = k if k < n else np.int32(0)  # u just below n, rounded up
        lower[c] = k * stride
        upper[c] = (k + 1) * stride if k + 1 < n else 0


@njit(**OPTIONS)
def _gather_line(grid, origin, step, index, lower, upper, offsets, out):
    """Values on the line of points origin + step * index; `lower` ... (3, c) are work space."""
    stride = grid.size
    for d in range(3):
        n = grid.shape[d]
        stride //= n
        _wrapped_line(origin[d], step[d], index, n, stride, lower[d], upper[d], offsets[d])
    values = grid.reshape(-1)
    for c in range(index.size):
        k, k1 = lower[2, c], upper[2, c]
        r00, r01 = lower[0, c] + lower[1, c], lower[0, c] + upper[1, c]
        r10, r11 = upper[0, c] + lower[1, c], upper[0, c] + upper[1, c]
        x, y, z = offsets[0, c], offsets[1, c], offsets[2, c]
        v00 = values[r00 + k] + z * (values[r00 + k1] - values[r00 + k])
        v01 = values[r01 + k] + z * (values[r01 + k1] - values[r01 + k])
        v10 = values[r10 + k] + z * (values[r10 + k1] - values[r10 + k])
        v11 = values[r11 + k] + z * (values[r11 + k1] - values[r11 + k])
        v0 = v00 + y * (v01 - v00)
        v1 = v10 + y * (v11 - v10)
        out[c] = v0 + x * (v1 - v0)


@njit(inline="always", **OPTIONS)
def _work_space(n):
    return np.empty((3, n), np.uint64), np.empty((3, n), np.uint64), np.empty((3, n), np.float32)


@njit(**OPTIONS)
def gather(first, last, grid, origin, steps, ix, iy, iz, out):
    """Values of a periodic grid at the points of another one, trilinear.

    Parameters
    ----------
    grid : (nx, ny, nz) float32
    origin : (3,) float64
        Index coordinates in `grid` of point (0, 0, 0).
    steps : (3, 3) float64
        Row a: change of the index coordinates per step along axis a of the points.
    ix, iy, iz : (a,), (b,), (c,) int64
    out : (a, b, c) float32
        Written.
    """
    lower, upper, offsets = _work_space(iz.size)
    start = np.empty(3)
    for a in range(first, last):
        for b in range(iy.size):
            for d in range(3):
                start[d] = origin[d] + ix[a] * steps[0, d] + iy[b] * steps[1, d]
            _gather_line(grid, start, steps[2], iz, lower, upper, offsets, out[a, b])


@njit(**OPTIONS)
def gather_aligned(first, last, grid, cells, offsets, ix, iy, iz, out):
    """As `gather`, for points whose axes are parallel to those of the grid.

    Parameters
    ----------
    grid : (nx, ny, nz) float32
    cells, offsets : (3, n) int64, float32
        Row a: cell index and position inside the cell of every index on axis a of the points
        (rows padded to the longest axis).
    ix, iy, iz : (a,), (b,), (c,) int64
    out : (a, b, c) float32
        Written.
    """
    nx, ny, nz = grid.shape
    for a in range(first, last):
        i = cells[0, ix[a]]
        i1 = i + 1 if i + 1 < nx else 0
        x = offsets[0, ix[a]]
        line = np.empty(nz + 1, np.float32)
        for b in range(iy.size):
            j = cells[1, iy[b]]
            j1 = j + 1 if j + 1 < ny else 0
            y = offsets[1, iy[b]]
            for k in range(nz):
                v0 = grid[i, j, k] + y * (grid[i, j1, k] - grid[i, j, k])
                v1 = grid[i1, j, k] + y * (grid[i1, j1, k] - grid[i1, j, k])
                line[k] = v0 + x * (v1 - v0)
            line[nz] = line[0]
            for c in range(iz.size):
                k = cells[2, iz[c]]
                out[a, b, c] = line[k] + offsets[2, iz[c]] * (line[k + 1] - line[k])


@njit(**OPTIONS)
def gather_points(first, last, grid, points, out):
    """Values `out` (m,) float32 of a periodic grid at index coordinates `points` (m, 3) float64."""
    index, still = np.zeros(1, np.int64), np.zeros(3)
    lower, upper, offsets = _work_space(1)
    for m in range(first, last):
        _gather_line(grid, points[m], still, index, lower, upper, offsets, out[m : m + 1])


@njit(**OPTIONS)
def gather_field(first, last, grid, origin, steps, shifts, scale, turn, ix, iy, iz, columns, out):
    """Field -grad V of a periodic potential by central differences about points, and V itself.

    Parameters
    ----------
    grid : (nx, ny, nz) float32
        Potential V.
    origin, steps, ix, iy, iz
        As of `gather`.
    shifts : (3, 3) float64
        Row a: index coordinates of a displacement by h along Cartesian axis a of the grid.
    scale : float32
        1 / (2 h), 1/Å.
    turn : (3, 3) float32
        Rotation from the axes of the grid to those of the points.
    columns : (a, b) uint8
        Where 0, the column is left as it is.
    out : (a, b, c, 4) float32
        Written: field along the axes of the points, V.
    """
    lower, upper, offsets = _work_space(iz.size)
    start, place, values = np.empty(3), np.empty(3), np.empty((7, iz.size), np.float32)
    for a in range(first, last):
        for b in range(iy.size):
            if columns[a, b] == 0:
                continue
            for d in range(3):
                start[d] = origin[d] + ix[a] * steps[0, d] + iy[b] * steps[1, d]
            for side in range(6):
                sign = 1.0 - 2.0 * (side % 2)
                for d in range(3):
                    place[d] = start[d] + sign * shifts[side // 2, d]
                _gather_line(grid, place, steps[2], iz, lower, upper, offsets, values[side])
            _gather_line(grid, start, steps[2], iz, lower, upper, offsets, values[6])
            for c in range(iz.size):
                x = (values[1, c] - values[0, c]) * scale
                y = (values[3, c] - values[2, c]) * scale
                z = (values[5, c] - values[4, c]) * scale
                for d in range(3):
                    out[a, b, c, d] = turn[d, 0] * x + turn[d, 1] * y + turn[d, 2] * z
                out[a, b, c, 3] = values[6, c]


@njit(**OPTIONS)
def add_gradient(first, last, energy, scale, ix, iy, iz, columns, out):
    """Add -grad E by centered periodic differences, and E, to `out` (a, b, c, 4) float32.

    Parameters
    ----------
    energy : (nx, ny, nz) float32
    scale : (3,) float32
        1 / (2 step) of each axis, 1/Å.
    ix, iy, iz : (a,), (b,), (c,) int64
    columns : (a, b) uint8
        Where 0, the column is left as it is.
    """
    nx, ny, nz = energy.shape
    for a in range(first, last):
        i = ix[a]
        i0 = i - 1 if i > 0 else nx - 1
        i1 = i + 1 if i + 1 < nx else 0
        for b in range(iy.size):
            if columns[a, b] == 0:
                continue
            j = iy[b]
            j0 = j - 1 if j > 0 else ny - 1
            j1 = j + 1 if j + 1 < ny else 0
            for c in range(iz.size):
                k = iz[c]
                k0 = k - 1 if k > 0 else nz - 1
                k1 = k + 1 if k + 1 < nz else 0
                out[a, b, c, 0] += (energy[i0, j, k] - energy[i1, j, k]) * scale[0]
                out[a, b, c, 1] += (energy[i, j0, k] - energy[i, j1, k]) * scale[1]
                out[a, b, c, 2] += (energy[i, j, k0] - energy[i, j, k1]) * scale[2]
                out[a, b, c, 3] += energy[i, j, k]


@njit(**OPTIONS)
def add_shifted(first, last, field, charges, cells, offsets, columns, out):
    """Add sum_q Q_q field(z + QZ_q), linear between the planes, to `out` (a, b, c, 4) float32.

    Parameters
    ----------
    field : (a, b, d, 4) float32
        Planes from the lowest one that is needed.
    charges : (q,) float32
        e.
    cells, offsets : (q,) int64, (q,) float32
        Plane of `field` below plane 0 of `out` displaced by QZ_q, and the distance from it, in
        steps.
    columns : (a, b) uint8
        Where 0, the column is left as it is.
    """
    for a in range(first, last):
        for b in range(out.shape[1]):
            if columns[a, b] == 0:
                continue
            for q in range(charges.size):
                above = charges[q] * offsets[q]
                below = charges[q] * (ONE - offsets[q])
                for c in range(out.shape[2]):
                    k = cells[q] + c
                    for d in range(4):
                        out[a, b, c, d] += below * field[a, b, k, d] + above * field[a, b, k + 1, d]


@njit(**OPTIONS)
def power_positive(first, last, array, scale, exponent, out):
    """(scale max(v, 0))^exponent of float32 values (nx, ny, nz) into `out`."""
    for i in range(first, last):
        for j in range(array.shape[1]):
            for k in range(array.shape[2]):
                value = array[i, j, k]
                out[i, j, k] = (scale * value) ** exponent if value > ZERO else ZERO


@njit(**OPTIONS)
def weighted_product(first, last, spectrum, weights, factor, total):
    """Add factor * spectrum * weights to `total`; complex numbers as float32 (nx, ny, 2 m)."""
    for i in range(first, last):
        for j in range(spectrum.shape[1]):
            for k in range(spectrum.shape[2] // 2):
                a, b = spectrum[i, j, 2 * k], spectrum[i, j, 2 * k + 1]
                c, d = weights[i, j, 2 * k], weights[i, j, 2 * k + 1]
                total[i, j, 2 * k] += factor * (a * c - b * d)
                total[i, j, 2 * k + 1] += factor * (a * d + b * c)


def warm():
    """Compile every kernel of this module."""
    grid, values = np.zeros((2, 2, 2), np.float32), np.zeros((1, 1, 1), np.float32)
    origin, steps, charges = np.zeros(3), np.eye(3), np.zeros(1, np.float32)
    index, columns = (np.arange(1), np.arange(1), np.arange(1)), np.ones((1, 1), np.uint8)
    out, planes = np.zeros((1, 1, 1, 4), np.float32), np.zeros((1, 1, 2, 4), np.float32)
    cells, offsets = np.zeros((3, 1), np.int64), np.zeros((3, 1), np.float32)
    gather(0, 1, grid, origin, steps, *index, values)
    gather_aligned(0, 1, grid, cells, offsets, *index, values)
    gather_points(0, 1, grid, np.zeros((1, 3)), charges)
    turn = np.eye(3, dtype=np.float32)
    gather_field(0, 1, grid, origin, steps, steps, ONE, turn, *index, columns, out)
    add_gradient(0, 1, grid, np.ones(3, np.float32), *index, columns, out)
    add_shifted(0, 1, planes, charges, cells[0], charges, columns, out)
    power_positive(0, 1, values, ONE, ONE, values)
    spectrum = np.zeros((1, 1, 2), np.float32)
    weighted_product(0, 1, spectrum, spectrum, ONE, spectrum)
