"""From a sample and a tip to the force field that a scan needs."""

import itertools
import logging
from dataclasses import dataclass

import numpy as np

from simlab.afm.datagrid import MODEL_POTENTIAL
from simlab.afm.densities import gaussian_potential
from simlab.afm.dispersion import d3_coefficients
from simlab.afm.errors import AfmConfigError, AfmPhysicsError
from simlab.afm.forcefields import AtomicField, periodic_images
from simlab.afm.grid_fields import (
    D3Field,
    DampedVdwField,
    fdbm_field,
    hartree_density_field,
    hartree_point_field,
)
from simlab.afm.rotations import check_rotation
from simlab.afm.simulator_checks import checked_lattice
from simlab.afm.species import atomic_number

logger = logging.getLogger("simlab.afm")

FF_MODELS = ("LJ", "Morse", "vdW")

IMAGE_DISTANCE = 8.0
"""Distance below which periodic images of a sample disturb a scan, Å."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A sample as it lies under the tip: turned, with its periodic copies.

    Attributes
    ----------
    xyzs : (n, 3) float64
        Atoms of the cell, turned, Å.
    Zs : (n,) int64
    charges : (n,) float64, or a HartreePotential
    density : ElectronDensity or None
    lattice : (3, 3) float64 or None
        Turned cell vectors, Å.
    rot, center : (3, 3), (3,) float64
    REAs : (n, 4) float64
    """

    xyzs: np.ndarray
    Zs: np.ndarray
    charges: object
    density: object
    lattice: np.ndarray | None
    rot: np.ndarray
    center: np.ndarray
    REAs: np.ndarray

    @property
    def on_grid(self):
        """Whether the electrostatics comes from a potential on a grid."""
        return not isinstance(self.charges, np.ndarray)

    @property
    def has_point_charges(self):
        """Whether there are charges, and some are not 0."""
        return not self.on_grid and bool(self.charges.any())


def checked_sample(xyzs, Zs, qs, rho_sample, sample_lvec, rot, rot_center, REAs, mixed_parameters):
    """Sample of the arguments of `AFMulator.eval`; none of them is kept or modified.

    Parameters
    ----------
    mixed_parameters : callable
        Atomic numbers -> rows R, eps, alpha, 0; used where `REAs` is None.

    Raises
    ------
    AfmConfigError
        For shapes, lengths and values that do not fit.
    """
    xyzs = np.array(xyzs, np.float64)
    if xyzs.ndim != 2 or xyzs.shape[1:] != (3,) or not np.isfinite(xyzs).all():
        raise AfmConfigError(f"afm: xyzs: shape {xyzs.shape}; expected (n, 3) finite numbers, Å")
    n = len(xyzs)
    Zs = np.array([atomic_number(Z) for Z in np.asarray(Zs).reshape(-1).tolist()], np.int64)
    if len(Zs) != n:
        raise AfmConfigError(f"afm: Zs: {len(Zs)} elements; expected {n} as of xyzs")
    rot = check_rotation(rot)
    charges = _checked_charges(qs, n)
    if rho_sample is not None and isinstance(charges, np.ndarray):
        raise AfmConfigError("afm: rho_sample: a density; expected qs to be a HartreePotential")
    if sample_lvec is None and not isinstance(charges, np.ndarray):
        sample_lvec = charges.lvec[1:]
    lattice = checked_lattice(sample_lvec)
    REAs = np.array(mixed_parameters(Zs) if REAs is None else REAs, np.float64)
    if REAs.ndim != 2 or len(REAs) != n or REAs.shape[1] < 3 or not np.isfinite(REAs).all():
        raise AfmConfigError(
            f"afm: REAs: shape {REAs.shape}; expected ({n}, 4) finite numbers R, eps, alpha, 0"
        )
    if rot_center is None:
        rot_center = xyzs.mean(axis=0) if n else np.zeros(3)
    center = np.array(rot_center, np.float64)
    if center.shape != (3,):
        raise AfmConfigError(f"afm: rot_center: shape {center.shape}; expected (3,), Å")
    if not np.array_equal(rot, np.eye(3)):
        xyzs = (xyzs - center) @ rot.T + center
        lattice = None if lattice is None else lattice @ rot.T
    return Sample(xyzs, Zs, charges, rho_sample, lattice, rot, center, REAs)


def _checked_charges(qs, n):
    if qs is None:
        return np.zeros(n)
    if hasattr(qs, "lvec"):
        return qs
    charges = np.array(qs, np.float64)
    if charges.shape != (n,) or not np.isfinite(charges).all():
        raise AfmConfigError(
            f"afm: qs: shape {charges.shape}; expected ({n},) finite numbers as of xyzs, e"
        )
    return charges


@dataclass(frozen=True, eq=False)
class TipModel:
    """What of a tip enters the force field.

    Attributes
    ----------
    iZPP : int
    Qs, QZs : (4,) float64
        Tip charges, e, and their heights, Å.
    rho, rho_delta : tip densities or None
        `rho` is raised to B_pauli where it meets a sample's density; where it is None, the tip
        has the charges Qs.
    A_pauli, B_pauli : float
    fdbm_vdw_type : "D3" or "LJ"
    d3_params : str or dict
    lj_vdw_damp : int
    npbc : (3,) int
    ff_model : "LJ", "Morse" or "vdW"
    """

    iZPP: int
    Qs: np.ndarray
    QZs: np.ndarray
    rho: object
    rho_delta: object
    A_pauli: float
    B_pauli: float
    fdbm_vdw_type: str
    d3_params: object
    lj_vdw_damp: int
    npbc: tuple
    ff_model: str = "LJ"


