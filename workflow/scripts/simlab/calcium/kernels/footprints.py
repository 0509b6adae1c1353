"""Footprints of cells: where cells lie, what they light, how optics blur it.

Kernels that take `rng` (a numpy Generator) draw from it exactly what numpy itself would.
"""

import math

import numpy as np
from numba import njit

from simlab.calcium.kernels.filters import gaussian_filter, gaussian_weights

jit = njit(cache=True, nogil=True, error_model="numpy")

REFLECT = 0
MOST_CUBES = 100  # per axis, so that tiny distances need no huge grid


@jit
def place_apart(rng, low, high, distance, count, attempts):
    """Random points of a box, each at least `distance` from all accepted before it.

    Candidates are drawn one after the other, three uniform numbers each; at most `attempts` of
    them. Accepted points are found through a grid of cubes of side `distance` (linked lists).

    Parameters
    ----------
    low, high : (3,) float64
        Corners of the box.
    distance : float > 0
    count, attempts : int

    Returns
    -------
    (n <= count, 3) float64
    """
    sides = np.empty(3, np.int64)
    for axis in range(3):
        sides[axis] = min(int((high[axis] - low[axis]) / distance) + 1, MOST_CUBES)
    side = np.empty(3)
    for axis in range(3):
        side[axis] = max((high[axis] - low[axis]) / sides[axis], distance)
    newest = np.full((sides[0], sides[1], sides[2]), -1, np.int64)
    older = np.empty(count, np.int64)
    points = np.empty((count, 3))
    point = np.empty(3)
    cube = np.empty(3, np.int64)
    n = 0
    for _ in range(attempts):
        if n == count:
            break
        for axis in range(3):
            point[axis] = low[axis] + (high[axis] - low[axis]) * rng.random()
            cube[axis] = min(int((point[axis] - low[axis]) / side[axis]), sides[axis] - 1)
        if _is_apart(point, points, newest, older, cube, distance):
            points[n] = point
            older[n] = newest[cube[0], cube[1], cube[2]]
            newest[cube[0], cube[1], cube[2]] = n
            n += 1
    return points[:n]


@jit
def _is_apart(point, points, newest, older, cube, distance):
    for i in range(max(cube[0] - 1, 0), min(cube[0] + 2, newest.shape[0])):
        for j in range(max(cube[1] - 1, 0), min(cube[1] + 2, newest.shape[1])):
            for k in range(max(cube[2] - 1, 0), min(cube[2] + 2, newest.shape[2])):
                other = newest[i, j, k]
                while other >= 0:
                    dz = point[0] - points[other, 0]
                    dy = point[1] - points[other, 1]
                    dx = point[2] - points[other, 2]
                    if math.sqrt(dz * dz + dy * dy + dx * dx) < distance:
                        return False
                    other = older[other]
    return True


@jit
def draw_neuron(rng, height, width, cy, cx, radius, irregularity, length, thickness):
    """Footprint of one cell on a canvas of height x width pixels.

    Parameters
    ----------
    cy, cx, radius : float
        Center and radius of the soma, px.
    irregularity : float
        Relative amplitude of the outline's noise; 0 draws nothing.
    length, thickness : float
        Nominal length and width of dendrites, px; length 0: none.

    Returns
    -------
    patch : (h, w) float64
        Tight box around the weights that are not zero; (0, 0) if there are none.
    y, x : int
        Its first pixel on the canvas.
    """
    reach = radius * (1.0 + irregularity) + 1.0
    top, bottom = _clip_range(cy - reach, cy + reach, height)
    left, right = _clip_range(cx - reach, cx + reach, width)
    spread = reach
    if length > 0:
        steps = max(round(1.25 * length), 2)
        spread = max(spread, 0.8 * radius + steps + max(0.5 * thickness, 0.5) + 1.0)
    y0, y1 = _clip_range(cy - spread, cy + spread, height)
    x0, x1 = _clip_range(cx - spread, cx + spread, width)
    window = np.zeros((y1 - y0, x1 - x0))
    if bottom > top and right > left:
        soma = window[top - y0 : bottom - y0, left - x0 : right - x0]
        _stamp_soma(rng, soma, cy - top, cx - left, radius, irregularity)
    if length > 0:
        _grow_dendrites(rng, window, cy - y0, cx - x0, radius, length, thickness)
    return _tight(window, y0, x0, height, width, cy, cx)


