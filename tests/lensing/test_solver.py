import numpy as np
import pytest
from lensing_reference import SINGLE_LENSES, json_entries, lens_of, mixed_cluster, moved

from simlab.lensing import solver
from simlab.lensing.clusters import make_cluster, parse_cluster
from simlab.lensing.curves import critical_curve, cut_curve
from simlab.lensing.errors import LensError
from simlab.lensing.lenses import make_lens
from simlab.lensing.sampled import sampled_lens
from simlab.lensing.solver import apparent_position, image_positions

LENSES = {**SINGLE_LENSES, "cluster": mixed_cluster()}


def position(image):
    return complex(image.x, image.y)


def residual(lens, eta, xi):
    return abs(xi - lens.deflection(xi) - eta)


@pytest.mark.parametrize("number", range(6))
def test_all_images_agree_with_the_independent_solver(number):
    entry = json_entries("image_positions")[number]
    found = image_positions(lens_of(entry), complex(*entry["eta"]))
    assert len(found) == len(entry["images"])
    for image in entry["images"]:
        there = complex(image["x"], image["y"])
        nearest = min(found, key=lambda one: abs(position(one) - there))
        assert abs(position(nearest) - there) < 1e-8
        assert nearest.magnification == pytest.approx(image["mu"], rel=1e-6)


@pytest.mark.parametrize("name", LENSES)
def test_images_solve_the_lens_equation_in_the_order_of_arrival(name):
    lens, eta = LENSES[name], 7.5 - 4.25j
    found = image_positions(lens, eta)
    assert found
    for image in found:
        assert residual(lens, eta, position(image)) < 1e-10
        sign = -1 if image.parity == "saddle" else 1
        assert np.sign(image.magnification) == sign
        tau = abs(position(image) - eta) ** 2 / 2 - lens.potential(position(image))
        assert image.arrival_time == pytest.approx(tau, rel=1e-12)
    assert found[0].parity == "min"
    assert [one.arrival_time for one in found] == sorted(one.arrival_time for one in found)


@pytest.mark.parametrize("name", LENSES)
def test_the_apparent_position_is_a_minimum_among_all_images(name):
    lens, eta = LENSES[name], 30 + 21j
    xi = apparent_position(lens, eta)
    assert residual(lens, eta, xi) < 1e-11
    nearest = min(image_positions(lens, eta), key=lambda one: abs(position(one) - xi))
    assert abs(position(nearest) - xi) < 1e-8
    assert nearest.parity == "min"


def test_spheres_and_point_masses_have_closed_forms_about_any_center():
    sis = make_lens("SIS", einstein_radius=40, x=5, y=-3)
    pm = make_lens("PM", einstein_radius=40, x=5, y=-3)
    assert apparent_position(sis, 5 + 7j) == pytest.approx(5 + 47j, abs=1e-12)
    far = 5 + np.sqrt(25 + 1600)
    assert apparent_position(pm, 5 + 7j) == pytest.approx(5 - 3j + 1j * far, abs=1e-12)
    assert apparent_position(make_cluster([pm]), 5 + 7j) == apparent_position(pm, 5 + 7j)


@pytest.mark.parametrize(("distance", "number"), [(0.3, 2), (0.999, 2), (1.0, 1), (1.5, 1)])
def test_a_sphere_has_two_images_of_sources_inside_its_einstein_radius(distance, number):
    lens = make_lens("SIS", einstein_radius=40)
    found = image_positions(lens, 40 * distance * np.exp(0.4j))
    assert len(found) == number
    expected = 2 if number == 2 else 1 + 1 / distance
    assert sum(one.magnification for one in found) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("distance", [0.01, 0.5, 3.0, 50.0])
def test_a_point_mass_always_has_two_images(distance):
    found = image_positions(make_lens("PM", einstein_radius=20), 20j * distance)
    assert len(found) == 2
    total = (distance**2 + 2) / (distance * np.sqrt(distance**2 + 4))
    assert sum(abs(one.magnification) for one in found) == pytest.approx(total, rel=1e-9)
    assert sum(one.magnification for one in found) == pytest.approx(1, rel=1e-9)


def inside(polygon, point):
    x, y = polygon.real - point.real, polygon.imag - point.imag
    xn, yn = np.roll(x, -1), np.roll(y, -1)
    crosses = (y > 0) != (yn > 0)
    x, y, xn, yn = x[crosses], y[crosses], xn[crosses], yn[crosses]
    return int(np.count_nonzero(x - y * (xn - x) / (yn - y) > 0) % 2)


