"""Force fields of a sample on the probe particle, on the points of a periodic box."""

import itertools

import numpy as np

from simlab.afm.errors import AfmConfigError, AfmPhysicsError
from simlab.afm.kernels import grid
from simlab.afm.kernels.parts import AtomsPart, HostPart
from simlab.afm.kernels.threads import over_rows
from simlab.afm.species import REA2LJ
from simlab.afm.units import KE_FORCEFIELD


def periodic_images(xyzs, lattice, npbc, *per_atom):
    """Atoms and their copies in neighboring cells.

    Parameters
    ----------
    xyzs : (n, 3)
        Å.
    lattice : (3, 3) or None
        Rows are lattice vectors, Å; None means no copies.
    npbc : (3,) int
        Copies on each side along each vector.
    *per_atom : (n, ...) arrays
        Repeated along.

    Returns
    -------
    tuple of arrays
        xyzs (m, 3) float64 and each of `per_atom` (m, ...): the given cell first, then the cells
        (i, j, k) in ascending order.
    """
    xyzs = np.array(xyzs, np.float64).reshape(-1, 3)
    if lattice is None or not any(npbc):
        return (xyzs, *map(np.array, per_atom))
    ranges = [range(-n, n + 1) for n in npbc]
    others = [cell for cell in itertools.product(*ranges) if any(cell)]
    shifts = np.array([(0, 0, 0), *others]) @ np.asarray(lattice, np.float64)
    images = (xyzs[None] + shifts[:, None]).reshape(-1, 3)
    return (images, *(np.concatenate([np.asarray(array)] * len(shifts)) for array in per_atom))


class ForceField:
    """A field (Fx, Fy, Fz in eV/Å, E in eV) on the grid points of a periodic box.

    Attributes
    ----------
    box : Box
    """

    def __init__(self, box):
        self.box = box

    def fill(self, start, shape, columns=None, energy=True):
        """Field at the grid points start + [0 .. shape); float32 (sx, sy, sz, 4).

        Indices outside of the box mean the point they wrap to. The values do not depend on which
        part of the grid is asked for.

        Parameters
        ----------
        start, shape : (3,) int
        columns : (sx, sy) bool, optional
            Where False, the values along z are not needed and may be anything.
        energy : bool
            Whether E is needed; it may be left 0.
        """
        raise NotImplementedError

    def at(self, points):
        """Field at points (m, 3), Å, without a grid: float64 (m, 4).

        Raises AfmPhysicsError for fields that exist on a grid only.
        """
        raise AfmPhysicsError(
            "afm: mode: direct; expected grid: this force field exists on its grid only"
        )

    @property
    def parts(self):
        """Terms of the field for a device; see `kernels.parts`."""
        return [HostPart(self.fill)]

    def whole(self):
        """Field on the whole box, float32 (nx, ny, nz, 4)."""
        return self.fill((0, 0, 0), self.box.shape)


def wrapped_runs(start, size, n):
    """Pieces of the indices start ... start + size - 1 that stay contiguous when wrapped to n.

    Yields (offset in the piece asked for, wrapped first index, length).
    """
    offset = 0
    while offset < size:
        first = (start + offset) % n
        length = min(size - offset, n - first)
        yield offset, first, length
        offset += length


