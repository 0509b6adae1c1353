"""Sources drawn as pictures of bytes, as the original program draws them.

Pixel (row r, column c) of an n x n raster is the point x = c - n//2, downwards r - n//2. Rotated
sources are drawn unrotated and turned by `rotate`.
"""

import math

import cv2
import numpy as np

from simlab.lensing.kernels.warp import translate, warp_32

TRIANGLE_COLORS = ((192, 0, 0), (0, 192, 0), (0, 0, 192))
"""B, G, R of the edges V1 V2, V2 V3, V3 V1."""
TRIANGLE_THICKNESS = 3
PI = 3.141592
"""The pi of the original program's Sersic profiles."""


def raster_axes(size):
    """(x, y) of columns and rows of a raster, y up: float64 (1, size) and (size, 1), px."""
    steps = np.arange(size, dtype=np.float64) - size // 2
    return steps[None, :], -steps[:, None]


def to_bytes(values):
    """Intensities as uint8: floor(v + 0.5), at most 255."""
    return np.minimum(np.floor(values + 0.5), 255.0).astype(np.uint8)


def triangle(sigma, size):
    """Three colored lines of thickness 3 between points at distance sigma from the center.

    Returns
    -------
    uint8 (size, size, 3)
        Channels B, G, R.
    """
    middle = size // 2
    x, y = math.cos(2 * math.pi / 3) * sigma, math.sin(2 * math.pi / 3) * sigma
    corners = [
        (int(middle + sigma), middle),
        (int(middle + x), int(middle + y)),
        (int(middle + x), int(middle - y)),
    ]
    canvas = np.zeros((size, size, 3), np.uint8)
    for k, color in enumerate(TRIANGLE_COLORS):
        cv2.line(canvas, corners[k], corners[(k + 1) % 3], color, TRIANGLE_THICKNESS)
    return canvas


def paste(picture, size):
    """A picture in the middle of a black canvas: uint8 (size, size, channels)."""
    height, width, channels = picture.shape
    top, left = (size - height) // 2, (size - width) // 2
    canvas = np.zeros((size, size, channels), np.uint8)
    canvas[top : top + height, left : left + width] = picture
    return canvas


def rotate(raster, theta_deg):
    """A raster turned counter-clockwise about pixel (n//2, n//2).

    Parameters
    ----------
    raster : uint8 (n, n[, channels])
    theta_deg : float
        Degrees.

    Returns
    -------
    uint8 array of the same shape
    """
    middle = raster.shape[0] // 2
    matrix = cv2.getRotationMatrix2D((middle, middle), theta_deg, 1)
    # Rounding decides about single gray levels: the order of operations matters.
    determinant = matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]
    scale = 1 / determinant
    a, d = matrix[1, 1] * scale, matrix[0, 0] * scale
    b, c = -matrix[0, 1] * scale, -matrix[1, 0] * scale
    inverse = np.array(
        [
            [a, b, -a * matrix[0, 2] - b * matrix[1, 2]],
            [c, d, -c * matrix[0, 2] - d * matrix[1, 2]],
        ]
    )
    source = np.ascontiguousarray(raster).reshape(*raster.shape[:2], -1)
    turned = np.empty_like(source)
    warp_32(source, inverse, turned)
    return turned.reshape(raster.shape)


def shift(picture, right, down):
    """A picture moved by fractions of a pixel: bilinear, zeros coming in.

    Parameters
    ----------
    picture : uint8 or float32 (h, w[, channels])
        Bytes are rounded half to even.
    right, down : float
        px, used in single precision.

    Returns
    -------
    array of the same shape and dtype
    """
    values = np.ascontiguousarray(picture, np.float32).reshape(*picture.shape[:2], -1)
    moved = np.empty_like(values)
    translate(values, np.float32(right), np.float32(down), moved)
    moved = moved.reshape(picture.shape)
    return np.rint(moved).astype(np.uint8) if picture.dtype == np.uint8 else moved
