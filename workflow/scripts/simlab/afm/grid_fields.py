"""Force fields of samples given by potentials and densities on grids.

Each holds one float32 energy (or potential) on its periodic box; gradient, Lennard-Jones and van
der Waals parts are computed for the region that is asked for.
"""

import numpy as np

from simlab.afm.correlation import correlate, spectrum
from simlab.afm.datagrid import COINCIDENCE, powered
from simlab.afm.errors import AfmConfigError, AfmInputError, AfmPhysicsError
from simlab.afm.forcefields import ForceField
from simlab.afm.kernels import fields, vdw
from simlab.afm.kernels.parts import D3, DispersionPart, GradientPart, ShiftedPart
from simlab.afm.kernels.threads import over_rows
from simlab.afm.rotations import check_rotation

FIELD_STEP = 0.05
"""Displacement h of the central difference of an interpolated potential, Å."""

WHOLE = 1e-6
"""Grid steps by which the height of a tip charge may miss a plane and still count as on it."""

DAMPINGS = (-1, 0, 1, 2, 3, 4)


def _checked_box(box):
    if not box.is_orthogonal:
        raise AfmPhysicsError(
            f"afm: lvec: cell vectors {box.cell.tolist()}; expected a rectangular box for "
            "potentials and densities on grids"
        )
    return box


def _checked_rotation(rot):
    return np.eye(3) if rot is None else check_rotation(rot)


def _indices(box, start, shape):
    """Wrapped indices of a region along the three axes; int64."""
    return [
        (int(first) + np.arange(int(n))) % size
        for first, n, size in zip(start, shape, box.shape, strict=True)
    ]


def _mask(columns, shape):
    if columns is None:
        return np.ones(tuple(shape[:2]), np.uint8)
    return np.ascontiguousarray(columns, np.uint8)


class _SummedField(ForceField):
    """A grid-based part on top of another force field (or none)."""

    def __init__(self, box, base):
        super().__init__(_checked_box(box))
        self._base = base

    def fill(self, start, shape, columns=None, energy=True):
        """Field at grid points; see `ForceField.fill`."""
        shape = tuple(int(n) for n in shape)
        if self._base is None:
            out = np.zeros((*shape, 4), np.float32)
        else:
            out = self._base.fill(start, shape, columns, energy)
        self._add(start, shape, _mask(columns, shape), out)
        return out

    def _add(self, start, shape, columns, out):
        raise NotImplementedError

    @property
    def parts(self):
        """Terms of the base and of this field."""
        return [*([] if self._base is None else self._base.parts), self._part()]

    def _part(self):
        raise NotImplementedError


class _VdwField(_SummedField):
    """Sums over atoms in columns along z."""

    def __init__(self, box, xyzs, coefficients, base=None):
        super().__init__(box, base)
        self._xyzs = np.array(xyzs, np.float64).reshape(-1, 3) - box.origin
        self._coefficients = np.ascontiguousarray(coefficients, np.float32)

    def _add(self, start, shape, columns, out):
        x, y, z = (
            index * step
            for index, step in zip(
                _indices(self.box, start, shape), np.diag(self.box.steps), strict=True
            )
        )
        arguments = (x, y, z.astype(np.float32), self._xyzs, self._coefficients)
        over_rows(lambda a, b: self._rows(a, b, arguments, columns, out), shape[0])


class D3Field(_VdwField):
    """Dispersion between the probe particle and atoms; see `kernels.vdw.add_d3`.

    Parameters
    ----------
    box : Box
        Rectangular.
    xyzs : (n, 3)
        Atoms with their periodic copies, Å.
    coefficients : (n, 4)
        As of `dispersion.d3_coefficients`.
    """

    def _rows(self, first, last, arguments, columns, out):
        vdw.add_d3(first, last, *arguments, columns, out)

    def _part(self):
        return DispersionPart(self._xyzs, self._coefficients, D3)


