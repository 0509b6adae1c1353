"""Nested maps of one halo in one rotation, from particles in order of cells.

The particles of a cell share their periodic images. For every image of a column of cells, whole
runs of cells along z are classified by geometry alone:

* finest level that holds every cloud of the run: the particles are deposited there, and coarser
  levels get the sums over blocks of that map at the end (this is exact: windows and blocks nest);
* finer levels that the run only touches: the particles are deposited there too, clipped;
* runs that cross a face of the cube: each particle is tested.
"""

import math

import numpy as np
from numba import njit

from simlab.halo.kernels.weights import (
    BATCH,
    LANES,
    add_to_plane,
    add_to_stack,
    copy_masses,
    fold_stack,
    mask_masses,
    read_masses,
    weigh,
    weigh_clipped,
)

MARGIN = 1e-9
"""Share of the box that absorbs rounding where cells are compared with windows."""


@njit(cache=True, nogil=True, forceinline=True)
def narrow(base, slope, limit, low, high):
    """Cells low..high-1 along a column that have |base + slope (cell + 1/2)| <= limit.

    A slope so small that the whole column moves by less than rounding counts as none.
    """
    if limit < 0.0:
        return low, low
    if abs(slope) < 1e-13 * limit:
        return (low, high) if abs(base) <= limit else (low, low)
    a = (-limit - base) / slope - 0.5
    b = (limit - base) / slope - 0.5
    if a > b:
        a, b = b, a
    if a > low:
        low = np.int64(math.ceil(min(a, 1.0 * high)))
    if b < high - 1:
        high = np.int64(math.floor(max(b, -1.0))) + 1
    return low, max(low, high)


@njit(cache=True, nogil=True, inline="always")
def map_of(maps, k):
    """Row k of `maps` (S, 8) as a tuple."""
    return (
        maps[k, 0],
        maps[k, 1],
        maps[k, 2],
        maps[k, 3],
        maps[k, 4],
        maps[k, 5],
        maps[k, 6],
        maps[k, 7],
    )


@njit(cache=True, nogil=True)
def sort_few(values, count):
    """Sort values[:count] in place by insertion."""
    for i in range(1, count):
        value = values[i]
        j = i - 1
        while j >= 0 and values[j] > value:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = value


@njit(cache=True, nogil=True, forceinline=True)
def deposit_run(particles, first, last, image, levels, finest, touched, masked, sums, buffers):
    """Deposit particles first..last-1: whole into level `finest`, clipped from `touched` on."""
    x, y, z, m = particles
    offset, shift, rotation, half, half_depth, maps = image
    factors, pitch = levels
    stacks, constant, masses, index, unsigned, weights = buffers
    end, step, pixels = pitch - 2.0, 1.0 * pitch, 1.0 * pitch * pitch
    n_levels = factors.size
    for start in range(first, last, BATCH):
        count = min(BATCH, last - start)
        begin = np.uint64(start)
        if m.size > 0:
            read_masses(m, begin, count, masses)
        elif masked:
            copy_masses(constant, count, masses)
        if masked:
            mask_masses(x, y, z, masses, begin, count, offset, shift, rotation, half, half_depth)
        use = masses if masked or m.size > 0 else constant
        if finest < n_levels:
            map_ = map_of(maps, finest)
            base, factor = finest * pixels, factors[finest]
            weigh(x, y, z, use, begin, count, map_, factor, step, base, index, weights)
            add_to_stack(unsigned, weights, count, stacks)
        for level in range(touched, finest):
            map_ = map_of(maps, level)
            base, factor = level * pixels, factors[level]
            weigh_clipped(x, y, z, use, begin, count, map_, factor, step, base, end, index, weights)
            if level == n_levels - 1:
                # no coarser level inherits from this stack
                add_to_stack(unsigned, weights, count, stacks)
            else:
                add_to_plane(unsigned, weights, count, pitch, sums)


