"""Drawing on pixel grids."""

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def draw_lines(image, ends):
    """Set the pixels of straight lines to 1, in place.

    Bresenham's midpoint rule. The row is the major axis where |r1-r0| > |c1-c0|, otherwise the
    column; with major length a and minor length b the decision value starts at 2b-a, and every
    pixel but the last is set before the minor axis steps.

    Parameters
    ----------
    image : float64 (H, W)
    ends : int64 (n, 4)
        r0, c0, r1, c1 of each line, pixels inside the image.
    """
    for line in range(ends.shape[0]):
        row, col, last_row, last_col = ends[line]
        row_step = 1 if last_row > row else -1
        col_step = 1 if last_col > col else -1
        rows, cols = abs(last_row - row), abs(last_col - col)
        if rows > cols:
            decision = 2 * cols - rows
            for _ in range(rows):
                image[row, col] = 1.0
                while decision >= 0:
                    col += col_step
                    decision -= 2 * rows
                row += row_step
                decision += 2 * cols
        else:
            decision = 2 * rows - cols
            for _ in range(cols):
                image[row, col] = 1.0
                while decision >= 0:
                    row += row_step
                    decision -= 2 * cols
                col += col_step
                decision += 2 * rows
        image[last_row, last_col] = 1.0


@njit(cache=True, nogil=True)
def mark_disks(covered, x, y, radius):
    """Set the pixels whose centers are at most `radius` from a position to 1, in place.

    Parameters
    ----------
    covered : uint8 (H, W)
    x, y : float64 (M,)
        Column and row coordinates, px, pixel (0, 0) centered at the origin.
    radius : float
        px.
    """
    height, width = covered.shape
    for j in range(x.shape[0]):
        first = max(0, math.ceil(y[j] - radius))
        last = min(height - 1, math.floor(y[j] + radius))
        for row in range(first, last + 1):
            half = math.sqrt(max(0.0, radius * radius - (row - y[j]) * (row - y[j])))
            left = max(0, math.ceil(x[j] - half))
            right = min(width - 1, math.floor(x[j] + half))
            for col in range(left, right + 1):
                covered[row, col] = 1


def warm():
    """Compile the kernels of this module."""
    draw_lines(np.zeros((2, 2)), np.zeros((1, 4), np.int64))
    mark_disks(np.zeros((2, 2), np.uint8), np.zeros(1), np.zeros(1), 1.0)
