"""Forces of atoms on the points of a grid: Lennard-Jones, Morse, point charges.

Layout of every field: float32 (x, y, z, 4) = Fx, Fy, Fz (eV/Å), E (eV), z fastest but for the
components. The inner loops run along z over rows of one small table, which the compiler turns into
vector instructions; the atoms are summed one after the other in their order, so that neither
threads nor vector width change a bit.
"""

import numpy as np
from numba import njit

from simlab.afm.units import R2SAFE

BLOCK = 128
"""Points along z worked on at once; the table of their sums stays in the first-level cache."""

LANES = 16
"""Columns are padded to multiples of this number of points: no scalar remainder loops."""

TIP_CHARGES = 4
"""Most tip charges of the fast kernel."""

F0, F1 = np.float32(0), np.float32(1)
SAFE = np.float32(R2SAFE)

FX, FY, FZ, CX, CY, CZ, E, CE = range(8)
"""Rows of the table of sums: Lennard-Jones force, unit Coulomb force, both energies."""


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _add_lj(sums, n, x, y, rho2, z, c12, c6):
    """Force of one atom, F = (12 C12/r^6 - 6 C6)/r^8 d."""
    k12, k6 = np.float32(12) * c12, np.float32(6) * c6
    for k in range(n):
        i2 = F1 / (rho2 + z[k] * z[k])
        i6 = i2 * i2 * i2
        f = (k12 * i6 - k6) * (i6 * i2)
        sums[FX, k] += f * x
        sums[FY, k] += f * y
        sums[FZ, k] += f * z[k]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _add_lj_coulomb(sums, n, x, y, rho2, z, c12, c6, q):
    """As `_add_lj`, and the force of charge q (KE included) on a unit charge, q/r^3 d."""
    k12, k6 = np.float32(12) * c12, np.float32(6) * c6
    for k in range(n):
        i2 = F1 / (rho2 + z[k] * z[k])
        i6 = i2 * i2 * i2
        f = (k12 * i6 - k6) * (i6 * i2)
        g = q * np.sqrt(i2) * i2
        sums[FX, k] += f * x
        sums[FY, k] += f * y
        sums[FZ, k] += f * z[k]
        sums[CX, k] += g * x
        sums[CY, k] += g * y
        sums[CZ, k] += g * z[k]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _add_energies(sums, n, rho2, z, c12, c6, q):
    for k in range(n):
        i2 = F1 / (rho2 + z[k] * z[k])
        i6 = i2 * i2 * i2
        sums[E, k] += (c12 * i6 - c6) * i6
        sums[CE, k] += q * np.sqrt(i2)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _add_shifted(sums, total, coulomb, n, low, shifts, q):
    """Row `total` from point `low` on += the four tip charges times row `coulomb` above it."""
    # Slices start at 0: the compiler does not see that low + shift + k is never negative.
    out = sums[total, low : low + n]
    a, b = sums[coulomb, low + shifts[0] :], sums[coulomb, low + shifts[1] :]
    c, d = sums[coulomb, low + shifts[2] :], sums[coulomb, low + shifts[3] :]
    qa, qb, qc, qd = q[0], q[1], q[2], q[3]
    for k in range(n):
        out[k] += qa * a[k] + qb * b[k] + qc * c[k] + qd * d[k]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _write_column(sums, column, n, low):
    x, y, z, e = sums[FX, low:], sums[FY, low:], sums[FZ, low:], sums[E, low:]
    for k in range(n):
        column[k, 0] = x[k]
        column[k, 1] = y[k]
        column[k, 2] = z[k]
        column[k, 3] = e[k]


