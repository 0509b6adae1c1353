"""A scalar on a periodic grid: values at points, on boxes, powers, limits.

Grids are periodic; value (i, j, k) belongs to the point origin + i a/n_a + j b/n_b + k c/n_c, a
corner of its voxel. Methods return new grids and change nothing.
"""

import math
from pathlib import Path

import numpy as np

from simlab.afm.errors import AfmConfigError, AfmInputError
from simlab.afm.files.grids import read_grid, write_grid
from simlab.afm.kernels import fields
from simlab.afm.kernels.threads import over_rows

MODEL_POTENTIAL = "model potential"
"""What messages call a potential that is made of the atoms."""

COINCIDENCE = 1e-3
"""Largest distance of origins and cell vectors of grids that count as the same, Å."""

PARALLEL = 1e-9
"""Steps below which the axes of two grids count as parallel, in grid steps."""


class DataGrid:
    """A scalar on a periodic grid.

    Parameters
    ----------
    array : (nx, ny, nz)
        Finite numbers; copied as float32.
    lvec : (4, 3)
        Origin and the three cell vectors, Å.
    source : str
        What messages call the grid.

    Raises
    ------
    AfmConfigError
        For other shapes, values that are not finite, a cell without volume.
    """

    quantity = "potential"

    def __init__(self, array, lvec, source="grid"):
        values = np.asarray(array)
        if values.ndim != 3 or min(values.shape) < 2 or values.dtype.kind not in "fiu":
            raise AfmConfigError(
                f"afm: {source}: shape {values.shape} and dtype {values.dtype}; expected real "
                "numbers on three axes of at least 2 points"
            )
        lvec = np.array(lvec, np.float64)
        if lvec.shape != (4, 3) or not np.isfinite(lvec).all():
            raise AfmConfigError(
                f"afm: {source}: lvec of shape {lvec.shape}; expected 4 rows of 3 finite numbers: "
                "the origin and three cell vectors, Å"
            )
        if abs(np.linalg.det(lvec[1:])) < 1e-9:
            raise AfmConfigError(
                f"afm: {source}: cell vectors {lvec[1:].tolist()} span no volume; expected three "
                "independent vectors, Å"
            )
        self._array = np.array(values, np.float32, order="C")
        bad = self._array.size - int(np.isfinite(self._array).sum())
        if bad:
            raise AfmConfigError(
                f"afm: {source}: {bad} values are not finite; expected finite numbers"
            )
        self._lvec = lvec
        self._power = self._total = None
        self.source = str(source)

    @property
    def array(self):
        """(nx, ny, nz) float32, read-only."""
        return _read_only(self._array)

    @property
    def lvec(self):
        """(4, 3) float64, read-only: origin and cell vectors, Å."""
        return _read_only(self._lvec)

    @property
    def shape(self):
        """(nx, ny, nz)."""
        return self._array.shape

    @property
    def steps(self):
        """(3, 3) float64: rows are the vectors between neighboring points, Å."""
        return self._lvec[1:] / np.array(self.shape)[:, None]

    @property
    def cell_vol(self):
        """Volume of one voxel, Å³."""
        return abs(float(np.linalg.det(self.steps)))

    @property
    def total(self):
        """Sum of all values, float64."""
        if self._total is None:
            self._total = float(self._array.sum(dtype=np.float64))
        return self._total

    @classmethod
    def from_file(cls, path, scale=1.0):
        """Read a cube, xsf or npz file.

        Parameters
        ----------
        path : path
        scale : float
            Factor of the values: -1 for a potential file that holds the energy of an electron
            (eV), and for an electron density that is used as a charge density.

        Returns
        -------
        grid : of this class
        xyzs : (n, 3) float64
            Atoms, Å.
        Zs : (n,) int32

        Raises
        ------
        AfmInputError
            Naming the file and what is wrong in it.
        """
        array, lvec, xyzs, Zs = read_grid(path, cls.quantity, scale)
        return cls(array, lvec, source=Path(path).as_posix()), xyzs, Zs

    def to_file(self, path, xyzs=None, Zs=None):
        """Write an npz or xsf file, with the atoms xyzs (n, 3) in Å and Zs (n,) if given."""
        write_grid(path, self._array, self._lvec, xyzs, Zs)

    def _like(self, array):
        return type(self)(array, self._lvec, self.source)

    def clamp(self, minimum=-np.inf, maximum=np.inf, clamp_type="hard", soft_clamp_width=1.0):
        """The grid with its values limited.

        "soft": v -> (v - M)/(1 + exp((v - M)/w)) + M, then likewise from below.

        Parameters
        ----------
        minimum, maximum : float
        clamp_type : "hard" or "soft"
        soft_clamp_width : float
            w > 0.
        """
        if clamp_type not in ("hard", "soft"):
            raise AfmConfigError(f"afm: clamp_type: {clamp_type!r}; expected hard or soft")
        if not minimum < maximum:
            raise AfmConfigError(
                f"afm: clamp: minimum {minimum}, maximum {maximum}; expected minimum < maximum"
            )
        if clamp_type == "hard":
            return self._like(np.clip(self._array, minimum, maximum))
        if not soft_clamp_width > 0:
            raise AfmConfigError(f"afm: soft_clamp_width: {soft_clamp_width}; expected > 0")
        values = self._array.astype(np.float64)
        with np.errstate(over="ignore"):
            if math.isfinite(maximum):
                above = values - maximum
                values = above / (1 + np.exp(above / soft_clamp_width)) + maximum
            if math.isfinite(minimum):
                above = values - minimum
                values = above / (1 + np.exp(-above / soft_clamp_width)) + minimum
        return self._like(values)

    def power_positive(self, p=1.2, normalize=True):
        """The grid of (s max(v, 0))^p.

        s = sum v / sum_(v > 0) v keeps the sum at p = 1; without `normalize` s = 1. The last
        result is kept, as one tip looks at many samples.

        Raises
        ------
        AfmConfigError
            Where p is not a positive number.
        AfmInputError
            Where the sum is not positive.
        """
        if not (math.isfinite(p) and p > 0):
            raise AfmConfigError(f"afm: power_positive: exponent {p}; expected a number > 0")
        key = (float(p), bool(normalize))
        if self._power is None or self._power[0] != key:
            if normalize:
                self.positive_total()
            self._power = key, self._like(powered(self._array, *key))
        return self._power[1]

    def positive_total(self):
        """Sum of all values; AfmInputError where it is not positive."""
        if not self.total > 0:
            raise AfmInputError(
                f"afm: {self.source}: sum of the density {self.total * self.cell_vol:g} "
                "electrons; expected a positive one"
            )
        return self.total

    def add_mult(self, other, scale=1.0):
        """The grid self + scale other; `other` is a grid or an array of equal shape."""
        values = other._array if isinstance(other, DataGrid) else np.asarray(other)
        if values.shape != self.shape:
            raise AfmConfigError(
                f"afm: add_mult: shape {values.shape}; expected {self.shape} as of {self.source}"
            )
        return self._like(self._array + np.float32(scale) * values)

    def grad(self, scale=1.0):
        """Gradient times `scale` by centered periodic differences; float32 (nx, ny, nz, 3)."""
        slopes = [
            (np.roll(self._array, -1, axis) - np.roll(self._array, 1, axis)) / np.float32(2)
            for axis in range(3)
        ]
        to_cartesian = np.linalg.inv(self.steps).T * scale
        return np.stack(slopes, axis=-1) @ to_cartesian.astype(np.float32)

    def interp_at(self, points):
        """Values at points (m, 3), Å, periodic and trilinear; float32 (m,)."""
        points = np.asarray(points, np.float64).reshape(-1, 3)
        places = np.ascontiguousarray((points - self._lvec[0]) @ np.linalg.inv(self.steps))
        out = np.empty(len(places), np.float32)
        over_rows(lambda a, b: fields.gather_points(a, b, self._array, places, out), len(out))
        return out

    def coincides(self, box):
        """Whether the points are those of a rectangular box."""
        return (
            self.shape == tuple(box.shape)
            and box.is_orthogonal
            and np.abs(self._lvec - box.lvec).max() <= COINCIDENCE
        )

    def frame(self, box, rot, rot_center):
        """Index coordinates in this grid of the points of a box that belong to a turned sample.

        Point p of the box shows the sample at c + R^T (p - c).

        Returns
        -------
        origin : (3,) float64
            Of box point (0, 0, 0).
        steps : (3, 3) float64
            Row a: change per step along axis a of the box.
        """
        inverse = np.linalg.inv(self.steps)
        center = np.asarray(rot_center, np.float64)
        turned = center + (box.origin - center) @ rot
        return (turned - self._lvec[0]) @ inverse, box.steps @ rot @ inverse

    def on_box(self, box, rot=None, rot_center=(0.0, 0.0, 0.0)):
        """Values at the points of a box, periodic and trilinear.

        Parameters
        ----------
        box : Box
        rot : (3, 3), optional
            Rotation of the sample about `rot_center` (3,), Å.

        Returns
        -------
        (nx, ny, nz) float32
            The array of this grid where it coincides with the box.
        """
        rot = np.eye(3) if rot is None else np.asarray(rot, np.float64)
        if self.coincides(box) and np.array_equal(rot, np.eye(3)):
            return self._array
        return _gathered(self._array, *self.frame(box, rot, rot_center), box.shape)