@njit(cache=True, nogil=True, forceinline=True)
def find_spans(base, slope, extent, half_depth, windows, low, high, spans, cuts):
    """Which cells low..high-1 of a column touch each window and which lie wholly inside it.

    base, slope: rotated place of the column's end and step from cell to cell; extent: half extents
    of a cell. spans (S + 1, 4): row k gets the first and the end of the cells that touch window k,
    and of those inside; the last row, in its second half, those inside the depth.
    Returns the number of `cuts`, the ends of all these in order, and the finest level touched.
    """
    _, _, sides, pixel, whole, nested = windows
    bx, by, bz = base
    vx, vy, vz = slope
    ex, ey, ez = extent
    n_levels = sides.size
    top = n_levels - 1
    p, q = narrow(bz, vz, half_depth - ez, low, high)
    spans[n_levels, 2], spans[n_levels, 3] = p, q
    cuts[0], cuts[1], cuts[2], cuts[3] = low, high, p, q
    n_cuts, finest_touched = 4, top
    for k in range(top, -1, -1):
        p, q = low, high
        if k < top:
            p, q = narrow(bx, vx, sides[k] + pixel + ex, p, q)
            p, q = narrow(by, vy, sides[k] + pixel + ey, p, q)
            if p >= q:
                break
        finest_touched = k
        spans[k, 0], spans[k, 1] = p, q
        # a cloud at the edge of the box wraps, at other edges it is cut
        inner = sides[k] if whole and k == top else sides[k] - pixel
        if nested or k == top:
            p, q = narrow(bx, vx, inner - ex, p, q)
            p, q = narrow(by, vy, inner - ey, p, q)
        else:
            q = p
        spans[k, 2], spans[k, 3] = p, q
        for end in range(4):
            cuts[n_cuts + end] = spans[k, end]
        n_cuts += 4
    sort_few(cuts, n_cuts)
    return n_cuts, finest_touched


@njit(cache=True, nogil=True, forceinline=True)
def classify(cell, finest_touched, whole, spans):
    """(finest level that holds a cell, finest that it touches, must particles be tested?)."""
    n_levels = spans.shape[0] - 1
    finest, touched = n_levels, n_levels
    for k in range(finest_touched, n_levels):
        if touched == n_levels and spans[k, 0] <= cell < spans[k, 1]:
            touched = k
        if finest == n_levels and spans[k, 2] <= cell < spans[k, 3]:
            finest = k
    masked = not spans[n_levels, 2] <= cell < spans[n_levels, 3]
    if whole and not spans[n_levels - 1, 2] <= cell < spans[n_levels - 1, 3]:
        masked = True
    return finest, touched, masked


