"""Grids of potentials and densities, tips, model grids, Poisson's equation."""

import numpy as np
import pytest
from afm_forcefields import distances, gaussian, reference, reference_box, screened

from simlab.afm.boxes import Box
from simlab.afm.densities import (
    DataGrid,
    ElectronDensity,
    MultipoleTipDensity,
    TipDensity,
    model_co_tip,
    model_grids,
    signed_indices,
)
from simlab.afm.errors import AfmConfigError, AfmInputError, AfmPhysicsError
from simlab.afm.poisson import hartree_from_density

CUBE = np.vstack([np.zeros(3), 8.0 * np.eye(3)])
SLANTED = np.array([[0.5, -1.0, 2.0], [6.0, 0, 0], [2.0, 7.0, 0], [-1.0, 1.0, 8.0]])


def wave(lvec, shape, waves=(1, 2, 1)):
    """cos of a plane wave that fits the cell, and its wave vector."""
    fractions = np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij", sparse=True)
    phase = sum(2 * np.pi * m * f for m, f in zip(waves, fractions, strict=True))
    vector = 2 * np.pi * np.linalg.inv(lvec[1:]) @ np.array(waves, float)
    return np.cos(phase), vector


# --- grids ----------------------------------------------------------------------------------


def test_a_grid_keeps_its_own_copy():
    array, lvec = np.ones((4, 5, 6)), CUBE.copy()
    grid = DataGrid(array, lvec)
    array[:], lvec[:] = 2, 3
    assert (grid.array == 1).all()
    np.testing.assert_array_equal(grid.lvec, CUBE)
    assert grid.array.dtype == np.float32
    assert grid.shape == (4, 5, 6)
    with pytest.raises(ValueError, match="read-only"):
        grid.array[0, 0, 0] = 5


def test_the_voxel_volume_of_a_slanted_cell():
    grid = DataGrid(np.ones((4, 5, 6)), SLANTED)
    assert grid.cell_vol == pytest.approx(abs(np.linalg.det(SLANTED[1:])) / 120)


def test_values_at_grid_points_are_the_values_of_the_grid():
    array = np.random.default_rng(1).normal(size=(4, 5, 6)).astype(np.float32)
    grid = DataGrid(array, SLANTED)
    index = np.array([[0, 0, 0], [3, 4, 5], [2, 1, 4], [-1, 5, 13]])
    found = grid.interp_at(SLANTED[0] + index @ grid.steps)
    expected = array[tuple((index % grid.shape).T)]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_values_between_grid_points_are_linear_and_periodic():
    grid = DataGrid(np.arange(4.0)[:, None, None] * np.ones((4, 3, 3)), CUBE)
    found = grid.interp_at([[1.0, 0.3, 7.0], [7.0, 0, 0], [-1.0, 0, 0], [17.0, 0, 0]])
    np.testing.assert_allclose(found, [0.5, 1.5, 1.5, 0.5], atol=1e-6)


def test_the_gradient_of_a_wave_in_a_slanted_cell():
    shape = (60, 64, 70)
    values, vector = wave(SLANTED, shape)
    gradient = DataGrid(values, SLANTED).grad(scale=-2.0)
    sine, _ = wave(SLANTED, shape, (1, 2, 1))
    phase = np.sqrt(np.maximum(1 - sine**2, 0))
    np.testing.assert_allclose(np.abs(gradient), 2 * phase[..., None] * np.abs(vector), atol=0.03)


def test_the_gradient_points_uphill():
    ramp = np.sin(2 * np.pi * np.arange(32) / 32)[None, :, None] * np.ones((4, 32, 4))
    gradient = DataGrid(ramp, CUBE).grad()
    assert gradient.shape == (4, 32, 4, 3)
    assert gradient[0, 0, 0, 1] == pytest.approx(2 * np.pi / 8, rel=0.01)
    assert np.abs(gradient[..., [0, 2]]).max() == 0


@pytest.mark.parametrize("turned", [False, True])
def test_a_grid_on_a_box_holds_the_turned_sample(turned):
    """A point p of the box shows the sample at c + R^T (p - c)."""
    box = Box.from_lvec(np.vstack([[1.0, 2, 3], np.diag([5.0, 6, 4])]), 4)
    array = np.random.default_rng(2).normal(size=(9, 8, 7)).astype(np.float32)
    grid = DataGrid(array, SLANTED if turned else CUBE)
    rot = reference()["rot"] if turned else np.diag([-1.0, -1.0, 1.0])
    center = np.array([2.0, 3.0, 1.0])
    index = np.stack(np.meshgrid(*map(np.arange, box.shape), indexing="ij"), axis=-1)
    points = box.origin + index @ box.steps
    expected = grid.interp_at((points - center) @ rot + center).reshape(box.shape)
    np.testing.assert_allclose(grid.on_box(box, rot, center), expected, atol=1e-4)


