"""One image of a source point: descent on the arrival time and Newton's method.

A lens is a pair (members, field): the table of `deflection`, or, where that has no rows, the
deflection psi_x + i psi_y at the nodes of the pixel grid, complex128 (n, n), between which it is
interpolated bilinearly (or taken from the nearest node). Analytic lenses have a field of shape
(0, 0).
"""

import math

import numpy as np
from numba import njit

from simlab.lensing.kernels.deflection import lens_deflection
from simlab.lensing.kernels.fields import lens_distortion

jit = njit(cache=True, nogil=True, error_model="numpy")

CONVERGED, STALLED, OUTSIDE = 0, 1, 2
"""How an iteration ended: at a solution, not at one, beyond the sampled grid."""

RESIDUAL = 1e-11
BILINEAR = np.bool_(False)
NO_FIELD = np.empty((0, 0), np.complex128)


@jit
def lookup(field, nearest, x, y):
    """Value of a field of node values at a point, and whether the grid covers it.

    Parameters
    ----------
    field : (n, n) complex128
        Node (row r, column c) is the point (c - n/2) + i (n/2 - r).
    nearest : bool
        The nearest node, halves to the even one, instead of bilinear interpolation.
    x, y : float64
        Point, px.
    """
    n = field.shape[0]
    row = 0.5 * n - y
    column = x + 0.5 * n
    if nearest:
        row = np.rint(row)
        column = np.rint(column)
    if not (0.0 <= row <= n - 1.0 and 0.0 <= column <= n - 1.0):
        return complex(0.0, 0.0), False
    if nearest:
        return field[int(row), int(column)], True
    i = min(int(row), n - 2)
    j = min(int(column), n - 2)
    p = row - i
    q = column - j
    upper = field[i, j] * (1.0 - q) + field[i, j + 1] * q
    lower = field[i + 1, j] * (1.0 - q) + field[i + 1, j + 1] * q
    return upper * (1.0 - p) + lower * p, True


@jit
def lookups(field, nearest, z, out, covered):
    """`lookup` at the points z (n,) complex128: values into out (n,), bool into covered (n,)."""
    for j in range(z.size):
        out[j], covered[j] = lookup(field, nearest, z[j].real, z[j].imag)


@jit
def ray(members, field, nearest, x, y):
    """Deflection at a point and whether the lens is known there."""
    if members.shape[0] > 0:
        ax, ay = lens_deflection(members, x, y)
        return ax, ay, True
    a, covered = lookup(field, nearest, x, y)
    return a.real, a.imag, covered


@jit
def jacobian(members, field, nearest, x, y):
    """Jacobian matrix A of beta = theta - a(theta): A_xx, A_xy, A_yx, A_yy."""
    if members.shape[0] > 0:
        kappa, g1, g2 = lens_distortion(members, x, y)
        return 1.0 - kappa - g1, -g2, -g2, 1.0 - kappa + g1
    if nearest:
        return 1.0, 0.0, 0.0, 1.0
    n = field.shape[0]
    row = min(max(0.5 * n - y, 0.0), n - 1.0)
    column = min(max(x + 0.5 * n, 0.0), n - 1.0)
    i = min(int(row), n - 2)
    j = min(int(column), n - 2)
    p = row - i
    q = column - j
    upper = field[i, j + 1] - field[i, j]
    lower = field[i + 1, j + 1] - field[i + 1, j]
    left = field[i, j] - field[i + 1, j]
    right = field[i, j + 1] - field[i + 1, j + 1]
    dx = upper * (1.0 - p) + lower * p
    dy = left * (1.0 - q) + right * q
    return 1.0 - dx.real, -dy.real, -dx.imag, 1.0 - dy.imag


@jit
def descend(members, field, nearest, eta, step, limit):
    """Fixed-point iteration xi <- eta + a(xi) from xi = eta.

    It is the descent of unit step on the arrival time |xi - eta|^2/2 - psi(xi), so that it ends in
    a minimum of it.

    Parameters
    ----------
    eta : complex128
        Source, px.
    step : float64
        Ends when a step becomes shorter, px.
    limit : int
        Largest number of steps.

    Returns
    -------
    complex128, int
        Last xi and how it ended.
    """
    xi = eta
    for _ in range(limit):
        ax, ay, covered = ray(members, field, nearest, xi.real, xi.imag)
        if not covered:
            return xi, OUTSIDE
        new = eta + complex(ax, ay)
        moved = abs(new - xi)
        xi = new
        if moved < step:
            return xi, CONVERGED
        if not moved < 1e100:
            break
    return xi, STALLED


@jit
def polish(members, field, nearest, eta, start, cap):
    """Newton's method for xi - a(xi) = eta; no step is longer than `cap` px.

    Returns
    -------
    complex128, int
        xi with a residual below 1e-11 px if converged (or below what the rounding of xi makes of
        it, far out and next to point masses); the steps go on as long as they halve it, since near
        a critical curve it says little.
    """
    xi = start
    solution = start
    steepness = 1.0
    best = math.inf
    for _ in range(100):
        ax, ay, covered = ray(members, field, nearest, xi.real, xi.imag)
        if not covered:
            return xi, OUTSIDE
        residual = xi - complex(ax, ay) - eta
        if best < RESIDUAL and abs(residual) >= 0.5 * best:
            break
        xx, xy, yx, yy = jacobian(members, field, nearest, xi.real, xi.imag)
        if abs(residual) < best:
            best = abs(residual)
            solution = xi
            steepness = 1.0 + max(abs(xx) + abs(yx), abs(xy) + abs(yy))
        det = xx * yy - xy * yx
        move = complex(
            (yy * residual.real - xy * residual.imag) / det,
            (xx * residual.imag - yx * residual.real) / det,
        )
        length = abs(move)
        if not length < 1e100:
            break
        if length > cap:
            move *= cap / length
        xi -= move
    tolerance = max(RESIDUAL, 1e-15 * (abs(solution) + abs(eta)) * steepness)
    return solution, CONVERGED if best < tolerance else STALLED


def warm():
    members = np.zeros((1, 8))
    members[0, 3] = 1.0
    eta = 0.5 + 0.1j
    xi, _ = descend(members, NO_FIELD, BILINEAR, eta, 1e-3, 9)
    polish(members, NO_FIELD, BILINEAR, eta, xi, 1.0)
    jacobian(members, NO_FIELD, BILINEAR, 0.5, 0.1)
    z = np.zeros(1, np.complex128)
    lookups(np.zeros((2, 2), np.complex128), BILINEAR, z, z.copy(), np.empty(1, np.bool_))
