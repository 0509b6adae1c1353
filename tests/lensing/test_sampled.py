import h5py
import numpy as np
import pytest
from lensing_reference import SINGLE_LENSES, amplitudes_of, json_entries

from simlab.lensing.errors import LensError, LensingWarning, MissingRowsError, RowsError
from simlab.lensing.files.potentials import load_potential
from simlab.lensing.lenses import make_lens
from simlab.lensing.sampled import sampled_lens
from simlab.lensing.solver import apparent_position, image_positions

SIE = SINGLE_LENSES["SIE"]
SAMPLED_CASE = 8


def test_the_lookup_and_amplitudes_of_the_original_program_are_reproduced():
    entry = json_entries("images_roulette")[SAMPLED_CASE]
    (member,) = entry["lens"]
    lens = sampled_lens(make_lens(**member), entry["size"], lookup="nearest")
    xi = complex(*entry["nu_peer"])
    assert apparent_position(lens, complex(*entry["eta"]), solver="peer") == pytest.approx(xi)
    G = lens.amplitudes(xi, entry["nterms"])
    np.testing.assert_allclose(G, amplitudes_of(entry), atol=2e-13)


def test_sampled_lenses_tend_to_the_analytic_one():
    """With the pixel in units of the lens, differences are of second order."""
    errors = []
    for scale in (1, 2, 4):
        lens = make_lens("SIE", einstein_radius=10 * scale, ratio=0.7, orientation_deg=20)
        z = scale * (15.5 + 6.25j)
        sampled = sampled_lens(lens, 64 * scale)
        a = abs(sampled.deflection(z) - lens.deflection(z)) / scale
        k = abs(sampled.convergence(z) - lens.convergence(z))
        errors.append((a, k))
    errors = np.array(errors)
    assert (errors[1:] < 0.35 * errors[:-1]).all()


def test_nodes_have_the_values_of_the_filters():
    psi = np.random.default_rng(1).random((6, 6))
    lens = sampled_lens(psi, 6)
    r, c = 2, 3
    weights = np.array([1, 2, 1])
    x = (weights @ psi[1:4, 4] - weights @ psi[1:4, 2]) / 8
    y = (weights @ psi[1, 2:5] - weights @ psi[3, 2:5]) / 8
    assert lens.deflection(complex(c - 3, 3 - r)) == pytest.approx(x + 1j * y, rel=1e-13)
    assert lens.potential(complex(c - 3, 3 - r)) == psi[r, c]


def test_borders_are_reflected_without_repeating_the_edge():
    psi = np.random.default_rng(1).random((6, 6))
    lens = sampled_lens(psi, 6)
    assert lens.field[3, 0].real == 0
    assert lens.field[0, 2].imag == 0


def test_bilinear_and_nearest_lookups_differ_between_nodes():
    lens = sampled_lens(SIE, 64)
    nearest = sampled_lens(SIE, 64, lookup="nearest")
    a, b = lens.deflection(10 + 7j), lens.deflection(11 + 7j)
    assert lens.deflection(10.25 + 7j) == pytest.approx(0.75 * a + 0.25 * b, rel=1e-14)
    assert nearest.deflection(10.25 + 7j) == a
    assert nearest.deflection(10.5 + 7j) == a
    assert nearest.deflection(11.5 + 7j) == nearest.deflection(12 + 7j)


def test_points_beyond_the_grid_are_refused_or_marked():
    lens = sampled_lens(SIE, 64)
    assert lens.covers(np.array([31, -32, 32j, 31.01, -31j, -31.01j])).tolist() == [
        True, True, True, False, True, False,
    ]  # fmt: skip
    with pytest.raises(LensError, match=r"\(40, 2\) is outside the 64 x 64 grid"):
        lens.deflection(np.array([0j, 40 + 2j]))
    with pytest.raises(LensError, match="outside"):
        lens.amplitudes(40 + 2j, 3)
    values, covered = lens.deflection_where_covered(np.array([3j, 40 + 2j]))
    assert covered.tolist() == [True, False]
    assert values[1] == 0


def test_the_solver_reports_leaving_the_grid():
    with pytest.raises(LensError, match="outside the grid"):
        apparent_position(sampled_lens(SIE, 64), 25 + 0j)


def test_images_of_a_sampled_lens_solve_its_lens_equation():
    lens, eta = sampled_lens(SIE, 160), 5 + 3j
    found = image_positions(lens, eta)
    for image in found:
        xi = complex(image.x, image.y)
        assert abs(xi - lens.deflection(xi) - eta) < 1e-10
    for image in image_positions(SIE, eta):
        gap = min(abs(complex(image.x - one.x, image.y - one.y)) for one in found)
        assert gap < 0.2
    xi = apparent_position(lens, eta)
    assert abs(xi - lens.deflection(xi) - eta) < 1e-10