def test_a_grid_on_its_own_points_is_not_interpolated():
    box = reference_box()
    grid = DataGrid(np.random.default_rng(3).random(box.shape), box.lvec + 5e-4)
    np.testing.assert_array_equal(grid.on_box(box), grid.array)
    assert not DataGrid(grid.array, box.lvec + 2e-3).coincides(box)


def test_hard_limits_cut_and_soft_limits_bend():
    values = np.linspace(-20, 20, 64).reshape(4, 4, 4)
    grid = DataGrid(values, CUBE)
    np.testing.assert_allclose(grid.clamp(-3, 5).array, np.clip(values, -3, 5), rtol=1e-6)
    soft = grid.clamp(-3, 5, "soft", 0.5).array
    bent = (values - 5) / (1 + np.exp((values - 5) / 0.5)) + 5
    bent = (bent + 3) / (1 + np.exp(-(bent + 3) / 0.5)) - 3
    np.testing.assert_allclose(soft, bent, atol=1e-5)
    assert np.isfinite(grid.clamp(-3, 5, "soft", 0.01).array).all()


def test_a_power_keeps_the_sum_by_scaling_the_positive_part():
    values = np.array([-1.0, 2.0, 3.0, 0.0]).reshape(1, 1, 4) * np.ones((2, 2, 1))
    grid = ElectronDensity(values, CUBE)
    s = 4 / 5
    expected = np.array([0, (2 * s) ** 1.2, (3 * s) ** 1.2, 0])
    np.testing.assert_allclose(grid.power_positive(1.2).array[0, 0], expected, rtol=1e-6)
    assert grid.power_positive(1.0).total == pytest.approx(grid.total)
    np.testing.assert_allclose(grid.power_positive(2.0, normalize=False).array[0, 0, 1:3], [4, 9])


def test_powers_do_not_mix():
    grid = ElectronDensity(np.random.default_rng(4).random((4, 4, 4)), CUBE)
    first = grid.power_positive(1.2)
    assert isinstance(first, ElectronDensity)
    np.testing.assert_allclose(grid.power_positive(2.0).array, grid.array**2, rtol=1e-6)
    np.testing.assert_array_equal(grid.power_positive(1.2).array, first.array)


def test_grids_add_with_a_factor():
    grid = DataGrid(np.ones((4, 4, 4)), CUBE)
    other = DataGrid(np.full((4, 4, 4), 3.0), CUBE)
    assert (grid.add_mult(other, -2.0).array == -5).all()
    assert (grid.array == 1).all()


# --- tips -----------------------------------------------------------------------------------


def test_a_tip_on_the_points_of_a_box_is_that_of_the_reference():
    data, box = reference(), reference_box()
    tip, _ = model_co_tip()
    values = tip.on_points(box.shape, np.diag(box.steps))
    np.testing.assert_allclose(values[:6, :6, :6], data["tip_interp_check"], atol=1e-6)
    total = values.sum(dtype=np.float64) * np.prod(np.diag(box.steps))
    assert total == pytest.approx(float(data["tip_interp_sum_dV"]), rel=1e-5)
    powered = tip.power_positive(1.2).total
    assert powered == pytest.approx(float(data["tip_power1.2_sum"]), rel=1e-6)


def test_a_tip_ends_half_a_cell_away():
    tip = TipDensity(np.ones((8, 8, 8)), np.vstack([np.zeros(3), 4.0 * np.eye(3)]))
    values = tip.on_points((32, 32, 32), np.full(3, 0.25))
    index = np.arange(32)
    inside = np.where(index > 16, 32 - index, index) * 0.25 <= 2.0
    expected = inside[:, None, None] & inside[:, None] & inside
    np.testing.assert_array_equal(values, expected)


def test_the_point_opposite_of_the_tip_lies_above_it():
    np.testing.assert_array_equal(signed_indices(4), [0, 1, 2, -1])
    np.testing.assert_array_equal(signed_indices(5), [0, 1, 2, -2, -1])


def test_the_model_tip_holds_a_co_molecule():
    tip, delta = model_co_tip()
    assert tip.total * tip.cell_vol == pytest.approx(10, rel=1e-5)
    assert delta.total * delta.cell_vol == pytest.approx(0, abs=1e-5)


