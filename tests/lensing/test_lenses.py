import mpmath
import numpy as np
import pytest
from lensing_reference import MASSIVE, SINGLE_LENSES, lens_of_row, mixed_cluster, moved, table

from simlab.lensing.errors import LensError
from simlab.lensing.lenses import make_lens

POINTS = np.array([31 + 17j, -44 + 9j, 3 - 2j, 0.5 + 80j, -12 - 61j])
LENSES = {**SINGLE_LENSES, "cluster": mixed_cluster()}
every_lens = pytest.mark.parametrize("name", LENSES)


@pytest.mark.parametrize("number", range(60))
def test_fields_agree_with_the_independent_values(number):
    row = table("deflection")[number]
    lens = lens_of_row(row)
    values = {
        key: float(row[key]) for key in row if key not in ("kind", "case") and "|" not in row[key]
    }
    z = complex(values["x"], values["y"])
    assert lens.potential(z) == pytest.approx(values["psi"], abs=1e-10)
    assert abs(lens.deflection(z) - complex(values["psi_x"], values["psi_y"])) < 1e-10
    assert lens.convergence(z) == pytest.approx(values["kappa"], abs=1e-10)
    assert abs(lens.shear(z) - complex(values["gamma1"], values["gamma2"])) < 1e-10
    assert lens.magnification(z) == pytest.approx(values["mu"], rel=1e-9)


@every_lens
def test_the_deflection_is_the_gradient_of_the_potential(name):
    lens, h = LENSES[name], 1e-4
    x = (lens.potential(POINTS + h) - lens.potential(POINTS - h)) / (2 * h)
    y = (lens.potential(POINTS + 1j * h) - lens.potential(POINTS - 1j * h)) / (2 * h)
    np.testing.assert_allclose(lens.deflection(POINTS), x + 1j * y, atol=1e-6)


@every_lens
def test_convergence_and_shear_are_derivatives_of_the_deflection_which_has_no_curl(name):
    lens, h = LENSES[name], 1e-4
    x = (lens.deflection(POINTS + h) - lens.deflection(POINTS - h)) / (2 * h)
    y = (lens.deflection(POINTS + 1j * h) - lens.deflection(POINTS - 1j * h)) / (2 * h)
    np.testing.assert_allclose(lens.convergence(POINTS), (x.real + y.imag) / 2, atol=1e-6)
    np.testing.assert_allclose(lens.shear(POINTS).real, (x.real - y.imag) / 2, atol=1e-6)
    np.testing.assert_allclose(lens.shear(POINTS).imag, x.imag, atol=1e-6)
    np.testing.assert_allclose(x.imag, y.real, atol=1e-6)


@every_lens
def test_results_have_the_shape_of_the_points(name):
    lens, points = LENSES[name], POINTS[:4].reshape(2, 2)[:, ::-1]
    for method in ("potential", "deflection", "convergence", "shear", "magnification"):
        values = getattr(lens, method)(points)
        assert values.shape == (2, 2)
        assert values[1, 0] == getattr(lens, method)(points[1, 0])
        assert np.ndim(getattr(lens, method)(points[0, 0])) == 0


@every_lens
def test_fields_are_finite_at_all_centers(name):
    for single in LENSES[name].constituents:
        for method in ("potential", "deflection", "convergence", "shear", "magnification"):
            assert np.isfinite(getattr(LENSES[name], method)(single.center))


@pytest.mark.parametrize("name", ["SIS", "PM", "SIE", "NFW"])
def test_a_lens_does_not_deflect_at_its_own_center(name):
    assert moved(SINGLE_LENSES[name], 3 + 4j).deflection(3 + 4j) == 0


def test_an_isothermal_sphere_deflects_by_its_einstein_radius_everywhere():
    np.testing.assert_allclose(np.abs(SINGLE_LENSES["SIS"].deflection(POINTS)), 40, rtol=1e-15)


def test_an_isothermal_ellipsoid_shears_as_much_as_it_converges():
    lens = SINGLE_LENSES["flat SIE"]
    np.testing.assert_allclose(np.abs(lens.shear(POINTS)), lens.convergence(POINTS), rtol=1e-14)


def test_a_point_mass_has_no_convergence():
    assert not np.any(SINGLE_LENSES["PM"].convergence(POINTS))


@pytest.mark.parametrize("ratio", [1.0, 1 - 1e-15, 1 - 1e-14])
def test_a_round_ellipsoid_is_a_sphere(ratio):
    sie = make_lens("SIE", einstein_radius=40, ratio=ratio, orientation_deg=77)
    sis = make_lens("SIS", einstein_radius=40)
    np.testing.assert_allclose(sie.deflection(POINTS), sis.deflection(POINTS), atol=1e-11)
    np.testing.assert_allclose(sie.potential(POINTS), sis.potential(POINTS), rtol=1e-13)
    np.testing.assert_allclose(sie.convergence(POINTS), sis.convergence(POINTS), rtol=1e-13)


