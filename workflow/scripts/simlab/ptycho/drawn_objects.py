"""Objects that are drawn: lines, points, glyphs, leaves, photographs and analytic test objects.

Each function takes the side in px, a generator (numpy's `Generator` or `RandomState`) and the
parameters of `kinds.OBJECT_PARAMS`, and draws in the order that its docstring states.
"""

import math
from pathlib import Path

import numpy as np

from simlab.core.config import user_path
from simlab.core.errors import ConfigError, InputFileError
from simlab.ptycho.filters import gaussian_blur, radius_map, rescaled
from simlab.ptycho.streams import integers

SPRITE_PX = 60
SPRITE_SCALES = (0.05, 0.45)
CAP_HEIGHT_PX = 36  # of a sans font of 50 px
STROKE_PX = 5
INK_LEVEL = 127
LEAF_RADII = 200


def lines(size, rng, *, nlines):
    """Random lines on a canvas of twice the side, G_1 + 2 G_5 + 5 G_10 of them, its middle.

    Draws: r0, c0, r1, c1 of every line, uniform on the canvas. Returns float64 (size, size),
    typically 2..8; nearly saturated for small sizes.
    """
    from simlab.ptycho.kernels.drawing import draw_lines

    side = 2 * size
    canvas = np.zeros((side, side))
    draw_lines(canvas, (side * rng.random((nlines, 4))).astype(np.int64))
    start, stop, reach = size // 2, side - (size + 1) // 2, 40
    low, high = max(0, start - reach), min(side, stop + reach)  # farther pixels have no weight
    crop = slice(start - low, stop - low)
    return three_blurs(canvas[low:high, low:high])[crop, crop]


def three_blurs(image):
    """G_1 + 2 G_5 + 5 G_10 of an image, float64."""
    return gaussian_blur(image, 1) + 2 * gaussian_blur(image, 5) + 5 * gaussian_blur(image, 10)


def points(size, rng, *, fraction):
    """int(size^2 fraction) unit points at random pixels (repetitions add up), blurred twice.

    A = a + 5 G_10 a with a = G_1 of the points. Returns float64 (size, size).
    """
    pixels = size * size
    hits = np.bincount(rng.choice(pixels, int(pixels * fraction)), minlength=pixels)
    fine = gaussian_blur(hits.reshape(size, size), 1)
    return fine + 5 * gaussian_blur(fine, 10)


def diagonals(size, rng, *, num, sigma):
    """`num` columns, rows and crossing diagonals at random, blurred by `sigma` and 10 `sigma`.

    Draws: all columns, all rows, then x and y of each diagonal. Returns float64 (size, size).
    """
    canvas = np.zeros((size, size))
    canvas[:, integers(rng, 0, size, num)] = 1
    canvas[integers(rng, 0, size, num)] = 1
    for x, y in integers(rng, 0, size, (num, 2)):
        first = min(x, y)
        rows, cols = np.arange(x - first, size - y + first), np.arange(y - first, size - x + first)
        canvas[rows, cols] = 1
        canvas[rows, -cols] = 1
    fine = gaussian_blur(canvas, sigma)
    return fine + 5 * gaussian_blur(fine, 10 * sigma)


def letters(size, rng, *, text, repetitions):
    """Glyphs of many sizes added up, G_1 + 2 G_5 + 5 G_10 of them, largest value 1.

    A glyph is a cubic-spline zoom of the sprite without the spline's overshoot below 0. Draws
    per glyph: scale, row and column of its corner. Returns float64 (size, size).
    Errors: ConfigError for an odd size or one below the largest glyph.
    """
    from scipy.ndimage import zoom

    largest = round(SPRITE_SCALES[1] * SPRITE_PX)
    if size % 2 or size <= largest:
        raise ConfigError(f"size is {size}, kind V needs an even one of at least {largest + 1}")
    glyph = sprite(text)
    canvas = np.zeros((size, size))
    low, high = SPRITE_SCALES
    for _ in range(repetitions):
        small = np.maximum(zoom(glyph, low + (high - low) * rng.random(), order=3), 0)
        height, width = small.shape
        row = integers(rng, 0, size - height)
        col = integers(rng, 0, size - width)
        canvas[row : row + height, col : col + width] += small
    blurred = three_blurs(canvas)
    return blurred / blurred.max()


def sprite(text):
    """`text` in bold sans as a binary image, float64 (60, 60), ink 1, centered."""
    height, width = ink(text, 1.0).shape
    letter = ink(text, min(CAP_HEIGHT_PX / height, (SPRITE_PX - 2 * STROKE_PX) / width))
    height, width = letter.shape
    top, left = (SPRITE_PX - height) // 2, (SPRITE_PX - width) // 2
    canvas = np.zeros((SPRITE_PX, SPRITE_PX))
    canvas[top : top + height, left : left + width] = letter
    return canvas


def ink(text, scale):
    """The smallest image that holds `text` at a scale of OpenCV's font, bool."""
    import cv2

    reach = 4 * SPRITE_PX
    canvas = np.zeros((2 * reach, 4 * reach), np.uint8)
    font = cv2.FONT_HERSHEY_DUPLEX
    cv2.putText(canvas, text, (SPRITE_PX, reach), font, scale, 255, STROKE_PX)
    rows, cols = np.nonzero(canvas > INK_LEVEL)
    if len(rows) == 0:
        raise ConfigError(f"text {text!r} has no ink")
    return canvas[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1] > INK_LEVEL


