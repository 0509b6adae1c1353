"""Relaxation of the probe particle on a grid of forces, turned into frequency shifts on the way.

The particle hangs on a spring below the anchor; its displacement d from the anchor solves
F_field(anchor + d) + F_spring(d) = 0, F_spring(d) = S d - s0 + K_r (1 - R/|d|) d, with the lateral
stiffness S = T' diag(K) T of the tip axes T and s0 = S T' d0 (K negative). Anchors are handled as
grid coordinates in float64, split into index and fraction; everything else is float32. This module
holds FIRE (Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006)) with the constants of ppafm,
`newton` the Newton iteration.
"""

import numpy as np
from numba import njit

from simlab.afm.kernels.trilinear import corner, value

DONE, LEFT_PIECE = 0, 1

DT, DT_MIN, DT_UP, DT_DOWN = (np.float32(v) for v in (0.5, 0.05, 1.1, 0.5))
DAMP, DAMP_DOWN = np.float32(0.1), np.float32(0.99)
FIRE_STEPS = 128
FIRE_CONVERGED, UNCONVERGED = np.float32(1e-8), np.float32(1e-6)
SAFE = np.float32(1e-8)
FINITE, FAR = np.float32(1e30), np.float32(1e6)
"""Squared forces in (eV/Å)², squared velocities likewise; distances in grid steps."""

F0, F1 = np.float32(0), np.float32(1)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def locate(fraction, index, x, y, z, inverse, skew, start, shape, place):
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


@njit(cache=True, nogil=True, error_model="numpy")
def fire(
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
        offset, tx, ty, tz = locate(
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
def is_skew(inverse):
    """Whether the grid coordinates are not those along x, y and z."""
    return (
        inverse[0, 1] != F0 or inverse[0, 2] != F0 or inverse[1, 0] != F0
        or inverse[1, 2] != F0 or inverse[2, 0] != F0 or inverse[2, 1] != F0
    )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def store(
    piece, shape, start, row, plane, fraction, index, inverse, skew, force, place, d, out
):  # fmt: skip
    """Write the force found at displacement `d` and the energy there to `out` (4,)."""
    offset, tx, ty, tz = locate(
        fraction, index, d[0], d[1], d[2], inverse, skew, start, shape, place
    )
    out[0], out[1], out[2] = force[0], force[1], force[2]
    out[3] = value(piece, max(offset, 0), 3, row, plane, tx, ty, tz)


@njit(cache=True, nogil=True, error_model="numpy")
def fire_rows(
    first, last, piece, shape, start, anchors, inverse, spring, axes, weights, todo, counts,
    extent, df, forces, paths,
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
    weights : float32 (W,)
        Hz per eV/Å.
    todo : uint8 (nx, ny)
        Pixels to work on; set to 0 for those that stayed inside of the piece.
    counts : int64 (nx, 2)
        Fallbacks and unconverged points of the rows are added.
    extent : int64 (nx, 2, 3)
        Lowest and highest grid index of relaxed points, widened.
    df : float32 (nx, ny, nz - W + 1)
        Written where `todo`.
    forces : float32 (nx, ny, nz, 4), paths : float32 (nx, ny, nz, 3)
        The field at the relaxed points and the displacements, Å; not written when empty.
    """
    nz = df.shape[2] + weights.size - 1
    row, plane = 4 * shape[2], 4 * shape[1] * shape[2]
    skew = is_skew(inverse)
    force, place = np.empty(3, np.float32), np.empty(3, np.int64)
    fraction, index = np.empty(3, np.float32), np.empty(3, np.int64)
    d, moved = np.empty(3, np.float32), np.empty(3, np.float32)
    pace, measured = np.empty(2, np.float32), np.empty(nz, np.float32)
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    for ix in range(first, last):
        for iy in range(todo.shape[1]):
            if todo[ix, iy] == 0:
                continue
            moved[:] = axes[0]
            low[:], high[:] = extent[ix, 0], extent[ix, 1]
            pace[0], pace[1] = DT, DAMP
            unconverged, status = 0, DONE
            for iz in range(nz):
                for c in range(3):
                    at = anchors[0, c] + ix * anchors[1, c] + iy * anchors[2, c]
                    at += iz * anchors[3, c]
                    floor = np.floor(at)
                    index[c] = np.int64(floor)
                    fraction[c] = np.float32(at - floor)
                d[:] = moved
                status, ff = fire(
                    piece, shape, start, row, plane, fraction, index, inverse, skew, spring, d,
                    force, place, pace, moved,
                )  # fmt: skip
                if status != DONE:
                    break
                unconverged += not ff <= UNCONVERGED
                for c in range(3):
                    low[c], high[c] = min(low[c], place[c]), max(high[c], place[c])
                measured[iz] = axes[1, 0] * force[0] + axes[1, 1] * force[1] + axes[1, 2] * force[2]
                if forces.size > 0:
                    store(
                        piece, shape, start, row, plane, fraction, index, inverse, skew, force,
                        place, d, forces[ix, iy, iz],
                    )  # fmt: skip
                    paths[ix, iy, iz] = moved
            if status != DONE:
                continue
            todo[ix, iy] = 0
            counts[ix, 1] += unconverged
            extent[ix, 0], extent[ix, 1] = low, high
            for j in range(df.shape[2]):
                shift = F0
                for i in range(weights.size):
                    shift += measured[j + i] * weights[i]
                df[ix, iy, j] = shift


def sample_arguments():
    """Smallest arguments of `fire_rows` and `newton.newton_rows`, to compile them."""
    f4 = np.float32
    spring = (-np.eye(3, dtype=f4), np.zeros(3, f4), f4(-1), f4(3))
    return (
        0, 1, np.zeros(32, f4), np.array([2, 2, 2]), np.zeros(3, np.int64), np.zeros((4, 3)),
        np.zeros((3, 3), f4), spring, np.ones((2, 3), f4), np.ones(1, f4),
        np.ones((1, 1), np.uint8), np.zeros((1, 2), np.int64), np.zeros((1, 2, 3), np.int64),
        np.ones((1, 1, 1), f4), np.empty((0, 0, 0, 4), f4), np.empty((0, 0, 0, 3), f4),
    )  # fmt: skip


def warm():
    """Compile the kernels of this module."""
    fire_rows(*sample_arguments())
