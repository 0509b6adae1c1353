"""Surface brightness of sources at points of the source plane."""

import math

import numpy as np
from numba import njit

from simlab.lensing.kernels.elementary import exponential, half_log_of_ratio

COLUMNS = 10
"""Columns of a table of profiles: x, y, m00, m01, m10, m11, peak, rate, power, ceiling.

With d the point minus (x, y) and w = (m00 dx + m01 dy)^2 + (m10 dx + m11 dy)^2 the profile is
min(ceiling, peak exp(-rate w^power)): Gaussian rate = 1/2, power = 1; Sersic power = 1/(2n).
"""

FARTHEST = 1e300
"""Values of w from here on, and undefined ones, are dark."""


@njit(cache=True, error_model="numpy", nogil=True)
def shade(profiles, ceiling, bx, by, out):
    """Sum of profiles, at most `ceiling`.

    Parameters
    ----------
    profiles : float64 (k, COLUMNS)
    ceiling : float
        Largest sum; inf for none.
    bx, by : float64 (n,)
        Points, px; where one is undefined (NaN) the result is 0.
    out : float64 (n,), written
    """
    n = bx.size
    for i in range(n):
        out[i] = 0.0
    for k in range(profiles.shape[0]):
        x, y = profiles[k, 0], profiles[k, 1]
        m00, m01, m10, m11 = profiles[k, 2], profiles[k, 3], profiles[k, 4], profiles[k, 5]
        peak, rate, power, most = profiles[k, 6], profiles[k, 7], profiles[k, 8], profiles[k, 9]
        if power == 1.0:
            for i in range(n):
                dx, dy = bx[i] - x, by[i] - y
                p, q = m00 * dx + m01 * dy, m10 * dx + m11 * dy
                w = p * p + q * q
                value = min(peak * exponential(-rate * w), most)
                out[i] += value if w < FARTHEST else 0.0
        else:
            for i in range(n):
                dx, dy = bx[i] - x, by[i] - y
                p, q = m00 * dx + m01 * dy, m10 * dx + m11 * dy
                w = p * p + q * q
                root = exponential(2.0 * power * half_log_of_ratio(max(w, 1e-300), 1.0))
                value = min(peak * exponential(-rate * root), most)
                out[i] += value if w < FARTHEST else 0.0
    if ceiling < math.inf:
        for i in range(n):
            out[i] = min(out[i], ceiling)


@njit(cache=True, error_model="numpy", nogil=True)
def add_texture(values, frame, bx, by, out):
    """Add a picture, interpolated bilinearly, zeros around it.

    Parameters
    ----------
    values : float64 (h, w, channels)
    frame : float64 (8,)
        x, y, the point (px) at the picture's (row, column) = frame[6:8]; m00, m01, m10, m11:
        column - frame[7] = m00 dx + m01 dy, frame[6] - row = m10 dx + m11 dy.
    bx, by : float64 (n,)
        Points, px; undefined ones (NaN) count as outside.
    out : float64 (n, channels), added to; one channel of `values` is added to each of several
    """
    height, width, channels = values.shape
    x, y, row_0, column_0 = frame[0], frame[1], frame[6], frame[7]
    m00, m01, m10, m11 = frame[2], frame[3], frame[4], frame[5]
    for i in range(bx.size):
        dx, dy = bx[i] - x, by[i] - y
        column = column_0 + m00 * dx + m01 * dy
        row = row_0 - (m10 * dx + m11 * dy)
        if not (-1.0 < row < height and -1.0 < column < width):
            continue
        r, c = math.floor(row), math.floor(column)
        v, u = row - r, column - c
        for k in range(out.shape[1]):
            channel = k if channels > 1 else 0
            upper = lower = 0.0
            if r >= 0:
                upper += (1 - u) * values[r, c, channel] if c >= 0 else 0.0
                upper += u * values[r, c + 1, channel] if c + 1 < width else 0.0
            if r + 1 < height:
                lower += (1 - u) * values[r + 1, c, channel] if c >= 0 else 0.0
                lower += u * values[r + 1, c + 1, channel] if c + 1 < width else 0.0
            out[i, k] += (1 - v) * upper + v * lower


@njit(cache=True, error_model="numpy", nogil=True)
def pick(values, middle, above, bx, by, out):
    """Value of the raster's pixel that holds (middle - by, bx + middle), without interpolation.

    Parameters
    ----------
    values : uint8 (n, n, channels)
    middle : float
        n/2.
    above : bool
        Whether indices of exactly n - 1 belong to the raster.
    bx, by : float64 (k,)
        Points, px; undefined ones (NaN) count as outside.
    out : uint8 (k, channels), written
    """
    last = values.shape[0] - 1
    for i in range(bx.size):
        row, column = middle - by[i], bx[i] + middle
        inside = row >= 0 and column >= 0 and row <= last and column <= last
        inside = inside and (above or (row < last and column < last))
        for k in range(out.shape[1]):
            out[i, k] = values[int(row), int(column), k] if inside else 0


def warm():
    """Compile the kernels."""
    b, out = np.zeros(2), np.zeros(2)
    shade(np.ones((1, COLUMNS)), 255.0, b, b, out)
    add_texture(np.ones((1, 1, 1)), np.zeros(8), b, b, np.zeros((2, 1)))
    pick(np.ones((1, 1, 1), np.uint8), 0.5, True, b, b, np.zeros((2, 1), np.uint8))
