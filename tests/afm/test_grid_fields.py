"""Force fields of potentials and densities on grids, against the reference and closed forms."""

import numpy as np
import pytest
from afm_forcefields import (
    assert_close,
    at_reference_points,
    distances,
    gaussian,
    lj_field,
    reference,
    reference_box,
    sample_arrays,
    sample_grids,
    screened,
    turned_atoms,
)

from simlab.afm.boxes import Box
from simlab.afm.densities import (
    ElectronDensity,
    HartreePotential,
    MultipoleTipDensity,
    TipDensity,
    model_co_tip,
)
from simlab.afm.dispersion import d3_coefficients
from simlab.afm.grid_fields import (
    D3Field,
    DampedVdwField,
    fdbm_field,
    hartree_density_field,
    hartree_point_field,
)

MULTIPOLES = {
    "s": {"s": -0.1},
    "pz": {"pz": 0.2},
    "dz2": {"dz2": -0.1},
    "mix": {"dz2": -0.05, "s": -0.1, "dxy": 0.07},
}


def assert_field(found, name):
    """Tolerance of Lennard-Jones, point charges and Hartree: 1e-4 max(1, |F|) + 2e-5 |F|."""
    assert_close(found, name, 1e-4, 2e-5, floor=1.0)


def fdbm(vdw, A, B, rot=None, center=(0, 0, 0)):
    tip, delta = model_co_tip()
    tip = tip.power_positive(B) if B != 1 else tip
    return fdbm_field(reference_box(), *sample_grids(), tip, delta, vdw, A, B, rot, center)


# --- against the reference ------------------------------------------------------------------


