"""Sums over pictures in one fixed order: pixel by pixel within a row, then row by row."""

import numpy as np
from numba import njit

BLUE, GREEN, RED = 0.114, 0.587, 0.299
"""Weights of color channels in the gray level (ITU-R BT.601)."""
ROWS = 8
"""Rows that are summed side by side; each row has its own sums."""


@njit(cache=True, error_model="numpy", nogil=True)
def light_moments(image):
    """Sums of g, column g and row g over the pixels of a picture, g its gray level.

    Parameters
    ----------
    image : float (h, w, 1 or 3)
        Channels B, G, R.

    Returns
    -------
    3 float64
    """
    height, width, channels = image.shape
    total = across = down = 0.0
    sums, moments = np.empty(ROWS), np.empty(ROWS)
    for first in range(0, height, ROWS):
        count = min(ROWS, height - first)
        sums[:] = 0.0
        moments[:] = 0.0
        for x in range(width):
            for k in range(count):
                if channels == 1:
                    gray = np.float64(image[first + k, x, 0])
                else:
                    gray = BLUE * image[first + k, x, 0]
                    gray += GREEN * image[first + k, x, 1]
                    gray += RED * image[first + k, x, 2]
                sums[k] += gray
                moments[k] += x * gray
        for k in range(count):
            total += sums[k]
            across += moments[k]
            down += (first + k) * sums[k]
    return total, across, down


def warm():
    """Compile the kernel."""
    for dtype in (np.float32, np.float64):
        light_moments(np.zeros((1, 1, 1), dtype))
