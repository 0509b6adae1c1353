"""What is done with a finished picture: centering, cropping, quantizing, annotations.

Pictures are arrays (rows, columns) or (rows, columns, 3) with channels B, G, R; points are complex
numbers of the image plane (see `geometry`). Annotations are drawn on copies.
"""

import math

import cv2
import numpy as np

from simlab.lensing import rasters
from simlab.lensing.errors import LensError
from simlab.lensing.geometry import crop_bounds
from simlab.lensing.kernels.moments import light_moments

AXIS_GRAY = 127
BYTE_WEIGHTS = np.array([3735, 19235, 9798])
"""Weights of B, G, R in the gray level of bytes, in units of 2^-15, as in OpenCV."""
BYTE_SHIFT = 15
EDGE = 2
"""Outermost pixels whose light `edge_flux` counts."""
RED = (0, 0, 255)
WHITE = 255
OUTLINE_POINTS = 720
RING_OF_REFERENCE = 3
SUBPIXEL_BITS = 4


def center_of_light(image):
    """Center of light c of a picture, px; 0 for a black one.

    c = sum(column g)/sum(g) - n/2 - i (sum(row g)/sum(g) - m/2) with the gray level g = 0.114 B +
    0.587 G + 0.299 R, m rows and n columns; sums in float64, row by row. The gray level of colored
    bytes is a byte too, rounded as in the original program.
    """
    values = image
    if image.dtype == np.uint8 and image.ndim == 3:
        values = (image @ BYTE_WEIGHTS + (1 << BYTE_SHIFT - 1)) >> BYTE_SHIFT
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float64)
    values = values.reshape(*image.shape[:2], -1)
    total, across, down = light_moments(values)
    if total == 0:
        return 0j
    rows, columns = image.shape[:2]
    return complex(across / total - columns / 2, -(down / total - rows / 2))


def translate(image, center):
    """The picture moved so that the point `center` becomes the origin: new(theta) = old(theta + c).

    Bilinear in single precision, zeros coming in; uint8 or float32 as the picture.
    """
    return rasters.shift(image, -center.real, center.imag)


def center_image(image):
    """(picture moved by its center of light to the origin, that center).

    A black picture stays as it is.
    """
    center = center_of_light(image)
    return (translate(image, center) if center != 0 else image.copy()), center


def crop(image, size):
    """The middle `size` x `size` pixels; the odd pixel is cut off below and on the right.

    No change where the picture is not larger. LensError unless it is square and `size` positive.
    """
    if size is not None and size < 1:
        raise LensError(f"crop to {size} px, a number above 0 is expected")
    rows, columns = image.shape[:2]
    if rows != columns:
        raise LensError(f"a picture of {rows} x {columns} px cannot be cropped, it must be square")
    first, end = crop_bounds(rows, size)
    return image[first:end, first:end]


def edge_flux(image):
    """Fraction of a picture's light in its outermost 2 pixels; 0 for a black one."""
    total = _light(image)
    if total == 0:
        return 0.0
    return max(0.0, 1 - _light(image[EDGE:-EDGE, EDGE:-EDGE]) / total)


def _light(image):
    return float(np.sum(gray_of(image)))


def gray_of(image):
    """Gray level of every pixel: float64 (rows, columns)."""
    if image.ndim == 2:
        return image.astype(np.float64)
    return image.astype(np.float64) @ np.array([0.114, 0.587, 0.299])


def quantize(image, quantum):
    """Values rounded to multiples of `quantum` (gray levels); 0 leaves them as they are.

    float32 as `image`; exact for powers of two.
    """
    if not quantum:
        return image
    exact = math.frexp(quantum)[0] == 0.5  # a power of two rounds nothing in single precision
    kind = np.float32 if exact else np.float64
    scaled = np.multiply(image, kind(1 / quantum), dtype=kind)
    np.rint(scaled, out=scaled)
    return np.multiply(scaled, kind(quantum), out=scaled).astype(np.float32, copy=False)


def to_uint8(image):
    """Gray levels as bytes: floor(v + 0.5), clipped to 0..255."""
    if image.dtype == np.uint8:
        return image
    return np.clip(np.floor(image.astype(np.float64) + 0.5), 0, 255).astype(np.uint8)


def draw_axes(image):
    """A copy with row round(m/2) and column round(n/2) (half to even) at gray level 127."""
    drawn = image.copy()
    drawn[round(image.shape[0] / 2)] = AXIS_GRAY
    drawn[:, round(image.shape[1] / 2)] = AXIS_GRAY
    return drawn


def draw_curve(image, points, color=None, closed=True):
    """A copy with a polyline through points of the image plane.

    Parameters
    ----------
    image : uint8 (m, n[, 3])
    points : complex (k,)
        px, y up, relative to the picture's origin.
    color : 3 int, optional
        B, G, R; gray pictures take their mean. Default: 255, red in color.
    closed : bool
        Whether the last point is joined to the first.
    """
    drawn = np.ascontiguousarray(image).copy()
    points = np.asarray(points, np.complex128)
    corners = _fixed_point(points, image.shape)
    if len(corners) > 1:
        cv2.polylines(drawn, [corners], closed, _ink(image, color), 1, cv2.LINE_8, SUBPIXEL_BITS)
    return drawn


def draw_point(image, point, radius=0, color=None):
    """A copy with a dot at a point of the image plane, in a ring of that radius (px) if not 0."""
    drawn = np.ascontiguousarray(image).copy()
    ((column, row),) = np.rint(_pixels(np.array([point]), image.shape)).astype(int)
    if max(abs(column), abs(row)) > 2 * max(image.shape[:2]):
        return drawn
    if radius:
        cv2.circle(drawn, (int(column), int(row)), int(radius), _ink(image, color), 1)
    if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
        drawn[row, column] = _ink(image, color) if image.ndim == 3 else _ink(image, color)[0]
    return drawn


def draw_mask(image, xi, *, region=None, mask_scale=0.9, mask_radius=None, ring=RING_OF_REFERENCE):
    """A copy with the outline of a mask, and a ring and a dot at the reference point.

    Parameters
    ----------
    image : uint8 (m, n[, 3])
    xi : complex
        Reference point relative to the picture's origin, px.
    region, mask_scale, mask_radius
        As of `render.render_roulette`.
    ring : int
        Radius of the ring, px.
    """
    phi = 2 * np.pi * np.arange(OUTLINE_POINTS) / OUTLINE_POINTS
    drawn = image
    if mask_radius is not None or region is not None:
        scaled = mask_radius if mask_radius is not None else mask_scale * region.radius(phi)
        radius = np.broadcast_to(scaled, phi.shape)
        if np.isfinite(radius).all():
            drawn = draw_curve(image, xi + radius * np.exp(1j * phi))
    return draw_point(drawn, xi, ring)


def _pixels(points, shape):
    """(column, row) of points: float64 (k, 2)."""
    rows, columns = shape[:2]
    return np.column_stack([points.real + columns / 2, rows / 2 - points.imag])


def _fixed_point(points, shape):
    limit = 8 * max(shape[:2])  # OpenCV counts pixels in few bits
    pixels = np.clip(_pixels(points, shape), -limit, limit)
    return np.rint(pixels * 2**SUBPIXEL_BITS).astype(np.int32)


def _ink(image, color):
    if image.ndim == 3:
        return RED if color is None else tuple(int(part) for part in color)
    return (WHITE,) if color is None else (round(sum(color) / 3),)