MOMENTS = {
    "s": ((0, 0, 0), 1.0),
    "px": ((1, 0, 0), 0.71),
    "py": ((0, 1, 0), 0.71),
    "pz": ((0, 0, 1), 0.71),
    "dz2": ((0, 0, 2), 0.71**2),
    "dx2": ((2, 0, 0), 0.71**2),
    "dy2": ((0, 2, 0), 0.71**2),
    "dxy": ((1, 1, 0), 0.71**2),
    "dxz": ((1, 0, 1), 0.71**2),
    "dyz": ((0, 1, 1), 0.71**2),
}


@pytest.mark.parametrize("kind", MOMENTS)
def test_a_multipole_has_its_own_moment_only(kind):
    """Closed Gaussian moments: <x> = sigma for px, <z^2> = sigma^2 for dz2, <xy> = sigma^2 ..."""
    shape, step = (64, 64, 64), 0.2
    values = MultipoleTipDensity({kind: 2.0}, 0.71).on_points(shape, np.full(3, step))
    index = np.arange(64)
    axis = step * np.where(index >= 32, index - 64, index)
    grid = np.meshgrid(axis, axis, axis, indexing="ij", sparse=True)
    for other, (powers, size) in MOMENTS.items():
        moment = values * grid[0] ** powers[0] * grid[1] ** powers[1] * grid[2] ** powers[2]
        total = moment.sum(dtype=np.float64) * step**3
        if other == kind:
            assert total == pytest.approx(2.0 * size, rel=1e-5)
        elif other[0] != kind[0] or "2" not in other + kind:
            expected = 2.0 * 0.71**2 if kind == "s" and other.endswith("2") else 0.0
            assert total == pytest.approx(expected, abs=1e-5)


def test_equal_multipoles_share_their_transform():
    box = reference_box()
    first = MultipoleTipDensity({"pz": 0.2}).spectrum(box)
    moved = Box(box.origin + 3, box.cell, box.shape)
    assert MultipoleTipDensity({"pz": 0.2}).spectrum(moved) is first
    assert MultipoleTipDensity({"pz": 0.1}).spectrum(box) is not first


def test_core_peaks_take_the_valence_electrons_away():
    density = TipDensity(np.ones((40, 40, 40)), CUBE)
    cut = density.subCores([[0.1, 4.0, 7.9]], ["C"], Rcore=0.7)
    taken = (density.total - cut.total) * density.cell_vol
    assert taken == pytest.approx(4.0, rel=5e-3)
    peak = 4 * 105 / (32 * np.pi * 0.7**3) * (1 - 0.02 / 0.49) ** 2
    assert cut.array[0, 20, 0] == pytest.approx(1 - peak, rel=1e-5)
    assert cut.array[39, 20, 39] < 1  # across the faces of the cell
    assert (cut.array[10:30] == 1).all()


def test_valence_electrons_can_be_given():
    density = TipDensity(np.ones((40, 40, 40)), CUBE)
    cut = density.subCores([[4.0, 4.0, 4.0]], [6], 0.8, {"C": 2})
    assert (density.total - cut.total) * density.cell_vol == pytest.approx(2.0, rel=5e-3)


# --- model grids and Poisson ----------------------------------------------------------------


def test_model_grids_hold_gaussian_atoms():
    xyzs, Zs, qs = np.array([[1.0, 2, 3], [2.2, 2, 3]]), [6, 8], np.array([0.4, -0.4])
    potential, density = model_grids(xyzs, Zs, qs)
    assert potential.shape == density.shape == (64, 64, 64)
    np.testing.assert_allclose(np.diag(potential.steps), 0.2)
    low, high = potential.lvec[0], potential.lvec[0] + 64 * 0.2
    assert (low <= xyzs.min(axis=0) - 4).all()
    assert (high >= xyzs.max(axis=0) + 4).all()
    assert density.total * density.cell_vol == pytest.approx(10, rel=1e-5)
    box = Box(low, potential.lvec[1:], (64, 64, 64))
    expected = sum(q * screened(distances(box, xyz), 0.6) for xyz, q in zip(xyzs, qs, strict=True))
    np.testing.assert_allclose(potential.array, expected, atol=1e-5)


def test_the_potential_at_a_nucleus_is_finite():
    potential, _ = model_grids([[0.0, 0, 0]], [1], [0.5])
    at_atom = potential.interp_at([[0.0, 0, 0]])[0]
    assert at_atom == pytest.approx(14.399645 * 0.5 * np.sqrt(2 / np.pi) / 0.6, rel=1e-3)


