"""The part of a force-field grid that a scan reaches."""

import itertools
from dataclasses import dataclass, field

import numpy as np

PART = np.zeros(3, np.int64)


@dataclass(frozen=True, eq=False)
class Piece:
    """Forces on some of the grid points of a field.

    Attributes
    ----------
    flat : float32 (sx sy sz 4,)
        Fx, Fy, Fz, E; z faster than y faster than x, the components fastest.
    shape, start : (3,) int64
        Points along each axis; grid index of the first one.
    energy : bool
        Whether E is there.
    period : (3,) int64
        Points after which a piece of the whole box repeats; 0 for a part of it.
    """

    flat: np.ndarray
    shape: np.ndarray
    start: np.ndarray
    energy: bool
    period: np.ndarray = field(default_factory=lambda: PART)

    @property
    def arguments(self):
        """The arrays in the order of the kernels."""
        return self.flat, self.shape, np.concatenate([self.start, self.period])


def cut(field, places, below, above, energy=False, columns=None):
    """Piece of `field` around places.

    Parameters
    ----------
    field : ForceField
    places : (m, 3) float64
        Grid coordinates whose bounding box is wanted.
    below, above : (3,) float64
        What to add on the lower and upper side, Å along x, y, z.
    energy : bool
    columns : callable, optional
        Gives the mask of `ForceField.fill` for (start, shape).
    """
    start, shape = bounds(field.box, places, below, above)
    mask = None if columns is None else columns(start, shape)
    values = field.fill(start, shape, columns=mask, energy=energy)
    return Piece(values.reshape(-1), shape, start, energy)


def whole_box(field, energy=False):
    """Piece of all of the periodic box of `field`, which has a value at every place."""
    period = np.array(field.box.shape, np.int64)
    values = field.fill(PART, period + 1, energy=energy)
    return Piece(values.reshape(-1), period + 1, PART, energy, period)


def bounds(box, places, below, above):
    """First grid index and number of points (3,) int64 of a piece; arguments as of `cut`."""
    below, above = (np.abs(to_steps(box, margin)) for margin in (below, above))
    start = np.floor(places.min(axis=0) - below).astype(np.int64)
    return start, np.floor(places.max(axis=0) + above).astype(np.int64) + 2 - start


def to_steps(box, margin):
    """Largest change of the grid coordinates under displacements of at most `margin`, Å."""
    return np.asarray(margin, np.float64) @ np.abs(box.inverse)


def grid_frame(box, frame):
    """The rows (first point, three changes) of `frame`, (4, 3) Å, in grid coordinates of `box`."""
    return np.vstack([(frame[0] - box.origin) @ box.inverse, frame[1:] @ box.inverse])


def span(frame, first, last):
    """Corners of the places frame[0] + i frame[1] + j frame[2] + k frame[3]; (8, 3).

    The indices run from `first` to `last`, both (3,) and included.
    """
    corners = np.array(list(itertools.product(*zip(first, last, strict=True))))
    return frame[0] + corners @ frame[1:]