def photograph_tile(size, *, image, crop_top, tile, from_end):
    """Tile `tile` of a photograph divided by its mean, blurred by G_0.5; float64 (size, size).

    The tiles do not overlap and are counted row by row, from the last one with `from_end`.
    Errors: MissingFileError, InputFileError for what is no image or too small, ConfigError for
    a tile that is not there.
    """
    import cv2

    from simlab.core.pictures import decode_picture

    path = user_path(Path(image))
    picture = decode_picture(path, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH, "image")
    picture = picture.astype(np.float64)
    if not picture.any():
        raise InputFileError(f"{path}: the image is black")
    picture = (picture / picture.mean())[crop_top:]
    rows, cols = picture.shape[0] // size, picture.shape[1] // size
    if rows * cols == 0:
        raise InputFileError(
            f"{path}: shape {picture.shape} below crop_top, smaller than a tile {(size, size)}"
        )
    if not 0 <= tile < rows * cols:
        raise ConfigError(f"tile is {tile}, {path} has tiles 0..{rows * cols - 1}")
    row, col = divmod(rows * cols - 1 - tile if from_end else tile, cols)
    return gaussian_blur(picture[row * size : (row + 1) * size, col * size : (col + 1) * size], 0.5)


def dead_leaves(size, rng, *, rmin_fraction, rmax_fraction, leaves):
    """Opaque leaves that cover each other, radii ~ r^-3; complex128 (size, size).

    A leaf has absorption beta and refraction delta: |O| = exp(-3 beta) scaled to [0.6, 1.1],
    arg O = -3 delta scaled to [-pi, pi]. Draws per leaf: shape, radius, beta, delta/beta,
    center column, center row, then the angles of a polygon.
    """
    import cv2

    rmin = max(1, int(size * rmin_fraction))
    rmax = max(int(size * rmax_fraction), rmin + 1)
    radii = np.linspace(rmin, rmax, LEAF_RADII)
    cumulative = np.cumsum(radii**-3 - float(rmax) ** -3)
    cumulative /= cumulative[-1]
    beta, delta = np.zeros(leaves + 1), np.zeros(leaves + 1)
    label = np.zeros((size, size), np.int32)
    for leaf in range(1, leaves + 1):
        shape = integers(rng, 0, 5)
        radius = max(1, int(radii[np.argmin(np.abs(cumulative - rng.random()))]))
        beta[leaf] = max(rng.random() ** 1.5 * 0.001, 1e-7)
        delta[leaf] = beta[leaf] * max(1.0, rng.normal(100, 10))
        center = integers(rng, 0, size), integers(rng, 0, size)
        if shape == 0:
            cv2.circle(label, tuple(map(int, center)), radius, leaf, -1)
        else:
            angles = corner_angles(shape, rng)
            corners = np.stack(
                [center[0] + radius * np.cos(angles), center[1] + radius * np.sin(angles)], axis=1
            )
            cv2.fillPoly(label, [corners.astype(np.int32)], leaf)
    amplitude = rescaled(np.exp(-3 * beta[label]), 0.6, 1.1)
    phase = rescaled(-3 * delta[label], -np.pi, np.pi)
    return amplitude * np.exp(1j * phase)


def corner_angles(shape, rng):
    """Angles of the corners of a leaf, all on the circle of its radius, radians.

    1 square, 2 rectangle (half-sides r cos a, r sin a), 3 triangle, 4 quadrilateral. Draws: a of
    a rectangle, then the rotation; the corners of triangle and quadrilateral.
    """
    if shape > 2:
        return np.sort(rng.uniform(0, 2 * np.pi, shape))
    a = np.pi / 4 if shape == 1 else rng.uniform(0, np.pi / 2)
    return rng.uniform(0, 2 * np.pi) + np.array([a, np.pi - a, np.pi + a, -a])


def flat(size):
    """O = 1."""
    return np.ones((size, size), np.complex128)


def disk(size, *, radius, value):
    """`value` within `radius` (null: size/4) of the center, 1 elsewhere; complex128."""
    radius = size / 4 if radius is None else radius
    return np.where(radius_map(size) <= radius, value, 1.0).astype(np.complex128)


def siemens_star(size, *, spokes, amplitude, phase):
    """Sectors of pi/`spokes` radians that alternate between two values; complex128."""
    offset = np.arange(size) - (size - 1) / 2
    angle = np.arctan2(offset[:, None], offset) % (2 * np.pi)
    return two_values(np.floor(spokes * angle / np.pi) % 2 == 1, amplitude, phase)


def checkerboard(size, *, period, amplitude, phase):
    """Squares of side `period` that alternate between two values; complex128."""
    square = np.arange(size) // period
    return two_values((square[:, None] + square) % 2 == 1, amplitude, phase)


def two_values(second, amplitude, phase):
    """Complex map of the second value where `second`, of the first elsewhere."""
    values = [a * complex(math.cos(p), math.sin(p)) for a, p in zip(amplitude, phase, strict=True)]
    return np.where(second, values[1], values[0])
