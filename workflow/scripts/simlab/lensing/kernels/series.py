"""The roulette polynomial along rows of pixels, and where it is drawn."""

import math

import numpy as np
from numba import njit

STEP = 8
"""Coefficients per pass over a row."""


@njit(cache=True, error_model="numpy", nogil=True)
def collapse(coefficients, y, out):
    """Coefficients of X^j at one Y: out[j] = sum_i coefficients[i, j] y^i, by Horner's rule.

    Parameters
    ----------
    coefficients : float64 (N+1, N+1)
        0 where i + j > N.
    y : float
    out : float64 (N+1,), written
    """
    order = coefficients.shape[0] - 1
    for j in range(order + 1):
        out[j] = 0.0
    for i in range(order, -1, -1):
        for j in range(order + 1 - i):
            out[j] = out[j] * y + coefficients[i, j]


@njit(cache=True, error_model="numpy", nogil=True)
def polynomial_row(coefficients, x, out):
    """Values of a polynomial at many points by Horner's rule.

    Eight steps a pass; the operations on a value are the same for any number of points.

    Parameters
    ----------
    coefficients : float64 (N+1,)
        Of x^0 .. x^N.
    x : float64 (n,)
    out : float64 (n,), written
    """
    top = coefficients.size - 1
    n = x.size
    for i in range(n):
        out[i] = coefficients[top]
    while top % STEP:
        top -= 1
        c_0 = coefficients[top]
        for i in range(n):
            out[i] = out[i] * x[i] + c_0
    while top > 0:
        top -= STEP
        c_0, c_1 = coefficients[top], coefficients[top + 1]
        c_2, c_3 = coefficients[top + 2], coefficients[top + 3]
        c_4, c_5 = coefficients[top + 4], coefficients[top + 5]
        c_6, c_7 = coefficients[top + 6], coefficients[top + 7]
        for i in range(n):
            v = ((out[i] * x[i] + c_7) * x[i] + c_6) * x[i] + c_5
            v = ((v * x[i] + c_4) * x[i] + c_3) * x[i] + c_2
            out[i] = (v * x[i] + c_1) * x[i] + c_0


@njit(cache=True, error_model="numpy", nogil=True)
def row_intervals(forms, scale, xs, ys, first, end):
    """Columns first <= c < end of every row whose points lie in a region.

    Parameters
    ----------
    forms : float64 (k, 4)
        Rows (a, b, c, r2): inside is a X^2 + 2 b X Y + c Y^2 < r2 for all of them, X + iY = zeta
        divided by `scale`.
    scale : float > 0
    xs, ys : float64 (n,), float64 (m,)
        zeta of columns and rows, px; columns one pixel apart.
    first, end : int64 (m,), written
    """
    n = xs.size
    for r in range(ys.size):
        y = ys[r] / scale
        low, high = 0, n
        for k in range(forms.shape[0]):
            a, b, c, r2 = forms[k, 0], forms[k, 1], forms[k, 2], forms[k, 3]
            under = b * y * (b * y) - a * (c * y * y - r2)
            if under < -1e-9 * abs(a * r2):
                low, high = n, n
                break
            half = math.sqrt(max(under, 0.0)) / a
            middle = -b * y / a
            left = (middle - half) * scale - xs[0]
            right = (middle + half) * scale - xs[0]
            low = max(low, int(min(max(math.floor(left) - 1, 0.0), float(n))))
            high = min(high, int(min(max(math.ceil(right) + 2, 0.0), float(n))))
        while low < high and not _inside(forms, xs[low] / scale, y):
            low += 1
        while high > low and not _inside(forms, xs[high - 1] / scale, y):
            high -= 1
        first[r], end[r] = low, max(low, high)


@njit(error_model="numpy", nogil=True)
def _inside(forms, x, y):
    for k in range(forms.shape[0]):
        a, b, c, r2 = forms[k, 0], forms[k, 1], forms[k, 2], forms[k, 3]
        if not a * x * x + 2 * b * x * y + c * y * y < r2:
            return False
    return True


def warm():
    """Compile the kernels."""
    one = np.ones(1)
    collapse(np.ones((1, 1)), 0.0, one)
    polynomial_row(one, one, one.copy())
    rows = np.zeros(1, np.int64)
    row_intervals(np.ones((1, 4)), 1.0, one, one, rows, rows.copy())
