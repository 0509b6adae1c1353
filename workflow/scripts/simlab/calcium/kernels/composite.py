"""Rows of canvases: footprints, background and vessels of a block of frames.

Sums run over cells, then over background components, in ascending order and in float32, one
product and one sum each, so that no result depends on how frames and rows are shared out.
"""

import numpy as np
from numba import njit

F4 = np.float32


@njit(cache=True, nogil=True, error_model="numpy")
def add_scaled(target, factor, values):
    """target += factor * values, float32 rows."""
    for x in range(target.shape[0]):
        target[x] += factor * values[x]


@njit(cache=True, nogil=True, error_model="numpy")
def add_scaled_to_four(t0, t1, t2, t3, f0, f1, f2, f3, values):
    """`add_scaled` on four rows at once, the values being loaded once."""
    for x in range(values.shape[0]):
        value = values[x]
        t0[x] += f0 * value
        t1[x] += f1 * value
        t2[x] += f2 * value
        t3[x] += f3 * value


@njit(cache=True, nogil=True, error_model="numpy")
def add_cells(first, last, canvas, data, pointers, offsets, shapes, emission):
    """Add sum_i A_i(y, x) E_i(t) to rows first ... last - 1 of each frame.

    Parameters
    ----------
    first, last : int
        Canvas rows.
    canvas : float32 (F, Hc, Wc)
        Updated.
    data, pointers, offsets, shapes
        Footprints of N cells, as of FootprintStack.
    emission : float32 (F, N)
        Light of the cells per frame.
    """
    frames = canvas.shape[0]
    for i in range(offsets.shape[0]):
        top, left = offsets[i, 0], offsets[i, 1]
        height, width = np.int64(shapes[i, 0]), np.int64(shapes[i, 1])
        for y in range(max(first, top), min(last, top + height)):
            start = pointers[i] + (y - top) * width
            values = data[start : start + width]
            for f in range(0, frames - 3, 4):
                add_scaled_to_four(
                    canvas[f, y, left : left + width],
                    canvas[f + 1, y, left : left + width],
                    canvas[f + 2, y, left : left + width],
                    canvas[f + 3, y, left : left + width],
                    emission[f, i], emission[f + 1, i], emission[f + 2, i], emission[f + 3, i],
                    values,
                )  # fmt: skip
            for f in range(frames - frames % 4, frames):
                add_scaled(canvas[f, y, left : left + width], emission[f, i], values)


@njit(cache=True, nogil=True, error_model="numpy")
def add_background(first, last, canvas, spatial, weights):
    """Add sum_k weights[t, k] spatial[k] to rows first ... last - 1 of each frame.

    canvas float32 (F, Hc, Wc), updated; spatial float32 (K, Hc, Wc); weights float32 (F, K).
    """
    for y in range(first, last):
        for f in range(canvas.shape[0]):
            for k in range(spatial.shape[0]):
                add_scaled(canvas[f, y], weights[f, k], spatial[k, y])


@njit(cache=True, nogil=True, error_model="numpy")
def multiply(first, last, frames, field):
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
def add(first, last, frames, field):
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
    add_cells(0, 1, canvas, data, np.array([0, 1]), one - one, one, np.ones((4, 1), F4))
    add_background(0, 1, canvas, canvas[:1], np.ones((4, 1), F4))
    multiply(0, 1, canvas, field)
    add(0, 1, canvas, field)
