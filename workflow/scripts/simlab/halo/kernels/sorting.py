"""Order a chunk of particles by cells, so that neighbors in space are neighbors in memory.

The box has rows x rows columns along z of `cells` cells each. First the particles are dealt to
columns, block by block of the chunk; then each column, which fits the cache, is ordered by cell.
Both steps keep the order of equals, and blocks are fixed: the result does not depend on threads.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def find_columns(positions, start, stop, scale, rows, columns, counts):
    """Number of the column of particles start..stop-1 -> `columns`; `counts` (rows^2) of each.

    positions (N, 3) float32 in [0, L), scale = rows / L.
    """
    last = rows - 1.0
    for k in range(start, stop):
        # x rows / L may round to rows
        i = min(np.float64(positions[k, 0]) * scale, last + 0.5)
        j = min(np.float64(positions[k, 1]) * scale, last + 0.5)
        columns[k] = np.uint16(np.int32(i) * np.int32(rows) + np.int32(j))
    for k in range(start, stop):
        counts[columns[k]] += 1


@njit(cache=True, nogil=True)
def place_blocks(counts):
    """Turn `counts` (blocks, columns) into first places, column by column, blocks in order.

    Returns the first places of the columns and the total, (columns + 1).
    """
    first = np.empty(counts.shape[1] + 1, np.int64)
    place = 0
    for column in range(counts.shape[1]):
        first[column] = place
        for block in range(counts.shape[0]):
            here = counts[block, column]
            counts[block, column] = place
            place += here
    first[-1] = place
    return first


@njit(cache=True, nogil=True)
def deal_to_columns(positions, words, columns, start, stop, places, dealt):
    """Copy particles start..stop-1 to the next free places of their columns, which advance.

    A row of `dealt` (N, 3 + W) float32 is a position and the W words (N, W) of the mass: 0, 1 or 2
    for no mass, float32, float64. One row is one place in memory.
    """
    width = words.shape[1]
    for k in range(start, stop):
        column = columns[k]
        place = places[column]
        places[column] = place + 1
        dealt[place, 0] = positions[k, 0]
        dealt[place, 1] = positions[k, 1]
        dealt[place, 2] = positions[k, 2]
        for word in range(width):
            dealt[place, 3 + word] = words[k, word]


@njit(cache=True, nogil=True)
def order_columns(dealt, first, low, high, scale, cells, x, y, z, words, starts):
    """Order the particles of columns low..high-1 by cell along z: rows -> x, y, z (N,), words.

    scale = cells / L. `starts` (columns cells + 1): first particle of each cell.
    """
    width = words.shape[1]
    last = cells - 0.5
    for column in range(low, high):
        begin, end = first[column], first[column + 1]
        here = starts[column * cells : (column + 1) * cells]
        here[:] = 0
        for k in range(begin, end):
            here[np.int32(min(np.float64(dealt[k, 2]) * scale, last))] += 1
        place = begin
        for cell in range(cells):
            count = here[cell]
            here[cell] = place
            place += count
        for k in range(begin, end):
            cell = np.int32(min(np.float64(dealt[k, 2]) * scale, last))
            place = here[cell]
            here[cell] = place + 1
            x[place] = dealt[k, 0]
            y[place] = dealt[k, 1]
            z[place] = dealt[k, 2]
            for word in range(width):
                words[place, word] = dealt[k, 3 + word]
        # places have advanced to the ends: shift them back
        for cell in range(cells - 1, 0, -1):
            here[cell] = here[cell - 1]
        here[0] = begin


def warm():
    """Compile for the types that the library uses."""
    positions, words = np.zeros((2, 3), np.float32), np.zeros((2, 1), np.float32)
    columns, first = np.zeros(2, np.uint16), np.array([0, 2])
    x, y, z = np.zeros((3, 2), np.float32)
    starts = np.zeros(2, np.int64)
    counts = np.zeros((1, 1), np.int64)
    find_columns(positions, 0, 2, 1.0, 1, columns, counts[0])
    place_blocks(counts)
    dealt = np.zeros((2, 4), np.float32)
    deal_to_columns(positions, words, columns, 0, 2, counts[0], dealt)
    order_columns(dealt, first, 0, 1, 1.0, 1, x, y, z, words, starts)
