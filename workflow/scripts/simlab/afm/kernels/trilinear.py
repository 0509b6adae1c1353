"""Exact float32 trilinear interpolation in a piece of a force-field grid.

The piece is float32 (sx, sy, sz, 4), flattened; `start` is the grid index of its first point and,
behind it, the period along each axis after which a piece of the whole box repeats, 0 for a part. A
place is an integer grid index per axis and fractions in [0, 1).
"""

import numpy as np
from numba import njit

F1 = np.float32(1)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def corner(i, j, k, start, shape):
    """Offset of a grid point in the flattened piece; -1 where one of its 8 neighbors is missing."""
    a, b, c = i - start[0], j - start[1], k - start[2]
    if start[3] > 0:
        a, b, c = a % start[3], b % start[4], c % start[5]
    inside = (
        (a >= 0) and (b >= 0) and (c >= 0)
        and (a + 1 < shape[0]) and (b + 1 < shape[1]) and (c + 1 < shape[2])
    )  # fmt: skip
    if not inside:
        return -1
    return 4 * ((a * shape[1] + b) * shape[2] + c)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def blend(a, az, b, bz, c, cz, d, dz, tx, ty, tz):
    """Value and its derivatives by tx, ty, tz from 8 corners.

    a, b, c, d are the corners (x, y) = (0, 0), (0, 1), (1, 0), (1, 1); az ... the points above.
    """
    da, db, dc, dd = az - a, bz - b, cz - c, dz - d
    a += tz * da
    b += tz * db
    c += tz * dc
    d += tz * dd
    left_y, right_y = b - a, d - c
    left, right = a + ty * left_y, c + ty * right_y
    left_z, right_z = da + ty * (db - da), dc + ty * (dd - dc)
    slope = right - left
    return (
        left + tx * slope,
        slope,
        left_y + tx * (right_y - left_y),
        left_z + tx * (right_z - left_z),
    )


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def value(piece, offset, component, row, plane, tx, ty, tz):
    """One component."""
    o = np.uintp(offset + component)
    dy, dx, dz = np.uintp(row), np.uintp(plane), np.uintp(4)
    a, b, c, d = piece[o], piece[o + dy], piece[o + dx], piece[o + dx + dy]
    a += tz * (piece[o + dz] - a)
    b += tz * (piece[o + dy + dz] - b)
    c += tz * (piece[o + dx + dz] - c)
    d += tz * (piece[o + dx + dy + dz] - d)
    left, right = a + ty * (b - a), c + ty * (d - c)
    return left + tx * (right - left)
