"""Strokes of a rigid probe particle straight down, to where the vertical force exceeds a level."""

import numpy as np
from numba import njit

from simlab.afm.kernels.trilinear import corner, value

F0 = np.float32(0)


@njit(cache=True, nogil=True, error_model="numpy")
def stroke_rows(first, last, piece, shape, start, points, direction, iso, end, step, force, zeta):
    """Carry strokes on until they cross the level, end, or leave the piece of the grid.

    Parameters
    ----------
    first, last : int
        Rows of pixels to work on.
    piece, shape, start
        Forces on a part of the grid, see `trilinear`.
    points : float64 (4, 3)
        Grid coordinates of the particle in the first pixel at step 0; changes to the next pixel
        along x, along y, and to the next step down.
    direction : float32 (3,)
        Direction of the measured force.
    iso : float32
        Level, eV/Å.
    end : int
        Number of steps.
    step : int32 (nx, ny)
        Next step of each stroke, updated; `end` for those done.
    force : float32 (nx, ny)
        Force at the step before, updated.
    zeta : float32 (nx, ny)
        Written where the level is crossed: i + (iso - F(i-1)) / (F(i) - F(i-1)) with i the first
        step beyond it.
    """
    row, plane = 4 * shape[2], 4 * shape[1] * shape[2]
    for ix in range(first, last):
        for iy in range(step.shape[1]):
            i = step[ix, iy]
            before = force[ix, iy]
            while i < end:
                u = points[0, 0] + ix * points[1, 0] + iy * points[2, 0] + i * points[3, 0]
                v = points[0, 1] + ix * points[1, 1] + iy * points[2, 1] + i * points[3, 1]
                w = points[0, 2] + ix * points[1, 2] + iy * points[2, 2] + i * points[3, 2]
                fu, fv, fw = np.floor(u), np.floor(v), np.floor(w)
                offset = corner(np.int64(fu), np.int64(fv), np.int64(fw), start, shape)
                if offset < 0:
                    break
                tx, ty, tz = np.float32(u - fu), np.float32(v - fv), np.float32(w - fw)
                now = F0
                for c in range(3):
                    if direction[c] != F0:
                        now += direction[c] * value(piece, offset, c, row, plane, tx, ty, tz)
                if i > 0 and now / iso > np.float32(1):
                    zeta[ix, iy] = np.float32(i) + (iso - before) / (now - before)
                    i = end
                else:
                    before = now
                    i += 1
            step[ix, iy] = i
            force[ix, iy] = before


def warm():
    """Compile the kernels of this module."""
    f4 = np.float32
    stroke_rows(
        0, 1, np.zeros(32, f4), np.array([2, 2, 2]), np.zeros(6, np.int64), np.zeros((4, 3)),
        np.ones(3, f4), f4(0.1), 2, np.zeros((1, 1), np.int32), np.zeros((1, 1), f4),
        np.zeros((1, 1), f4),
    )  # fmt: skip
