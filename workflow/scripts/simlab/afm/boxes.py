"""The periodic box of a force field: its size, its grid points, its place around a scan."""

import functools
import math
from dataclasses import dataclass

import numpy as np

from simlab.afm.errors import AfmConfigError

GRID_SIZES = (16, 32, 64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
"""Numbers of grid points an axis of an automatic box can have."""

MAX_GRID_POINTS = GRID_SIZES[-1]

PADDING = (3, 3, 5)
"""Of an automatic box around the scan window, Å."""


@dataclass(frozen=True, eq=False)
class Box:
    """A periodic cell with its grid; point (i, j, k) lies at origin + i a/n_a + j b/n_b + k c/n_c.

    Attributes
    ----------
    origin : (3,) float64
        Place of the first grid point, Å.
    cell : (3, 3) float64
        Rows are the cell vectors a, b, c, Å.
    shape : tuple of 3 int
        Grid points along each vector; the last one is one step before the end of the cell.
    """

    origin: np.ndarray
    cell: np.ndarray
    shape: tuple

    @classmethod
    def from_lvec(cls, lvec, pixPerAngstrome):
        """Box of rows (origin, a, b, c), with round(pixPerAngstrome |a|) points along a.

        Raises AfmConfigError where `lvec` is not a (4, 3) table of finite numbers, spans no
        volume, or needs fewer than 2 or more than 2048 points along an axis.
        """
        lvec = np.array(lvec, dtype=np.float64)
        if lvec.shape != (4, 3) or not np.isfinite(lvec).all():
            raise AfmConfigError(
                f"afm: lvec: shape {lvec.shape}; expected 4 rows of 3 finite numbers: the origin "
                "and three cell vectors, Å"
            )
        cell = lvec[1:]
        if abs(np.linalg.det(cell)) < 1e-9:
            raise AfmConfigError(
                f"afm: lvec: cell vectors {cell.tolist()} span no volume; expected three "
                "independent vectors, Å"
            )
        shape = tuple(round(float(n)) for n in pixPerAngstrome * np.linalg.norm(cell, axis=1))
        if min(shape) < 2 or max(shape) > MAX_GRID_POINTS:
            raise AfmConfigError(
                f"afm: lvec: {shape} grid points at pixPerAngstrome {pixPerAngstrome}; expected "
                f"2 to {MAX_GRID_POINTS} along each vector"
            )
        return cls(lvec[0], cell, shape)

    @property
    def lvec(self):
        """(4, 3) float64: origin and the three cell vectors, Å."""
        return np.vstack([self.origin, self.cell])

    @functools.cached_property
    def steps(self):
        """(3, 3) float64: rows are the vectors between neighboring grid points, Å."""
        return _frozen(self.cell / np.array(self.shape)[:, None])

    @functools.cached_property
    def inverse(self):
        """(3, 3) float64: grid steps = Å @ inverse."""
        return _frozen(np.linalg.inv(self.steps))

    @property
    def is_orthogonal(self):
        """Whether the cell vectors lie along x, y and z."""
        off_diagonal = self.cell - np.diag(np.diag(self.cell))
        return bool(np.abs(off_diagonal).max() < 1e-9 and np.diag(self.cell).min() > 0)

    def to_grid(self, points):
        """Coordinates (..., 3) in grid steps from the origin of `points` (..., 3), Å."""
        return (np.asarray(points, np.float64) - self.origin) @ self.inverse


def _frozen(array):
    array.flags.writeable = False
    return array


def get_lvec(scan_window, pad=PADDING, tipR0=(0, 0, 3), pixPerAngstrome=10):
    """Automatic force-field box around a scan.

    The box is the window and `pad` on each side, widened to the next number of grid points in
    `GRID_SIZES`, centered on the window and moved by -tipR0 to where the probe particle is.

    Parameters
    ----------
    scan_window : (2, 3)
        Lower and upper corner of the tip anchors, Å.
    pad : (3,)
        Width added on each side, Å.
    tipR0 : (3,)
        Tilt x, y and length R of the probe particle's spring at rest, Å.
    pixPerAngstrome : float
        Grid points per Å.

    Returns
    -------
    (4, 3) float64
        Origin and cell vectors, Å.

    Raises
    ------
    AfmConfigError
        Where an axis needs more than 2048 points.
    """
    lower, upper = np.asarray(scan_window, np.float64)
    center = (lower + upper) / 2
    needed = np.rint(pixPerAngstrome * (upper - lower + 2 * np.asarray(pad, np.float64)))
    sizes = []
    for axis, n in zip("xyz", needed, strict=True):
        size = next((size for size in GRID_SIZES if size >= n), None)
        if size is None:
            raise AfmConfigError(
                f"afm: scan_window: the force field needs {int(n)} grid points along {axis} at "
                f"pixPerAngstrome {pixPerAngstrome}; expected at most {MAX_GRID_POINTS}: lower "
                "pixPerAngstrome or the window"
            )
        sizes.append(size)
    extent = np.array(sizes) / pixPerAngstrome
    origin = center - extent / 2 - np.asarray(tipR0, np.float64)
    return np.vstack([origin, np.diag(extent)])


def equilibrium_offset(tipR0):
    """Place of the unloaded probe particle below its anchor for a tip tilted to (x, y).

    (x, y, -sqrt(R^2 - x^2 - y^2)) with tipR0 = (x, y, R), Å; (3,) float64. Raises AfmConfigError
    where the tilt is not shorter than R.
    """
    x, y, radius = (float(value) for value in tipR0)
    tilt2 = x * x + y * y
    if not (math.isfinite(tilt2) and radius > 0 and tilt2 < radius * radius):
        raise AfmConfigError(
            f"afm: tipR0: {[x, y, radius]}; expected a tilt sqrt(x² + y²) below the positive "
            "length R = tipR0[2], Å"
        )
    return np.array([x, y, -math.sqrt(radius * radius - tilt2)])
