import math

import numpy as np
import pytest
from lensing_reference import SINGLE_LENSES, json_entries, lens_of, mixed_cluster, moved

from simlab.lensing.clusters import make_cluster
from simlab.lensing.lenses import make_lens
from simlab.lensing.region import disc, numerical_radius
from simlab.lensing.roulette import roulette_map

ANGLES = np.linspace(0, 2 * np.pi, 720, endpoint=False)
XI = 52 - 31j


@pytest.mark.parametrize("number", range(7))
def test_radii_agree_with_the_independent_values(number):
    entry = json_entries("convergence")[number]
    region = lens_of(entry).region(complex(*entry["xi"]))
    radius = region.radius(np.radians(entry["phi_deg"]))
    assert radius == pytest.approx(entry["r_conv"], abs=1e-9)


@pytest.mark.parametrize("name", ["SIS", "PM", "NFW"])
def test_round_lenses_converge_in_a_disc_that_reaches_their_center(name):
    region = moved(SINGLE_LENSES[name], 3 + 4j).region(XI)
    assert region.inner_radius == pytest.approx(abs(XI - 3 - 4j), rel=1e-15)
    np.testing.assert_allclose(region.radius(ANGLES), abs(XI - 3 - 4j), rtol=1e-15)


@pytest.mark.parametrize("name", ["SIE", "flat SIE"])
def test_ellipsoids_converge_in_a_disc_cut_by_an_ellipse(name):
    lens = SINGLE_LENSES[name]
    region = lens.region(XI)
    turned = XI * np.exp(-1j * np.radians(lens.orientation_deg))
    root = np.hypot(turned.real, lens.ratio * turned.imag)
    assert region.inner_radius == pytest.approx(min(abs(XI), root), rel=1e-13)
    assert region.radius(ANGLES).max() <= abs(XI) * (1 + 1e-15)
    assert region.radius(ANGLES).min() == pytest.approx(region.inner_radius, rel=1e-4)


def test_clusters_converge_where_all_members_do():
    lens = mixed_cluster()
    region = lens.region(XI)
    each = [single.region(XI) for single in lens.constituents]
    np.testing.assert_array_equal(
        region.radius(ANGLES), np.min([one.radius(ANGLES) for one in each], axis=0)
    )
    assert region.inner_radius == min(one.inner_radius for one in each)


def test_points_inside_are_nearer_than_the_edge():
    region = mixed_cluster().region(XI)
    edge = region.radius(ANGLES) * np.exp(1j * ANGLES)
    assert region.contains(edge * (1 - 1e-12)).all()
    assert not region.contains(edge * (1 + 1e-12)).any()
    assert region.contains(0j)


def test_shear_alone_has_no_edge():
    region = SINGLE_LENSES["Shear"].region(XI)
    assert region.inner_radius == np.inf
    assert region.radius(1.0) == np.inf
    assert region.contains(1e9 + 0j)


def test_a_sphere_given_as_ellipsoid_has_the_region_of_a_sphere():
    round_one = make_lens("SIE", einstein_radius=40, ratio=1.0)
    assert make_cluster([round_one]).region(XI).inner_radius == pytest.approx(abs(XI))


def test_nothing_converges_at_a_singular_center():
    region = SINGLE_LENSES["SIS"].region(0j)
    assert region.inner_radius == 0
    assert not region.contains(0j)


def test_a_disc_contains_what_is_nearer_than_its_radius():
    assert disc(3).contains(np.array([2.99, 3j, -3.01])).tolist() == [True, False, False]
    assert disc(3).inner_radius == 3


def test_double_precision_bounds_the_region_of_a_flat_lens_at_high_orders():
    """Inside the bound the series of order 50 is exact, beyond it rounding takes over."""
    lens, xi = make_lens("SIE", einstein_radius=40, ratio=0.3), 5 + 55j
    region, G = lens.region(xi), lens.amplitudes(xi, 50)
    radius = numerical_radius(region, 50, abs(G[0, 1]))
    assert region.inner_radius < radius < region.radius(np.linspace(0, 6, 99)).max()
    phi = 2 * np.pi * np.arange(256) / 256

    def error(limit):
        r = np.minimum(0.8 * region.radius(phi), limit)
        zeta = r * np.exp(1j * phi)
        exact = zeta - lens.deflection(xi + zeta) + lens.deflection(xi)
        return np.abs(roulette_map(G, zeta) - exact).max()

    assert error(radius) < 0.1
    assert error(1.5 * radius) > 1
    assert region.cut(radius).radius(phi).max() <= radius * (1 + 1e-12)
    assert numerical_radius(region, 5, abs(G[0, 1])) > 100


def test_a_region_cut_at_infinity_is_the_region():
    region = make_lens("SIS", einstein_radius=10).region(20 + 0j)
    assert region.cut(math.inf) is region
