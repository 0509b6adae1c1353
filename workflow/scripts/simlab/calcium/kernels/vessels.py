"""Ways through tubes."""

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def add_capsules(segments, path):
    """Add the length of the way through every segment to `path`.

    Parameters
    ----------
    segments : (n, 5) float64
        y0, x0, y1, x1 and radius r, px: where the distance d to the axis is below r, the way is
        2 sqrt(r^2 - d^2).
    path : (H, W) float64
        Pixel (i, j) lies at y = i, x = j; px.
    """
    height, width = path.shape
    for i in range(len(segments)):
        y0, x0, y1, x1, r = segments[i]
        along_y, along_x = y1 - y0, x1 - x0
        square = along_y * along_y + along_x * along_x
        top = max(math.ceil(min(y0, y1) - r), 0)
        bottom = min(math.floor(max(y0, y1) + r) + 1, height)
        left = max(math.ceil(min(x0, x1) - r), 0)
        right = min(math.floor(max(x0, x1) + r) + 1, width)
        for y in range(top, bottom):
            for x in range(left, right):
                dy, dx = y - y0, x - x0
                if square > 0:
                    part = min(max((dy * along_y + dx * along_x) / square, 0.0), 1.0)
                    dy -= part * along_y
                    dx -= part * along_x
                inside = r * r - (dy * dy + dx * dx)
                if inside > 0:
                    path[y, x] += 2.0 * math.sqrt(inside)


def warm():
    """Compile the entry points."""
    add_capsules(np.ones((1, 5)), np.zeros((2, 2)))
