"""Training and test frames on the two sides of a line across the scan."""

import math

import numpy as np

from simlab.core.errors import ConfigError
from simlab.core.splits import REST, SPLITS, Unit, deal

TRAIN, VAL, TEST, EXCLUDED = range(len(SPLITS))


def split_line(coordinate, test_fraction, *, given=None):
    """Order of the frames along the axis, number of train frames, and the line between, px.

    The int(round(M * test_fraction)) frames with the largest coordinate are test frames (stable
    order, banker's rounding); the line is midway between the last train and the first test frame.
    `given` is what the user asked for, in the words of the ConfigError about an empty side.
    """
    order = np.argsort(coordinate, kind="stable")
    n_train = len(order) - round(len(order) * test_fraction)
    if not 0 < n_train < len(order):
        given = given or f"a test fraction of {test_fraction:g}"
        raise ConfigError(f"{given} leaves one side of {len(order)} frames empty")
    line = (coordinate[order[n_train - 1]] + coordinate[order[n_train]]) / 2
    return order, n_train, float(line)


def split_labels(x, y, *, axis, train_fraction=None, test_fraction=None, gap=0.0):
    """Split of every frame as int8 (0 train, 2 test, 3 excluded), shape (M,).

    Parameters
    ----------
    x, y : (M,) float64
        Scan positions, px.
    axis : "x" or "y"
    train_fraction, test_fraction : float
        In (0, 1), one of them; the frames with the largest coordinate are test frames.
    gap : float
        Width >= 0 of the strip around the line whose frames are excluded, px. With gap = N no
        train patch overlaps a test patch.
    """
    if axis not in ("x", "y"):
        raise ConfigError(f"split axis is {axis!r}, expected 'x' or 'y'")
    if (train_fraction is None) == (test_fraction is None):
        raise ConfigError("a split needs train_fraction or test_fraction, and not both")
    name, fraction = ("train", train_fraction) if test_fraction is None else ("test", test_fraction)
    if not 0 < fraction < 1:
        raise ConfigError(f"{name} fraction of the split is {fraction}, expected one in (0, 1)")
    if not (gap >= 0 and math.isfinite(gap)):
        raise ConfigError(f"gap of the split is {gap} px, expected a finite number >= 0")
    coordinate = np.asarray(x if axis == "x" else y, np.float64)
    order, n_train, line = split_line(
        coordinate,
        1 - fraction if name == "train" else fraction,
        given=f"a {name} fraction of {fraction:g}",
    )
    labels = deal(order, {"train": n_train, "test": REST})
    if gap > 0:
        labels[np.abs(coordinate - line) <= gap / 2] = EXCLUDED
        for label, name in ((TRAIN, "train"), (TEST, "test")):
            if not np.any(labels == label):
                end = coordinate.min() if label == TRAIN else coordinate.max()
                raise ConfigError(
                    f"a gap of {gap:g} px leaves no {name} frames: they reach {abs(end - line):g} "
                    f"px from the line at {axis} = {line:g}; take a gap below "
                    f"{2 * abs(end - line):g} px or another fraction"
                )
    return labels


def frame_splits(x, y, split, side):
    """Labels of `split_labels` for a SplitConfig (None: every frame is train), N = `side`."""
    if split is None:
        return np.full(len(x), TRAIN, np.int8)
    gap = float(side) if split.gap == "auto" else split.gap
    return split_labels(x, y, axis=split.axis, train_fraction=split.fraction, gap=gap)


def unit_of(spec):
    """The Unit of a data set; `spec` is its whole configuration."""
    if spec["split"] is None:
        return Unit("scan", "object_index", None)
    return Unit("side of the scan", spec["split"]["axis"], None, along=True)