def test_the_sample_grids_are_those_of_the_reference():
    data = reference()
    index = tuple(data["index"][:50].T.astype(int))
    potential, density = sample_arrays(reference_box())
    np.testing.assert_allclose(density[index], data["rho_check"], rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(potential[index], data["V_check"], rtol=1e-9)


def test_tip_charges_in_a_potential_on_the_grid_of_the_box():
    data, box = reference(), reference_box()
    field = hartree_point_field(box, sample_grids()[0], lj_field(box), data["Qs"], data["QZs"])
    assert_field(at_reference_points(field), "FE_LJ_Hartree_pointtip_matchgrid")


@pytest.mark.parametrize("name", MULTIPOLES)
def test_a_multipole_tip_in_a_potential(name):
    box = reference_box()
    tip = MultipoleTipDensity(MULTIPOLES[name], 0.71)
    field = hartree_density_field(box, sample_grids()[0], tip, lj_field(box))
    assert_field(at_reference_points(field), f"FE_LJ_Hartree_{name}")


def test_a_multipole_tip_over_a_turned_sample():
    box, (xyzs, center) = reference_box(), turned_atoms()
    tip = MultipoleTipDensity(MULTIPOLES["dz2"], 0.71)
    field = hartree_density_field(
        box, sample_grids()[0], tip, lj_field(box, xyzs), reference()["rot"], center
    )
    assert_field(at_reference_points(field), "FE_LJ_Hartree_dz2_rot")


@pytest.mark.parametrize(("functional", "A", "B"), [("PBE", 18.0, 1.0), ("B3LYP", 12.0, 1.2)])
def test_densities_with_d3_dispersion(functional, A, B):
    data = reference()
    coefficients = d3_coefficients(data["xyz"], data["Z"], 8, functional)
    field = fdbm(D3Field(reference_box(), data["xyz"], coefficients), A, B)
    assert_close(at_reference_points(field), f"FE_FDBM_D3_{functional}_A{A}_B{B}", 1e-4, 1e-4)


@pytest.mark.parametrize("damp", [-1, 0, 1, 2, 3, 4])
def test_densities_with_damped_attraction(damp):
    data = reference()
    vdw = DampedVdwField(reference_box(), data["xyz"], data["REA"], damp)
    name = f"FE_FDBM_LJdamp{damp}_A12.0_B1.2"
    assert_close(at_reference_points(fdbm(vdw, 12.0, 1.2)), name, 1e-4, 1e-4)


# --- against closed forms -------------------------------------------------------------------


def gaussian_box(n=64, length=12.8):
    return Box.from_lvec(np.vstack([np.zeros(3), length * np.eye(3)]), n / length)


def test_a_tip_of_one_voxel_sees_the_potential_itself():
    box = reference_box()
    voxel = np.prod(np.diag(box.steps))
    array = np.zeros(box.shape)
    array[0, 0, 0] = 1 / voxel
    field = hartree_density_field(box, sample_grids()[0], TipDensity(array, box.lvec), None)
    np.testing.assert_allclose(field.whole()[..., 3], sample_grids()[0].array, atol=2e-5)


def test_a_gaussian_tip_over_a_gaussian_charge_widens_the_charge():
    box = gaussian_box()
    r = distances(box, np.full(3, 6.4))
    potential = HartreePotential(screened(r, 0.6), box.lvec)
    tip = MultipoleTipDensity({"s": 1.0}, 0.7)
    energy = hartree_density_field(box, potential, tip, None).whole()[..., 3]
    near = r < 2.5  # the tip reaches a few Å farther, short of the periodic images
    expected = screened(r[near], np.hypot(0.6, 0.7))
    np.testing.assert_allclose(energy[near], expected, rtol=2e-4)


def test_forces_on_a_gaussian_tip_are_those_of_the_widened_charge():
    box = gaussian_box()
    center = np.full(3, 6.4)
    potential = HartreePotential(screened(distances(box, center), 0.6), box.lvec)
    tip = MultipoleTipDensity({"s": 1.0}, 0.7)
    field = hartree_density_field(box, potential, tip, None)
    line = field.fill((20, 30, 32), (16, 1, 1))[:, 0, 0]
    points = np.column_stack([(20 + np.arange(16)) * 0.2, np.full(16, 6.0), np.full(16, 6.4)])

    def energy(at):
        return screened(np.linalg.norm(at - center, axis=1), np.hypot(0.6, 0.7))

    for axis in range(3):
        step = 0.2 * np.eye(3)[axis]
        force = (energy(points - step) - energy(points + step)) / 0.4
        np.testing.assert_allclose(line[:, axis], force, atol=2e-3)


def test_a_tip_without_net_charge_does_not_see_a_constant():
    box = reference_box()
    potential = sample_grids()[0]
    shifted = HartreePotential(potential.array + np.float32(3.0), box.lvec)
    _, delta = model_co_tip()
    fields = [
        hartree_density_field(box, grid, delta, None).whole() for grid in (potential, shifted)
    ]
    np.testing.assert_allclose(*fields, atol=5e-5)


@pytest.mark.parametrize("kind", ["points", "density", "fdbm"])
def test_opposite_charges_flip_the_electrostatic_part_only(kind):
    box, (potential, density) = reference_box(), sample_grids()
    opposite = HartreePotential(-potential.array, box.lvec)
    base = lj_field(box)
    tip, delta = model_co_tip()

    def field(grid):
        if kind == "points":
            return hartree_point_field(box, grid, base, [-10, 20, -10, 0], [0.1, 0, -0.1, 0])
        if kind == "density":
            return hartree_density_field(box, grid, delta, base)
        return fdbm_field(box, grid, density, tip, delta, base, A_pauli=0.5)

    region = ((10, 10, 24), (30, 30, 12))
    plus, minus, bare = (
        field(grid).fill(*region)
        for grid in (potential, opposite, HartreePotential(0 * potential.array, box.lvec))
    )
    noise = 2e-5
    assert np.abs(plus - bare).max() > 10 * noise
    np.testing.assert_allclose(plus - bare, bare - minus, atol=noise)


def test_tip_charges_between_planes_see_the_mean_of_both():
    box, potential = reference_box(), sample_grids()[0]
    region = ((5, 6, 7), (8, 9, 10))
    above = hartree_point_field(box, potential, None, [1.0], [0.25]).fill(*region)
    level = hartree_point_field(box, potential, None, [1.0], [0.0]).fill(*region)
    between = hartree_point_field(box, potential, None, [1.0], [0.125]).fill(*region)
    np.testing.assert_allclose(between, (above + level) / 2, atol=1e-6)


# --- rotations and shifted grids ------------------------------------------------------------


def far_grids(shift):
    """Grids of the sample on points of their own, moved by `shift`; spacing 0.2 Å."""
    lvec = np.vstack([shift, np.diag([16.0, 14.0, 12.0])])
    box = Box.from_lvec(lvec, 5)
    potential, density = sample_arrays(box)
    return HartreePotential(potential, lvec), ElectronDensity(density, lvec)


def closed_form(values_of, rot, center):
    """float64 energy of the turned sample on the box: its atoms are turned, no grid is."""
    data, box = reference(), reference_box()
    xyzs = (data["xyz"] - center) @ rot.T + center
    return box, sum(values_of(box, xyz, a) for a, xyz in enumerate(xyzs))


def outside_of_atoms(box, xyzs, closest=2.2):
    inside = np.zeros(box.shape, bool)
    inside[8:-8, 8:-8, 8:-8] = True
    for xyz in xyzs:
        inside &= distances(box, xyz) > closest
    return inside


@pytest.mark.parametrize("coincident", [True, False])
def test_a_turned_potential_has_the_field_of_turned_charges(coincident):
    data, box = reference(), reference_box()
    xyzs, center = turned_atoms()
    potential = sample_grids()[0] if coincident else far_grids([0.13, 0.07, 0.0])[0]
    field = hartree_point_field(box, potential, None, [1.0], [0.0], data["rot"], center).whole()
    exact = np.zeros((*box.shape, 4))
    for xyz, q in zip(xyzs, data["q"], strict=True):
        r = distances(box, xyz)
        exact[..., 3] += q * screened(r, 0.6)
        slope = q * (screened(r - 1e-4, 0.6) - screened(r + 1e-4, 0.6)) / 2e-4
        for axis, vectors in enumerate(
            np.meshgrid(
                *(s * np.arange(n) for s, n in zip(np.diag(box.steps), box.shape, strict=True)),
                indexing="ij",
                sparse=True,
            )
        ):
            exact[..., axis] += slope * (vectors - xyz[axis]) / np.maximum(r, 1e-9)
    near = outside_of_atoms(box, xyzs, 2.5) & (distances(box, center) < 5.0)
    assert np.abs(exact[near][:, :3]).max() > 0.14
    assert np.abs(field - exact)[near].max(axis=0)[3] < 0.01
    assert np.abs(field - exact)[near].max() < 0.03  # linear interpolation on 0.2 to 0.25 Å


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (0.13, 0.07, 0.0)])
def test_turned_densities_overlap_as_turned_gaussians_do(shift):
    """Overlap of Gaussians of widths s and t is a Gaussian of width hypot(s, t).

    Linear interpolation between points h apart adds h^2/6 to the variance.
    """
    data, box = reference(), reference_box()
    xyzs, center = turned_atoms()
    grids, step = (far_grids(shift), 0.2) if any(shift) else (sample_grids(), 0.25)
    width = np.hypot(0.55, step / np.sqrt(6))
    flat = HartreePotential(0 * grids[0].array, grids[0].lvec)
    tip, delta = model_co_tip()
    energy = fdbm_field(
        box, flat, grids[1], tip, delta, None, 18.0, 1.0, data["rot"], center
    ).whole()[..., 3]
    exact = np.zeros(box.shape)
    for xyz, count in zip(xyzs, data["N_val"], strict=True):
        for height, electrons, sigma in ((0.0, 6.0, 0.5), (1.14, 4.0, 0.6)):
            r = distances(box, xyz - [0, 0, height])
            exact += 18.0 * count * electrons * gaussian(r, np.hypot(width, sigma))
    near = outside_of_atoms(box, xyzs, 0.0)
    assert exact[near].max() > 10
    np.testing.assert_allclose(energy[near], exact[near], atol=0.004 * exact[near].max())


def test_a_turn_by_a_full_angle_changes_nothing():
    box, (potential, density) = reference_box(), sample_grids()
    tip, delta = model_co_tip()
    identity = np.array([[1.0, 1e-17, 0], [-1e-17, 1, 0], [0, 0, 1]])
    center = (8.1, 7.2, 3.3)
    for make in (
        lambda rot: fdbm_field(box, potential, density, tip, delta, None, 18, 1, rot, center),
        lambda rot: hartree_density_field(box, potential, delta, None, rot, center),
    ):
        np.testing.assert_allclose(make(identity).whole(), make(None).whole(), atol=2e-4)


def test_a_half_turn_about_a_grid_point_mirrors_the_forces():
    box, potential = reference_box(), sample_grids()[0]
    half = np.diag([-1.0, -1.0, 1.0])
    tip = MultipoleTipDensity({"s": 0.3}, 0.71)
    center = (8.0, 7.0, 6.0)
    turned = hartree_density_field(box, potential, tip, None, half, center).whole()
    straight = hartree_density_field(box, potential, tip, None).whole()
    mirrored = np.roll(straight[::-1, ::-1], 1, axis=(0, 1)) * [-1, -1, 1, 1]
    np.testing.assert_allclose(turned, mirrored, atol=2e-4)
