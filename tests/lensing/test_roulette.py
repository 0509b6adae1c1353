import numpy as np
import pytest
from lensing_reference import SINGLE_LENSES, json_entries, lens_of, mixed_cluster

from simlab.lensing.errors import LensError, RowsError
from simlab.lensing.kernels import roulette as kernels
from simlab.lensing.lenses import make_lens
from simlab.lensing.roulette import (
    amplitudes_from,
    columns_of,
    estimated_radius,
    roulette_map,
    roulette_monomials,
    roulette_polynomial,
    scale_of,
)
from simlab.lensing.trust import trust_radius

LENSES = {**SINGLE_LENSES, "cluster": mixed_cluster()}
XI = 52 - 31j
ANGLES = np.arange(0, 2 * np.pi, 0.2)


def exact(lens, zeta):
    return zeta - lens.deflection(XI + zeta) + lens.deflection(XI)


def polynomial_values(C1, C2, scale, zeta):
    x, y = zeta.real / scale, zeta.imag / scale
    first, second = (np.polynomial.polynomial.polyval2d(y, x, C) for C in (C1, C2))
    return first + 1j * second


@pytest.mark.parametrize("number", range(7))
def test_displacements_agree_with_the_independent_values(number):
    entry = json_entries("convergence")[number]
    lens, xi = lens_of(entry), complex(*entry["xi"])
    G = lens.amplitudes(xi, 50)
    for point in entry["points"]:
        zeta = complex(*point["zeta"])
        mapped = zeta - lens.deflection(xi + zeta) + lens.deflection(xi)
        assert abs(mapped - complex(*point["exact"])) < 1e-9
        for order, value in point["truncated"].items():
            assert abs(roulette_map(G, zeta, int(order)) - complex(*value)) < 1e-9


@pytest.mark.parametrize("order", [1, 2, 5, 20, 50, 56, 60])
def test_the_real_polynomials_are_the_mapping(order):
    G = SINGLE_LENSES["SIE"].amplitudes(XI, order)
    zeta = np.array([20 + 3j, -17 + 22j, 5 - 30j])
    C1, C2 = roulette_polynomial(G, 64.0)
    assert C1.shape == C2.shape == (order + 1, order + 1)
    difference = polynomial_values(C1, C2, 64.0, zeta) - roulette_map(G, zeta)
    assert np.abs(difference).max() < 1e-8


def test_the_trigonometric_form_of_the_series_is_the_same():
    G, zeta = SINGLE_LENSES["SIE"].amplitudes(XI, 6), 12 + 7j
    r, phi = abs(zeta), np.angle(zeta)
    d1, d2, factorial = r * np.cos(phi), r * np.sin(phi), 1.0
    for m in range(1, 7):
        factorial *= m
        for s in range(1 - m % 2, m + 2, 2):
            a, b = G[m, s].real, G[m, s].imag
            low, high = (s - 1) * phi, (s + 1) * phi
            plus, minus = 1 + s / (m + 1), 1 - s / (m + 1)
            weight = 0.5 * r**m / factorial
            d1 += weight * plus * (a * np.cos(low) + b * np.sin(low))
            d1 += weight * minus * (a * np.cos(high) + b * np.sin(high))
            d2 += weight * plus * (-a * np.sin(low) + b * np.cos(low))
            d2 += weight * minus * (a * np.sin(high) - b * np.cos(high))
    assert roulette_map(G, zeta) == pytest.approx(complex(d1, d2), rel=1e-13)


@pytest.mark.parametrize("name", [name for name in LENSES if name != "Shear"])
def test_the_series_converges_inside_its_region(name):
    lens = LENSES[name]
    region = lens.region(XI)
    strength = sum(single.einstein_radius or 80 for single in lens.constituents)
    for phi in np.arange(0, 2 * np.pi, 0.7):
        for fraction in (0.3, 0.6, 0.9):
            zeta = fraction * region.radius(phi) * np.exp(1j * phi)
            for order in (3, 8, 15):
                error = abs(roulette_map(lens.amplitudes(XI, order), zeta) - exact(lens, zeta))
                assert error < 3 * strength * fraction ** (order + 1) + 1e-10


def test_the_series_of_shear_is_exact_everywhere():
    lens, zeta = SINGLE_LENSES["Shear"], np.array([3 + 2j, -1000 + 700j])
    np.testing.assert_allclose(roulette_map(lens.amplitudes(XI, 3), zeta), exact(lens, zeta))


@pytest.mark.parametrize("order", [1, 4, 9, 40])
def test_partial_sums_of_a_point_mass_have_their_closed_form(order):
    lens, zeta = SINGLE_LENSES["PM"], 11 - 19j
    m = np.arange(1, order + 1)
    terms = (-1.0) ** m * np.conj(zeta) ** m / np.conj(XI) ** (m + 1)
    expected = zeta - 35**2 * terms.sum()
    assert roulette_map(lens.amplitudes(XI, order), zeta) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("name", ["SIS", "PM", "SIE", "NFW"])
def test_two_hundred_orders_stay_accurate_far_out(name):
    lens = LENSES[name]
    zeta = 0.85 * lens.region(XI).inner_radius * np.exp(1j * ANGLES)
    G = lens.amplitudes(XI, 200)
    np.testing.assert_allclose(roulette_map(G, zeta), exact(lens, zeta), atol=1e-9)


def test_the_scale_does_not_change_a_bit():
    G, zeta = SINGLE_LENSES["SIE"].amplitudes(XI, 30), np.array([20 + 3j, -17.3 + 22j])
    values = []
    for scale in (0.5, 32.0, 64.0, 1024.0):
        e, exponent = roulette_monomials(G, scale)
        out = np.empty(2, np.complex128)
        kernels.map_points(e, exponent, zeta, out)
        C1, C2 = roulette_polynomial(G, scale)
        powers = scale ** -(np.add.outer(np.arange(31.0), np.arange(31.0)))
        values.append((out.tobytes(), (C1 * powers).tobytes(), (C2 * powers).tobytes()))
    assert len(set(values)) == 1


