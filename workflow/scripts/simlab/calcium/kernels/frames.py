"""Rows of frames: shifted canvas, fields of the sensor, counts.

The fused pass and the separate passes call the same function on each row, in the same order of
float32 operations, so their results are equal to the bit.
"""

import math

import numpy as np
from numba import njit

from simlab.calcium.kernels.composite import add_row, multiply_row
from simlab.calcium.kernels.noise import fill_normals, poisson, round_keys

F4 = np.float32
STILL = np.array([1, 0, 0, 0], F4)
"""Weights of an unshifted frame."""


def warp_corners(shifts, margin):
    """Corner pixels and weights that shift frames.

    Parameters
    ----------
    shifts : float64 (F, 2)
        Displacement of the content, px (down, right).
    margin : int
        Canvas pixels around the field of view.

    Returns
    -------
    corners : int64 (F, 2)
        Canvas pixel floor(margin - shift) that the first pixel of the view reads.
    weights : float32 (F, 4)
        Bilinear weights of it and of its right, lower and lower right neighbors.
    """
    position = margin - np.asarray(shifts, np.float64).reshape(-1, 2)
    corner = np.floor(position)
    fy, fx = (position - corner).astype(F4).T
    weights = [(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx]
    return np.ascontiguousarray(corner, np.int64), np.stack(weights, axis=1)


@njit(cache=True, nogil=True, error_model="numpy")
def warp_row(canvas, y, x, weights, row):
    """Write one row of a shifted frame.

    canvas float32 (Hc, Wc); y, x the pixel that row[0] reads with weights[0]; pixels beyond the
    canvas are 0; row float32 (w,), written.
    """
    height, width = canvas.shape
    n = row.shape[0]
    w00, w01, w10, w11 = weights[0], weights[1], weights[2], weights[3]
    if y >= 0 and y + 1 < height and x >= 0 and x + n < width:
        upper, lower = canvas[y, x : x + n + 1], canvas[y + 1, x : x + n + 1]
        for i in range(n):
            row[i] = w00 * upper[i] + w01 * upper[i + 1] + w10 * lower[i] + w11 * lower[i + 1]
        return
    for i in range(n):
        row[i] = (
            w00 * _pixel(canvas, y, x + i)
            + w01 * _pixel(canvas, y, x + i + 1)
            + w10 * _pixel(canvas, y + 1, x + i)
            + w11 * _pixel(canvas, y + 1, x + i + 1)
        )


@njit(cache=True, nogil=True, error_model="numpy")
def _pixel(canvas, y, x):
    if y < 0 or x < 0 or y >= canvas.shape[0] or x >= canvas.shape[1]:
        return F4(0)
    return canvas[y, x]


@njit(cache=True, nogil=True, error_model="numpy")
def expose_row(canvas, corner, weights, moves, y, field, leakage, row):
    """Write row y of a frame before the sensor: shift, times field, plus leakage.

    Parameters
    ----------
    canvas : float32 (Hc, Wc)
    corner : int64 (2,)
        See `warp_corners`; where nothing moves, the first pixel of the view.
    weights : float32 (4,)
    moves : bool
        Whether to interpolate; else pixels are copied.
    y : int
        Row of the view.
    field, leakage : float32 (H, W), or (0, 0) where absent
    row : float32 (W,)
        Written.
    """
    top, left = corner[0] + y, corner[1]
    if moves:
        warp_row(canvas, top, left, weights, row)
    else:
        for x in range(row.shape[0]):
            row[x] = canvas[top, left + x]
    if field.shape[0]:
        multiply_row(row, field[y])
    if leakage.shape[0]:
        add_row(row, leakage[y])


@njit(cache=True, nogil=True, error_model="numpy")
def digitize_row(row, photons, sensor, z, counts):
    """Counts of a row, integers: floor of (lam + sqrt(lam + read_noise^2) z) gain, clipped.

    Parameters
    ----------
    row : float32 (W,)
        Intensity.
    photons : float32
        Photons per unit of intensity.
    sensor : float32 (4,)
        Quantum efficiency, squared read noise (e-^2), gain (ADU/e-), largest count.
    z : float32 (W,)
        Normals.
    counts : uint8 or uint16 (W,)
        Written.
    """
    efficiency, read_variance, gain, top = sensor[0], sensor[1], sensor[2], sensor[3]
    for x in range(row.shape[0]):
        lam = max(row[x] * photons, F4(0)) * efficiency
        signal = (lam + np.sqrt(lam + read_variance) * z[x]) * gain
        counts[x] = np.int32(min(max(signal, F4(0)), top))


@njit(cache=True, nogil=True, error_model="numpy")
def expose(first, last, canvas, corners, weights, moves, field, leakage, clean):
    """Frames before the sensor.

    Rows first ... last - 1, counted through all frames, of `clean`, float32 (F, H, W), are
    written; canvas is float32 (F, Hc, Wc). The rest as of `expose_row`, one corner and one set
    of weights a frame.
    """
    height = clean.shape[1]
    for r in range(first, last):
        f, y = r // height, r % height
        expose_row(canvas[f], corners[f], weights[f], moves, y, field, leakage, clean[f, y])


@njit(cache=True, nogil=True, error_model="numpy")
def expose_and_digitize(
    first,
    last,
    canvas,
    corners,
    weights,
    moves,
    field,
    leakage,
    frame,
    keys,
    photons,
    sensor,
    counts,
):
    """`expose` and `digitize` in one pass that keeps a row at a time; see there."""
    height, width = counts.shape[1:]
    row = np.empty(width, F4)
    words, lanes, z = _scratch(width)
    for r in range(first, last):
        f, y = r // height, r % height
        expose_row(canvas[f], corners[f], weights[f], moves, y, field, leakage, row)
        fill_normals(y * width, frame + f, 0, keys, words, lanes, z)
        digitize_row(row, photons[f], sensor, z, counts[f, y])


@njit(cache=True, nogil=True, error_model="numpy")
def digitize(first, last, clean, frame, keys, photons, sensor, counts):
    """Counts of frames with Gaussian shot and read noise.

    Parameters
    ----------
    first, last : int
        Rows, counted through all frames.
    clean : float32 (F, H, W)
        Intensity.
    frame : int
        Number of the first frame.
    keys : uint32 (10, 2)
        Keys of the noise, see `noise.round_keys`.
    photons : float32 (F,)
        Photons per unit of intensity.
    sensor : float32 (4,)
        See `digitize_row`.
    counts : uint8 or uint16 (F, H, W)
        Written.
    """
    height, width = counts.shape[1:]
    words, lanes, z = _scratch(width)
    for r in range(first, last):
        f, y = r // height, r % height
        fill_normals(y * width, frame + f, 0, keys, words, lanes, z)
        digitize_row(clean[f, y], photons[f], sensor, z, counts[f, y])


@njit(cache=True, nogil=True, error_model="numpy")
def digitize_poisson(first, last, clean, frame, keys, photons, sensor, read_noise, counts):
    """As `digitize`, with Poisson shot noise and Gaussian read noise of `read_noise` e- (float64).

    counts = clip(floor((k + read_noise z) gain)), k ~ Poisson(lam), in float64 from the float32
    lam of `digitize_row`.
    """
    height, width = counts.shape[1:]
    words, lanes, z = _scratch(width)
    gain, top = np.float64(sensor[2]), np.float64(sensor[3])
    for r in range(first, last):
        f, y = r // height, r % height
        fill_normals(y * width, frame + f, 2, keys, words, lanes, z)
        for x in range(width):
            lam = max(clean[f, y, x] * photons[f], F4(0)) * sensor[0]
            k = poisson(np.float64(lam), y * width + x, frame + f, keys)
            signal = math.floor((k + read_noise * np.float64(z[x])) * gain)
            counts[f, y, x] = np.int32(min(max(signal, 0.0), top))


@njit(cache=True, nogil=True, error_model="numpy")
def _scratch(width):
    m = width // 4 + 2
    return np.empty((4, m), np.uint32), np.empty(4 * m, F4), np.empty(width, F4)


def warm():
    """Compile the kernels of this module."""
    clean, field = np.zeros((1, 1, 1), F4), np.zeros((0, 0), F4)
    corners, weights = np.zeros((1, 2), np.int64), STILL[np.newaxis]
    keys, photons, sensor = round_keys((0, 0)), np.ones(1, F4), np.ones(4, F4)
    expose(0, 1, clean, corners, weights, True, field, field, clean.copy())
    for dtype in (np.uint8, np.uint16):
        counts = np.zeros((1, 1, 1), dtype)
        expose_and_digitize(
            0, 1, clean, corners, weights, True, field, field, 0, keys, photons, sensor, counts
        )
        digitize(0, 1, clean, 0, keys, photons, sensor, counts)
        digitize_poisson(0, 1, clean, 0, keys, photons, sensor, 1.0, counts)