class DampedVdwField(_VdwField):
    """The attraction of Lennard-Jones pairs, damped; see `kernels.vdw.add_dispersion`.

    Parameters
    ----------
    box : Box
        Rectangular.
    xyzs : (n, 3)
        Atoms with their periodic copies, Å.
    REAs : (n, 4)
        Rows R (Å), eps (eV), unused.
    damp : -1, 0, 1, 2, 3 or 4
    base : ForceField, optional
        What it is added to.
    """

    def __init__(self, box, xyzs, REAs, damp=2, base=None):
        if damp not in DAMPINGS:
            raise AfmConfigError(f"afm: lj_vdw_damp: {damp!r}; expected one of {DAMPINGS}")
        R, eps = np.asarray(REAs, np.float64)[:, :2].T
        strength = 2 * eps * (R**6 if damp < 1 else 1.0)
        super().__init__(box, xyzs, np.column_stack([strength, R**-2.0]), base)
        self._damp = int(damp)

    def _rows(self, first, last, arguments, columns, out):
        vdw.add_dispersion(first, last, *arguments, self._damp, columns, out)

    def _part(self):
        return DispersionPart(self._xyzs, self._coefficients, self._damp)


class EnergyGridField(_SummedField):
    """F = -grad E of an energy on the grid, by centered periodic differences, and a base field.

    Parameters
    ----------
    box : Box
        Rectangular.
    energy : (nx, ny, nz) float32
        eV; kept, not copied.
    base : ForceField, optional
    """

    def __init__(self, box, energy, base=None):
        super().__init__(box, base)
        self._energy = energy
        self._scale = (0.5 / np.diag(box.steps)).astype(np.float32)

    def _add(self, start, shape, columns, out):
        index = _indices(self.box, start, shape)
        over_rows(
            lambda a, b: fields.add_gradient(a, b, self._energy, self._scale, *index, columns, out),
            shape[0],
        )

    def _part(self):
        return GradientPart(self._energy, self._scale)


class PointTipField(_SummedField):
    """Tip charges in the field of a potential; see `hartree_point_field`."""

    def __init__(self, box, potential, base, Qs, QZs, rot, rot_center):
        super().__init__(box, base)
        Qs, heights = np.array(Qs, np.float64), np.array(QZs, np.float64)
        if Qs.shape != heights.shape or Qs.ndim != 1:
            raise AfmConfigError(
                f"afm: Qs, QZs: shapes {Qs.shape} and {heights.shape}; expected equal lengths"
            )
        used = Qs != 0
        places = heights[used] / box.steps[2, 2]
        whole = np.where(np.abs(places - np.rint(places)) < WHOLE, np.rint(places), places)
        self._charges = Qs[used].astype(np.float32)
        self._cells = np.floor(whole).astype(np.int64)
        self._offsets = (whole - self._cells).astype(np.float32)
        self._potential = potential
        self._rot = rot
        if potential.coincides(box) and np.array_equal(rot, np.eye(3)):
            self._field = EnergyGridField(box, potential.array.copy())
        else:
            self._field = None
            self._frame = potential.frame(box, rot, rot_center)

    def _add(self, start, shape, columns, out):
        if not self._charges.size:
            return
        low, high = int(self._cells.min()), int(self._cells.max()) + 1
        start = (start[0], start[1], int(start[2]) + low)
        shape = (shape[0], shape[1], shape[2] + high - low)
        planes = self._planes(start, shape, columns)
        cells = self._cells - low
        over_rows(
            lambda a, b: fields.add_shifted(
                a, b, planes, self._charges, cells, self._offsets, columns, out
            ),
            shape[0],
        )

    def _part(self):
        tip = (self._charges, self._cells, self._offsets)
        if self._field is not None:
            return ShiftedPart(*tip, self._field.parts[0], None, None, None, None, None)
        shifts = FIELD_STEP * np.linalg.inv(self._potential.steps)
        scale, turn = np.float32(0.5 / FIELD_STEP), self._rot.astype(np.float32)
        array = self._potential.array
        return ShiftedPart(*tip, None, array, self._frame, shifts, scale, turn)

    def _planes(self, start, shape, columns):
        """Field of the potential and the potential on a region, float32 (a, b, c, 4)."""
        if self._field is not None:
            return self._field.fill(start, shape, columns)
        planes = np.zeros((*shape, 4), np.float32)
        shifts = FIELD_STEP * np.linalg.inv(self._potential.steps)
        scale = np.float32(0.5 / FIELD_STEP)
        turn = self._rot.astype(np.float32)
        index = _indices(self.box, start, shape)
        array = self._potential._array
        over_rows(
            lambda a, b: fields.gather_field(
                a, b, array, *self._frame, shifts, scale, turn, *index, columns, planes
            ),
            shape[0],
        )
        return planes