@jit
def _clip_range(low, high, n):
    first = min(max(math.floor(low), 0), n)
    return first, max(min(math.ceil(high) + 1, n), first)


@jit
def _stamp_soma(rng, soma, cy, cx, radius, irregularity):
    height, width = soma.shape
    outline = np.full((height, width), radius)
    if irregularity > 0:
        noise = gaussian_filter(rng.standard_normal((height, width)), max(radius / 2, 1.0), REFLECT)
        noise /= max(noise.max(), -noise.min()) + 1e-12
        outline *= 1.0 + irregularity * noise
    for y in range(height):
        for x in range(width):
            if math.hypot(y - cy, x - cx) <= outline[y, x]:
                soma[y, x] = 1.0


@jit
def _grow_dendrites(rng, window, cy, cx, radius, length, thickness):
    half = thickness / 2
    n = min(max(rng.poisson(5.0), 2), 9)
    base = rng.uniform(0.0, 2 * math.pi)
    angles = np.empty(n)
    for k in range(n):
        angles[k] = base + k * 2 * math.pi / n + rng.normal(0.0, 0.4)
    stack = np.empty((64, 6))
    for angle in angles:
        reach = length * rng.uniform(0.6, 1.25)
        stack[0, 0] = cy + 0.8 * radius * math.sin(angle)
        stack[0, 1] = cx + 0.8 * radius * math.cos(angle)
        stack[0, 2] = angle
        stack[0, 3] = reach
        stack[0, 4] = thickness
        stack[0, 5] = 2
        depth = 1
        while depth:
            depth -= 1
            y, x, heading, reach, wide, branches = stack[depth]
            steps = max(round(reach), 2)
            for i in range(steps):
                rad = max(0.5 * wide * (1 - i / (steps - 1)), 0.5)
                intensity = 0.05 + (min(rad / half, 1.0) if half > 0 else 1.0) * 0.5
                _stamp_disk(window, y, x, rad, intensity)
                heading += rng.normal(0.0, 0.16)
                y += math.sin(heading)
                x += math.cos(heading)
                if branches > 0 and i < steps - 2 and rng.random() < 0.06:
                    side = -1.0 if rng.random() < 0.5 else 1.0
                    stack[depth, 0] = y
                    stack[depth, 1] = x
                    stack[depth, 2] = heading + side * 0.7
                    stack[depth, 3] = (steps - 1 - i) * 0.8
                    stack[depth, 4] = wide * 0.38 ** (1 / 3)
                    stack[depth, 5] = branches - 1
                    depth += 1
                    heading -= side * 0.35
                    wide *= 0.62 ** (1 / 3)
                    branches -= 1


@jit
def _stamp_disk(window, cy, cx, radius, intensity):
    top, bottom = _clip_range(cy - radius, cy + radius, window.shape[0])
    left, right = _clip_range(cx - radius, cx + radius, window.shape[1])
    for y in range(top, bottom):
        for x in range(left, right):
            if (y - cy) ** 2 + (x - cx) ** 2 <= radius**2:
                window[y, x] = max(window[y, x], intensity)


@jit
def _tight(window, y0, x0, height, width, cy, cx):
    top, bottom, left, right = window.shape[0], 0, window.shape[1], 0
    for y in range(window.shape[0]):
        for x in range(window.shape[1]):
            if window[y, x] != 0:
                top, bottom = min(top, y), max(bottom, y + 1)
                left, right = min(left, x), max(right, x + 1)
    if bottom > top:
        return window[top:bottom, left:right].copy(), y0 + top, x0 + left
    edge = 0.5 + 1e-9  # rounding of a position drawn on the very border of the canvas
    if -edge <= cy <= height - 1 + edge and -edge <= cx <= width - 1 + edge:
        y = min(max(round(cy), 0), height - 1)
        x = min(max(round(cx), 0), width - 1)
        return np.ones((1, 1)), y, x
    return np.zeros((0, 0)), 0, 0


