"""Pictures turned and shifted: on the 1/32 pixel lattice of integers, or in floating point."""

import math

import numpy as np
from numba import njit

FRACTION = 5  # bits of a fraction of a pixel
STEPS = 32
SCALE = 1024.0


@njit(cache=True, error_model="numpy", nogil=True)
def warp_32(source, inverse, out):
    """Affine map of a picture of bytes, coordinates rounded to 1/32 pixel, bilinear.

    Weights are whole multiples of 1/1024, sums are rounded half up. This is how OpenCV 4
    (`warpAffine`, BSD-licensed library) turns pictures.

    Parameters
    ----------
    source : uint8 (h, w, channels)
        Zeros around it.
    inverse : float64 (2, 3)
        (column, row) of the source = inverse @ (column, row, 1) of the result.
    out : uint8 (H, W, channels), written
    """
    height, width, channels = source.shape
    for y in range(out.shape[0]):
        x_0 = int(np.rint((inverse[0, 1] * y + inverse[0, 2]) * SCALE)) + 16
        y_0 = int(np.rint((inverse[1, 1] * y + inverse[1, 2]) * SCALE)) + 16
        for x in range(out.shape[1]):
            X = (x_0 + int(np.rint(inverse[0, 0] * x * SCALE))) >> FRACTION
            Y = (y_0 + int(np.rint(inverse[1, 0] * x * SCALE))) >> FRACTION
            column, fx = X >> FRACTION, X & (STEPS - 1)
            row, fy = Y >> FRACTION, Y & (STEPS - 1)
            for k in range(channels):
                total = 0
                for down in range(2):
                    for right in range(2):
                        r, c = row + down, column + right
                        if 0 <= r < height and 0 <= c < width:
                            across = fx if right else STEPS - fx
                            along = fy if down else STEPS - fy
                            total += across * along * np.int64(source[r, c, k])
                out[y, x, k] = (STEPS * total + 16384) >> 15


@njit(cache=True, error_model="numpy", nogil=True)
def translate(source, right, down, out):
    """Move a picture by fractions of a pixel: bilinear in single precision, zeros coming in.

    Parameters
    ----------
    source : float32 (h, w, channels)
    right, down : float32
        px.
    out : float32 (h, w, channels), written
    """
    height, width, channels = source.shape
    for y in range(height):
        from_row = np.float32(y) - down
        row = math.floor(from_row)
        v = np.float32(from_row - np.float32(row))
        for x in range(width):
            from_column = np.float32(x) - right
            column = math.floor(from_column)
            u = np.float32(from_column - np.float32(column))
            for k in range(channels):
                upper = _between(source, row, column, k, u)
                lower = _between(source, row + 1, column, k, u)
                out[y, x, k] = upper + v * (lower - upper)


@njit(error_model="numpy", nogil=True)
def _between(source, row, column, k, u):
    height, width, _ = source.shape
    left = right = np.float32(0)
    if 0 <= row < height:
        if 0 <= column < width:
            left = source[row, column, k]
        if -1 <= column < width - 1:
            right = source[row, column + 1, k]
    return left + u * (right - left)


def warm():
    """Compile the kernels."""
    picture = np.zeros((1, 1, 1), np.uint8)
    warp_32(picture, np.eye(2, 3), picture.copy())
    values = np.zeros((1, 1, 1), np.float32)
    translate(values, np.float32(0), np.float32(0), values.copy())
