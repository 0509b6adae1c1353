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


@njit(inline="always", **OPTIONS)
def _wrapped_cell(u, n, inverse):
    """Cell index and position inside the cell of coordinate `u` on a periodic axis."""
    u -= n * math.floor(u * inverse)
    cell = int(u)
    offset = u - cell
    if cell >= n:  # u just below a multiple of n, rounded up
        cell -= n
    return cell, offset


@njit(inline="always", **OPTIONS)
def _trilinear(grid, u, v, w, inverse):
    nx, ny, nz = grid.shape
    i, tx = _wrapped_cell(u, nx, inverse[0])
    j, ty = _wrapped_cell(v, ny, inverse[1])
    k, tz = _wrapped_cell(w, nz, inverse[2])
    i1 = i + 1 if i + 1 < nx else 0
    j1 = j + 1 if j + 1 < ny else 0
    k1 = k + 1 if k + 1 < nz else 0
    x, y, z = np.float32(tx), np.float32(ty), np.float32(tz)
    v00 = grid[i, j, k] + z * (grid[i, j, k1] - grid[i, j, k])
    v01 = grid[i, j1, k] + z * (grid[i, j1, k1] - grid[i, j1, k])
    v10 = grid[i1, j, k] + z * (grid[i1, j, k1] - grid[i1, j, k])
    v11 = grid[i1, j1, k] + z * (grid[i1, j1, k1] - grid[i1, j1, k])
    v0 = v00 + y * (v01 - v00)
    v1 = v10 + y * (v11 - v10)
    return v0 + x * (v1 - v0)


@njit(inline="always", **OPTIONS)
def _inverse_shape(grid):
    return 1.0 / grid.shape[0], 1.0 / grid.shape[1], 1.0 / grid.shape[2]


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
    inverse = _inverse_shape(grid)
    for a in range(first, last):
        for b in range(iy.size):
            u = origin[0] + ix[a] * steps[0, 0] + iy[b] * steps[1, 0]
            v = origin[1] + ix[a] * steps[0, 1] + iy[b] * steps[1, 1]
            w = origin[2] + ix[a] * steps[0, 2] + iy[b] * steps[1, 2]
            for c in range(iz.size):
                k = iz[c]
                out[a, b, c] = _trilinear(
                    grid, u + k * steps[2, 0], v + k * steps[2, 1], w + k * steps[2, 2], inverse
                )


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
    inverse = _inverse_shape(grid)
    for m in range(first, last):
        out[m] = _trilinear(grid, points[m, 0], points[m, 1], points[m, 2], inverse)


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
    inverse = _inverse_shape(grid)
    for a in range(first, last):
        field = np.empty(3, np.float32)
        for b in range(iy.size):
            if columns[a, b] == 0:
                continue
            for c in range(iz.size):
                i, j, k = ix[a], iy[b], iz[c]
                u = origin[0] + i * steps[0, 0] + j * steps[1, 0] + k * steps[2, 0]
                v = origin[1] + i * steps[0, 1] + j * steps[1, 1] + k * steps[2, 1]
                w = origin[2] + i * steps[0, 2] + j * steps[1, 2] + k * steps[2, 2]
                for d in range(3):
                    du, dv, dw = shifts[d, 0], shifts[d, 1], shifts[d, 2]
                    below = _trilinear(grid, u - du, v - dv, w - dw, inverse)
                    above = _trilinear(grid, u + du, v + dv, w + dw, inverse)
                    field[d] = (below - above) * scale
                for d in range(3):
                    out[a, b, c, d] = (
                        turn[d, 0] * field[0] + turn[d, 1] * field[1] + turn[d, 2] * field[2]
                    )
                out[a, b, c, 3] = _trilinear(grid, u, v, w, inverse)


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
    """Add factor * spectrum * weights to `total`; all complex64 (nx, ny, m), factor float32."""
    for i in range(first, last):
        for j in range(spectrum.shape[1]):
            for k in range(spectrum.shape[2]):
                a, b = spectrum[i, j, k], weights[i, j, k]
                real = factor * (a.real * b.real - a.imag * b.imag)
                imag = factor * (a.real * b.imag + a.imag * b.real)
                total[i, j, k] += np.complex64(complex(real, imag))


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
    spectrum = np.zeros((1, 1, 1), np.complex64)
    weighted_product(0, 1, spectrum, spectrum, ONE, spectrum)