@jit
def plant(rng, height, width, centers, radius, irregularity, length, thickness):
    """`draw_neuron` for one cell after the other.

    Parameters
    ----------
    centers : (n, 2) float64
        Row and column on the canvas, px.
    radius, irregularity, length, thickness : float

    Returns
    -------
    offsets, shapes : (n, 2) int32
    data : (m,) float32
        Patches row by row, one after the other.
    """
    n = len(centers)
    offsets = np.zeros((n, 2), np.int32)
    shapes = np.zeros((n, 2), np.int32)
    data = np.empty(256 * (n + 1), np.float32)
    used = 0
    for i in range(n):
        patch, y, x = draw_neuron(
            *(rng, height, width, centers[i, 0], centers[i, 1]),
            *(radius, irregularity, length, thickness),
        )
        if used + patch.size > len(data):
            longer = np.empty(2 * len(data) + patch.size, np.float32)
            longer[:used] = data[:used]
            data = longer
        offsets[i, 0], offsets[i, 1] = y, x
        shapes[i, 0], shapes[i, 1] = patch.shape
        for value in patch.flat:
            data[used] = value
            used += 1
    return offsets, shapes, data[:used].copy()


@jit
def blur_patch(patch, sigma, gain, top, left, out):
    """out = gain * Gaussian blur of `patch`, where `out` sees a window around it.

    Parameters
    ----------
    patch : (h, w) float32
    sigma, gain : float
        Pixels; factor.
    top, left : int
        Place of the patch's first pixel in `out`.
    out : (H, W) float32
        The window; light beyond it is lost.
    """
    weights = gaussian_weights(sigma)
    radius = len(weights) - 1
    kernel = np.empty(2 * radius + 1)
    for k in range(-radius, radius + 1):
        kernel[k + radius] = weights[abs(k)]
    h, w = patch.shape
    height, width = out.shape
    across = np.zeros((h, width))
    for y in range(h):
        line = across[y]
        for x in range(w):
            value = np.float64(patch[y, x])
            if value != 0:
                first = max(left + x - radius, 0)
                last = min(left + x + radius + 1, width)
                shift = radius - left - x
                for column in range(first, last):
                    line[column] += value * kernel[column + shift]
    total = np.empty(width)
    for row in range(height):
        total[:] = 0.0
        for y in range(max(row - radius - top, 0), min(row + radius + 1 - top, h)):
            weight = kernel[y + top - row + radius]
            line = across[y]
            for x in range(width):
                total[x] += weight * line[x]
        for x in range(width):
            out[row, x] = gain * total[x]


@jit
def blur_all(planted, starts, shapes, sigma, gain, inner, out, out_starts, out_shapes):
    """`blur_patch` for every cell.

    Parameters
    ----------
    planted, out : (m,), (M,) float32
        Patches row by row, one after the other.
    starts, out_starts : (n + 1,) int64
    shapes, out_shapes, inner : (n, 2)
        Sizes of the patches; place of each planted patch in its blurred one.
    sigma, gain : (n,) float64
    """
    for i in range(len(sigma)):
        patch = planted[starts[i] : starts[i + 1]].reshape((shapes[i, 0], shapes[i, 1]))
        window = out[out_starts[i] : out_starts[i + 1]]
        window = window.reshape((out_shapes[i, 0], out_shapes[i, 1]))
        blur_patch(patch, sigma[i], gain[i], inner[i, 0], inner[i, 1], window)


@jit
def weighted_sums(data, starts, offsets, shapes, field):
    """sum(A) and sum(A * field) of every patch A, in float64: two arrays (n,).

    Parameters
    ----------
    data, starts, offsets, shapes
        See `plant` and `blur_all`.
    field : (H, W) float64
        On the canvas.
    """
    n = len(offsets)
    plain, weighted = np.zeros(n), np.zeros(n)
    for i in range(n):
        at = starts[i]
        for y in range(offsets[i, 0], offsets[i, 0] + shapes[i, 0]):
            for x in range(offsets[i, 1], offsets[i, 1] + shapes[i, 1]):
                plain[i] += data[at]
                weighted[i] += data[at] * field[y, x]
                at += 1
    return plain, weighted


def warm():
    """Compile the entry points."""
    rng = np.random.default_rng(0)
    place_apart(rng, np.zeros(3), np.ones(3), 0.5, 2, 4)
    draw_neuron(rng, 8, 8, 3.0, 3.0, 2.0, 0.3, 2.0, 1.0)
    offsets, shapes, data = plant(rng, 8, 8, np.full((1, 2), 3.0), 2.0, 0.3, 2.0, 1.0)
    starts = np.array([0, data.size])
    one = np.ones(1)
    blur_all(data, starts, shapes, one, one, np.zeros_like(shapes), data.copy(), starts, shapes)
    blur_patch(data.reshape(shapes[0]), 1.0, 1.0, 0, 0, np.empty((8, 8), np.float32))
    weighted_sums(data, starts, offsets, shapes, np.ones((8, 8)))
