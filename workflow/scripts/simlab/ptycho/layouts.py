"""Layouts of scan positions on one object of `shape` (H, W).

Each function returns x (column) and y (row) coordinates, float64 (M,), object pixels.
"""

import math

import numpy as np

from simlab.core.errors import ConfigError

GRID_JITTER = 0.3
GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


def uniform_random(shape, n_images, buffer, rng):
    """Independent uniform positions in [b, W-b] x [b, H-b]; draws all x, then all y."""
    height, width = shape
    x = rng.uniform(buffer, width - buffer, n_images)
    return x, rng.uniform(buffer, height - buffer, n_images)


def raster(shape, n_images, buffer, *, transpose):
    """Square raster from b to W-b and H-b, row by row, or column by column with `transpose`."""
    height, width = shape
    side = square_side(n_images, "raster")
    x = buffer + np.arange(side) * ((width - 2 * buffer) / (side - 1))
    y = buffer + np.arange(side) * ((height - 2 * buffer) / (side - 1))
    return _mesh(x, y, transpose)


def fixed_pitch_raster(shape, probe_side, n_images, *, pitch, outer_offset, transpose):
    """Square raster from (N//2, N//2) with the given pitch (null: outer_offset/2), px."""
    nodes = fixed_pitch_nodes(shape, probe_side, n_images, pitch, outer_offset)
    return _mesh(nodes, nodes, transpose)


def fixed_pitch_nodes(shape, probe_side, n_images, pitch, outer_offset):
    """Coordinates of the columns, and of the rows, of `fixed_pitch_raster`, px.

    Errors: ConfigError where n_images is no square or the raster leaves the object.
    """
    side = square_side(n_images, "fixed_pitch_raster")
    pitch = outer_offset / 2 if pitch is None else pitch
    origin = probe_side // 2
    last, limit = origin + (side - 1) * pitch, min(shape) - probe_side + origin
    if last > limit:
        raise ConfigError(
            f"fixed_pitch_raster: {side} x {side} positions of pitch {pitch:g} px end at "
            f"{last:g} px, the last that fits an object {shape} is {limit}"
        )
    return origin + np.arange(side) * float(pitch)


def jittered_grid(shape, n_images, buffer, rng, *, decimals):
    """The first of ceil(sqrt(M))^2 grid nodes, each moved by up to 0.3 of the smaller step.

    Draws all x, then all y, of all nodes; `decimals` rounds (null: not).
    """
    height, width = shape
    side = math.ceil(math.sqrt(n_images))
    x, y = _mesh(
        np.linspace(buffer, width - buffer, side), np.linspace(buffer, height - buffer, side)
    )
    reach = GRID_JITTER * (min(height, width) - 2 * buffer) / (side - 1) if side > 1 else 0.0
    x = x + rng.uniform(-reach, reach, side * side)
    y = y + rng.uniform(-reach, reach, side * side)
    if decimals is not None:
        x, y = np.round(x, decimals), np.round(y, decimals)
    return x[:n_images], y[:n_images]


def full_frame(shape, side, n_images, rng, *, overlap):
    """Regular grid over the whole object, patches from edge to edge.

    Steps follow from n_images and the aspect ratio, or from the linear `overlap` of neighbors
    (step = max(1, int(N (1 - overlap))) px). Of too many nodes a random selection stays, in
    their order; too few are followed by random repetitions.
    """
    height, width = shape
    if overlap is None:
        rows = max(2, int(math.sqrt(n_images * height / width)))
        cols = max(2, int(n_images / rows))
        x = side // 2 + np.arange(cols) * ((width - side) / (cols - 1))
        y = side // 2 + np.arange(rows) * ((height - side) / (rows - 1))
    else:
        step = max(1, int(side * (1 - overlap)))
        x = side // 2 + np.arange(0, max(width - side, 0) + 1, step, dtype=np.float64)
        y = side // 2 + np.arange(0, max(height - side, 0) + 1, step, dtype=np.float64)
    x, y = _mesh(x, y)
    nodes = len(x)
    if nodes > n_images:
        kept = np.sort(rng.choice(nodes, n_images, replace=False))
    else:
        kept = np.concatenate([np.arange(nodes), rng.choice(nodes, n_images - nodes)])
    return x[kept], y[kept]


def spiral(shape, n_images, buffer, *, spacing):
    """Fermat spiral r = c sqrt(k), theta = k pi (3 - sqrt 5) about the object's center.

    c = `spacing`, null: (min(H, W)/2 - b) / sqrt(M). (H. Vogel, Math. Biosci. 44, 179 (1979).)
    """
    height, width = shape
    k = np.arange(n_images)
    if spacing is None:
        spacing = (min(height, width) / 2 - buffer) / math.sqrt(n_images)
    r, theta = spacing * np.sqrt(k), k * GOLDEN_ANGLE
    return (width - 1) / 2 + r * np.cos(theta), (height - 1) / 2 + r * np.sin(theta)


def grid_group_centers(shape, side, *, gridsize, offset, outer_offset):
    """Centers of all patches of the legacy grid mode, group by group, channel by channel."""
    from simlab.ptycho.grid import group_geometry

    top_left, _ = group_geometry(shape, side, gridsize, offset, outer_offset)
    centers = top_left.reshape(-1, 2) + float(side // 2)
    return np.ascontiguousarray(centers[:, 1]), np.ascontiguousarray(centers[:, 0])


def square_side(n_images, layout):
    """sqrt(n_images); ConfigError naming the neighboring squares if it is no whole number >= 2."""
    side = math.isqrt(n_images)
    if side * side == n_images and side >= 2:
        return side
    below = max(side, 2)
    raise ConfigError(
        f"{layout} needs a square number of positions >= 4, n_images is {n_images} "
        f"(neighboring squares: {below**2} and {(below + 1) ** 2})"
    )


def _mesh(x, y, transpose=False):
    """All pairs of the axes x and y, x fast (row by row), or y fast with `transpose`."""
    order = "F" if transpose else "C"
    grid_x, grid_y = np.meshgrid(x, y)
    return grid_x.ravel(order), grid_y.ravel(order)