def test_poisson_gives_the_potential_of_gaussian_charges():
    """Ions of width 0.3 Å and electrons of width 0.5 Å; images in 12.8 Å are neutral and far."""
    box = Box.from_lvec(np.vstack([[-1.0, 0, 2], 12.8 * np.eye(3)]), 5)
    center = np.array([5.3, 6.4, 8.5])
    r = distances(box, center)
    density = ElectronDensity(4 * gaussian(r, 0.5), box.lvec)
    found = hartree_from_density(density, [center], [6]).array
    expected = 4 * (screened(r, 0.3) - screened(r, 0.5))
    np.testing.assert_allclose(found - found.mean(), expected - expected.mean(), atol=2e-3)
    assert abs(found.mean()) < 1e-4


def test_a_charged_cell_has_no_potential():
    density = ElectronDensity(np.full((16, 16, 16), 0.1), CUBE, "CHGCAR.xsf")
    with pytest.raises(AfmPhysicsError, match=r"CHGCAR.xsf: 51.2 electrons for ions of 4 e"):
        hartree_from_density(density, [[0.0, 0, 0]], [6])


# --- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "lvec", "words"),
    [
        (np.ones((4, 4)), CUBE, r"shape \(4, 4\) and dtype float64; expected"),
        (np.ones((4, 4, 1)), CUBE, r"shape \(4, 4, 1\)"),
        (np.ones((4, 4, 4), complex), CUBE, "dtype complex128"),
        (np.full((4, 4, 4), np.nan), CUBE, "64 values are not finite"),
        (np.ones((4, 4, 4)), CUBE[1:], r"lvec of shape \(3, 3\); expected 4 rows"),
        (np.ones((4, 4, 4)), np.ones((4, 3)), "span no volume"),
    ],
)
def test_unusable_grids_are_refused(array, lvec, words):
    with pytest.raises(AfmConfigError, match=f"afm: grid: .*{words}"):
        DataGrid(array, lvec)


def test_unusable_arguments_of_methods_are_refused():
    grid = TipDensity(np.ones((4, 4, 4)), CUBE, "tip.xsf")
    with pytest.raises(AfmConfigError, match="clamp_type: 'softer'; expected hard or soft"):
        grid.clamp(maximum=1, clamp_type="softer")
    with pytest.raises(AfmConfigError, match="minimum 2, maximum 1"):
        grid.clamp(2, 1)
    with pytest.raises(AfmConfigError, match="soft_clamp_width: 0"):
        grid.clamp(0, 1, "soft", 0)
    with pytest.raises(AfmConfigError, match="exponent -1"):
        grid.power_positive(-1)
    with pytest.raises(AfmConfigError, match=r"shape \(4, 4, 3\); expected \(4, 4, 4\)"):
        grid.add_mult(np.ones((4, 4, 3)))
    with pytest.raises(AfmConfigError, match="Rcore: 0"):
        grid.subCores([[0, 0, 0]], [6], 0)
    with pytest.raises(AfmConfigError, match="2 elements; expected 1"):
        grid.subCores([[0, 0, 0]], [6, 6])


def test_a_density_without_positive_sum_has_no_power():
    with pytest.raises(AfmInputError, match=r"rho\.cube: sum of the density -512 electrons"):
        ElectronDensity(-np.ones((4, 4, 4)), CUBE, "rho.cube").power_positive(1.2)


def test_an_unknown_multipole_names_the_nearest():
    with pytest.raises(AfmConfigError, match=r"unknown multipole 'dz', did you mean dz2\?|dxz"):
        MultipoleTipDensity({"dz": 1.0})
    with pytest.raises(AfmConfigError, match="no multipole"):
        MultipoleTipDensity({})
    with pytest.raises(AfmConfigError, match="rho: s inf"):
        MultipoleTipDensity({"s": float("inf")})
    with pytest.raises(AfmConfigError, match="sigma: 0"):
        MultipoleTipDensity({"s": 1.0}, 0)


def test_elements_without_valence_electrons_are_named():
    with pytest.raises(AfmInputError, match="element Uuo: no valence electrons"):
        model_grids([[0.0, 0, 0]], [118], [0.0])


def test_model_grids_need_equal_numbers():
    with pytest.raises(AfmConfigError, match="2 positions, 1 elements, 2 charges"):
        model_grids(np.zeros((2, 3)), [6], [0.0, 0.0])
