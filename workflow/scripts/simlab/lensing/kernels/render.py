"""Gray pictures of analytic sources, row by row, without arrays of the size of the picture."""

import math

import numpy as np
from numba import njit

from simlab.lensing.kernels import deflection
from simlab.lensing.kernels.rays import trace_row
from simlab.lensing.kernels.roulette import map_points
from simlab.lensing.kernels.series import collapse, polynomial_row
from simlab.lensing.kernels.sources import COLUMNS, shade

DARK = 1e-12
"""Gray levels below become 0: they would only make single-precision numbers subnormal."""


@njit(cache=True, error_model="numpy", nogil=True)
def raytrace(members, profiles, ceiling, eta_x, eta_y, xs, ys, out):
    """Ray-traced picture: mean over the sub-points of S(theta - a(theta) - eta).

    Parameters
    ----------
    members : float64 (k, 8)
        Lens, table of `deflection`.
    profiles, ceiling
        Source, see `sources.shade`.
    eta_x, eta_y : float
        Source position, px.
    xs : float64 (s, n)
        Abscissas of the columns, px; row i: of sub-point i.
    ys : float64 (s, m)
        Ordinates of the rows, px, likewise.
    out : float32 (m, n), written
    """
    subs, n = xs.shape
    bx, by, light, total = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    for r in range(ys.shape[1]):
        for j in range(subs):
            for i in range(subs):
                trace_row(members, xs[i], ys[j, r], bx, by)
                for c in range(n):
                    bx[c] -= eta_x
                    by[c] -= eta_y
                shade(profiles, ceiling, bx, by, light)
                _add(light, i + j == 0, total)
        _store(total, subs, out[r])


@njit(cache=True, error_model="numpy", nogil=True)
def series(c_1, c_2, monomials, exponent, profiles, ceiling, offset, xs, ys, first, end, out):
    """Roulette picture: mean over the sub-points of S(D(zeta) + offset).

    Parameters
    ----------
    c_1, c_2 : float64 (N+1, N+1)
        Polynomials of `roulette.real_polynomials`; of size 0 to use `monomials`.
    monomials : complex128 (N+1, N+1)
        Of `roulette.monomials`, of size 0 where the polynomials are given.
    exponent : int
        Unit 2^exponent px of both.
    profiles, ceiling
        Source, see `sources.shade`.
    offset : complex
        px.
    xs, ys : float64 (s, n), float64 (s, m)
        zeta of columns and rows, px, for each sub-point.
    first, end : int64 (m,)
        Columns first <= c < end are drawn, the others are 0.
    out : float32 (m, n), written
    """
    subs, n = xs.shape
    bx, by, light, total = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    x, zeta = np.empty(n), np.empty(n, np.complex128)
    rows = np.empty((2, c_1.shape[0]))
    for r in range(ys.shape[1]):
        low, high = first[r], end[r]
        for c in range(n):
            out[r, c] = 0.0
        if low >= high:
            continue
        for j in range(subs):
            for i in range(subs):
                part = slice(low, high)
                map_row(
                    c_1, c_2, monomials, exponent, xs[i, part], ys[j, r],
                    rows, x[part], zeta[part], bx[part], by[part],
                )  # fmt: skip
                for c in range(low, high):
                    bx[c] += offset.real
                    by[c] += offset.imag
                shade(profiles, ceiling, bx[part], by[part], light[part])
                _add(light[part], i + j == 0, total[part])
        _store(total[low:high], subs, out[r, low:high])


@njit(cache=True, error_model="numpy", nogil=True)
def map_row(c_1, c_2, monomials, exponent, xs, y, rows, x, zeta, bx, by):
    """D(zeta) along a row, px, into bx, by; rows (2, N+1), x (n,), zeta (n,) are work space."""
    n = xs.size
    if c_1.size == 0:
        for c in range(n):
            zeta[c] = complex(xs[c], y)
        map_points(monomials, exponent, zeta, zeta)
        for c in range(n):
            bx[c], by[c] = zeta[c].real, zeta[c].imag
        return
    unit = math.ldexp(1.0, -exponent)
    collapse(c_1, y * unit, rows[0])
    collapse(c_2, y * unit, rows[1])
    for c in range(n):
        x[c] = xs[c] * unit
    polynomial_row(rows[0], x, bx)
    polynomial_row(rows[1], x, by)


@njit(cache=True, error_model="numpy", nogil=True)
def map_grid(c_1, c_2, monomials, exponent, xs, ys, beta_x, beta_y):
    """D(zeta) on a grid, px: xs (n,), ys (m,) -> beta_x, beta_y (m, n), written."""
    n = xs.size
    x, zeta, rows = np.empty(n), np.empty(n, np.complex128), np.empty((2, c_1.shape[0]))
    for r in range(ys.size):
        map_row(
            c_1, c_2, monomials, exponent, xs, ys[r], rows, x, zeta, beta_x[r], beta_y[r]
        )  # fmt: skip


@njit(error_model="numpy", nogil=True)
def _add(light, fresh, total):
    for c in range(light.size):
        total[c] = light[c] if fresh else total[c] + light[c]


@njit(error_model="numpy", nogil=True)
def _store(total, subs, row):
    scale = 1.0 / (subs * subs)
    for c in range(total.size):
        value = total[c] * scale
        row[c] = value if value > DARK else 0.0


def warm():
    """Compile the kernels."""
    members, profiles = np.ones((1, deflection.COLUMNS)), np.ones((1, COLUMNS))
    one, grid = np.zeros((1, 1)), np.zeros((1, 1), np.float32)
    rows = np.zeros(1, np.int64)
    none = np.zeros((0, 0), np.complex128)
    raytrace(members, profiles, 255.0, 0.0, 0.0, one, one, grid)
    series(one, one, none, 0, profiles, 255.0, 0j, one, one, rows, rows + 1, grid)
    map_grid(one, one, none, 0, one[0], one[0], one.copy(), one.copy())
