"""Pixels and points of the image plane, crops, and the distance ratio chi.

A picture has n rows and n columns. Pixel (row r, column c) stands for the point
theta = (c - n/2) + i (n/2 - r): lengths in pixels, x to the right, y up. For even n the origin is
pixel (n/2, n/2); for odd n it lies between pixels.
"""

import math

import numpy as np

from simlab.lensing.errors import LensError


def column_abscissas(size):
    """Abscissa x of every column: float64 (size,), px."""
    return np.arange(size) - size / 2


def row_ordinates(size):
    """Ordinate y of every row: float64 (size,), px, falling."""
    return size / 2 - np.arange(size)


def pixel_grid(size):
    """Point theta of every pixel: complex128 (size, size), px."""
    return column_abscissas(size)[None, :] + 1j * row_ordinates(size)[:, None]


def point_of(row, column, size):
    """Point of the image plane at (row, column), which may be fractions: complex, px."""
    return (np.asarray(column) - size / 2) + 1j * (size / 2 - np.asarray(row))


def pixel_of(point, size):
    """(row, column) of a point of the image plane, not rounded: float64, of the point's shape."""
    point = np.asarray(point)
    return size / 2 - point.imag, point.real + size / 2


def crop_bounds(size, cropsize):
    """(first, end) of the rows and columns that a crop from `size` to `cropsize` pixels keeps.

    floor((size - cropsize) / 2) are cut off above and on the left, the rest below and on the
    right. A `cropsize` of None or >= size keeps all.
    """
    if cropsize is None or cropsize >= size:
        return 0, size
    first = (size - cropsize) // 2
    return first, first + cropsize


def crop_origin(size, cropsize):
    """(row, column) of the point theta = 0 in a crop, px; its center is half a pixel off if odd."""
    first, _ = crop_bounds(size, cropsize)
    return size / 2 - first, size / 2 - first


def distance_ratio(percent):
    """chi = D_L / D_S of a percentage; None or "" is 1.

    Raises LensError unless it is a positive number.
    """
    if percent is None or percent == "":
        return 1.0
    chi = float(percent) / 100
    if not (math.isfinite(chi) and chi > 0):
        raise LensError(f"chi is {percent} %, a number above 0 is expected")
    return chi


def angular_amplitudes(amplitudes, chi):
    """Roulette amplitudes for angles from those for lengths in the lens plane.

    a_angular(theta) = a(chi theta) / chi, hence gamma_angular[m, s] = chi^(m-1) gamma[m, s].

    Parameters
    ----------
    amplitudes : complex128 (N+1, N+2)
        gamma[m, s].
    chi : float > 0
    """
    return amplitudes * _powers(amplitudes, chi)


def lens_plane_amplitudes(amplitudes, chi):
    """Roulette amplitudes for lengths in the lens plane from those for angles."""
    return amplitudes / _powers(amplitudes, chi)


def _powers(amplitudes, chi):
    return float(chi) ** (np.arange(len(amplitudes)) - 1.0)[:, None]