class AtomicField(ForceField):
    """Lennard-Jones (or Morse) and Coulomb forces of atoms on a probe particle with tip charges.

    E = C12/r^12 - C6/r^6 + sum_t Q_t KE q / r_t, where tip charge t sits QZ_t above the probe
    particle; Morse instead of Lennard-Jones: eps e (e - 2), e = exp(alpha (r - R)).

    Parameters
    ----------
    box : Box
    xyzs : (n, 3)
        Atoms with their periodic copies, Å.
    parameters : (n, 2) or (n, 4)
        C6, C12 (eV Å^6, eV Å^12), or rows R (Å), eps (eV), alpha (1/Å), unused.
    charges : (n,), optional
        Charges of the atoms, e.
    Qs, QZs : (t,), optional
        Tip charges, e, and their heights above the probe particle, Å.
    morse : bool
        Morse potential; needs rows (R, eps, alpha, ...).
    """

    def __init__(self, box, xyzs, parameters, charges=None, Qs=None, QZs=None, morse=False):
        super().__init__(box)
        self._xyzs = np.array(xyzs, np.float64).reshape(-1, 3)
        n = len(self._xyzs)
        parameters = np.asarray(parameters, np.float64)
        if parameters.ndim != 2 or len(parameters) != n or parameters.shape[1] < 2:
            raise AfmConfigError(
                f"afm: parameters: shape {parameters.shape}; expected ({n}, 2) or ({n}, 4)"
            )
        charges = np.zeros(n) if charges is None else np.asarray(charges, np.float64)
        if charges.shape != (n,):
            raise AfmConfigError(f"afm: charges: shape {charges.shape}; expected ({n},)")
        self._parameters = _probe_parameters(parameters, morse)
        self._morse = bool(morse)
        Qs = np.zeros(0) if Qs is None else np.array(Qs, np.float64)
        QZs = np.zeros(len(Qs)) if QZs is None else np.array(QZs, np.float64)
        used = (Qs != 0) & bool((charges != 0).any())
        self._tip_charges, self._heights = _merged(Qs[used], QZs[used])
        self._charges = KE_FORCEFIELD * charges
        self._shifts = self._whole_steps()

    def _whole_steps(self):
        """Heights of the tip charges in grid steps, or None where the fast kernel cannot serve."""
        if self._morse or not self.box.is_orthogonal:
            return None
        steps = self._heights / self.box.steps[2, 2]
        shifts = np.rint(steps).astype(np.int64)
        reach = max(0, shifts.max(initial=0)) - min(0, shifts.min(initial=0))
        few = len(shifts) <= grid.TIP_CHARGES and reach <= grid.BLOCK // 2
        fits = few and np.abs(steps - shifts).max(initial=0) < 1e-6
        return shifts if fits else None

    def fill(self, start, shape, columns=None, energy=True):
        """Field at grid points; see `ForceField.fill`."""
        shape = tuple(int(n) for n in shape)
        columns = np.ones(shape[:2], np.uint8) if columns is None else columns
        columns = np.ascontiguousarray(columns, np.uint8)
        out = np.empty((*shape, 4), np.float32)
        rows = self._fast_rows if self._shifts is not None else self._general_rows
        for offset, first, length in wrapped_runs(int(start[2]), shape[2], self.box.shape[2]):
            if length == shape[2]:
                over_rows(rows(start, first, columns, energy, out), shape[0])
                break
            part = np.empty((*shape[:2], length, 4), np.float32)
            over_rows(rows(start, first, columns, energy, part), shape[0])
            out[:, :, offset : offset + length] = part
        return out

    def _indices(self, start, axis, size):
        return (int(start[axis]) + np.arange(size)) % self.box.shape[axis]

    def _fast_rows(self, start, first, columns, energy, out):
        shifts = self._shifts
        low, high = -min(0, shifts.min(initial=0)), max(0, shifts.max(initial=0))
        length = -(-(out.shape[2] + low + high) // grid.LANES) * grid.LANES
        heights = first - low + np.arange(length)
        x, y = (self._indices(start, axis, out.shape[axis]) for axis in (0, 1))
        dx, dy, dz = (
            np.ascontiguousarray(
                (self.box.origin[axis] + index * self.box.steps[axis, axis])[None]
                - self._xyzs[:, axis, None],
                np.float32,
            )
            for axis, index in enumerate((x, y, heights))
        )
        coefficients = np.column_stack([self._parameters[:, :2], self._charges])
        coefficients = coefficients.astype(np.float32)
        places, tip_charges = (
            np.zeros(grid.TIP_CHARGES, np.int64),
            np.zeros(grid.TIP_CHARGES, np.float32),
        )
        places[: len(shifts)], tip_charges[: len(shifts)] = shifts, self._tip_charges

        def task(begin, end):
            grid.lj_coulomb_columns(
                begin, end, dx, dy, dz, coefficients, low, places, tip_charges, energy, columns, out
            )

        return task

    def _general_rows(self, start, first, columns, energy, out):
        i, j = (self._indices(start, axis, out.shape[axis]) for axis in (0, 1))
        frame = np.vstack([self.box.origin, self.box.steps])
        arrays = [
            array.astype(np.float32)
            for array in (self._parameters, self._charges, self._heights, self._tip_charges)
        ]

        def task(begin, end):
            grid.atomic_columns(
                begin, end, i, j, first, frame, self._xyzs, *arrays, self._morse, columns, out
            )

        return task

    @property
    def parts(self):
        """One AtomsPart."""
        xyzs, parameters, charges, heights, tip_charges, morse = self.direct
        xyzs = xyzs - self.box.origin
        return [AtomsPart(xyzs, parameters, charges, heights, tip_charges, self._shifts, morse)]

    def at(self, points):
        """Sums over the atoms at points (m, 3), Å: float64 (m, 4)."""
        points = np.ascontiguousarray(points, np.float64).reshape(-1, 3)
        out = np.empty((len(points), 4))
        grid.atomic_at(points, *self.direct, out)
        return out

    @property
    def direct(self):
        """Arguments of the exact kernels: atoms, parameters, charges, tip charges; float64."""
        return (
            self._xyzs,
            self._parameters,
            self._charges,
            self._heights,
            self._tip_charges,
            self._morse,
        )


def _probe_parameters(parameters, morse):
    """Rows C12, C6, 0, or R, eps, alpha; float64 (n, 3)."""
    if morse:
        if parameters.shape[1] < 3:
            raise AfmConfigError("afm: REAs: Morse needs rows R, eps, alpha; found C6, C12")
        return np.ascontiguousarray(parameters[:, :3])
    pairs = REA2LJ(parameters) if parameters.shape[1] > 2 else parameters
    return np.column_stack([pairs[:, 1], pairs[:, 0], np.zeros(len(pairs))])


def _merged(Qs, QZs):
    """Tip charges at equal heights added up, in order of first appearance."""
    totals = {}
    for charge, height in zip(Qs.tolist(), QZs.tolist(), strict=True):
        totals[height] = totals.get(height, 0.0) + charge
    kept = [(charge, height) for height, charge in totals.items() if charge != 0]
    return np.array([c for c, _ in kept]), np.array([h for _, h in kept])