def field_of(box, sample, tip):
    """ForceField of a Sample on the probe particle of a TipModel, on `box`.

    Charges give Lennard-Jones (or Morse, or dispersion) and Coulomb forces, a potential
    Lennard-Jones forces and those on the tip's charges or density, potential and density the
    full-density-based model. Charges under a tip's density are Gaussians of 0.6 Å, as in
    `densities.model_grids`.
    """
    if sample.density is not None and tip.ff_model != "LJ":
        raise AfmPhysicsError(
            f"afm: ff_model: {tip.ff_model}; expected LJ with a density of the sample, whose "
            "dispersion fdbm_vdw_type chooses"
        )
    atoms, REAs, copies = periodic_images(
        sample.xyzs, sample.lattice, tip.npbc, sample.REAs, np.arange(len(sample.xyzs))
    )
    if not sample.on_grid and tip.rho is None:
        charges = sample.charges[copies], tip.Qs, tip.QZs
        return _short_range(box, tip, atoms, REAs, *charges)
    if not sample.on_grid:
        base = _short_range(box, tip, atoms, REAs)
        if not sample.has_point_charges:
            return base
        potential = gaussian_potential(_rectangular(box), atoms, sample.charges[copies])
        return hartree_density_field(box, potential, tip.rho, base)
    turn = {"rot": sample.rot, "rot_center": sample.center}
    if sample.density is not None:
        base = _dispersion(box, sample, tip, atoms, REAs, copies)
        pauli = {"A_pauli": tip.A_pauli, "B_pauli": tip.B_pauli}
        return fdbm_field(
            box, sample.charges, sample.density, tip.rho, tip.rho_delta, base, **pauli, **turn
        )
    base = _short_range(box, tip, atoms, REAs)
    if tip.rho is None:
        return hartree_point_field(box, sample.charges, base, tip.Qs, tip.QZs, **turn)
    return hartree_density_field(box, sample.charges, tip.rho, base, **turn)


def require_sums(sample, tip):
    """Raise AfmPhysicsError unless `field_of` is a sum over atoms, which needs no grid."""
    atomic = not sample.on_grid and (tip.rho is None or not sample.has_point_charges)
    if not atomic or tip.ff_model == "vdW":
        raise AfmPhysicsError(
            "afm: mode: direct; expected grid with potentials, tip densities and ff_model vdW"
        )


def _short_range(box, tip, atoms, REAs, *charges):
    """Field of the atoms by `tip.ff_model`, with Coulomb forces where charges are given."""
    if tip.ff_model != "vdW":
        return AtomicField(box, atoms, REAs, *charges, morse=tip.ff_model == "Morse")
    coulomb = AtomicField(box, atoms, np.zeros((len(atoms), 2)), *charges) if charges else None
    return DampedVdwField(box, atoms, REAs, tip.lj_vdw_damp, coulomb)


def _rectangular(box):
    if not box.is_orthogonal:
        raise AfmPhysicsError(
            f"afm: lvec: cell vectors {box.cell.tolist()}; expected a rectangular box for charges "
            "under a tip density"
        )
    return box


def _dispersion(box, sample, tip, atoms, REAs, copies):
    if tip.fdbm_vdw_type == "LJ":
        return DampedVdwField(box, atoms, REAs, tip.lj_vdw_damp)
    coefficients = d3_coefficients(
        sample.xyzs, sample.Zs, tip.iZPP, tip.d3_params, sample.lattice, tip.npbc
    )
    return D3Field(box, atoms, coefficients[copies])


def image_problems(box, sample, npbc, lower, upper):
    """What the periodicity of grids does to a scan, as texts; none for sums over atoms.

    Parameters
    ----------
    lower, upper : (3,) float64
        Corners of the volume of the probe particle, Å.
    """
    if not sample.on_grid or len(sample.xyzs) == 0:
        return
    potential = sample.charges
    inside = (sample.xyzs - sample.center) @ sample.rot + sample.center
    fractions = (inside - potential.lvec[0]) @ np.linalg.inv(potential.lvec[1:])
    half = 0.5 / np.array(potential.shape)
    outside = np.maximum(-half - fractions, fractions - 1 - half).max(axis=1)
    if (outside > 0).any():
        away = np.maximum(0, np.abs(fractions - 0.5) - 0.5) @ np.abs(potential.lvec[1:])
        yield f"{int((outside > 0).sum())} atoms lie up to {away.max():.2f} Å outside of its grid"
    cells = (potential.lvec[1:] @ sample.rot.T, box.cell)
    distance = min(_image_distance(sample.xyzs, cell, npbc, lower, upper) for cell in cells)
    if distance < IMAGE_DISTANCE:
        remedy = "a larger grid, or a narrower or lower scan"
        if potential.source == MODEL_POTENTIAL:
            remedy = "grids from files, model grids are for trying"
        yield (
            f"periodic images of the sample are {distance:.1f} Å from the scan; expected at least "
            f"{IMAGE_DISTANCE:g} Å along axes without npbc: {remedy}"
        )


def _image_distance(xyzs, cell, npbc, lower, upper):
    """Distance of the closest image along axes without periodicity from the scan volume, Å."""
    ranges = [(0,) if n else (-1, 0, 1) for n in npbc]
    distance = np.inf
    for shift in itertools.product(*ranges):
        if any(shift):
            atoms = xyzs + np.array(shift) @ cell
            gap = np.maximum(0, np.maximum(lower - atoms, atoms - upper))
            distance = min(distance, np.sqrt((gap**2).sum(axis=1)).min())
    return distance