@pytest.mark.parametrize("flattening", [1e-9, 4.9e-7, 5.1e-7, 1e-4, 0.3, 0.95, 0.99])
def test_ellipsoids_of_any_ratio_agree_with_forty_digits(flattening):
    f = 1 - flattening
    lens = make_lens("SIE", einstein_radius=40, ratio=f)
    with mpmath.workdps(40):
        flat = mpmath.sqrt(1 - mpmath.mpf(f) ** 2)
        for z in (30 + 1e-3j, 1e-3 + 30j, -20 + 14j):
            r = mpmath.hypot(z.real, z.imag)
            u, v = flat * z.real / (f * r), flat * z.imag / r
            a = 40 * mpmath.sqrt(f) / flat * mpmath.mpc(mpmath.asinh(u), mpmath.asin(v))
            assert abs(complex(a) - lens.deflection(z)) < 1e-12


@pytest.mark.parametrize(
    "u", [1e-7, 1e-4, 0.03, 0.4999, 0.5001, 0.98, 1 - 1e-9, 1.0, 1.01, 1.1, 30.0]
)
def test_a_halo_agrees_with_its_integrals(u):
    lens = make_lens("NFW", kappa_s=0.3, scale_radius=70)
    with mpmath.workdps(30):
        w = mpmath.mpf(u)
        arc = mpmath.acosh(1 / w) / mpmath.sqrt(1 - w**2) if u != 1 else mpmath.mpf(1)
        mass = mpmath.log(w / 2) + mpmath.re(arc)
        kappa = 2 * (1 - mpmath.re(arc)) / (w**2 - 1) if u != 1 else mpmath.mpf(2) / 3
        half = mpmath.log(w / 2) ** 2 / 2 - mpmath.re(mpmath.acosh(1 / w) ** 2) / 2
    z = 70 * u * np.exp(0.7j)
    assert abs(lens.deflection(z)) == pytest.approx(float(84 * mass / w), rel=1e-13)
    assert lens.convergence(z) == pytest.approx(float(0.3 * kappa), rel=1e-12)
    assert lens.potential(z) == pytest.approx(float(5880 * half), rel=1e-13)


@every_lens
def test_distance_ratios_scale_lens_plane_lengths_into_angles(name):
    chi = 0.37
    keywords = {"x": 5, "y": -8, "einstein_radius": 20, "ratio": 0.4, "orientation_deg": 20}
    keywords |= {"kappa_s": 0.4, "scale_radius": 33, "kappa0": 0.1, "gamma1": 0.2, "gamma2": 0.03}
    for kind in ("SIS", "PM", "SIE", "NFW", "Shear"):
        plane, angular = make_lens(kind, **keywords), make_lens(kind, chi=chi, **keywords)
        np.testing.assert_allclose(
            angular.deflection(POINTS), plane.deflection(chi * POINTS) / chi, rtol=1e-12
        )


def test_maps_lie_on_the_pixel_grid():
    lens = moved(SINGLE_LENSES["SIE"], 3.2 - 1.7j)
    psi, kappa = lens.potential_map(11), lens.convergence_map(11)
    assert psi[2, 9] == lens.potential(3.5 + 3.5j)
    assert kappa[10, 0] == lens.convergence(-5.5 - 4.5j)


def test_the_map_of_a_point_mass_is_flat_within_half_a_pixel():
    psi = SINGLE_LENSES["PM"].potential_map(8)
    assert psi[4, 4] == 35**2 * np.log(0.5)
    assert psi[4, 5] == 0


@pytest.mark.parametrize("name", MASSIVE)
def test_only_round_lenses_make_rings(name):
    assert SINGLE_LENSES[name].is_circular == (name in ("SIS", "PM", "NFW"))
    assert make_lens("SIE", einstein_radius=1, ratio=1).is_circular


@pytest.mark.parametrize(
    ("kind", "keywords", "message"),
    [
        ("SIX", {}, r"lens 'SIX': expected SIS, PM, PointMass, SIE, Shear, NFW \(nearest"),
        ("SIS", {}, "einstein_radius is missing"),
        ("SIS", {"einstein_radius": 0}, "einstein_radius = 0: expected a number > 0"),
        ("PM", {"einstein_radius": -3}, "einstein_radius = -3"),
        ("PM", {"einstein_radius": float("nan")}, "einstein_radius = nan"),
        ("SIS", {"einstein_radius": 3, "x": float("inf")}, "x = inf"),
        ("SIS", {"einstein_radius": 3, "chi": 0}, "chi = 0: expected a number > 0"),
        ("SIE", {"einstein_radius": 3}, "ratio is missing"),
        ("SIE", {"einstein_radius": 3, "ratio": 0}, r"ratio = 0: expected a number in \(0, 1\]"),
        ("SIE", {"einstein_radius": 3, "ratio": 1.01}, "ratio = 1.01"),
        ("SIE", {"einstein_radius": 3, "ratio": "thin"}, "ratio = thin"),
        ("SIE", {"einstein_radius": 3, "ratio": 0.5, "orientation_deg": np.inf}, "orientation_deg"),
        ("NFW", {"kappa_s": 0.3}, "scale_radius is missing"),
        ("NFW", {"kappa_s": -0.3, "scale_radius": 3}, "kappa_s = -0.3"),
        ("Shear", {"gamma1": np.nan}, "gamma1 = nan"),
    ],
)
def test_parameters_without_meaning_are_refused(kind, keywords, message):
    with pytest.raises(LensError, match=message):
        make_lens(kind, **keywords)
