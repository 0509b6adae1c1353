"""Rays traced back along rows of pixels: beta = theta - a(theta).

Same lenses and formulas as `deflection`, written for whole rows in elementary functions that
compilers vectorize. Deflections of up to 100 px differ from those of `deflection` by less than
1e-10 px. At the center of a singular member they are undefined (NaN).
"""

import math

import numpy as np
from numba import njit

from simlab.lensing.kernels.deflection import (
    COLUMNS,
    NFW,
    PM,
    ROUND,
    SHEAR,
    SIE,
    SIS,
    member_deflection,
)
from simlab.lensing.kernels.elementary import angle_of, half_log_of_ratio

TINY = 1e-300
NEAR_ZERO, NEAR_ONE = 1e-3, 1e-4
"""u^2 and |1 - u^2| of NFW halos below which four terms of a series have all digits."""


@njit(cache=True, error_model="numpy", nogil=True)
def trace_row(members, xs, y, bx, by):
    """Source points seen along a row.

    Parameters
    ----------
    members : float64 (k, 8)
        Table of `deflection`.
    xs : float64 (n,)
        Abscissas, px.
    y : float
        Ordinate, px.
    bx, by : float64 (n,), written
        beta, px.
    """
    n = xs.size
    for i in range(n):
        bx[i] = xs[i]
        by[i] = y
    for k in range(members.shape[0]):
        kind, x_0, y_0 = members[k, 0], members[k, 1], members[k, 2]
        p_0, p_1, p_2 = members[k, 3], members[k, 4], members[k, 5]
        dy = y - y_0
        if kind == SIS:
            for i in range(n):
                dx = xs[i] - x_0
                strength = p_0 / math.sqrt(dx * dx + dy * dy)
                bx[i] -= strength * dx
                by[i] -= strength * dy
        elif kind == PM:
            for i in range(n):
                dx = xs[i] - x_0
                strength = p_0 * p_0 / (dx * dx + dy * dy)
                bx[i] -= strength * dx
                by[i] -= strength * dy
        elif kind == SHEAR:
            for i in range(n):
                dx = xs[i] - x_0
                bx[i] -= (p_0 + p_1) * dx + p_2 * dy
                by[i] -= (p_0 - p_1) * dy + p_2 * dx
        elif kind == SIE and math.sqrt((1.0 - p_1) * (1.0 + p_1)) >= ROUND:
            _subtract_ellipsoid(p_0, p_1, p_2, x_0, dy, xs, bx, by)
        elif kind == NFW:
            _subtract_halo(p_0, p_1, x_0, dy, xs, bx, by)
        else:
            for i in range(n):
                ax, ay = member_deflection(members, k, xs[i], y)
                if xs[i] == x_0 and dy == 0.0:
                    ax = math.nan
                bx[i] -= ax
                by[i] -= ay


@njit(error_model="numpy", nogil=True)
def _subtract_ellipsoid(g, f, t, x_0, dy, xs, bx, by):
    """Subtract the deflection of an SIE with axis ratio f < 1 along a row.

    With w = Omega = sqrt(u^2 + f^2 v^2): asinh(f' u/(f R)) = ln((w + f' |u|)/(f R)) sign(u), which
    cancels no digits, and asin(f' v/R) = atan(f' v/w).
    """
    c, s = math.cos(t), math.sin(t)
    flat = math.sqrt((1.0 - f) * (1.0 + f))
    strength = g * math.sqrt(f) / flat
    ff = f * f
    for i in range(xs.size):
        dx = xs[i] - x_0
        u, v = dx * c + dy * s, dy * c - dx * s
        uu, vv = u * u, ff * (v * v)
        w = math.sqrt(uu + vv)
        long = w + flat * abs(u)
        scale = strength if w > 0.0 else math.nan
        a = math.copysign(scale * half_log_of_ratio(long * long, ff * uu + vv), u)
        b = math.copysign(scale * angle_of(flat * abs(v), w), v)
        bx[i] -= a * c - b * s
        by[i] -= a * s + b * c


@njit(error_model="numpy", nogil=True)
def _subtract_halo(kappa_s, r_s, x_0, dy, xs, bx, by):
    """Subtract the deflection of an NFW halo along a row: 4 kappa_s r_s h(u)/u along the radius.

    h(u) = ln(u/2) + F(u), u = R/r_s (Bartelmann 1996). With s = sqrt(|1 - u^2|) F is
    ln((1 + s)/u)/s inside and atan(s)/s outside; about u = 1 it is a series in 1 - u^2, and h is
    one in u^2 about u = 0, where the logarithms cancel.
    """
    for i in range(xs.size):
        dx = xs[i] - x_0
        uu = (dx * dx + dy * dy) / (r_s * r_s)
        log = half_log_of_ratio(max(uu, TINY), 4.0)
        e = 1.0 - uu
        s = math.sqrt(abs(e))
        arc = half_log_of_ratio((1.0 + s) * (1.0 + s), max(uu, TINY)) if e > 0 else angle_of(s, 1.0)
        f = arc / s
        if abs(e) < NEAR_ONE:
            f = 1.0 + e * (1 / 3 + e * (1 / 5 + e * (1 / 7)))
        h = log + f
        if uu < NEAR_ZERO:
            h = -log * uu * (1 / 2 + uu * (3 / 8 + uu * (5 / 16 + uu * (35 / 128))))
            h -= uu * (1 / 4 + uu * (7 / 32 + uu * (37 / 192 + uu * (533 / 3072))))
        strength = 4.0 * kappa_s * h / uu if uu > 0.0 else 0.0
        bx[i] -= strength * dx
        by[i] -= strength * dy


@njit(cache=True, error_model="numpy", nogil=True)
def trace(members, xs, ys, beta_x, beta_y):
    """Source points seen at all points of a grid.

    Parameters
    ----------
    members : float64 (k, 8)
    xs, ys : float64 (n,), float64 (m,)
        Abscissas of the columns and ordinates of the rows, px.
    beta_x, beta_y : float64 (m, n), written
    """
    for r in range(ys.size):
        trace_row(members, xs, ys[r], beta_x[r], beta_y[r])


def warm():
    """Compile the kernels."""
    one, two = np.zeros(1), np.zeros((1, 1))
    trace(np.ones((1, COLUMNS)), one, one, two, two.copy())
    trace_row(np.ones((1, COLUMNS)), one, 0.0, one, one.copy())
