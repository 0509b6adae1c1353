"""Rows of canvases: footprints, background and vessels of a block of frames.

Sums run over cells, then over background components, in ascending order and in float32, one
product and one sum each, so that no result depends on how frames and rows are shared out.
"""

import numpy as np
from numba import njit

F4, U8 = np.float32, np.uint64


@njit(cache=True, nogil=True, error_model="numpy")
def add_scaled(target, factor, values):
    """target += factor * values, float32 rows."""
    for x in range(target.shape[0]):
        target[x] += factor * values[x]


@njit(cache=True, nogil=True, error_model="numpy")
def add_scaled_to_one(flat, p, factor, values, start, n):
    """flat[p + x] += factor * values[start + x] for n pixels; all positions are unsigned."""
    for x in range(n):
        flat[p + x] += factor * values[start + x]


@njit(cache=True, nogil=True, error_model="numpy")
def add_scaled_to_four(flat, p, stride, f0, f1, f2, f3, values, start, n):
    """`add_scaled_to_one` on four frames that are `stride` apart, values being loaded once."""
    p1, p2, p3 = p + stride, p + U8(2) * stride, p + U8(3) * stride
    for x in range(n):
        value = values[start + x]
        flat[p + x] += f0 * value
        flat[p1 + x] += f1 * value
        flat[p2 + x] += f2 * value
        flat[p3 + x] += f3 * value


@njit(cache=True, nogil=True, error_model="numpy")
def add_cells(canvas, data, pointers, offsets, shapes, emission, first, last):
    """Add sum_i A_i(y, x) E_i(t) to rows first ... last - 1 of each frame.

    Parameters
    ----------
    canvas : float32 (F, Hc, Wc)
        Updated.
    data, pointers, offsets, shapes
        Footprints of N cells, as of FootprintStack.
    emission : float32 (F, N)
        Light of the cells per frame.
    first, last : int
        Canvas rows.
    """
    frames, height, width = canvas.shape
    # Footprints are narrow: slices and signed positions would cost more than the sums.
    flat, stride = canvas.reshape(canvas.size), U8(height * width)
    whole = frames - frames % 4
    for i in range(offsets.shape[0]):
        top, left = np.int64(offsets[i, 0]), np.int64(offsets[i, 1])
        rows, n = np.int64(shapes[i, 0]), np.int64(shapes[i, 1])
        for y in range(max(first, top), min(last, top + rows)):
            start = U8(pointers[i] + (y - top) * n)
            p = U8(y * width + left)
            for f in range(0, whole, 4):
                add_scaled_to_four(
                    flat, p, stride,
                    emission[f, i], emission[f + 1, i], emission[f + 2, i], emission[f + 3, i],
                    data, start, U8(n),
                )  # fmt: skip
                p += U8(4) * stride
            for f in range(whole, frames):
                add_scaled_to_one(flat, p, emission[f, i], data, start, U8(n))
                p += stride


@njit(cache=True, nogil=True, error_model="numpy")
def add_background(canvas, spatial, weights, first, last):
    """Add sum_k weights[t, k] spatial[k] to rows first ... last - 1 of each frame.

    canvas float32 (F, Hc, Wc), updated; spatial float32 (K, Hc, Wc); weights float32 (F, K).
    """
    for y in range(first, last):
        for f in range(canvas.shape[0]):
            for k in range(spatial.shape[0]):
                add_scaled(canvas[f, y], weights[f, k], spatial[k, y])


@njit(cache=True, nogil=True, error_model="numpy")
def multiply(frames, field, first, last):
    """Multiply rows first ... last - 1 of each of `frames` (F, h, w) by a field (h, w), float32."""
    for y in range(first, last):
        for f in range(frames.shape[0]):
            multiply_row(frames[f, y], field[y])


@njit(cache=True, nogil=True, error_model="numpy")
def multiply_row(row, field):
    """Row *= field, float32."""
    for x in range(row.shape[0]):
        row[x] *= field[x]


@njit(cache=True, nogil=True, error_model="numpy")
def add(frames, field, first, last):
    """Add a field (h, w) to rows first ... last - 1 of each of `frames` (F, h, w), float32."""
    for y in range(first, last):
        for f in range(frames.shape[0]):
            add_row(frames[f, y], field[y])


@njit(cache=True, nogil=True, error_model="numpy")
def add_row(row, field):
    """Row += field, float32."""
    for x in range(row.shape[0]):
        row[x] += field[x]


def warm():
    """Compile the kernels of this module."""
    canvas, field = np.zeros((4, 1, 1), F4), np.zeros((1, 1), F4)
    one = np.ones((1, 2), np.int32)
    data = np.ones(1, F4)
    add_cells(canvas, data, np.array([0, 1]), one - one, one, np.ones((4, 1), F4), 0, 1)
    add_background(canvas, canvas[:1], np.ones((4, 1), F4), 0, 1)
    multiply(canvas, field, 0, 1)
    add(canvas, field, 0, 1)
