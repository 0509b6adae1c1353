"""Kernels of van der Waals energies between the probe particle and atoms on a periodic box.

Energies and forces are added to `out` (a, b, c, 4) float32 = Fx, Fy, Fz, E, for the rows first to
last - 1 of x. Atoms are taken in the order given; a column along z is accumulated at once.
"""

import numpy as np
from numba import njit

from simlab.afm.units import R2SAFE

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
TWO = np.float32(2.0)
SIX = np.float32(6.0)
EIGHT = np.float32(8.0)
SOFTENING = np.float32(R2SAFE)
TINY = np.float32(1e-6)
CUTOFF2 = np.float32(400.0)
C6_SHIFT = np.float32(180.0)
FOUR = np.float32(4.0)
HALF = np.float32(0.5)
T2_WEIGHT = np.float32(0.03)
T4_WEIGHT = np.float32(0.01)

OPTIONS = {"cache": True, "error_model": "numpy", "nogil": True}


@njit(inline="always", **OPTIONS)
def _store(column, out):
    for c in range(out.shape[0]):
        for d in range(4):
            out[c, d] += column[d, c]


@njit(**OPTIONS)
def add_d3(first, last, x, y, z, atoms, coefficients, columns, out):
    """Dispersion with Becke-Johnson damping, zero beyond 20 Å.

    E = -c6/(r^6 + R0^6) - c8/(r^8 + R0^8),
    F = -(6 c6 r^4/(r^6 + R0^6)^2 + 8 c8 r^6/(r^8 + R0^8)^2) d.

    Parameters
    ----------
    x, y : (a,), (b,) float64
        Coordinates of the points, Å.
    z : (c,) float32
    atoms : (n, 3) float64
    coefficients : (n, 4) float32
        s6 C6 (eV Å^6), s8 C8 (eV Å^8), R0^6, R0^8.
    columns : (a, b) uint8
        Where 0, the column is left as it is.
    """
    for a in range(first, last):
        column = np.empty((4, z.size), np.float32)
        for b in range(y.size):
            if columns[a, b] == 0:
                continue
            column[:] = ZERO
            for n in range(len(atoms)):
                dx = np.float32(x[a] - atoms[n, 0])
                dy = np.float32(y[b] - atoms[n, 1])
                plane2 = dx * dx + dy * dy
                if plane2 > CUTOFF2:
                    continue
                az = np.float32(atoms[n, 2])
                c6, c8 = coefficients[n, 0], coefficients[n, 1]
                r06, r08 = coefficients[n, 2], coefficients[n, 3]
                for c in range(z.size):
                    dz = z[c] - az
                    r2 = plane2 + dz * dz
                    r4 = r2 * r2
                    r6 = r4 * r2
                    inside = ONE if r2 <= CUTOFF2 else ZERO
                    i6 = inside / (r6 + r06)
                    i8 = inside / (r4 * r4 + r08)
                    e6 = c6 * i6
                    e8 = c8 * i8
                    force = -(SIX * e6 * r4 * i6 + EIGHT * e8 * r6 * i8)
                    column[0, c] += force * dx
                    column[1, c] += force * dy
                    column[2, c] += force * dz
                    column[3, c] -= e6 + e8
            _store(column, out[a, b])


@njit(inline="always", **OPTIONS)
def _accumulate(column, c, force, dx, dy, dz, energy):
    column[0, c] += force * dx
    column[1, c] += force * dy
    column[2, c] += force * dz
    column[3, c] += energy


@njit(**OPTIONS)
def _undamped(column, z, dx, dy, az, c6):
    plane2 = dx * dx + dy * dy + SOFTENING
    for c in range(z.size):
        dz = z[c] - az
        inverse = ONE / (plane2 + dz * dz)
        energy = -c6 * inverse * inverse * inverse
        _accumulate(column, c, SIX * energy * inverse, dx, dy, dz, energy)


@njit(**OPTIONS)
def _shifted(column, z, dx, dy, az, c6):
    plane2 = dx * dx + dy * dy
    for c in range(z.size):
        dz = z[c] - az
        r2 = plane2 + dz * dz
        r4 = r2 * r2
        force = -SIX * c6 / (r4 * r4 + C6_SHIFT * c6)
        _accumulate(column, c, force, dx, dy, dz, ZERO)


@njit(inline="always", **OPTIONS)
def _add_damped(column, c, u2, damping, slope, depth2, inverse_r2, dx, dy, dz):
    """E = -2 eps e, e = 1/(u^6 + A D); `damping` = A D, `slope` = A D', `depth2` = 2 eps."""
    e = ONE / (u2 * u2 * u2 + damping)
    energy = -depth2 * e
    force = energy * e * (SIX * u2 * u2 + slope) * inverse_r2
    _accumulate(column, c, force, dx, dy, dz, energy)


