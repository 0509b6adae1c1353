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
FINITE, FAR = np.float32(1e30), np.float32(1e6)
"""Constants of FIRE (Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006)) as ppafm sets them, and
of the damped Newton iteration; squared forces in (eV/Å)²."""

F0, F1, HALF = np.float32(0), np.float32(1), np.float32(0.5)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _locate(fraction, index, x, y, z, inverse, skew, start, shape, place):
    """Offset in the piece of anchor + (x, y, z), its fractions; `place` gets the grid indices.

    -1 outside of the piece, also where the displacement is not finite.
    """
    u = fraction[0] + x * inverse[0, 0]
    v = fraction[1] + y * inverse[1, 1]
    w = fraction[2] + z * inverse[2, 2]
    if skew:
        u += y * inverse[1, 0] + z * inverse[2, 0]
        v += x * inverse[0, 1] + z * inverse[2, 1]
        w += x * inverse[0, 2] + y * inverse[1, 2]
    if not (abs(u) + abs(v) + abs(w) < FAR):
        return np.int64(-1), F0, F0, F0
    fu, fv, fw = np.floor(u), np.floor(v), np.floor(w)
    place[0] = index[0] + np.int64(fu)
    place[1] = index[1] + np.int64(fv)
    place[2] = index[2] + np.int64(fw)
    offset = corner(place[0], place[1], place[2], start, shape)
    return offset, u - fu, v - fv, w - fw


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _by_length(gx, gy, gz, inverse, skew):
    """Derivatives along x, y, z in Å of derivatives by grid coordinates."""
    x, y, z = gx * inverse[0, 0], gy * inverse[1, 1], gz * inverse[2, 2]
    if skew:
        x += gy * inverse[0, 1] + gz * inverse[0, 2]
        y += gx * inverse[1, 0] + gz * inverse[1, 2]
        z += gx * inverse[2, 0] + gy * inverse[2, 1]
    return x, y, z


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _newton(
    piece, shape, start, row, plane, fraction, index, inverse, skew, spring, d, force, place
):
    """Newton iteration from displacement `d`, which becomes the last point evaluated.

    `force` gets the field there. Returns (status, |F|^2). Everything is spelled out in scalars:
    small arrays in the loop would keep the compiler from using registers.
    """
    s, s0, kr, length = spring
    x, y, z = d[0], d[1], d[2]
    ff, status = FINITE, DONE
    for iteration in range(NEWTON_STEPS):
        offset, tx, ty, tz = _locate(fraction, index, x, y, z, inverse, skew, start, shape, place)
        if offset < 0:
            status = LEFT_PIECE
            break
        f0, gx, gy, gz = value_and_slopes(piece, offset, 0, row, plane, tx, ty, tz)
        j00, j01, j02 = _by_length(gx, gy, gz, inverse, skew)
        f1, gx, gy, gz = value_and_slopes(piece, offset, 1, row, plane, tx, ty, tz)
        j10, j11, j12 = _by_length(gx, gy, gz, inverse, skew)
        f2, gx, gy, gz = value_and_slopes(piece, offset, 2, row, plane, tx, ty, tz)
        j20, j21, j22 = _by_length(gx, gy, gz, inverse, skew)
        force[0], force[1], force[2] = f0, f1, f2
        nearness = F1 / np.sqrt(x * x + y * y + z * z)
        pull = kr - kr * length * nearness
        bend = kr * length * nearness * nearness * nearness
        f0 += s[0, 0] * x + s[0, 1] * y + s[0, 2] * z - s0[0] + pull * x
        f1 += s[1, 0] * x + s[1, 1] * y + s[1, 2] * z - s0[1] + pull * y
        f2 += s[2, 0] * x + s[2, 1] * y + s[2, 2] * z - s0[2] + pull * z
        ff = f0 * f0 + f1 * f1 + f2 * f2
        if ff < NEWTON_CONVERGED or iteration == NEWTON_STEPS - 1:
            break
        j00 += s[0, 0] + pull + bend * x * x
        j11 += s[1, 1] + pull + bend * y * y
        j22 += s[2, 2] + pull + bend * z * z
        xy, xz, yz = s[0, 1] + bend * x * y, s[0, 2] + bend * x * z, s[1, 2] + bend * y * z
        j01 += xy
        j10 += xy
        j02 += xz
        j20 += xz
        j12 += yz
        j21 += yz
        # Adjugate of J: rows of cofactors.
        a00, a01, a02 = j11 * j22 - j12 * j21, j02 * j21 - j01 * j22, j01 * j12 - j02 * j11
        a10, a11, a12 = j12 * j20 - j10 * j22, j00 * j22 - j02 * j20, j02 * j10 - j00 * j12
        a20, a21, a22 = j10 * j21 - j11 * j20, j01 * j20 - j00 * j21, j00 * j11 - j01 * j10
        scale = -F1 / (j00 * a00 + j01 * a10 + j02 * a20)
        sx = scale * (a00 * f0 + a01 * f1 + a02 * f2)
        sy = scale * (a10 * f0 + a11 * f1 + a12 * f2)
        sz = scale * (a20 * f0 + a21 * f1 + a22 * f2)
        along = sx * f0 + sy * f1 + sz * f2
        if not (along > F0 and along < FINITE):
            sx, sy, sz = HALF * f0, HALF * f1, HALF * f2
        length2 = sx * sx + sy * sy + sz * sz
        if length2 > NEWTON_REACH2:
            cap = NEWTON_REACH / np.sqrt(length2)
            sx, sy, sz = cap * sx, cap * sy, cap * sz
        x += sx
        y += sy
        z += sz
    d[0], d[1], d[2] = x, y, z
    return status, ff


