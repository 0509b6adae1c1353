"""Newton relaxation of the probe particle, 16 pixels of a row at a time.

The equation is that of `relax`. One table holds all numbers of the 16 pixels, a row a quantity;
loops over its columns become vector instructions. Each column is computed as if it were alone, so
that the result of a pixel does not depend on its neighbors.
"""

import numpy as np
from numba import njit

from simlab.afm.kernels.relax import (
    DAMP,
    DONE,
    DT,
    F0,
    F1,
    FINITE,
    UNCONVERGED,
    fire,
    is_skew,
    sample_arguments,
    store,
)
from simlab.afm.kernels.trilinear import blend, corner

LANES = 16
STEPS = 20
CONVERGED = np.float32(1e-10)
REACH, REACH2 = np.float32(0.2), np.float32(0.2 * 0.2)
"""Newton steps of a height; squared force that ends them, (eV/Å)²; longest step, Å."""

HALF = np.float32(0.5)

RUNNING, CLOSE, GONE = np.float32(0), np.float32(1), np.float32(2)
"""State of a pixel: iterating, converged, outside of the piece (or no pixel at all)."""

D, PREVIOUS, BEFORE = 0, 3, 6
INDEX, FRACTION, PLACE, T = 9, 12, 15, 18
FORCE, FF, STATE, CORNERS = 21, 24, 25, 26
ROWS = CORNERS + 24
"""Rows of the table: displacement, that of the last height and the one before; anchor as grid
index and fraction; grid index and fractions of the particle; field, |F|^2, state; Fx, Fy, Fz at
the 8 corners of the cell, component after component."""


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _place(table, inverse, skew):
    """Grid indices and fractions of anchor + displacement."""
    xx, yy, zz = inverse[0, 0], inverse[1, 1], inverse[2, 2]
    for n in range(LANES):
        u = table[FRACTION, n] + table[D, n] * xx
        v = table[FRACTION + 1, n] + table[D + 1, n] * yy
        w = table[FRACTION + 2, n] + table[D + 2, n] * zz
        fu, fv, fw = np.floor(u), np.floor(v), np.floor(w)
        table[PLACE, n] = table[INDEX, n] + fu
        table[PLACE + 1, n] = table[INDEX + 1, n] + fv
        table[PLACE + 2, n] = table[INDEX + 2, n] + fw
        table[T, n], table[T + 1, n], table[T + 2, n] = u - fu, v - fv, w - fw
    if skew:
        _place_skew(table, inverse)


