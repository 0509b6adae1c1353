"""Relaxation of the probe particle on a grid of forces, turned into frequency shifts on the way.

The particle hangs on a spring below the anchor; its displacement d from the anchor solves
F_field(anchor + d) + F_spring(d) = 0, F_spring(d) = S d - s0 + K_r (1 - R/|d|) d, with the lateral
stiffness S = T' diag(K) T of the tip axes T and s0 = S T' d0 (K negative). Anchors are handled as
grid coordinates in float64, split into index and fraction; everything else is float32.
"""

import numpy as np
from numba import njit

from simlab.afm.kernels.trilinear import corner, value, value_and_slopes

NEWTON, FIRE = 0, 1
DONE, LEFT_PIECE = 0, 1

DT, DT_MIN, DT_UP, DT_DOWN = (np.float32(v) for v in (0.5, 0.05, 1.1, 0.5))
DAMP, DAMP_DOWN = np.float32(0.1), np.float32(0.99)
FIRE_STEPS = 128
FIRE_CONVERGED = np.float32(1e-8)
SAFE = np.float32(1e-8)
NEWTON_STEPS = 20
NEWTON_CONVERGED = np.float32(1e-10)
NEWTON_REACH2 = np.float32(0.2 * 0.2)
NEWTON_REACH = np.float32(0.2)
UNCONVERGED = np.float32(1e-6)
FINITE = np.float32(1e30)
"""Constants of FIRE (Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006)) as ppafm sets them, and
of the damped Newton iteration; squared forces in (eV/Å)²."""

F0, F1, HALF = np.float32(0), np.float32(1), np.float32(0.5)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _locate(fraction, index, d, inverse, start, shape, place):
    """Offset in the piece of anchor + d, its fractions; `place` gets the grid indices.

    -1 outside of the piece, also where d is not finite.
    """
    u = fraction[0] + d[0] * inverse[0, 0] + d[1] * inverse[1, 0] + d[2] * inverse[2, 0]
    v = fraction[1] + d[0] * inverse[0, 1] + d[1] * inverse[1, 1] + d[2] * inverse[2, 1]
    w = fraction[2] + d[0] * inverse[0, 2] + d[1] * inverse[1, 2] + d[2] * inverse[2, 2]
    if not (abs(u) + abs(v) + abs(w) < np.float32(1e6)):
        return np.int64(-1), F0, F0, F0
    fu, fv, fw = np.floor(u), np.floor(v), np.floor(w)
    place[0] = index[0] + np.int64(fu)
    place[1] = index[1] + np.int64(fv)
    place[2] = index[2] + np.int64(fw)
    offset = corner(place[0], place[1], place[2], start, shape)
    return offset, u - fu, v - fv, w - fw


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _newton_step(f, j, step):
    """step = -J^-1 f, or f/2 where that does not go along f; at most 0.2 Å long."""
    a = j[1, 1] * j[2, 2] - j[1, 2] * j[2, 1]
    b = j[0, 2] * j[2, 1] - j[0, 1] * j[2, 2]
    c = j[0, 1] * j[1, 2] - j[0, 2] * j[1, 1]
    e = j[1, 2] * j[2, 0] - j[1, 0] * j[2, 2]
    g = j[0, 0] * j[2, 2] - j[0, 2] * j[2, 0]
    h = j[0, 2] * j[1, 0] - j[0, 0] * j[1, 2]
    p = j[1, 0] * j[2, 1] - j[1, 1] * j[2, 0]
    q = j[0, 1] * j[2, 0] - j[0, 0] * j[2, 1]
    r = j[0, 0] * j[1, 1] - j[0, 1] * j[1, 0]
    scale = -F1 / (j[0, 0] * a + j[0, 1] * e + j[0, 2] * p)
    x = scale * (a * f[0] + b * f[1] + c * f[2])
    y = scale * (e * f[0] + g * f[1] + h * f[2])
    z = scale * (p * f[0] + q * f[1] + r * f[2])
    along = x * f[0] + y * f[1] + z * f[2]
    if not (along > F0 and along < FINITE):
        x, y, z = HALF * f[0], HALF * f[1], HALF * f[2]
    length2 = x * x + y * y + z * z
    if length2 > NEWTON_REACH2:
        cap = NEWTON_REACH / np.sqrt(length2)
        x, y, z = cap * x, cap * y, cap * z
    step[0], step[1], step[2] = x, y, z


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _newton(piece, shape, start, row, plane, fraction, index, inverse, spring, d, w):
    """Newton iteration from displacement `d`, which becomes the last point evaluated.

    Returns (status, |F|^2); w.f holds the field's force there.
    """
    total, jacobian, step, force, place = w
    s, s0, kr, length = spring
    ff = FINITE
    for iteration in range(NEWTON_STEPS):
        offset, tx, ty, tz = _locate(fraction, index, d, inverse, start, shape, place)
        if offset < 0:
            return LEFT_PIECE, ff
        radius = np.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
        pull = kr * (F1 - length / radius)
        bend = kr * length / (radius * radius * radius)
        ff = F0
        for c in range(3):
            v, gx, gy, gz = value_and_slopes(piece, offset, c, row, plane, tx, ty, tz)
            force[c] = v
            total[c] = v + s[c, 0] * d[0] + s[c, 1] * d[1] + s[c, 2] * d[2] - s0[c] + pull * d[c]
            ff += total[c] * total[c]
            for axis in range(3):
                jacobian[c, axis] = (
                    inverse[axis, 0] * gx + inverse[axis, 1] * gy + inverse[axis, 2] * gz
                    + s[c, axis] + bend * d[c] * d[axis]
                )  # fmt: skip
            jacobian[c, c] += pull
        if ff < NEWTON_CONVERGED or iteration == NEWTON_STEPS - 1:
            break
        _newton_step(total, jacobian, step)
        for c in range(3):
            d[c] += step[c]
    return DONE, ff