@pytest.mark.parametrize("ratio", [0.08, 0.3, 0.6, 0.95])
def test_an_ellipsoid_has_as_many_images_as_its_caustic_and_cut_allow(ratio):
    lens = make_lens("SIE", einstein_radius=25, ratio=ratio, orientation_deg=35)
    caustic, cut = critical_curve(lens, 20_000)[1], cut_curve(lens, 20_000)
    rng = np.random.default_rng(3)
    near_cut = cut[rng.integers(20_000, size=8)] * (1 + rng.choice([-1e-3, 1e-3, 0.02], 8))
    near_caustic = caustic[rng.integers(20_000, size=8)] * (1 + rng.choice([-1e-3, 1e-3], 8))
    anywhere = 30 * rng.random(8) * np.exp(2j * np.pi * rng.random(8))
    for eta in np.concatenate([near_cut, near_caustic, anywhere]):
        both = inside(cut, eta) + inside(caustic, eta)
        naked = inside(caustic, eta) and not inside(cut, eta)
        assert len(image_positions(lens, eta)) == (3 if naked else (1, 2, 4)[both])


def test_a_small_member_adds_its_own_images():
    alone = make_lens("SIS", einstein_radius=40)
    pair = make_cluster([alone, make_lens("PM", einstein_radius=0.4, x=70, y=0)])
    found = image_positions(pair, 30 + 1j)
    close = [one for one in found if abs(position(one) - 70) < 4]
    assert [one.parity for one in close] == ["min", "saddle"]
    assert len(found) == len(image_positions(alone, 30 + 1j)) + 1


@pytest.mark.parametrize("eta", [3 + 2j, 12 - 5j, 60j])
def test_a_halo_has_one_or_three_images(eta):
    found = image_positions(make_lens("NFW", kappa_s=0.5, scale_radius=60), eta)
    assert len(found) in (1, 3)
    if len(found) == 3:
        assert [one.parity for one in found] == ["min", "saddle", "max"]


@pytest.mark.parametrize("shear", [0.0, 0.3, 1.4])
def test_images_through_shear_alone_are_those_of_the_inverse_matrix(shear):
    lens = make_lens("Shear", kappa0=0.2, gamma1=shear, x=4, y=2)
    found = image_positions(lens, 10 + 5j)
    offset = complex((10 - 4) / (0.8 - shear), (5 - 2) / (0.8 + shear))
    assert len(found) == 1
    assert position(found[0]) == pytest.approx(4 + 2j + offset, abs=1e-9)


@pytest.mark.parametrize("name", ["SIS", "PM", "NFW"])
def test_a_round_lens_turns_a_source_behind_its_center_into_a_ring(name):
    lens = moved(SINGLE_LENSES[name], 3 + 4j)
    for one in (lens, make_cluster([lens, make_lens("Shear", kappa0=0.0)])):
        assert np.isnan(apparent_position(one, 3 + 4j))
        with pytest.raises(LensError, match="seen as a ring"):
            image_positions(one, 3 + 4j)
    assert residual(lens, 3 + 4.001j, apparent_position(lens, 3 + 4.001j)) < 1e-10


def test_a_round_ellipsoid_makes_a_ring_too():
    assert np.isnan(apparent_position(make_lens("SIE", einstein_radius=9, ratio=1), 0j))


def test_of_equal_images_the_upper_one_is_apparent():
    upright = make_lens("SIE", einstein_radius=40, ratio=0.5, orientation_deg=0)
    lying = make_lens("SIE", einstein_radius=40, ratio=0.5, orientation_deg=90)
    for lens, axis in ((upright, 1), (lying, 1j)):
        xi = apparent_position(lens, 0j)
        assert residual(lens, 0j, xi) < 1e-11
        assert abs((xi / axis).imag) < 1e-9
        assert (xi / axis).real > 0


SHORT_FIRST_STEPS = {
    "NFW": (make_lens("NFW", kappa_s=0.5, scale_radius=20), 2e-5 + 0j),
    "two spheres": (parse_cluster("SIS/-40/0/40;SIS/40/0/40"), 1e-3 + 0j),
    "sampled SIE": (
        sampled_lens(make_lens("SIE", einstein_radius=20, ratio=0.6, orientation_deg=20), 96),
        1e-5 + 0j,
    ),
}


@pytest.mark.parametrize("name", SHORT_FIRST_STEPS)
def test_a_short_first_step_of_the_descent_is_no_minimum(name):
    lens, eta = SHORT_FIRST_STEPS[name]
    xi = apparent_position(lens, eta)
    assert residual(lens, eta, xi) < 1e-10
    found = image_positions(lens, eta)
    [image] = [one for one in found if abs(position(one) - xi) < 1e-6]
    assert image.parity == "min"
    assert image.arrival_time == pytest.approx(found[0].arrival_time, rel=1e-9)