def hartree_point_field(box, potential, base, Qs, QZs, rot=None, rot_center=(0.0, 0.0, 0.0)):
    """Field of a potential on tip charges: F(p) = F_base(p) + sum_k Q_k E(p + QZ_k z).

    E = -grad V is made of the differences of neighbors where the grid of V is that of the box,
    else of V interpolated 0.05 Å on both sides of the point; between grid points of the box it is
    interpolated linearly.

    Parameters
    ----------
    box : Box
        Rectangular.
    potential : HartreePotential
    base : ForceField or None
        What is added, as a rule Lennard-Jones forces of the turned atoms.
    Qs, QZs : (k,)
        Tip charges, e, and their heights above the probe particle, Å.
    rot : (3, 3), optional
        Rotation of the sample about `rot_center` (3,), Å.

    Returns
    -------
    ForceField

    Raises
    ------
    AfmConfigError, AfmPhysicsError
        For charges and heights of different numbers, no rotation matrix, a slanted box.
    """
    return PointTipField(box, potential, base, Qs, QZs, _checked_rotation(rot), rot_center)


def hartree_density_field(box, potential, tip, base, rot=None, rot_center=(0.0, 0.0, 0.0)):
    """Field of a potential on a charge density: E(p) = dV sum_u rho_tip(u) V(p + u).

    Parameters
    ----------
    box : Box
        Rectangular.
    potential : HartreePotential
    tip : TipDensity or MultipoleTipDensity
        Charge density, e/Å³.
    base, rot, rot_center
        As of `hartree_point_field`.

    Returns
    -------
    ForceField
    """
    rot = _checked_rotation(rot)
    voxel = float(np.prod(np.diag(_checked_box(box).steps)))
    transformed = spectrum(potential.on_box(box, rot, rot_center))
    energy = correlate([(voxel, tip.spectrum(box), transformed)], box.shape)
    return EnergyGridField(box, energy, base)


def fdbm_field(
    box,
    potential,
    density,
    tip,
    tip_delta,
    base,
    A_pauli=18.0,
    B_pauli=1.0,
    rot=None,
    rot_center=(0.0, 0.0, 0.0),
):
    """Full-density-based model: Pauli repulsion by overlap of densities, electrostatics, base.

    E = -dV corr(rho_delta, V) + A dV corr(rho_tip^B, rho_sample^B); the minus sign as rho_delta is
    an electron density. Source: M. Ellner, P. Pou, R. Pérez, ACS Nano 13, 786 (2019).

    Parameters
    ----------
    box : Box
        Rectangular.
    potential : HartreePotential
    density : ElectronDensity
        Of the sample, on the points of the potential; raised to B on the points of the box.
    tip : TipDensity
        rho_tip^B: `TipDensity.power_positive(B_pauli)` has been applied where B is not 1.
    tip_delta : TipDensity
        Electrons.
    base : ForceField or None
        van der Waals forces of the turned atoms.
    A_pauli, B_pauli : float
        Prefactor, eV Å^(6 B - 3), and exponent.
    rot, rot_center
        As of `hartree_point_field`.

    Returns
    -------
    ForceField

    Raises
    ------
    AfmInputError
        For grids of different points and a density whose sum is not positive.
    """
    rot = _checked_rotation(rot)
    voxel = float(np.prod(np.diag(_checked_box(box).steps)))
    check_same_grid(potential, density)
    density.positive_total()

    def terms():
        values = potential.on_box(box, rot, rot_center)
        yield -voxel, tip_delta.spectrum(box), spectrum(values)
        values = density.on_box(box, rot, rot_center)
        values = values if B_pauli == 1 else powered(values, B_pauli)
        yield A_pauli * voxel, tip.spectrum(box), spectrum(values)

    return EnergyGridField(box, correlate(terms(), box.shape), base)


def check_same_grid(potential, density):
    """Raise AfmInputError unless both grids have the same points."""
    if potential.shape != density.shape:
        raise AfmInputError(
            f"afm: {density.source}: shape {density.shape}; expected {potential.shape} as of "
            f"{potential.source}"
        )
    if np.abs(potential.lvec - density.lvec).max() > COINCIDENCE:
        raise AfmInputError(
            f"afm: {density.source}: origin and cell {density.lvec.tolist()}; expected "
            f"{potential.lvec.tolist()} as of {potential.source}"
        )