@njit(cache=True, nogil=True, error_model="numpy")
def _fire(
    piece, shape, start, row, plane, fraction, index, inverse, skew, spring, d, force, place, pace,
    moved,
):  # fmt: skip
    """FIRE from displacement `d`; `pace` = (dt, damping) goes on over the calls.

    `d` becomes the last point evaluated and `moved` where the last move led. Returns (status,
    |F|^2).
    """
    s, s0, kr, length = spring
    total, velocity = np.empty(3, np.float32), np.zeros(3, np.float32)
    moved[:] = d
    ff = FINITE
    for _ in range(FIRE_STEPS):
        d[:] = moved
        offset, tx, ty, tz = _locate(
            fraction, index, d[0], d[1], d[2], inverse, skew, start, shape, place
        )
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
    skew = (
        inverse[0, 1] != F0 or inverse[0, 2] != F0 or inverse[1, 0] != F0
        or inverse[1, 2] != F0 or inverse[2, 0] != F0 or inverse[2, 1] != F0
    )  # fmt: skip
    force, place = np.empty(3, np.float32), np.empty(3, np.int64)
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
                        piece, shape, start, row, plane, fraction, index, inverse, skew, spring, d,
                        force, place,
                    )  # fmt: skip
                    if status == DONE and not ff < NEWTON_CONVERGED:
                        fallbacks += 1
                        pace[0], pace[1] = DT, DAMP
                        d[:] = previous
                        status, ff = _fire(
                            piece, shape, start, row, plane, fraction, index, inverse, skew,
                            spring, d, force, place, pace, moved,
                        )  # fmt: skip
                else:
                    d[:] = previous
                    status, ff = _fire(
                        piece, shape, start, row, plane, fraction, index, inverse, skew, spring, d,
                        force, place, pace, moved,
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
                        piece, shape, start, row, plane, fraction, index, inverse, skew, force,
                        place, d, forces[ix, iy, iz],
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
def _store(
    piece, shape, start, row, plane, fraction, index, inverse, skew, force, place, d, out
):  # fmt: skip
    offset, tx, ty, tz = _locate(
        fraction, index, d[0], d[1], d[2], inverse, skew, start, shape, place
    )
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
