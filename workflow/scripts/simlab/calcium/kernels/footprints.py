"""Footprints of cells: where cells lie, what they light, how optics blur it.

Kernels that take `rng` (a numpy Generator) draw from it exactly what numpy itself would.
"""

import math

import numpy as np
from numba import njit

from simlab.calcium.kernels.filters import gaussian_filter, gaussian_weights

jit = njit(cache=True, nogil=True, error_model="numpy")

REFLECT = np.int64(0)  # a Python integer would be a type of its own, compiled twice
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
        fitting = (high[axis] - low[axis]) / distance
        sides[axis] = int(fitting) + 1 if fitting < MOST_CUBES - 1 else MOST_CUBES
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
            for axis in range(3):
                points[n, axis] = point[axis]
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
    noise = np.zeros((height, width))
    largest = 1.0
    if irregularity > 0:
        for y in range(height):
            for x in range(width):
                noise[y, x] = rng.standard_normal()
        noise = gaussian_filter(noise, max(radius / 2, 1.0), REFLECT)
        largest = 0.0
        for y in range(height):
            for x in range(width):
                largest = max(largest, abs(noise[y, x]))
        largest += 1e-12
    for y in range(height):
        for x in range(width):
            outline = radius * (1.0 + irregularity * (noise[y, x] / largest))
            if math.hypot(y - cy, x - cx) <= outline:
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
def blur_all(planted, starts, shapes, sigma, gain, inner, out, out_starts, out_shapes):
    """gain * Gaussian blur of every cell's patch, in float64, on the window that `out` keeps of it.

    Parameters
    ----------
    planted, out : (m,), (M,) float32
        Patches row by row, one after the other; `out` is written. Light beyond a window is lost.
    starts, out_starts : (n + 1,) int64
        Where the patches begin.
    shapes : (n, 2) int32
    inner, out_shapes : (n, 2) int64
        Place of each planted patch in its window; sizes of the windows, px.
    sigma, gain : (n,) float64
        Pixels; factor.
    """
    for i in range(len(sigma)):
        weights = gaussian_weights(sigma[i])
        radius = len(weights) - 1
        top, left = inner[i, 0], inner[i, 1]
        h, w = shapes[i, 0], shapes[i, 1]
        height, width = out_shapes[i, 0], out_shapes[i, 1]
        across = np.zeros((h, width))
        at = starts[i]
        for y in range(h):
            line = across[y]
            for x in range(left, left + w):
                value = np.float64(planted[at])
                at += 1
                if value != 0:
                    for column in range(max(x - radius, 0), min(x + radius + 1, width)):
                        line[column] += value * weights[abs(column - x)]
        total = np.empty(width)
        at = out_starts[i]
        for row in range(height):
            total[:] = 0.0
            for y in range(max(row - radius - top, 0), min(row + radius + 1 - top, h)):
                weight = weights[abs(y + top - row)]
                line = across[y]
                for x in range(width):
                    total[x] += weight * line[x]
            for x in range(width):
                out[at] = gain[i] * total[x]
                at += 1


@jit
def weighted_sums(data, starts, offsets, shapes, field):
    """sum(A) and sum(A * field) of every patch A, in float64: two arrays (n,).

    Parameters
    ----------
    data : (m,) float32
        Patches row by row, one after the other.
    starts : (n + 1,) int64
        Where they begin.
    offsets, shapes : (n, 2) int32
        First pixels on the canvas, and sizes.
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
    data, starts = np.ones(4, np.float32), np.array([0, 4])
    offsets, shapes = np.zeros((1, 2), np.int32), np.full((1, 2), 2, np.int32)
    sizes, inner, one = np.full((1, 2), 2), np.zeros((1, 2), np.int64), np.ones(1)
    blur_all(data, starts, shapes, one, one, inner, data.copy(), starts, sizes)
    weighted_sums(data, starts, offsets, shapes, np.ones((8, 8)))
