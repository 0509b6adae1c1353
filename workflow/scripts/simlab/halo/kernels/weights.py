"""Cloud-in-cell weights of a batch of particles on a grid of coarse pixels, and their deposit.

One axis: fine coordinate q from the first fine node of the map, f fine nodes to a pixel. Cloud in
cell on the fine nodes and summing over blocks of f give 1 - s to pixel I = floor(q / f) and s to
I + 1, s = max(0, q - f I - (f - 1)). With u = q / f + 1 (a border of one pixel keeps all numbers
positive) this is I + 1 = floor u, s = max(0, f (u - floor u) - (f - 1)). q / f rounded across an
integer is harmless, as the weights are continuous there.

Loops are written so that they become vector instructions: no branches, unsigned indices, and a
number of steps that is a multiple of `LANES`; arrays have `LANES` spare elements at their ends.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

BATCH = 512
"""Particles whose weights are in the cache at one time."""
LANES = 32


@njit(cache=True, nogil=True, inline="always")
def padded(count):
    """`count` rounded up to whole vectors."""
    return np.uint64((count + LANES - 1) // LANES * LANES)


@njit(cache=True, nogil=True, forceinline=True)
def weigh(x, y, z, masses, first, count, map_, factor, pitch, base, index, weights):
    """Weights (4, count) of particles first.. and pixel numbers of their first pixels.

    map_ = (a0, a1, a2, a3, b0, b1, b2, b3): u = a0 x + a1 y + a2 z + a3 along rows, v likewise
    along columns. Pixel numbers are base + floor(u) pitch + floor(v). Order of the weights: (I, J),
    (I, J + 1), (I + 1, J), (I + 1, J + 1).
    """
    a0, a1, a2, a3, b0, b1, b2, b3 = map_
    rest = factor - 1.0
    for k in range(padded(count)):
        p = first + k
        xp, yp, zp = np.float64(x[p]), np.float64(y[p]), np.float64(z[p])
        u = a0 * xp + a1 * yp + a2 * zp + a3
        v = b0 * xp + b1 * yp + b2 * zp + b3
        i, j = np.floor(u), np.floor(v)
        s = (u - i) * factor - rest
        t = (v - j) * factor - rest
        s = s if s > 0.0 else 0.0
        t = t if t > 0.0 else 0.0
        m = masses[k]
        below = m * s
        above = m - below
        index[k] = np.int32(i * pitch + (j + base))
        weights[0, k] = above - above * t
        weights[1, k] = above * t
        weights[2, k] = below - below * t
        weights[3, k] = below * t


@njit(cache=True, nogil=True, forceinline=True)
def weigh_clipped(x, y, z, masses, first, count, map_, factor, pitch, base, end, index, weights):
    """As `weigh`, but what lies beyond the map counts for the border, in pixels 0 and `end`."""
    a0, a1, a2, a3, b0, b1, b2, b3 = map_
    rest = factor - 1.0
    begin = 1.0 - 1.0 / factor
    for k in range(padded(count)):
        p = first + k
        xp, yp, zp = np.float64(x[p]), np.float64(y[p]), np.float64(z[p])
        u = a0 * xp + a1 * yp + a2 * zp + a3
        v = b0 * xp + b1 * yp + b2 * zp + b3
        u = u if u > begin else begin
        v = v if v > begin else begin
        u = u if u < end else end
        v = v if v < end else end
        i, j = np.floor(u), np.floor(v)
        s = (u - i) * factor - rest
        t = (v - j) * factor - rest
        s = s if s > 0.0 else 0.0
        t = t if t > 0.0 else 0.0
        m = masses[k]
        below = m * s
        above = m - below
        index[k] = np.int32(i * pitch + (j + base))
        weights[0, k] = above - above * t
        weights[1, k] = above * t
        weights[2, k] = below - below * t
        weights[3, k] = below * t


@njit(cache=True, nogil=True, forceinline=True)
def read_masses(masses, first, count, out):
    """Masses of particles first.. as float64."""
    for k in range(padded(count)):
        out[k] = np.float64(masses[first + k])


@njit(cache=True, nogil=True, forceinline=True)
def copy_masses(masses, count, out):
    """First masses of a batch of equal ones."""
    for k in range(padded(count)):
        out[k] = masses[k]


@njit(cache=True, nogil=True, forceinline=True)
def mask_masses(x, y, z, masses, first, count, offset, shift, rotation, half, half_depth):
    """Set `masses` (count,) to 0 where (x - offset) + shift, rotated, is outside the cube.

    Inside: x and y in [-half, half), z in [-half_depth, half_depth).
    """
    cx, cy, cz = offset
    sx, sy, sz = shift
    r00, r01, r02, r10, r11, r12, r20, r21, r22 = rotation
    for k in range(padded(count)):
        p = first + k
        dx = (np.float64(x[p]) - cx) + sx
        dy = (np.float64(y[p]) - cy) + sy
        dz = (np.float64(z[p]) - cz) + sz
        xr = r00 * dx + r01 * dy + r02 * dz
        yr = r10 * dx + r11 * dy + r12 * dz
        zr = r20 * dx + r21 * dy + r22 * dz
        inside = (
            (xr >= -half)
            & (xr < half)
            & (yr >= -half)
            & (yr < half)
            & (zr >= -half_depth)
            & (zr < half_depth)
        )
        masses[k] = masses[k] if inside else 0.0


@intrinsic
def add_four(typing_context, stack, i, a, b, c, d):
    """stack[i] += (a, b, c, d) for a row of `stack` (P, 4) float64, as one vector instruction.

    The compiler does not put four sums together by itself, and four stores take four times as long.
    """
    signature = types.void(stack, i, a, b, c, d)

    def generate(context, builder, signature, arguments):
        array = make_array(signature.args[0])(context, builder, arguments[0])
        row = context.cast(builder, arguments[1], signature.args[1], types.uint64)
        place = builder.gep(array.data, [builder.mul(row, row.type(4))])
        vector = ir.VectorType(ir.DoubleType(), 4)
        pointer = builder.bitcast(place, vector.as_pointer())
        added = vector(ir.Undefined)
        for k, value in enumerate(arguments[2:]):
            added = builder.insert_element(added, value, ir.IntType(32)(k))
        total = builder.fadd(builder.load(pointer, align=8), added)
        builder.store(total, pointer, align=8)
        return context.get_dummy_value()

    return signature, generate


@njit(cache=True, nogil=True, forceinline=True)
def add_to_stack(index, weights, count, stack):
    """Add the four weights of each particle to the four numbers of one pixel of `stack` (P, 4)."""
    for k in range(np.uint64(count)):
        add_four(stack, index[k], weights[0, k], weights[1, k], weights[2, k], weights[3, k])


@njit(cache=True, nogil=True, forceinline=True)
def add_to_plane(index, weights, count, pitch, plane):
    """Add the four weights of each particle to four pixels of `plane` (P,)."""
    below = np.uint64(pitch)
    one = np.uint64(1)
    for k in range(count):
        i = np.uint64(index[k])
        plane[i] += weights[0, k]
        plane[i + one] += weights[1, k]
        plane[i + below] += weights[2, k]
        plane[i + below + one] += weights[3, k]


@njit(cache=True, nogil=True, forceinline=True)
def fold_stack(stack, plane):
    """Add `stack` (P P, 4) to `plane` (P, P), each number to the pixel it belongs to; clear it."""
    pitch = plane.shape[0]
    for i in range(pitch - 1):
        for j in range(pitch - 1):
            plane[i, j] += stack[i * pitch + j, 0]
        for j in range(pitch - 1):
            plane[i, j + 1] += stack[i * pitch + j, 1]
        for j in range(pitch - 1):
            plane[i + 1, j] += stack[i * pitch + j, 2]
        for j in range(pitch - 1):
            plane[i + 1, j + 1] += stack[i * pitch + j, 3]
    stack[:] = 0.0