@njit(cache=True, nogil=True, error_model="numpy")
def _fire(piece, shape, start, row, plane, fraction, index, inverse, spring, d, w, pace, moved):
    """FIRE from displacement `d`; `pace` = (dt, damping) goes on over the calls.

    `d` becomes the last point evaluated and `moved` where the last move led. Returns (status,
    |F|^2).
    """
    total, _, velocity, force, place = w
    s, s0, kr, length = spring
    velocity[:] = F0
    moved[:] = d
    ff = FINITE
    for _ in range(FIRE_STEPS):
        d[:] = moved
        offset, tx, ty, tz = _locate(fraction, index, d, inverse, start, shape, place)
        if offset < 0:
            return LEFT_PIECE, ff
        radius = np.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
        pull = kr * (F1 - length / radius)
        ff, vv, vf = F0, F0, F0
        for c in range(3):
            force[c] = value(piece, offset, c, row, plane, tx, ty, tz)
            total[c] = (
                force[c] + s[c, 0] * d[0] + s[c, 1] * d[1] + s[c, 2] * d[2] - s0[c] + pull * d[c]
            )
            ff += total[c] * total[c]
            vv += velocity[c] * velocity[c]
            vf += velocity[c] * total[c]
        if vf < F0:
            velocity[:] = F0
            pace[0], pace[1] = max(DT_MIN, DT_DOWN * pace[0]), DAMP
        else:
            turn = pace[1] * np.sqrt(vv / (ff + SAFE))
            for c in range(3):
                velocity[c] = (F1 - pace[1]) * velocity[c] + turn * total[c]
            pace[0], pace[1] = min(DT, DT_UP * pace[0]), DAMP_DOWN * pace[1]
        for c in range(3):
            velocity[c] += total[c] * pace[0]
            moved[c] = d[c] + velocity[c] * pace[0]
        if ff < FIRE_CONVERGED:
            break
    return DONE, ff


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _follow(previous, before, d, steps):
    """Start of the next height: the displacement continued linearly."""
    for c in range(3):
        last = previous[c]
        d[c] = last + (last - before[c]) if steps > 1 else last
        before[c] = last


