"""Relaxation and strokes of the probe particle in the exact field of atoms, all float64.

The equation of `kernels.relax` without a grid; the Jacobian of the field is analytic.
"""

import numpy as np
from numba import njit

from simlab.afm.kernels.grid import atomic_force

NEWTON, FIRE = 0, 1
NEWTON_STEPS = 50
CONVERGED = 1e-18
NEWTON_REACH = 0.2
FIRE_STEPS = 1000
DT, DT_MIN, DAMP = 0.5, 0.05, 0.1
UNCONVERGED = 1e-6
"""Squared forces in (eV/Å)², lengths in Å; FIRE as in `kernels.relax`."""


@njit(cache=True, nogil=True, error_model="numpy")
def _evaluate(anchor, d, atoms, spring, fe, total, jacobian):
    """|F|^2 at anchor + d; the field goes to `fe`, F to `total`, dF/dd to `jacobian`."""
    s, s0, kr, length = spring
    atomic_force(anchor + d, *atoms, fe, jacobian)
    radius = np.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    pull = kr * (1.0 - length / radius)
    bend = kr * length / radius**3
    ff = 0.0
    for u in range(3):
        total[u] = fe[u] - s0[u] + pull * d[u]
        for v in range(3):
            total[u] += s[u, v] * d[v]
            jacobian[u, v] += s[u, v] + bend * d[u] * d[v]
        jacobian[u, u] += pull
        ff += total[u] * total[u]
    return ff


@njit(cache=True, nogil=True, error_model="numpy")
def _newton(anchor, d, atoms, spring, fe, total, jacobian):
    ff = np.inf
    for _ in range(NEWTON_STEPS):
        ff = _evaluate(anchor, d, atoms, spring, fe, total, jacobian)
        if ff < CONVERGED or not ff < np.inf:
            break
        a, b, c = jacobian[0], jacobian[1], jacobian[2]
        ab, bc, ca = _cross(a, b), _cross(b, c), _cross(c, a)
        step = (bc * total[0] + ca * total[1] + ab * total[2]) / -(a * bc).sum()
        if not (step * total).sum() > 0:
            step = 0.5 * total
        size = np.sqrt((step * step).sum())
        d += step * min(1.0, NEWTON_REACH / size)
    return ff


@njit(cache=True, nogil=True, error_model="numpy")
def _cross(a, b):
    out = np.empty(3)
    for u in range(3):
        v, w = (u + 1) % 3, (u + 2) % 3
        out[u] = a[v] * b[w] - a[w] * b[v]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _fire(anchor, d, atoms, spring, fe, total, jacobian):
    velocity, dt, damp, ff = np.zeros(3), DT, DAMP, np.inf
    for _ in range(FIRE_STEPS):
        ff = _evaluate(anchor, d, atoms, spring, fe, total, jacobian)
        if ff < 1e-14 or not ff < np.inf:
            break
        if (velocity * total).sum() < 0:
            velocity[:] = 0.0
            dt, damp = max(DT_MIN, 0.5 * dt), DAMP
        else:
            turn = damp * np.sqrt((velocity * velocity).sum() / (ff + 1e-8))
            velocity = (1 - damp) * velocity + turn * total
            dt, damp = min(DT, 1.1 * dt), 0.99 * damp
        velocity += dt * total
        d += dt * velocity
    return ff


@njit(cache=True, nogil=True, error_model="numpy")
def relax_rows(
    first, last, atoms, frame, spring, axes, method, weights, origin, inverse, counts, extent, df,
    forces, paths,
):  # fmt: skip
    """Relax the probe particle as `kernels.relax.fire_rows` does, in the exact field.

    Parameters
    ----------
    first, last : int
        Rows of pixels.
    atoms : tuple
        Arguments of `grid.atomic_at`.
    frame : float64 (4, 3)
        First anchor, Å, and the steps along x, along y and down.
    origin, inverse : float64 (3,), (3, 3)
        Grid coordinates, for `extent` only, are (place - origin) @ inverse.
    method : NEWTON or FIRE
    spring, axes, weights, counts, extent, df, forces, paths
        As there, in float64 where they are read.
    """
    nz = df.shape[2] + weights.size - 1
    fe, total, jacobian = np.empty(4), np.empty(3), np.empty((3, 3))
    measured = np.empty(nz)
    for ix in range(first, last):
        for iy in range(df.shape[1]):
            previous, before = axes[0].copy(), axes[0].copy()
            for iz in range(nz):
                anchor = frame[0] + ix * frame[1] + iy * frame[2] + iz * frame[3]
                d = previous + (previous - before) if iz > 1 else previous.copy()
                ff = np.inf
                if method == NEWTON:
                    ff = _newton(anchor, d, atoms, spring, fe, total, jacobian)
                    counts[ix, 0] += not ff < CONVERGED
                if not ff < CONVERGED:
                    d[:] = previous
                    ff = _fire(anchor, d, atoms, spring, fe, total, jacobian)
                counts[ix, 1] += not ff <= UNCONVERGED
                before[:] = previous
                previous[:] = d
                for c in range(3):
                    place = np.floor(((anchor + d - origin) * inverse[:, c]).sum())
                    if abs(place) < 1e6:
                        extent[ix, 0, c] = min(extent[ix, 0, c], np.int64(place))
                        extent[ix, 1, c] = max(extent[ix, 1, c], np.int64(place))
                measured[iz] = (axes[1] * fe[:3]).sum()
                if forces.size > 0:
                    forces[ix, iy, iz] = fe
                    paths[ix, iy, iz] = d
            for j in range(df.shape[2]):
                df[ix, iy, j] = (measured[j : j + weights.size] * weights).sum()


@njit(cache=True, nogil=True, error_model="numpy")
def stroke_rows(first, last, atoms, frame, direction, iso, end, zeta):
    """Strokes of `kernels.strokes.stroke_rows` in the exact field.

    frame : float64 (4, 3), Å: first place of the particle, steps along x, along y and down.
    """
    fe, jacobian = np.empty(4), np.empty((3, 3))
    for ix in range(first, last):
        for iy in range(zeta.shape[1]):
            before = 0.0
            for i in range(end):
                place = frame[0] + ix * frame[1] + iy * frame[2] + i * frame[3]
                atomic_force(place, *atoms, fe, jacobian)
                now = (direction * fe[:3]).sum()
                if i > 0 and now / iso > 1:
                    zeta[ix, iy] = i + (iso - before) / (now - before)
                    break
                before = now


def warm():
    """Compile the kernels of this module."""
    one = np.ones(1)
    atoms = (np.zeros((1, 3)), np.ones((1, 3)), one, one, one, False)
    frame = np.ones((4, 3))
    relax_rows(
        0, 1, atoms, frame, (-np.eye(3), np.zeros(3), -1.0, 3.0), frame[:2], NEWTON, one,
        np.zeros(3), np.eye(3), np.zeros((1, 2), np.int64), np.zeros((1, 2, 3), np.int64),
        np.zeros((1, 1, 1), np.float32), np.empty((0, 0, 0, 4), np.float32),
        np.empty((0, 0, 0, 3), np.float32),
    )  # fmt: skip
    stroke_rows(0, 1, atoms, frame, np.ones(3), 0.1, 1, np.zeros((1, 1), np.float32))