def powered(array, p, normalize=True):
    """(s max(v, 0))^p of values (nx, ny, nz) float32; see `DataGrid.power_positive`."""
    scale = 1.0
    if normalize and array.min() < 0:
        scale = array.sum(dtype=np.float64) / np.maximum(array, 0).sum(dtype=np.float64)
    scale, p = np.float32(max(scale, 0.0)), np.float32(p)
    out = np.empty_like(array)
    over_rows(lambda a, b: fields.power_positive(a, b, array, scale, p, out), len(out))
    return out


def _read_only(array):
    view = array.view()
    view.flags.writeable = False
    return view


def _gathered(array, origin, steps, shape):
    out = np.empty(shape, np.float32)
    index = [np.arange(n) for n in shape]
    off_diagonal = steps - np.diag(np.diag(steps))
    if (np.abs(off_diagonal) * np.array(shape)[:, None]).max() < PARALLEL:
        tables = _axis_tables(array.shape, origin, np.diag(steps), index)
        over_rows(lambda a, b: fields.gather_aligned(a, b, array, *tables, *index, out), shape[0])
    else:
        over_rows(lambda a, b: fields.gather(a, b, array, origin, steps, *index, out), shape[0])
    return out


def _axis_tables(shape, origin, steps, index):
    """Cells and offsets of `kernels.fields.gather_aligned`."""
    cells = np.zeros((3, max(map(len, index))), np.int64)
    offsets = np.zeros(cells.shape, np.float32)
    for axis, n in enumerate(shape):
        places = np.mod(origin[axis] + steps[axis] * index[axis], n)
        whole = np.floor(places)
        cells[axis, : len(places)] = whole.astype(np.int64) % n
        offsets[axis, : len(places)] = places - whole
    return cells, offsets
