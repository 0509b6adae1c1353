"""Separable Gaussian filter in float64."""

import numpy as np
from numba import njit

jit = njit(cache=True, nogil=True, error_model="numpy")


@jit
def gaussian_weights(sigma):
    """w[0..R], R = int(4 sigma + 0.5): one half of the normalized Gaussian, w[0] its center."""
    radius = int(4.0 * sigma + 0.5)
    weights = np.empty(radius + 1)
    weights[0] = 1.0
    total = 1.0
    for k in range(1, radius + 1):
        weights[k] = np.exp(-0.5 * k * k / (sigma * sigma))
        total += 2.0 * weights[k]
    return weights / total


@jit
def border_index(n, radius, mode):
    """Where sample i - radius of a line of n samples comes from, i = 0 ... n + 2 radius - 1.

    mode 0 (reflect): the line is mirrored at its edges, edge samples repeated; 1 (nearest): the
    edge sample goes on. The names are those of scipy.ndimage.
    """
    index = np.empty(n + 2 * radius, np.int64)
    for i in range(n + 2 * radius):
        j = i - radius
        if mode == 1:
            j = min(max(j, 0), n - 1)
        else:
            j %= 2 * n
            j = min(j, 2 * n - 1 - j)
        index[i] = j
    return index


@jit
def gaussian_filter(field, sigma, mode):
    """`field` convolved with a Gaussian along columns, then along rows.

    Parameters
    ----------
    field : (H, W) float64
    sigma : float
        Pixels, >= 0.
    mode : int
        See `border_index`.

    Returns
    -------
    (H, W) float64
    """
    weights = gaussian_weights(sigma)
    radius = len(weights) - 1
    height, width = field.shape
    rows = border_index(height, radius, mode)
    columns = border_index(width, radius, mode)
    out = np.empty((height, width))
    down = np.empty(width)
    padded = np.empty(width + 2 * radius)
    for y in range(height):
        here = field[rows[y + radius]]
        for x in range(width):
            down[x] = weights[0] * here[x]
        for k in range(1, radius + 1):
            above = field[rows[y + radius - k]]
            below = field[rows[y + radius + k]]
            weight = weights[k]
            for x in range(width):
                down[x] += weight * (above[x] + below[x])
        for x in range(width + 2 * radius):
            padded[x] = down[columns[x]]
        line = out[y]
        for x in range(width):
            line[x] = weights[0] * padded[x + radius]
        for k in range(1, radius + 1):
            weight = weights[k]
            left = padded[radius - k : radius - k + width]
            right = padded[radius + k : radius + k + width]
            for x in range(width):
                line[x] += weight * (left[x] + right[x])
    return out


def warm():
    """Compile the entry points."""
    gaussian_filter(np.ones((2, 2)), 1.0, 0)
