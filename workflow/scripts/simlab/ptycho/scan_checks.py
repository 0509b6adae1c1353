"""What the checks `coordinates` and `split` look at: limits, spacing, the sides of a line."""

import math

import numpy as np

from simlab.ptycho.layouts import GOLDEN_ANGLE, GRID_JITTER
from simlab.ptycho.scans import effective_buffer, is_outside
from simlab.ptycho.splits import split_line

TOLERANCE_PX = 1e-6
JITTER_SIGMAS = 8
REPEATING = ("full_frame", "grid_groups")
"""Layouts that may visit a position twice."""


def position_faults(case):
    """(frames at fault, what was looked at) of a layout that is not a file's.

    Nominal positions lie within the limits and on the nodes of their layout, all different; true
    ones are as far away as the jitter allows; where the layout promises it, no patch reaches
    outside the object.
    """
    scan, n = case.dataset.scan, case.side
    shape = case.objects.shape[-2:]
    buffer = effective_buffer(n // 2 if scan.buffer is None else scan.buffer, shape)
    x, y = case.positions["xcoords_start"], case.positions["ycoords_start"]
    true_x, true_y = case.positions["xcoords"], case.positions["ycoords"]
    index = case.positions["object_index"]
    faults = ~(np.hypot(true_x - x, true_y - y) <= JITTER_SIGMAS * scan.jitter)
    for number in np.unique(index):
        frames = np.flatnonzero(index == number)
        own = x[frames], y[frames]
        faults[frames] |= ~ON_LAYOUT[scan.layout](*own, shape, n, buffer, scan.options)
        if scan.layout not in REPEATING and scan.options.get("round") is None:
            faults[frames] |= _repeated(*own)
    outside = is_outside(true_x, true_y, shape, n)
    promised = stays_inside(scan, n, buffer)
    if promised:
        faults |= outside
    what = (
        f"positions beyond their limits, repeated, off their layout or moved by more than "
        f"{JITTER_SIGMAS} jitter; {np.count_nonzero(outside)} patches reach outside "
        f"({'none may' if promised else 'allowed'})"
    )
    return np.flatnonzero(faults), what


def stays_inside(scan, side, buffer):
    """Whether a layout promises that no patch reaches beyond the object."""
    if scan.jitter > 0:
        return False
    if scan.layout in ("uniform_random", "raster"):
        return buffer >= side // 2
    return scan.layout in ("fixed_pitch_raster", "full_frame", "grid_groups")


def _uniform_random(x, y, shape, n, buffer, options):
    return _between(x, buffer, shape[1] - buffer) & _between(y, buffer, shape[0] - buffer)


def _raster(x, y, shape, n, buffer, options):
    side = math.isqrt(len(x))
    pitch_y, pitch_x = ((extent - 2 * buffer) / (side - 1) for extent in shape)
    row, column = _row_and_column(len(x), side, options["transpose"])
    return _near(x, buffer + column * pitch_x) & _near(y, buffer + row * pitch_y)


def _fixed_pitch_raster(x, y, shape, n, buffer, options):
    pitch = options["outer_offset"] / 2 if options["pitch"] is None else options["pitch"]
    row, column = _row_and_column(len(x), math.isqrt(len(x)), options["transpose"])
    return _near(x, n // 2 + column * pitch) & _near(y, n // 2 + row * pitch)


def _jittered_grid(x, y, shape, n, buffer, options):
    side = math.ceil(math.sqrt(len(x)))
    if side == 1:
        return _near(x, buffer) & _near(y, buffer)
    step_y, step_x = ((extent - 2 * buffer) / (side - 1) for extent in shape)
    reach = GRID_JITTER * min(step_x, step_y)
    if options["round"] is not None:
        reach += 0.5 * 10.0 ** -options["round"]
    row, column = _row_and_column(len(x), side)
    return _near(x, buffer + column * step_x, reach) & _near(y, buffer + row * step_y, reach)


def _full_frame(x, y, shape, n, buffer, options):
    height, width = shape
    if options["overlap"] is None:
        rows = max(2, int(math.sqrt(len(x) * height / width)))
        steps = (width - n) / (max(2, int(len(x) / rows)) - 1), (height - n) / (rows - 1)
    else:
        steps = (max(1, int(n * (1 - options["overlap"]))),) * 2
    on_nodes = np.ones(len(x), bool)
    for values, extent, step in ((x, width, steps[0]), (y, height, steps[1])):
        node = np.rint((values - n // 2) / max(step, TOLERANCE_PX))
        on_nodes &= _near(values, n // 2 + node * step)
        on_nodes &= _between(values, n // 2, extent - n + n // 2)
    return on_nodes


def _spiral(x, y, shape, n, buffer, options):
    height, width = shape
    k = np.arange(len(x))
    spacing = options["spacing"]
    if spacing is None:
        spacing = (min(shape) / 2 - buffer) / math.sqrt(len(x))
    wave = spacing * np.sqrt(k) * np.exp(1j * GOLDEN_ANGLE * k)
    return _near(x, (width - 1) / 2 + wave.real) & _near(y, (height - 1) / 2 + wave.imag)


def _grid_groups(x, y, shape, n, buffer, options):
    gridsize, stride = options["gridsize"], options["outer_offset"] // 2
    channel = np.arange(len(x)) % gridsize**2
    region = n + (gridsize - 1) * options["offset"]
    on_grid = np.ones(len(x), bool)
    for values, extent, cell in (
        (x, shape[1], channel % gridsize),
        (y, shape[0], channel // gridsize),
    ):
        corner = values - n // 2 - cell * options["offset"]
        on_grid &= _near(corner, stride * np.rint(corner / stride))
        on_grid &= _between(corner, 0, extent - region)
    return on_grid


ON_LAYOUT = {
    "uniform_random": _uniform_random,
    "raster": _raster,
    "fixed_pitch_raster": _fixed_pitch_raster,
    "jittered_grid": _jittered_grid,
    "full_frame": _full_frame,
    "spiral": _spiral,
    "grid_groups": _grid_groups,
}
"""Which nominal positions x, y of one object are where their layout puts them, bool (m,)."""


def _row_and_column(count, side, transpose=False):
    slow, fast = np.divmod(np.arange(count), side)
    return (fast, slow) if transpose else (slow, fast)


def _near(values, expected, reach=0.0):
    return np.abs(values - expected) <= reach + TOLERANCE_PX


def _between(values, low, high):
    return (values >= low - TOLERANCE_PX) & (values <= high + TOLERANCE_PX)


def _repeated(x, y):
    order = np.lexsort((y, x))
    equal = (x[order][1:] == x[order][:-1]) & (y[order][1:] == y[order][:-1])
    faults = np.zeros(len(x), bool)
    faults[order[1:][equal]] = True
    return faults


def split_faults(case):
    """(frames at fault, what was looked at) of train and test frames against the split line."""
    config, splits = case.dataset.split, case.splits
    if config is None:
        return np.flatnonzero(splits != "train"), "frames that are not train, there is no split"
    coordinate = case.positions["xcoords" if config.axis == "x" else "ycoords"]
    gap = float(case.side) if config.gap == "auto" else config.gap
    line = split_line(coordinate, 1 - config.fraction)[2]
    train, test, excluded = (splits == name for name in ("train", "test", "excluded"))
    if not (train.any() and test.any()):
        return np.arange(len(splits)), "train or test is empty"
    faults = ~(train | test | excluded)
    inside = np.abs(coordinate - line) <= gap / 2 if gap > 0 else np.zeros(len(splits), bool)
    faults |= excluded != inside
    faults |= train & (coordinate > line) | test & (coordinate < line)
    what = (
        f"frames on the wrong side of {config.axis} = {line:.3f} px; "
        f"{np.count_nonzero(train)} train, {np.count_nonzero(test)} test, "
        f"{np.count_nonzero(excluded)} excluded in the gap"
    )
    if gap >= case.side and not faults.any():
        overlap = coordinate[train].max() + case.side > coordinate[test].min()
        if overlap:
            return np.flatnonzero(train), "train patches overlap test patches"
    return np.flatnonzero(faults), what