def test_the_apparent_position_is_near_the_analytic_one():
    xi = apparent_position(sampled_lens(SIE, 256), 25 + 15j)
    assert abs(xi - apparent_position(SIE, 25 + 15j)) < 0.02


def test_rings_stay_rings():
    assert np.isnan(apparent_position(sampled_lens(SINGLE_LENSES["SIS"], 128), 0j))


def test_amplitudes_near_the_border_use_the_border():
    lens = sampled_lens(SIE, 64)
    G = lens.amplitudes(29 + 3j, 1)
    assert G[0, 1] == pytest.approx(-lens.deflection(29 + 3j))
    assert G[1, 0] == pytest.approx(-lens.convergence(29 + 3j))
    assert G[1, 2] == pytest.approx(-lens.shear(29 + 3j))


def test_low_amplitudes_are_near_the_analytic_ones():
    lens, xi = sampled_lens(SIE, 256), 60 + 35j
    G, expected = lens.amplitudes(xi, 3), SIE.amplitudes(xi, 3)
    for m in range(4):
        assert np.abs(G[m] - expected[m]).max() < 0.02 * np.abs(expected[m]).max()


def test_high_orders_of_sampled_lenses_warn():
    lens = sampled_lens(SIE, 64)
    with pytest.warns(LensingWarning, match="order 7: noise beyond 6"):
        lens.amplitudes(20 + 3j, 7)


def test_the_potential_of_a_point_mass_is_finite_on_the_grid():
    lens = sampled_lens(SINGLE_LENSES["PM"], 32)
    assert np.isfinite(lens.psi).all()
    assert lens.psi[16, 16] == 35**2 * np.log(0.5)


def test_maps_of_sampled_lenses_are_their_own():
    lens = sampled_lens(SIE, 32)
    np.testing.assert_array_equal(lens.potential_map(32), SIE.potential_map(32))
    kappa = lens.convergence_map(32)
    assert not np.any(kappa[:2])
    assert not np.any(kappa[:, -2:])
    assert kappa[8, 22] == lens.convergence(6 + 8j)
    with pytest.raises(LensError, match="sampled on 32 px has no map of 16 px"):
        lens.potential_map(16)


@pytest.mark.parametrize(
    ("psi", "size", "lookup", "message"),
    [
        (np.zeros((4, 5)), 4, "bilinear", r"shape \(4, 5\)"),
        (np.full((4, 4), np.nan), 4, "bilinear", "finite"),
        (np.zeros((4, 4)), 4, "cubic", "lookup 'cubic'"),
    ],
)
def test_potentials_that_cannot_be_used_are_refused(psi, size, lookup, message):
    with pytest.raises(LensError, match=message):
        sampled_lens(psi, size, lookup)


def test_potentials_are_read_from_arrays_and_hdf5(tmp_path):
    psi = SIE.potential_map(16)
    np.save(tmp_path / "psi.npy", psi)
    for name in ("potential", "halo"):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file[name] = psi
    for name in ("psi.npy", "potential.h5", "halo.h5"):
        np.testing.assert_array_equal(load_potential(tmp_path / name), psi)


def test_files_without_a_potential_are_refused(tmp_path):
    with pytest.raises(MissingRowsError, match="file not found"):
        load_potential(tmp_path / "none.npy")
    (tmp_path / "psi.txt").write_text("1 2")
    with pytest.raises(RowsError, match=r"is read from \.npy, \.h5"):
        load_potential(tmp_path / "psi.txt")
    (tmp_path / "bad.npy").write_text("1 2")
    with pytest.raises(RowsError, match=r"not an npy file"):
        load_potential(tmp_path / "bad.npy")
    (tmp_path / "bad.h5").write_text("1 2")
    with pytest.raises(RowsError, match="not an HDF5 file"):
        load_potential(tmp_path / "bad.h5")
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["a"], file["b"] = np.zeros((4, 4)), np.zeros((4, 4))
    with pytest.raises(RowsError, match="expected a data set 'potential', found"):
        load_potential(tmp_path / "two.h5")
    for name, psi, message in (
        ("flat.npy", np.zeros(4), "expected a square map"),
        ("text.npy", np.full((4, 4), "a"), "expected real numbers"),
        ("nan.npy", np.full((4, 4), np.nan), "not finite"),
    ):
        np.save(tmp_path / name, psi)
        with pytest.raises(RowsError, match=message):
            load_potential(tmp_path / name)
