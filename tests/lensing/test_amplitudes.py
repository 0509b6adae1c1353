import mpmath
import numpy as np
import pytest
from lensing_reference import (
    MASSIVE,
    SINGLE_LENSES,
    amplitudes_of,
    json_entries,
    lens_of,
    mixed_cluster,
    moved,
    worst_of_orders,
)

from simlab.lensing.clusters import make_cluster
from simlab.lensing.errors import LensError
from simlab.lensing.lenses import make_lens
from simlab.lensing.roulette import amplitudes_of_rows, indices

LENSES = {**SINGLE_LENSES, "cluster": mixed_cluster()}
XI = 52 - 31j
every_lens = pytest.mark.parametrize("name", LENSES)


@pytest.mark.parametrize("number", range(8))
def test_amplitudes_agree_with_sixty_digits(number):
    entry = json_entries("amplitudes")[number]
    G = lens_of(entry).amplitudes(complex(*entry["xi"]), entry["nterms"])
    assert worst_of_orders(G, amplitudes_of(entry)) < 1e-11


@pytest.mark.parametrize("number", range(4))
def test_recovered_amplitudes_agree_in_lens_plane_units(number):
    entry = json_entries("recovery")[number]
    chi = entry["chi"]
    xi = complex(*entry["xi_prime"]) / chi
    angular = [make_lens(chi=chi, **member) for member in entry["lens"]]
    G = make_cluster(angular).amplitudes(xi, 6)
    in_lens_plane = G * chi ** (1.0 - np.arange(7))[:, None]
    assert worst_of_orders(in_lens_plane, amplitudes_of(entry)) < 1e-9


@every_lens
def test_low_orders_are_deflection_convergence_and_shear(name):
    lens = LENSES[name]
    G = lens.amplitudes(XI, 3)
    assert G[0, 1] == pytest.approx(-lens.deflection(XI), rel=1e-13)
    assert G[1, 0] == pytest.approx(-lens.convergence(XI), abs=1e-14)
    assert G[1, 2] == pytest.approx(-lens.shear(XI), rel=1e-12)


@every_lens
def test_beta_is_zero_for_s_zero_and_other_entries_do_not_exist(name):
    G = LENSES[name].amplitudes(XI, 9)
    assert not np.any(G[:, 0].imag)
    exists = np.zeros(G.shape, bool)
    for m, s in indices(9):
        exists[m, s] = True
    assert not np.any(G[~exists])


@every_lens
def test_orders_do_not_depend_on_how_many_are_asked_for(name):
    lens = LENSES[name]
    G = lens.amplitudes(XI, 30)
    np.testing.assert_allclose(lens.amplitudes(XI, 4), G[:5, :6], rtol=1e-12, atol=0)
    np.testing.assert_allclose(lens.amplitudes(XI, 0), G[:1, :2], rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["SIS", "SIE", "flat SIE"])
def test_isothermal_amplitudes_are_homogeneous(name):
    lens = SINGLE_LENSES[name]
    powers = 1.7 ** -np.arange(13.0)[:, None]
    expected = lens.amplitudes(XI, 12) * powers
    np.testing.assert_allclose(lens.amplitudes(1.7 * XI, 12), expected, rtol=1e-11)


@pytest.mark.parametrize("name", ["SIS", "PM", "NFW", "SIE"])
def test_amplitudes_turn_with_the_lens(name):
    lens, turn = SINGLE_LENSES[name], 0.8
    turned = lens
    if name == "SIE":
        turned = make_lens(
            "SIE", einstein_radius=40, ratio=0.6, orientation_deg=30 + np.degrees(turn)
        )
    G = turned.amplitudes(XI * np.exp(1j * turn), 12)
    expected = lens.amplitudes(XI, 12) * np.exp(1j * turn * np.arange(14))
    assert worst_of_orders(G, expected) < 1e-12


@pytest.mark.parametrize("name", MASSIVE)
def test_amplitudes_move_with_the_lens(name):
    shift = 13.5 - 7.25j
    G = moved(SINGLE_LENSES[name], shift).amplitudes(XI + shift, 8)
    assert worst_of_orders(G, SINGLE_LENSES[name].amplitudes(XI, 8)) < 1e-11


def test_a_point_mass_has_one_amplitude_an_order():
    G = SINGLE_LENSES["PM"].amplitudes(XI, 6)
    expected = -(35**2) * 720 / np.conj(XI) ** 7
    assert G[6, 7] == pytest.approx(expected, rel=1e-13)
    assert np.count_nonzero(G) == 7


def test_shear_ends_after_the_first_order():
    G = SINGLE_LENSES["Shear"].amplitudes(XI, 5)
    assert G[1, 0] == -0.1
    assert G[1, 2] == -(0.05 - 0.12j)
    assert not np.any(G[2:])