@njit(cache=True, nogil=True, error_model="numpy")
def lj_coulomb_columns(
    first, last, dx, dy, dz, coefficients, low, shifts, tip_charges, energy, columns, out
):
    """Lennard-Jones and Coulomb field whose tip charges sit whole grid steps apart.

    The field C of the sample's charges on a unit charge is computed once on columns that are
    longer by the shifts; F = F_LJ + sum_t Q_t C(z + QZ_t).

    Parameters
    ----------
    first, last : int
        Rows of x to work on.
    dx, dy : float32 (atoms, nx), (atoms, ny)
        Grid coordinate minus atom coordinate, Å.
    dz : float32 (atoms, m)
        The same for m >= nz + low + high consecutive points, starting `low` points below.
    coefficients : float32 (atoms, 3)
        C12 (eV Å^12), C6 (eV Å^6), charge times Coulomb constant (eV Å/e).
    low : int
        How far the lowest tip charge reaches below, in points.
    shifts, tip_charges : int64 (4,), float32 (4,)
        Height of each tip charge in points, and its charge, e; unused ones 0.
    energy : bool
        Whether E is wanted; 0 is written otherwise.
    columns : uint8 (nx, ny)
        Where 0, the column is left as it is.
    out : float32 (nx, ny, nz, 4)
        Written.
    """
    nz = out.shape[2]
    extra = dz.shape[1] - nz
    charged = tip_charges.any()
    sums = np.zeros((8, BLOCK + LANES), np.float32)
    for i in range(first, last):
        for j in range(dy.shape[1]):
            if columns[i, j] == 0:
                continue
            for start in range(0, nz, BLOCK - extra):
                n = min(nz - start, BLOCK - extra)
                m = n + extra
                for row in range(8):
                    for k in range(m):
                        sums[row, k] = F0
                for a in range(dx.shape[0]):
                    x, y, z = dx[a, i], dy[a, j], dz[a, start : start + m]
                    rho2 = x * x + y * y + SAFE
                    c12, c6, q = coefficients[a, 0], coefficients[a, 1], coefficients[a, 2]
                    if charged:
                        _add_lj_coulomb(sums, m, x, y, rho2, z, c12, c6, q)
                    else:
                        _add_lj(sums, m, x, y, rho2, z, c12, c6)
                    if energy:
                        _add_energies(sums, m, rho2, z, c12, c6, q)
                if charged:
                    whole = (n + LANES - 1) // LANES * LANES
                    _add_shifted(sums, FX, CX, whole, low, shifts, tip_charges)
                    _add_shifted(sums, FY, CY, whole, low, shifts, tip_charges)
                    _add_shifted(sums, FZ, CZ, whole, low, shifts, tip_charges)
                    if energy:
                        _add_shifted(sums, E, CE, whole, low, shifts, tip_charges)
                _write_column(sums, out[i, j, start : start + n], n, low)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _add_lj_line(sums, n, p, c, k0, c12, c6):
    """As `_add_lj` with energy, for points p + (k0 + k) c relative to the atom."""
    for k in range(n):
        s = np.float32(k0 + k)
        x, y, z = p[0] + s * c[0], p[1] + s * c[1], p[2] + s * c[2]
        i2 = F1 / (x * x + y * y + z * z + SAFE)
        i6 = i2 * i2 * i2
        t = c12 * i6
        f = np.float32(6) * (t + t - c6) * (i6 * i2)
        sums[FX, k] += f * x
        sums[FY, k] += f * y
        sums[FZ, k] += f * z
        sums[E, k] += (t - c6) * i6


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _add_morse_line(sums, n, p, c, k0, radius, eps, alpha):
    """E = eps e(e - 2), F = 2 alpha eps e(1 - e) d/r with e = exp(alpha (r - R))."""
    for k in range(n):
        s = np.float32(k0 + k)
        x, y, z = p[0] + s * c[0], p[1] + s * c[1], p[2] + s * c[2]
        r = np.sqrt(x * x + y * y + z * z + SAFE)
        e = np.exp(alpha * (r - radius))
        f = np.float32(2) * alpha * eps * e * (F1 - e) / r
        sums[FX, k] += f * x
        sums[FY, k] += f * y
        sums[FZ, k] += f * z
        sums[E, k] += eps * e * (e - np.float32(2))


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _add_coulomb_line(sums, n, p, c, k0, height, q):
    """Force of a charge on a tip charge `height` above the points; q is their product times KE."""
    for k in range(n):
        s = np.float32(k0 + k)
        x, y, z = p[0] + s * c[0], p[1] + s * c[1], p[2] + s * c[2] + height
        i2 = F1 / (x * x + y * y + z * z + SAFE)
        e = q * np.sqrt(i2)
        f = e * i2
        sums[FX, k] += f * x
        sums[FY, k] += f * y
        sums[FZ, k] += f * z
        sums[E, k] += e