@njit(**OPTIONS)
def _damped_linear(column, z, dx, dy, az, depth2, inverse_r2):
    plane2 = dx * dx + dy * dy
    for c in range(z.size):
        dz = z[c] - az
        u2 = (plane2 + dz * dz) * inverse_r2
        inside = HALF if u2 < ONE else ZERO
        _add_damped(
            column, c, u2, inside * (ONE - u2), -TWO * inside, depth2, inverse_r2, dx, dy, dz
        )


@njit(**OPTIONS)
def _damped_square(column, z, dx, dy, az, depth2, inverse_r2):
    plane2 = dx * dx + dy * dy
    for c in range(z.size):
        dz = z[c] - az
        u2 = (plane2 + dz * dz) * inverse_r2
        delta = ONE - u2 if u2 < ONE else ZERO
        _add_damped(
            column, c, u2, HALF * delta * delta, -TWO * delta, depth2, inverse_r2, dx, dy, dz
        )


@njit(**OPTIONS)
def _damped_inverse2(column, z, dx, dy, az, depth2, inverse_r2):
    plane2 = dx * dx + dy * dy
    for c in range(z.size):
        dz = z[c] - az
        u2 = (plane2 + dz * dz) * inverse_r2
        t = ONE / (u2 + TINY)
        damping = T2_WEIGHT * t * t
        _add_damped(column, c, u2, damping, -FOUR * damping * t, depth2, inverse_r2, dx, dy, dz)


@njit(**OPTIONS)
def _damped_inverse4(column, z, dx, dy, az, depth2, inverse_r2):
    plane2 = dx * dx + dy * dy
    for c in range(z.size):
        dz = z[c] - az
        u2 = (plane2 + dz * dz) * inverse_r2
        t = ONE / (u2 + TINY)
        damping = T4_WEIGHT * t * t * t * t
        _add_damped(column, c, u2, damping, -EIGHT * damping * t, depth2, inverse_r2, dx, dy, dz)


@njit(**OPTIONS)
def add_dispersion(first, last, x, y, z, atoms, coefficients, damp, columns, out):
    """The r^-6 attraction of a Lennard-Jones pair, undamped or damped at short distance.

    -1: E = -C6/r^6. 0: F = -6 C6/(r^8 + 180 C6) d without energy. 1 to 4:
    E = -2 eps/(u^6 + A D(u)), u = r/R, with (A, D) = (0.5, 1 - u^2), (0.5, (1 - u^2)^2) inside
    u < 1 and (0.03, t^2), (0.01, t^4), t = 1/(u^2 + 1e-6), everywhere.

    Parameters
    ----------
    x, y, z, atoms, columns
        As of `add_d3`.
    coefficients : (n, 2) float32
        Column 0: C6 (eV Å^6) for damp -1 and 0, 2 eps (eV) otherwise; column 1: 1/R^2 (1/Å^2).
    damp : int
    """
    for a in range(first, last):
        column = np.empty((4, z.size), np.float32)
        for b in range(y.size):
            if columns[a, b] == 0:
                continue
            column[:] = ZERO
            for n in range(len(atoms)):
                dx = np.float32(x[a] - atoms[n, 0])
                dy = np.float32(y[b] - atoms[n, 1])
                az = np.float32(atoms[n, 2])
                strength, inverse_r2 = coefficients[n, 0], coefficients[n, 1]
                if damp == -1:
                    _undamped(column, z, dx, dy, az, strength)
                elif damp == 0:
                    _shifted(column, z, dx, dy, az, strength)
                elif damp == 1:
                    _damped_linear(column, z, dx, dy, az, strength, inverse_r2)
                elif damp == 2:
                    _damped_square(column, z, dx, dy, az, strength, inverse_r2)
                elif damp == 3:
                    _damped_inverse2(column, z, dx, dy, az, strength, inverse_r2)
                else:
                    _damped_inverse4(column, z, dx, dy, az, strength, inverse_r2)
            _store(column, out[a, b])


def warm():
    """Compile every kernel of this module."""
    x, z, atoms = np.zeros(1), np.zeros(1, np.float32), np.full((1, 3), 3.0)
    out = np.zeros((1, 1, 1, 4), np.float32)
    columns = np.ones((1, 1), np.uint8)
    add_d3(0, 1, x, x, z, atoms, np.ones((1, 4), np.float32), columns, out)
    add_dispersion(0, 1, x, x, z, atoms, np.ones((1, 2), np.float32), 2, columns, out)