def _derivatives(potential, z, order):
    """Taylor coefficients [p, q] of a potential, 60 digits, from values on two circles."""
    n = 4 * (order + 2)
    radius = mpmath.mpf("1e-3")
    turns = [mpmath.expjpi(mpmath.mpf(2 * k) / n) for k in range(n)]
    values = [[potential((1 + radius * a) * (1 + radius * b)) for b in turns] for a in turns]
    found = {}
    for p in range(order + 2):
        for q in range(p, order + 2 - p):
            total = mpmath.fsum(
                values[i][k] * turns[-i * p % n] * turns[-k * q % n]
                for i in range(n)
                for k in range(n)
            )
            found[p, q] = total / n**2 / radius ** (p + q)
    return found


@pytest.mark.parametrize("u", [0.02, 0.7, 1.0, 9.0])
def test_halo_amplitudes_agree_with_contour_integrals_of_the_potential(u):
    order, r_s = 4, 70.0
    z = u * r_s * np.exp(0.9j)
    G = make_lens("NFW", kappa_s=0.3, scale_radius=r_s).amplitudes(z, order)
    with mpmath.workdps(60):

        def potential(factor):
            root = mpmath.mpf(u) * mpmath.sqrt(factor)
            return 4 * 0.3 * r_s**2 * (mpmath.log(root / 2) ** 2 - mpmath.acosh(1 / root) ** 2) / 2

        taylor = _derivatives(potential, z, order)
    expected = np.zeros_like(G)
    for m, s in indices(order):
        p, q = (m + 1 - s) // 2, (m + 1 + s) // 2
        weight = -2 * mpmath.factorial(m + 1) * (1 if s else mpmath.mpf("0.5"))
        value = complex(weight * mpmath.re(taylor[p, q])) * abs(z) ** -(m + 1.0)
        expected[m, s] = value * np.exp(1j * s * 0.9)
    assert worst_of_orders(G, expected) < 1e-11


@pytest.mark.parametrize("name", ["NFW", "SIE", "flat SIE", "SIS", "PM"])
def test_high_orders_continue_the_series_along_a_ray(name):
    """Values of the series against the lens, at a third of the radius of convergence."""
    lens = SINGLE_LENSES[name]
    G = lens.amplitudes(XI, 200)
    assert np.isfinite(G).all()
    zeta = lens.region(XI).radius(0.3) / 3 * np.exp(0.3j)
    total, factorial = zeta, 1.0
    for m in range(1, 60):
        factorial *= m
        for s in range(1 - m % 2, m + 2, 2):
            p, q = (m + 1 - s) // 2, (m + 1 + s) // 2
            total += (
                (1 + s / (m + 1))
                * G[m, s]
                * zeta**p
                * zeta.conjugate() ** (q - 1)
                / (2 * factorial)
            )
            if p > 0:
                total += (
                    (1 - s / (m + 1))
                    * G[m, s].conjugate()
                    * zeta**q
                    * (zeta.conjugate() ** (p - 1))
                    / (2 * factorial)
                )
    exact = zeta - lens.deflection(XI + zeta) + lens.deflection(XI)
    assert abs(total - exact) < 1e-11


def test_the_nearly_round_ellipsoid_has_the_amplitudes_of_a_sphere():
    sie = make_lens("SIE", einstein_radius=40, ratio=1.0, orientation_deg=33).amplitudes(XI, 100)
    sis = make_lens("SIS", einstein_radius=40).amplitudes(XI, 100)
    assert worst_of_orders(sie, sis) < 1e-11


@every_lens
def test_many_points_have_the_amplitudes_of_each(name):
    lens, points = LENSES[name], np.array([[XI, 70j], [-33 + 5j, 200 + 1j]])
    G = lens.amplitudes(points, 5)
    assert G.shape == (2, 2, 6, 7)
    np.testing.assert_array_equal(G[1, 0], lens.amplitudes(points[1, 0], 5))


def test_rows_have_the_amplitudes_of_their_own_lenses():
    lenses = [*LENSES.values()]
    points = XI + np.arange(len(lenses))
    G = amplitudes_of_rows(lenses, points, 7)
    for lens, xi, row in zip(lenses, points, G, strict=True):
        np.testing.assert_array_equal(row, lens.amplitudes(xi, 7))
    assert amplitudes_of_rows([], [], 5).shape == (0, 6, 7)


@pytest.mark.parametrize("name", [*MASSIVE, "cluster"])
def test_centers_have_no_amplitudes(name):
    lens = LENSES[name]
    with pytest.raises(LensError, match="center of a lens"):
        lens.amplitudes(lens.constituents[0].center, 5)


def test_amplitudes_out_of_range_are_refused():
    with pytest.raises(LensError, match="exceed 1e308"):
        SINGLE_LENSES["SIS"].amplitudes(0.01 + 0j, 200)
    with pytest.raises(LensError, match="order 201"):
        SINGLE_LENSES["SIS"].amplitudes(XI, 201)
    with pytest.raises(LensError, match=r"order 1\.5"):
        SINGLE_LENSES["SIS"].amplitudes(XI, 1.5)
    with pytest.raises(LensError, match="expected finite numbers"):
        SINGLE_LENSES["SIS"].amplitudes(complex("nan"), 5)
