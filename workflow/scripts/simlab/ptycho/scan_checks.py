"""What the checks `coordinates` and `split` look at: limits, spacing, the sides of a line."""

import math

import numpy as np

from simlab.ptycho.scans import effective_buffer
from simlab.ptycho.splits import split_line

TOLERANCE_PX = 1e-9


def position_faults(case):
    """(frames at fault, what was looked at), or None for positions from a file.

    Nominal positions keep the layout's limits, are all different, and have the layout's spacing;
    where the buffer is at least N//2 and no jitter moves them, no patch reaches outside.
    """
    scan = case.dataset.scan
    if scan.layout == "file":
        return None
    shape, n = case.objects.shape[-2:], case.side
    x, y = case.positions["xcoords_start"], case.positions["ycoords_start"]
    index = case.positions["object_index"]
    faults = np.zeros(len(x), bool)
    for values, extent in ((x, shape[1]), (y, shape[0])):
        low, high = _limits(scan, shape, n, extent, np.bincount(index))
        faults |= (values < low - TOLERANCE_PX) | (values > high + TOLERANCE_PX)
    if scan.layout != "full_frame" and scan.options.get("round") is None:
        faults |= _repeated(x, y, index)
    faults |= _spacing_faults(scan, x, y, index)
    buffer = effective_buffer(scan.buffer if scan.buffer is not None else n // 2, shape)
    moved = scan.jitter > 0 or scan.layout == "jittered_grid"
    if buffer >= n // 2 and not moved and scan.options.get("spacing") is None:
        faults |= _outside(case, shape, n)
    return np.flatnonzero(
        faults
    ), "positions beyond their limits, repeated, off the grid or outside"


def _limits(scan, shape, n, extent, per_object):
    """Smallest and largest nominal coordinate of a layout along an axis of `extent` px.

    `per_object`: number of frames of every object.
    """
    buffer = effective_buffer(scan.buffer if scan.buffer is not None else n // 2, shape)
    inner = n // 2, extent - n + n // 2
    if scan.layout in ("fixed_pitch_raster", "full_frame", "grid_groups"):
        return inner
    if scan.layout == "spiral":
        spacing = scan.options["spacing"] or (min(shape) / 2 - buffer) / math.sqrt(per_object.max())
        reach = spacing * math.sqrt(per_object.max())
        return (extent - 1) / 2 - reach, (extent - 1) / 2 + reach
    if scan.layout == "jittered_grid":
        side = math.ceil(math.sqrt(per_object.min()))
        step = (min(shape) - 2 * buffer) / max(side - 1, 1)
        margin = 0.3 * step + 0.5 * 10.0 ** -(scan.options["round"] or 12)
        return buffer - margin, extent - buffer + margin
    return buffer, extent - buffer


def _repeated(x, y, index):
    order = np.lexsort((y, x, index))
    equal = np.ones(len(x) - 1, bool)
    for values in (x, y, index):
        equal &= values[order][1:] == values[order][:-1]
    faults = np.zeros(len(x), bool)
    faults[order[1:][equal]] = True
    return faults


def _spacing_faults(scan, x, y, index):
    """Raster frames that are off the straight, evenly spaced lines of their grid."""
    faults = np.zeros(len(x), bool)
    if scan.layout not in ("raster", "fixed_pitch_raster"):
        return faults
    for number in np.unique(index):
        frames = np.flatnonzero(index == number)
        side = math.isqrt(len(frames))
        columns, rows = (v[frames].reshape(side, side) for v in (x, y))
        if scan.options["transpose"]:
            columns, rows = columns.T, rows.T
        off = np.zeros((side, side), bool)
        for values, line in ((columns, columns[:1]), (rows, rows[:, :1])):
            even = np.linspace(line.ravel()[0], line.ravel()[-1], side).reshape(line.shape)
            off |= np.abs(values - even) > 1e-6
        faults[frames] = (off.T if scan.options["transpose"] else off).ravel()
    return faults


def _outside(case, shape, n):
    x, y = case.positions["xcoords"], case.positions["ycoords"]
    off = (x < n // 2) | (x > shape[1] - n + n // 2)
    return off | (y < n // 2) | (y > shape[0] - n + n // 2)


def split_faults(case):
    """(frames at fault, what was looked at) of train and test frames against the split line."""
    config, splits = case.dataset.split, case.splits
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
