"""Linked lists of particles in the cells of a periodic box; particles move, leave and come back.

`head` (n, n, n) int32 holds the first particle of each cell, `after` and `before` (N,) int32 its
neighbors in the list, -1 at the ends; `cell` (N,) int32 the flat index of the cell.
"""

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def link(rows, positions, box_size, head, after, before, cell):
    """Put particles `rows` at the front of the lists of the cells they are in."""
    n = head.shape[0]
    flat = head.reshape(-1)
    for row in rows:
        c = 0
        for axis in range(3):
            c = c * n + min(int(positions[row, axis] * (n / box_size)), n - 1)
        first = flat[c]
        cell[row], after[row], before[row] = c, first, -1
        if first >= 0:
            before[first] = row
        flat[c] = row


@njit(cache=True, nogil=True)
def unlink(rows, head, after, before, cell):
    """Take particles `rows` out of their lists."""
    flat = head.reshape(-1)
    for row in rows:
        left, right = before[row], after[row]
        if left >= 0:
            after[left] = right
        else:
            flat[cell[row]] = right
        if right >= 0:
            before[right] = left


@njit(cache=True, nogil=True)
def _distance_squared(position, center, box_size):
    total = 0.0
    for axis in range(3):
        d = position[axis] - center[axis]
        d -= box_size * np.rint(d / box_size)
        total += d * d
    return total


@njit(cache=True, nogil=True)
def near(center, radius, positions, box_size, head, after):
    """Listed particles closer to `center` than `radius`, by the nearest image; int64 (n,)."""
    n = head.shape[0]
    low = np.empty(3, np.int64)
    span = np.empty(3, np.int64)
    for axis in range(3):
        low[axis] = math.floor((center[axis] - radius) * (n / box_size))
        high = math.floor((center[axis] + radius) * (n / box_size))
        span[axis] = min(high - low[axis] + 1, n)
    found = np.empty(64, np.int64)
    count = 0
    for i in range(low[0], low[0] + span[0]):
        for j in range(low[1], low[1] + span[1]):
            for k in range(low[2], low[2] + span[2]):
                row = head[i % n, j % n, k % n]
                while row >= 0:
                    if _distance_squared(positions[row], center, box_size) < radius * radius:
                        if count == found.size:
                            larger = np.empty(2 * count, np.int64)
                            larger[:count] = found
                            found = larger
                        found[count] = row
                        count += 1
                    row = after[row]
    return found[:count].copy()


def warm():
    """Compile every kernel."""
    positions = np.zeros((2, 3))
    head = np.full((2, 2, 2), -1, np.int32)
    after, before, cell = np.full((3, 2), -1, np.int32)
    rows = np.arange(2)
    link(rows, positions, 1.0, head, after, before, cell)
    near(positions[0], 0.1, positions, 1.0, head, after)
    unlink(rows, head, after, before, cell)