@pytest.mark.parametrize("eta", [0j, 1e-7 + 0j, 5e-6 - 2e-6j, 3 + 2j])
def test_images_next_to_a_sphere_are_found_by_their_direction(eta):
    g, f = 800.0, 1 - 1e-7
    lens = make_lens("SIE", einstein_radius=g, ratio=f, orientation_deg=30, x=4, y=-1)
    found = image_positions(lens, lens.center + eta)
    assert len(found) == (4 if abs(eta) < g * (1 - f) / 2 else 2)
    signs = [-1 if image.parity == "saddle" else 1 for image in found]
    assert sum(signs) == 0
    for image in found:
        assert residual(lens, lens.center + eta, position(image)) < 1e-10
    xi = apparent_position(lens, lens.center + eta)
    assert residual(lens, lens.center + eta, xi) < 1e-10
    assert abs(xi - lens.center) == pytest.approx(g + abs(eta), rel=1e-5)


@pytest.mark.parametrize("eta", [0.004 + 0.003j, 3 - 2j, -20 - 3j, 25 + 1j])
def test_images_by_direction_are_those_of_the_search(eta, monkeypatch):
    lens = make_lens("SIE", einstein_radius=20, ratio=0.9, orientation_deg=20)
    searched = [position(image) for image in image_positions(lens, eta)]
    monkeypatch.setattr(solver, "NEARLY_ROUND", 0.5)
    directed = [position(image) for image in image_positions(lens, eta)]
    assert directed == pytest.approx(searched, abs=1e-9)


def test_the_original_solver_stops_early():
    lens, eta = SINGLE_LENSES["SIE"], 25 + 15j
    xi = eta
    for _ in range(201):
        last, xi = xi, eta + lens.deflection(xi)
        if abs(xi - last) < 0.02:
            break
    assert apparent_position(lens, eta, solver="peer") == pytest.approx(xi, rel=1e-13)
    assert 1e-4 < residual(lens, eta, xi) < 0.02
    sis = SINGLE_LENSES["SIS"]
    assert apparent_position(sis, eta, "peer") == apparent_position(sis, eta)


def test_a_source_that_makes_the_descent_crawl_is_solved_exactly():
    lens = parse_cluster("SIS/-30/0/20;SIE/30/3/22/0.7/20;SIS/0/20/9")
    rng = np.random.default_rng(5)
    for eta in 60 * (rng.random(40) - 0.5) + 60j * (rng.random(40) - 0.5):
        assert residual(lens, eta, apparent_position(lens, eta)) < 1e-11


def test_points_without_meaning_are_refused():
    lens = SINGLE_LENSES["SIE"]
    with pytest.raises(LensError, match="source position"):
        apparent_position(lens, complex("nan"))
    with pytest.raises(LensError, match="solver 'fast': expected exact, peer"):
        apparent_position(lens, 1j, solver="fast")


@pytest.mark.parametrize("seed", range(12))
def test_parities_of_all_images_obey_the_degree_of_the_mapping(seed):
    """Minima and maxima less saddles: 1, less 1 a point mass and a cut around the source."""
    rng = np.random.default_rng(seed)
    members = [
        make_lens(
            kind,
            einstein_radius=10 ** rng.uniform(0, 1.5),
            ratio=rng.uniform(0.1, 1),
            orientation_deg=rng.uniform(0, 360),
            x=rng.normal(0, 40),
            y=rng.normal(0, 40),
            kappa_s=rng.uniform(0.05, 0.5),
            scale_radius=rng.uniform(10, 80),
        )
        for kind in rng.choice(["SIS", "SIE", "PM", "NFW"], rng.integers(2, 5))
    ]
    members.append(make_lens("Shear", gamma1=0.05, kappa0=0.1))
    lens, eta = make_cluster(members), complex(*rng.normal(0, 25, 2))
    degree = 1 - sum(one.kind == "PM" for one in members)
    for one in members:
        if one.kind in ("SIS", "SIE"):
            rest = make_cluster([other for other in members if other is not one])
            offset = eta - one.center + rest.deflection(one.center)
            degree -= inside(cut_curve(one, 4000) - one.center, offset)
    signs = [-1 if image.parity == "saddle" else 1 for image in image_positions(lens, eta)]
    assert sum(signs) == degree
    assert residual(lens, eta, apparent_position(lens, eta)) < 1e-10