@njit(cache=True, nogil=True, error_model="numpy")
def _place_skew(table, inverse):
    for n in range(LANES):
        x, y, z = table[D, n], table[D + 1, n], table[D + 2, n]
        for c in range(3):
            u = x * inverse[0, c] + y * inverse[1, c] + z * inverse[2, c]
            u += table[FRACTION + c, n]
            floor = np.floor(u)
            table[PLACE + c, n] = table[INDEX + c, n] + floor
            table[T + c, n] = u - floor


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _collect(table, piece, shape, start, row, plane):
    """Copy the corners of the running pixels' cells; those whose cell is not there are GONE."""
    dz, dy, dx = np.uintp(4), np.uintp(row), np.uintp(plane)
    for n in range(LANES):
        if table[STATE, n] != RUNNING:
            continue
        # Comparisons in float32 first: they fail where the displacement is not finite.
        i, j, k = table[PLACE, n], table[PLACE + 1, n], table[PLACE + 2, n]
        near = abs(i) + abs(j) + abs(k) < np.float32(1e6)
        offset = corner(np.int64(i), np.int64(j), np.int64(k), start, shape) if near else -1
        if offset < 0:
            table[STATE, n] = GONE
            continue
        for c in range(3):
            at, to = np.uintp(offset + c), CORNERS + 8 * c
            table[to, n] = piece[at]
            table[to + 1, n] = piece[at + dz]
            table[to + 2, n] = piece[at + dy]
            table[to + 3, n] = piece[at + dy + dz]
            table[to + 4, n] = piece[at + dx]
            table[to + 5, n] = piece[at + dx + dz]
            table[to + 6, n] = piece[at + dx + dy]
            table[to + 7, n] = piece[at + dx + dy + dz]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _component(table, c, n):
    """Field component `c` of pixel `n` and its derivatives by the grid coordinates."""
    v = CORNERS + 8 * c
    return blend(
        table[v, n], table[v + 1, n], table[v + 2, n], table[v + 3, n], table[v + 4, n],
        table[v + 5, n], table[v + 6, n], table[v + 7, n], table[T, n], table[T + 1, n],
        table[T + 2, n],
    )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _step(table, inverse, spring, move):
    """Total force of the running pixels; if `move`, a Newton step of those not yet CLOSE.

    The step is -J^-1 F, or F/2 where that does not go along F, at most 0.2 Å.
    """
    s, s0, kr, length = spring
    i00, i01, i02 = inverse[0, 0], inverse[0, 1], inverse[0, 2]
    i10, i11, i12 = inverse[1, 0], inverse[1, 1], inverse[1, 2]
    i20, i21, i22 = inverse[2, 0], inverse[2, 1], inverse[2, 2]
    s00, s01, s02, s11, s12, s22 = s[0, 0], s[0, 1], s[0, 2], s[1, 1], s[1, 2], s[2, 2]
    r0, r1, r2 = s0[0], s0[1], s0[2]
    kl = kr * length
    for n in range(LANES):
        x, y, z = table[D, n], table[D + 1, n], table[D + 2, n]
        state = table[STATE, n]
        running = state == RUNNING
        v0, gx, gy, gz = _component(table, 0, n)
        j00 = gx * i00 + gy * i01 + gz * i02
        j01 = gx * i10 + gy * i11 + gz * i12
        j02 = gx * i20 + gy * i21 + gz * i22
        v1, gx, gy, gz = _component(table, 1, n)
        j10 = gx * i00 + gy * i01 + gz * i02
        j11 = gx * i10 + gy * i11 + gz * i12
        j12 = gx * i20 + gy * i21 + gz * i22
        v2, gx, gy, gz = _component(table, 2, n)
        j20 = gx * i00 + gy * i01 + gz * i02
        j21 = gx * i10 + gy * i11 + gz * i12
        j22 = gx * i20 + gy * i21 + gz * i22
        nearness = F1 / np.sqrt(x * x + y * y + z * z)
        pull = kr - kl * nearness
        bend = kl * nearness * nearness * nearness
        f0 = v0 + s00 * x + s01 * y + s02 * z - r0 + pull * x
        f1 = v1 + s01 * x + s11 * y + s12 * z - r1 + pull * y
        f2 = v2 + s02 * x + s12 * y + s22 * z - r2 + pull * z
        ff = f0 * f0 + f1 * f1 + f2 * f2
        j00 += s00 + pull + bend * x * x
        j11 += s11 + pull + bend * y * y
        j22 += s22 + pull + bend * z * z
        xy, xz, yz = s01 + bend * x * y, s02 + bend * x * z, s12 + bend * y * z
        j01 += xy
        j10 += xy
        j02 += xz
        j20 += xz
        j12 += yz
        j21 += yz
        # Adjugate of J.
        a00, a01, a02 = j11 * j22 - j12 * j21, j02 * j21 - j01 * j22, j01 * j12 - j02 * j11
        a10, a11, a12 = j12 * j20 - j10 * j22, j00 * j22 - j02 * j20, j02 * j10 - j00 * j12
        a20, a21, a22 = j10 * j21 - j11 * j20, j01 * j20 - j00 * j21, j00 * j11 - j01 * j10
        scale = -F1 / (j00 * a00 + j01 * a10 + j02 * a20)
        sx = scale * (a00 * f0 + a01 * f1 + a02 * f2)
        sy = scale * (a10 * f0 + a11 * f1 + a12 * f2)
        sz = scale * (a20 * f0 + a21 * f1 + a22 * f2)
        along = sx * f0 + sy * f1 + sz * f2
        good = (along > F0) & (along < FINITE)
        sx = sx if good else HALF * f0
        sy = sy if good else HALF * f1
        sz = sz if good else HALF * f2
        length2 = sx * sx + sy * sy + sz * sz
        cap = REACH / np.sqrt(length2)
        cap = cap if length2 > REACH2 else F1
        close = ff < CONVERGED
        go = running & (not close) & move
        table[D, n] = x + cap * sx if go else x
        table[D + 1, n] = y + cap * sy if go else y
        table[D + 2, n] = z + cap * sz if go else z
        table[FORCE, n] = v0 if running else table[FORCE, n]
        table[FORCE + 1, n] = v1 if running else table[FORCE + 1, n]
        table[FORCE + 2, n] = v2 if running else table[FORCE + 2, n]
        table[FF, n] = ff if running else table[FF, n]
        table[STATE, n] = CLOSE if running & close else state


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _running(table):
    count = 0
    for n in range(LANES):
        count += table[STATE, n] == RUNNING
    return count


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _next_height(table, anchors, ix, pixels, iz):
    """Anchors of height `iz`; start of the displacements, continued linearly."""
    for c in range(3):
        begin = anchors[0, c] + ix * anchors[1, c]
        along, down = anchors[2, c], iz * anchors[3, c]
        for n in range(LANES):
            at = begin + pixels[n] * along + down
            floor = np.floor(at)
            table[INDEX + c, n] = np.float32(floor)
            table[FRACTION + c, n] = np.float32(at - floor)
    for n in range(LANES):
        table[STATE, n] = GONE if table[STATE, n] == GONE else RUNNING
    for c in range(3):
        for n in range(LANES):
            last, before = table[PREVIOUS + c, n], table[BEFORE + c, n]
            table[D + c, n] = last + (last - before) if iz > 1 else last
            table[BEFORE + c, n] = last