def test_maps_of_many_points_are_those_of_each():
    G = SINGLE_LENSES["SIE"].amplitudes(XI, 7)
    zeta = np.linspace(-20, 20, 300).reshape(2, 150) + 3j
    mapped = roulette_map(G, zeta)
    assert mapped.shape == (2, 150)
    assert mapped[1, 77] == pytest.approx(roulette_map(G, zeta[1, 77]), rel=1e-14)


def test_without_terms_the_mapping_is_the_identity():
    G = np.array([[0, -3 + 2j]])
    assert roulette_map(G, 5 + 6j) == 5 + 6j
    C1, C2 = roulette_polynomial(G, 16.0)
    assert polynomial_values(C1, C2, 16.0, np.array([5 + 6j])) == 5 + 6j


@pytest.mark.parametrize(
    ("radius", "scale"), [(50, 64), (45, 32), (64, 64), (0.3, 0.25), (np.inf, 1), (0, 1)]
)
def test_scales_are_the_nearest_powers_of_two(radius, scale):
    assert scale_of(radius) == scale


def test_scales_and_orders_that_cannot_be_used_are_refused():
    G = SINGLE_LENSES["SIS"].amplitudes(XI, 3)
    with pytest.raises(LensError, match="scale 48"):
        roulette_polynomial(G, 48.0)
    with pytest.raises(LensError, match="order 4: the amplitudes end at 3"):
        roulette_map(G, 1j, 4)


@pytest.mark.parametrize("ratio", [0.5, 0.9])
def test_the_radius_is_estimated_within_three_percent_at_high_order(ratio):
    lens = make_lens("SIE", einstein_radius=40, ratio=ratio, orientation_deg=10)
    estimate = estimated_radius(lens.amplitudes(XI, 50))
    assert estimate == pytest.approx(lens.region(XI).inner_radius, rel=0.03)


def test_the_radius_is_unknown_for_short_series():
    assert estimated_radius(SINGLE_LENSES["SIS"].amplitudes(XI, 1)) is None
    assert estimated_radius(SINGLE_LENSES["Shear"].amplitudes(XI, 4)) is None


def test_columns_hold_the_amplitudes_in_order():
    G = SINGLE_LENSES["SIE"].amplitudes(XI, 4)
    columns = columns_of(G)
    assert list(columns)[:4] == ["alpha[0][1]", "alpha[1][0]", "alpha[1][2]", "alpha[2][1]"]
    assert list(columns)[len(columns) // 2] == "beta[0][1]"
    assert len(columns) == 2 * (1 + 2 + 2 + 3 + 3)
    texts = {name: repr(value) for name, value in columns.items()}
    np.testing.assert_array_equal(amplitudes_from(texts), G)


def test_missing_and_empty_columns_are_zero_and_commas_are_understood():
    G = amplitudes_from({"alpha[2,1]": " 1.5 ", "beta[1][2]": "", "x": "far", "beta[2][3]": 2})
    assert G.shape == (3, 4)
    assert G[2, 1] == 1.5
    assert G[2, 3] == 2j
    assert np.count_nonzero(G) == 2
    assert amplitudes_from({"x": "3"}).shape == (1, 2)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"alpha[1][1]": "0"}, r"column alpha\[1\]\[1\]: expected m <= 200"),
        ({"beta[2][5]": "0"}, r"column beta\[2\]\[5\]"),
        ({"alpha[201][0]": "0"}, "m <= 200"),
        ({"alpha[1][0]": "much"}, "= much: expected a finite number"),
        ({"alpha[1][0]": "nan"}, "= nan: expected a finite number"),
    ],
)
def test_columns_that_are_no_amplitudes_are_refused(row, message):
    with pytest.raises(RowsError, match=message):
        amplitudes_from(row)


@pytest.mark.parametrize("name", ["SIS", "PM", "SIE", "NFW", "cluster"])
def test_the_series_is_within_half_a_pixel_up_to_the_trust_radius(name):
    lens, xi = LENSES[name], 2 * XI
    G = lens.amplitudes(xi, 5)
    trusted = trust_radius(lens, xi, G)
    phi = 2 * np.pi * np.arange(64) / 64
    errors = []
    for r in (trusted * (1 - 1e-5), trusted * (1 + 1e-5)):
        zeta = r * np.exp(1j * phi)
        exactly = zeta - lens.deflection(xi + zeta) + lens.deflection(xi)
        errors.append(np.abs(roulette_map(G, zeta) - exactly).max())
    assert errors[0] < 0.5 < errors[1]
    assert 0 < trusted < lens.region(xi).inner_radius


def test_a_series_that_is_good_everywhere_is_trusted_up_to_the_last_radius_measured():
    lens = make_lens("SIS", einstein_radius=0.01)
    trusted = trust_radius(lens, XI, lens.amplitudes(XI, 5))
    assert trusted == pytest.approx(abs(XI) * 31 / 32, rel=1e-12)


def test_higher_orders_can_be_trusted_farther():
    lens = LENSES["SIE"]
    radii = [trust_radius(lens, XI, lens.amplitudes(XI, order)) for order in (2, 5, 12, 50)]
    assert radii == sorted(radii)


def test_shear_can_be_trusted_everywhere():
    lens = SINGLE_LENSES["Shear"]
    assert trust_radius(lens, XI, lens.amplitudes(XI, 2)) == np.inf