@njit(cache=True, nogil=True, error_model="numpy")
def relax_rows(
    first, last, piece, shape, start, anchors, inverse, spring, axes, method, weights, todo,
    counts, extent, df, forces, paths,
):  # fmt: skip
    """Relax the probe particle along the approach of pixels, and weigh its vertical forces.

    Parameters
    ----------
    first, last : int
        Rows of pixels (index of x) to work on.
    piece : float32 (sx sy sz 4,)
        Forces on a part of the grid, see `trilinear`.
    shape, start : int64 (3,)
        Of that part; `start` in indices of the grid.
    anchors : float64 (4, 3)
        Grid coordinates of the first, highest anchor; steps to the next pixel along x, along y,
        and to the next height.
    inverse : float32 (3, 3)
        Grid coordinates = Å coordinates @ inverse.
    spring : tuple
        S float32 (3, 3), s0 float32 (3,), K_r and R float32: see above, eV/Å², eV/Å, Å.
    axes : float32 (2, 3)
        Displacement (Å) of the unloaded particle; direction of the measured force.
    method : NEWTON or FIRE
    weights : float32 (W,)
        Hz per eV/Å; empty for no frequency shift.
    todo : uint8 (nx, ny)
        Pixels to work on; set to 0 for those that stayed inside of the piece.
    counts : int64 (nx, 2)
        Fallbacks and unconverged points of the rows are added.
    extent : int64 (nx, 2, 3)
        Lowest and highest grid index of relaxed points, widened.
    df : float32 (nx, ny, nz - W + 1)
        Written where `todo`.
    forces : float32 (nx, ny, nz, 4), paths : float32 (nx, ny, nz, 3)
        The field at the relaxed points and the displacements, Å; not written when empty. The
        number of heights is that of `forces` or of df and weights.
    """
    nz = forces.shape[2] if forces.size > 0 else df.shape[2] + weights.size - 1
    row, plane = 4 * shape[2], 4 * shape[1] * shape[2]
    w = (
        np.empty(3, np.float32), np.empty((3, 3), np.float32), np.empty(3, np.float32),
        np.empty(3, np.float32), np.empty(3, np.int64),
    )  # fmt: skip
    force, place = w[3], w[4]
    fraction, index = np.empty(3, np.float32), np.empty(3, np.int64)
    d, previous, before = np.empty(3, np.float32), np.empty(3, np.float32), np.empty(3, np.float32)
    moved, pace = np.empty(3, np.float32), np.empty(2, np.float32)
    measured = np.empty(nz, np.float32)
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    for ix in range(first, last):
        for iy in range(todo.shape[1]):
            if todo[ix, iy] == 0:
                continue
            previous[:] = axes[0]
            low[:], high[:] = extent[ix, 0], extent[ix, 1]
            pace[0], pace[1] = DT, DAMP
            fallbacks, unconverged, status = 0, 0, DONE
            for iz in range(nz):
                for c in range(3):
                    at = (
                        anchors[0, c] + ix * anchors[1, c] + iy * anchors[2, c] + iz * anchors[3, c]
                    )
                    floor = np.floor(at)
                    index[c] = np.int64(floor)
                    fraction[c] = np.float32(at - floor)
                if method == NEWTON:
                    _follow(previous, before, d, iz)
                    status, ff = _newton(
                        piece, shape, start, row, plane, fraction, index, inverse, spring, d, w
                    )
                    if status == DONE and not ff < NEWTON_CONVERGED:
                        fallbacks += 1
                        pace[0], pace[1] = DT, DAMP
                        d[:] = previous
                        status, ff = _fire(
                            piece, shape, start, row, plane, fraction, index, inverse, spring, d,
                            w, pace, moved,
                        )  # fmt: skip
                else:
                    d[:] = previous
                    status, ff = _fire(
                        piece, shape, start, row, plane, fraction, index, inverse, spring, d, w,
                        pace, moved,
                    )  # fmt: skip
                if status != DONE:
                    break
                unconverged += not ff <= UNCONVERGED
                previous[:] = moved if method == FIRE else d
                for c in range(3):
                    low[c], high[c] = min(low[c], place[c]), max(high[c], place[c])
                measured[iz] = axes[1, 0] * force[0] + axes[1, 1] * force[1] + axes[1, 2] * force[2]
                if forces.size > 0:
                    _store(
                        piece, shape, start, row, plane, fraction, index, inverse, w, d,
                        forces[ix, iy, iz],
                    )  # fmt: skip
                    paths[ix, iy, iz] = previous
            if status != DONE:
                continue
            todo[ix, iy] = 0
            counts[ix, 0] += fallbacks
            counts[ix, 1] += unconverged
            extent[ix, 0], extent[ix, 1] = low, high
            for j in range(df.shape[2]):
                shift = F0
                for i in range(weights.size):
                    shift += measured[j + i] * weights[i]
                df[ix, iy, j] = shift


@njit(cache=True, nogil=True, error_model="numpy")
def _store(piece, shape, start, row, plane, fraction, index, inverse, w, d, out):
    force, place = w[3], w[4]
    offset, tx, ty, tz = _locate(fraction, index, d, inverse, start, shape, place)
    out[0], out[1], out[2] = force[0], force[1], force[2]
    out[3] = value(piece, max(offset, 0), 3, row, plane, tx, ty, tz)


def warm():
    """Compile the kernels of this module."""
    f4 = np.float32
    image = np.ones((1, 1, 1), f4)
    shape, spring = np.array([2, 2, 2]), (-np.eye(3, dtype=f4), np.zeros(3, f4), f4(-1), f4(3))
    relax_rows(
        0, 1, np.zeros(32, f4), shape, np.zeros(3, np.int64), np.zeros((4, 3)),
        np.zeros((3, 3), f4), spring, np.ones((2, 3), f4), NEWTON, np.ones(1, f4),
        np.ones((1, 1), np.uint8), np.zeros((1, 2), np.int64), np.zeros((1, 2, 3), np.int64), image,
        np.empty((0, 0, 0, 4), f4), np.empty((0, 0, 0, 3), f4),
    )  # fmt: skip