@njit(cache=True, nogil=True, error_model="numpy")
def atomic_columns(
    first,
    last,
    i,
    j,
    k0,
    frame,
    xyzs,
    parameters,
    charges,
    heights,
    tip_charges,
    morse,
    columns,
    out,
):
    """Field of atoms for any cell, any heights of the tip charges, either potential.

    Parameters
    ----------
    first, last : int
        Rows of the first axis to work on.
    i, j : int64 (nx,), (ny,)
        Indices of the grid points along the first two cell vectors.
    k0 : int
        Index of the first point along the third.
    frame : float64 (4, 3)
        Place of point (0, 0, 0) and the three grid steps, Å.
    xyzs : float64 (atoms, 3)
    parameters : float32 (atoms, 3)
        C12, C6, - or, for Morse, R (Å), eps (eV), alpha (1/Å).
    charges : float32 (atoms,)
        Times the Coulomb constant, eV Å/e.
    heights, tip_charges : float32 (t,)
        Å, e.
    morse : bool
    columns : uint8 (nx, ny)
        Where 0, the column is left as it is.
    out : float32 (nx, ny, nz, 4)
        Written.
    """
    sums = np.empty((8, BLOCK), np.float32)
    p, c = np.empty(3, np.float32), np.empty(3, np.float32)
    for axis in range(3):
        c[axis] = np.float32(frame[3, axis])
    for u in range(first, last):
        for v in range(j.size):
            if columns[u, v] == 0:
                continue
            for start in range(0, out.shape[2], BLOCK):
                n = min(out.shape[2] - start, BLOCK)
                k = k0 + start
                sums[:] = F0
                for a in range(xyzs.shape[0]):
                    for axis in range(3):
                        at = frame[0, axis] + i[u] * frame[1, axis] + j[v] * frame[2, axis]
                        p[axis] = np.float32(at - xyzs[a, axis])
                    p0, p1, p2 = parameters[a, 0], parameters[a, 1], parameters[a, 2]
                    if morse:
                        _add_morse_line(sums, n, p, c, k, p0, p1, p2)
                    else:
                        _add_lj_line(sums, n, p, c, k, p0, p1)
                    for t in range(tip_charges.size):
                        product = tip_charges[t] * charges[a]
                        _add_coulomb_line(sums, n, p, c, k, heights[t], product)
                for w in range(n):
                    out[u, v, start + w, 0] = sums[FX, w]
                    out[u, v, start + w, 1] = sums[FY, w]
                    out[u, v, start + w, 2] = sums[FZ, w]
                    out[u, v, start + w, 3] = sums[E, w]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def atomic_force(p, xyzs, parameters, charges, heights, tip_charges, morse, fe, jacobian):
    """Exact field at one point, with its Jacobian; all float64, arrays as in `atomic_at`.

    fe (4,) and jacobian (3, 3), dF_i/dp_j in eV/Å², are written. Each term is F = f(s) d with
    s = d·d, hence dF_i/dp_j = f delta_ij + 2 f'(s) d_i d_j.
    """
    fe[:] = 0.0
    jacobian[:] = 0.0
    d = np.empty(3)
    for a in range(xyzs.shape[0]):
        for axis in range(3):
            d[axis] = p[axis] - xyzs[a, axis]
        s = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + R2SAFE
        i2 = 1.0 / s
        if morse:
            radius, eps, alpha = parameters[a, 0], parameters[a, 1], parameters[a, 2]
            r = np.sqrt(s)
            e = np.exp(alpha * (r - radius))
            energy = eps * e * (e - 2.0)
            f = 2.0 * alpha * eps * e * (1.0 - e) / r
            slope = (alpha * alpha * eps * e * (1.0 - 2.0 * e) - f / 2.0) * i2
        else:
            c12, c6 = parameters[a, 0], parameters[a, 1]
            i6 = i2 * i2 * i2
            energy = (c12 * i6 - c6) * i6
            f = (12.0 * c12 * i6 - 6.0 * c6) * i6 * i2
            slope = (24.0 * c6 - 84.0 * c12 * i6) * i6 * i2 * i2
        _add_pair(fe, jacobian, d, energy, f, slope)
        for t in range(tip_charges.size):
            d[2] = p[2] - xyzs[a, 2] + heights[t]
            i2 = 1.0 / (d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + R2SAFE)
            energy = tip_charges[t] * charges[a] * np.sqrt(i2)
            _add_pair(fe, jacobian, d, energy, energy * i2, -1.5 * energy * i2 * i2)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _add_pair(fe, jacobian, d, energy, f, slope):
    for u in range(3):
        fe[u] += f * d[u]
        jacobian[u, u] += f
        for v in range(3):
            jacobian[u, v] += 2.0 * slope * d[u] * d[v]
    fe[3] += energy


@njit(cache=True, nogil=True, error_model="numpy")
def atomic_at(points, xyzs, parameters, charges, heights, tip_charges, morse, out):
    """Exact field of atoms at points; float64, units as in `atomic_columns`.

    Parameters
    ----------
    points : float64 (m, 3)
    out : float64 (m, 4)
        Written: Fx, Fy, Fz, E.
    """
    jacobian = np.empty((3, 3))
    for row in range(points.shape[0]):
        atomic_force(
            points[row], xyzs, parameters, charges, heights, tip_charges, morse, out[row], jacobian
        )


def warm():
    """Compile the kernels of this module."""
    f4 = np.float32
    dx, out = np.zeros((1, 1), f4), np.zeros((1, 1, 1, 4), f4)
    one, columns = np.ones(1, np.int64), np.ones((1, 1), np.uint8)
    lj_coulomb_columns(
        0, 1, dx, dx, np.ones((1, LANES), f4), np.ones((1, 3), f4), 0, np.zeros(4, np.int64),
        np.ones(4, f4), False, columns, out,
    )  # fmt: skip
    atomic_columns(
        0, 1, one, one, 0, np.eye(4, 3), np.zeros((1, 3)), np.ones((1, 3), f4), np.ones(1, f4),
        np.ones(1, f4), np.ones(1, f4), False, columns, out,
    )  # fmt: skip
    atomic_at(
        np.ones((1, 3)), np.zeros((1, 3)), np.ones((1, 3)), np.ones(1), np.ones(1), np.ones(1),
        False, np.zeros((1, 4)),
    )  # fmt: skip