@njit(cache=True, nogil=True, error_model="numpy")
def _fall_back(
    table, n, piece, shape, start, row, plane, inverse, skew, spring, small, place
):  # fmt: skip
    """FIRE for pixel `n`, from the displacement of the last height; returns its |F|^2."""
    fraction, d, force, moved, pace = small[0], small[1], small[2], small[3], small[4]
    index = np.empty(3, np.int64)
    for c in range(3):
        fraction[c], index[c] = table[FRACTION + c, n], np.int64(table[INDEX + c, n])
        d[c] = table[PREVIOUS + c, n]
    pace[0], pace[1] = DT, DAMP
    status, ff = fire(
        piece, shape, start, row, plane, fraction, index, inverse, skew, spring, d, force, place,
        pace, moved,
    )  # fmt: skip
    table[STATE, n] = CLOSE if status == DONE else GONE
    table[FF, n] = ff
    for c in range(3):
        table[D + c, n], table[FORCE + c, n] = d[c], force[c]
        table[PLACE + c, n] = np.float32(place[c])


@njit(cache=True, nogil=True, error_model="numpy")
def newton_rows(
    first, last, piece, shape, start, anchors, inverse, spring, axes, weights, todo, counts,
    extent, df, forces, paths,
):  # fmt: skip
    """`relax.fire_rows` by Newton steps, with FIRE where 20 of them do not end.

    Each height starts from the displacements of the last two, continued linearly; force and
    displacement are those of the last point evaluated.
    """
    nz = df.shape[2] + weights.size - 1
    row, plane = 4 * shape[2], 4 * shape[1] * shape[2]
    skew = is_skew(inverse)
    table = np.zeros((ROWS, LANES), np.float32)
    measured = np.zeros((nz, LANES), np.float32)
    small = np.zeros((5, 3), np.float32)
    place, index = np.zeros(3, np.int64), np.zeros(3, np.int64)
    tally = np.zeros((2, LANES), np.int64)
    reached = np.zeros((6, LANES), np.float32)
    pixels = np.zeros(LANES)
    ux, uy, uz = axes[1, 0], axes[1, 1], axes[1, 2]
    for ix in range(first, last):
        iy = 0
        while iy < todo.shape[1]:
            filled = 0
            while iy < todo.shape[1] and filled < LANES:
                if todo[ix, iy] != 0:
                    pixels[filled] = iy
                    filled += 1
                iy += 1
            if filled == 0:
                break
            tally[:] = 0
            for n in range(LANES):
                table[STATE, n] = CLOSE if n < filled else GONE
                for c in range(3):
                    table[PREVIOUS + c, n] = axes[0, c]
                    reached[c, n], reached[3 + c, n] = FINITE, -FINITE
            for iz in range(nz):
                _next_height(table, anchors, ix, pixels, iz)
                for iteration in range(STEPS):
                    _place(table, inverse, skew)
                    _collect(table, piece, shape, start, row, plane)
                    _step(table, inverse, spring, iteration < STEPS - 1)
                    if _running(table) == 0:
                        break
                for n in range(filled):
                    if table[STATE, n] == RUNNING:
                        tally[0, n] += 1
                        _fall_back(
                            table, n, piece, shape, start, row, plane, inverse, skew, spring,
                            small, place,
                        )  # fmt: skip
                        tally[1, n] += not table[FF, n] <= UNCONVERGED
                for n in range(LANES):
                    measured[iz, n] = (
                        ux * table[FORCE, n] + uy * table[FORCE + 1, n] + uz * table[FORCE + 2, n]
                    )
                for c in range(3):
                    for n in range(LANES):
                        at = table[PLACE + c, n]
                        table[PREVIOUS + c, n] = table[D + c, n]
                        reached[c, n] = min(reached[c, n], at)
                        reached[3 + c, n] = max(reached[3 + c, n], at)
                if forces.size > 0:
                    for n in range(filled):
                        if table[STATE, n] != GONE:
                            pixel = np.int64(pixels[n])
                            for c in range(3):
                                small[0, c] = table[FRACTION + c, n]
                                index[c] = np.int64(table[INDEX + c, n])
                                small[1, c] = table[D + c, n]
                                small[2, c] = table[FORCE + c, n]
                                paths[ix, pixel, iz, c] = table[D + c, n]
                            store(
                                piece, shape, start, row, plane, small[0], index, inverse, skew,
                                small[2], place, small[1], forces[ix, pixel, iz],
                            )  # fmt: skip
            for n in range(filled):
                if table[STATE, n] == GONE:
                    continue
                pixel = np.int64(pixels[n])
                todo[ix, pixel] = 0
                counts[ix, 0] += tally[0, n]
                counts[ix, 1] += tally[1, n]
                for c in range(3):
                    extent[ix, 0, c] = min(extent[ix, 0, c], np.int64(reached[c, n]))
                    extent[ix, 1, c] = max(extent[ix, 1, c], np.int64(reached[3 + c, n]))
            for j in range(df.shape[2]):
                for n in range(LANES):
                    table[0, n] = F0
                for i in range(weights.size):
                    weight = weights[i]
                    for n in range(LANES):
                        table[0, n] += measured[j + i, n] * weight
                for n in range(filled):
                    if table[STATE, n] != GONE:
                        df[ix, np.int64(pixels[n]), j] = table[0, n]


def warm():
    """Compile the kernels of this module."""
    newton_rows(*sample_arguments())