@njit(cache=True, nogil=True)
def project_task(
    particles,
    starts,
    rows,
    cells,
    box,
    center,
    rotation,
    half_depth,
    windows,
    levels,
    sums,
    buffers,
):
    """Add all images of the particles in the rotated cube about `center` to `sums` (S P P,).

    particles: x, y, z (N + LANES,) float32 in order of cells, masses of the same length or,
    equal for all, none;
    starts (rows^2 cells + 1): first particle of each cell; center (3,) in [0, box).
    windows: (first fine node (S,), pixels per unit length (S,), half sides of the windows (S,),
    length of a fine pixel, True if the last level is the box, True if blocks nest);
    levels: (factors (S,), pitch P = res + 3); one pixel of border on one side, two on the other.
    buffers: stacks (S P P, 4) of zeros; of BATCH elements: the mass if all are equal, masses,
    index as int32 and the same memory as uint32; weights (4, BATCH).
    """
    nodes, densities, sides, pixel, whole, nested = windows
    factors, pitch = levels
    n_levels = factors.size
    half = box / 2
    width, height = box / rows, box / cells
    r = rotation
    r00, r01, r02 = r[0, 0], r[0, 1], r[0, 2]
    r10, r11, r12 = r[1, 0], r[1, 1], r[1, 2]
    r20, r21, r22 = r[2, 0], r[2, 1], r[2, 2]
    flat = r00, r01, r02, r10, r11, r12, r20, r21, r22
    offset = center[0], center[1], center[2]
    margin = MARGIN * box
    # half extents of a cell, of a slab of cells and of the box, seen in the rotated frame
    ex = (abs(r00) + abs(r01)) * width / 2 + abs(r02) * height / 2 + margin
    ey = (abs(r10) + abs(r11)) * width / 2 + abs(r12) * height / 2 + margin
    ez = (abs(r20) + abs(r21)) * width / 2 + abs(r22) * height / 2 + margin
    tx, ty, tz = (abs(r02) * half, abs(r12) * half, abs(r22) * half)
    sx, sy, sz = (abs(r01) * half + tx, abs(r11) * half + ty, abs(r21) * half + tz)
    top = n_levels - 1
    reach = sides[top] + pixel
    reach_x, reach_y, reach_z = reach + ex, reach + ey, half_depth + ez
    maps = np.empty((n_levels, 8))
    cuts = np.empty(4 * n_levels + 4, np.int64)
    spans = np.empty((n_levels + 1, 4), np.int64)
    extent = ex, ey, ez

    for a in range(-1, 2):
        for b in range(-1, 2):
            for c in range(-1, 2):
                shift = a * box, b * box, c * box
                dx, dy, dz = shift[0] - offset[0], shift[1] - offset[1], shift[2] - offset[2]
                # the middle of the box
                mx, my, mz = dx + half, dy + half, dz + half
                if (
                    abs(r00 * mx + r01 * my + r02 * mz) > reach_x + sx + abs(r00) * half
                    or abs(r10 * mx + r11 * my + r12 * mz) > reach_y + sy + abs(r10) * half
                    or abs(r20 * mx + r21 * my + r22 * mz) > reach_z + sz + abs(r20) * half
                ):
                    continue
                ox = r00 * dx + r01 * dy + r02 * dz + half
                oy = r10 * dx + r11 * dy + r12 * dz + half
                for k in range(n_levels):
                    g = densities[k]
                    maps[k, 0], maps[k, 1], maps[k, 2] = g * r00, g * r01, g * r02
                    maps[k, 3] = g * (ox - nodes[k] * pixel) + 1.0
                    maps[k, 4], maps[k, 5], maps[k, 6] = g * r10, g * r11, g * r12
                    maps[k, 7] = g * (oy - nodes[k] * pixel) + 1.0
                image = offset, shift, flat, half, half_depth, maps
                for i in range(rows):
                    px = dx + (i + 0.5) * width
                    if (
                        abs(r00 * px + r01 * my + r02 * mz) > reach_x + sx
                        or abs(r10 * px + r11 * my + r12 * mz) > reach_y + sy
                        or abs(r20 * px + r21 * my + r22 * mz) > reach_z + sz
                    ):
                        continue
                    for j in range(rows):
                        py = dy + (j + 0.5) * width
                        bx = r00 * px + r01 * py + r02 * dz
                        by = r10 * px + r11 * py + r12 * dz
                        bz = r20 * px + r21 * py + r22 * dz
                        if (
                            abs(bx + r02 * half) > reach_x + tx
                            or abs(by + r12 * half) > reach_y + ty
                            or abs(bz + r22 * half) > reach_z + tz
                        ):
                            continue
                        vx, vy, vz = r02 * height, r12 * height, r22 * height
                        low, high = narrow(bx, vx, reach_x, 0, cells)
                        low, high = narrow(by, vy, reach_y, low, high)
                        low, high = narrow(bz, vz, reach_z, low, high)
                        column = (i * rows + j) * cells
                        if low >= high or starts[column + low] == starts[column + high]:
                            continue
                        base, slope = (bx, by, bz), (vx, vy, vz)
                        n_cuts, finest_touched = find_spans(
                            base, slope, extent, half_depth, windows, low, high, spans, cuts
                        )
                        for n in range(n_cuts - 1):
                            p, q = cuts[n], cuts[n + 1]
                            first, last = starts[column + p], starts[column + q]
                            if first == last:
                                continue
                            finest, touched, masked = classify(p, finest_touched, whole, spans)
                            deposit_run(
                                particles,
                                first,
                                last,
                                image,
                                levels,
                                finest,
                                touched,
                                masked,
                                sums,
                                buffers,
                            )
    collect(buffers[0], factors, pitch, nested, sums)


@njit(cache=True, nogil=True)
def collect(stacks, factors, pitch, nested, sums):
    """Add the stacks to `sums`: each to its own level and, block by block, to coarser ones."""
    side = pitch - 3
    finer = np.zeros((pitch, pitch))
    plane = np.zeros((pitch, pitch))
    for level in range(factors.size):
        plane[:] = 0.0
        fold_stack(stacks[level * pitch**2 : (level + 1) * pitch**2], plane)
        if level and nested:
            ratio = np.int64(factors[level] / factors[level - 1])
            corner = side // 2 - side // (2 * ratio) + 1
            for i in range(side // ratio):
                for j in range(side // ratio):
                    block = 0.0
                    for di in range(1, ratio + 1):
                        for dj in range(1, ratio + 1):
                            block += finer[i * ratio + di, j * ratio + dj]
                    plane[corner + i, corner + j] += block
        sums[level * pitch**2 : (level + 1) * pitch**2] += plane.reshape(-1)
        finer, plane = plane, finer


def warm():
    """Compile for the types that the library uses."""
    x, y, z, m = np.zeros((4, LANES), np.float32)
    starts = np.zeros(2, np.int64)
    windows = np.zeros(1), np.ones(1), np.ones(1), 0.5, True, True
    buffers = (
        np.zeros((25, 4)),
        np.zeros(BATCH),
        np.zeros(BATCH),
        np.zeros(BATCH, np.int32),
        np.zeros(BATCH, np.uint32),
        np.zeros((4, BATCH)),
    )
    task = 1, 1, 1.0, np.zeros(3), np.eye(3), 0.5, windows, (np.ones(1), 5), np.zeros(25)
    project_task((x, y, z, m), starts, *task, buffers)
