"""Masses, sites and profiles of planted haloes, and their measurement."""

import math

import numpy as np
import pytest
from scipy.spatial import cKDTree

from simlab.core.errors import PhysicsError
from simlab.halo.cosmology import (
    Cosmology,
    cumulative_counts,
    halo_count,
    nfw_mass,
    nfw_radius,
    radius_200,
)
from simlab.halo.displacement import displaced_particles, linear_field
from simlab.halo.overdensity import measure_haloes, neighbor_tree, spherical_overdensity
from simlab.halo.planting import REACH, FreeParticles, Halo, offsets, plant
from simlab.halo.profiles import beta_model, ejected_gas, hernquist, norm, triaxial_nfw
from simlab.halo.sites import (
    FIELD_RANGE,
    GAP,
    LIGHTEST,
    choose_sites,
    draw_field_masses,
    draw_masses,
    peaks,
)

FIDUCIAL = Cosmology(0.3, 0.049, 0.6711, 0.9624, 0.8)
L = 50.0


def uniform_particles(number, seed=0, box_size=L):
    return np.random.default_rng(seed).random((number, 3)) * box_size


def halo_of(number, particle_mass, center, concentration=7.0):
    mass = number * particle_mass
    return Halo(np.asarray(center, float), mass, number, float(radius_200(mass)), concentration)


def place_nfw(rng):
    return lambda rows, halo: triaxial_nfw(len(rows), halo.concentration, rng)


# masses


def test_drawn_masses_follow_the_mass_function():
    rng = np.random.default_rng(5)
    masses = np.concatenate([draw_masses(FIDUCIAL, L, rng) for _ in range(200)])

    expected = halo_count(FIDUCIAL, 1e13, L)
    assert masses.size / 200 == pytest.approx(expected, abs=4 * math.sqrt(expected / 200))
    above = np.count_nonzero(masses > 5e13) / masses.size
    share = halo_count(FIDUCIAL, 5e13, L) / halo_count(FIDUCIAL, LIGHTEST, L)
    assert above == pytest.approx(share, abs=4 * math.sqrt(share / masses.size))
    assert masses.min() >= LIGHTEST
    mass, counts = cumulative_counts(FIDUCIAL, LIGHTEST, L)
    assert masses.max() <= np.interp(-0.02, -counts, mass) * (1 + 1e-9)


def test_masses_descend_and_are_at_least_two():
    rng = np.random.default_rng(5)

    for _ in range(20):
        masses = draw_masses(FIDUCIAL, 15.0, rng)  # 1.4 haloes expected
        assert masses.size >= 2
        assert (np.diff(masses) <= 0).all()


def test_field_groups_are_a_power_law_below_the_threshold():
    masses = draw_field_masses(250.0, np.random.default_rng(2))

    assert masses.size == 25000
    assert masses.min() >= FIELD_RANGE[0]
    assert masses.max() <= FIELD_RANGE[1] < 1e13
    share = (3e12**-0.9 - 9e12**-0.9) / (1e12**-0.9 - 9e12**-0.9)
    assert (masses > 3e12).mean() == pytest.approx(share, abs=4 * math.sqrt(share / 25000))


def test_boxes_too_small_for_a_halo_are_refused():
    with pytest.raises(PhysicsError, match="box_size is 2 Mpc/h"):
        draw_masses(FIDUCIAL, 2.0, np.random.default_rng(0))


# sites


def test_peaks_are_higher_than_their_26_neighbors():
    height = np.random.default_rng(0).random((6, 6, 6))

    found = set(peaks(height).tolist())

    for flat in range(216):
        i, j, k = np.unravel_index(flat, height.shape)
        around = height[np.ix_(*[[(c - 1) % 6, c, (c + 1) % 6] for c in (i, j, k)])]
        assert (flat in found) == (height[i, j, k] == around.max())
    assert (np.diff(height.ravel()[peaks(height)]) < 0).all()


@pytest.fixture(scope="module")
def field():
    noise = np.random.default_rng(8).standard_normal((32,) * 3)
    return linear_field(FIDUCIAL, noise, L)


def test_sites_keep_their_distance_and_heavy_haloes_sit_on_the_highest_peak(field):
    positions = displaced_particles(np.zeros((3, 32, 32, 32)), L, 0.5, np.random.default_rng(1))
    masses = np.geomspace(3e14, 1e12, 120)

    sites = choose_sites(field, positions, masses, FIDUCIAL)

    step = math.exp(round(math.log(3e14) / 0.25) * 0.25)
    smoothed = field.smoothed(FIDUCIAL.lagrangian_radius(step) / math.sqrt(5))
    assert sites[0] == smoothed.argmax()
    tree = cKDTree(positions[sites], boxsize=L)
    distance = tree.sparse_distance_matrix(tree, 8.0).tocoo()
    pairs = distance.row < distance.col
    radii = radius_200(masses)
    touching = radii[distance.row[pairs]] + radii[distance.col[pairs]] + GAP
    assert (distance.data[pairs] > touching).all()
    assert pairs.any()


def test_nodes_serve_where_peaks_are_used_up_and_then_it_is_an_error():
    noise = np.random.default_rng(8).standard_normal((8,) * 3)
    field = linear_field(FIDUCIAL, noise, 10.0)
    positions = displaced_particles(np.zeros((3, 8, 8, 8)), 10.0, 0.5, np.random.default_rng(1))
    n_peaks = peaks(field.smoothed(FIDUCIAL.lagrangian_radius(2e12) / math.sqrt(5))).size

    assert (
        np.unique(choose_sites(field, positions, np.full(40, 2e12), FIDUCIAL)).size == 40 > n_peaks
    )
    with pytest.raises(PhysicsError, match="500 haloes do not find places"):
        choose_sites(field, positions, np.full(500, 2e12), FIDUCIAL)


# profiles


def test_triaxial_halo_has_the_radii_of_an_nfw_halo_and_three_axes():
    vectors = triaxial_nfw(40000, 7.0, np.random.default_rng(4))

    radii = norm(vectors)
    assert radii.max() <= 1
    for share in (0.2, 0.5, 0.8):
        inside = (radii < nfw_radius(share, 7.0)).mean()
        assert inside == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 40000))
    shape = np.linalg.eigvalsh(vectors.T @ vectors / (radii**2).sum())
    # stretched vectors of unit length: more than half of the anisotropy (1, 0.9, 0.8)^2 is left
    assert 0.45 > shape[2] > shape[1] + 0.02 > shape[0] + 0.04 > 0.2


def test_gas_follows_the_beta_model():
    radii = norm(beta_model(40000, 0.12, np.random.default_rng(4)))

    def mass(r):
        return r / 0.12 - math.atan(r / 0.12)

    for r in (0.1, 0.3, 0.7):
        share = mass(r) / mass(1)
        assert (radii < r).mean() == pytest.approx(share, abs=4 * math.sqrt(share / 40000))
    assert radii.max() <= 1


def test_stars_follow_the_hernquist_profile():
    radii = norm(hernquist(40000, np.random.default_rng(4)))

    half = (0.3 / 0.312) ** 2 / 2
    median = 0.012 * math.sqrt(half) / (1 - math.sqrt(half))
    assert (radii < median).mean() == pytest.approx(0.5, abs=0.01)
    assert radii.max() <= 0.3 * (1 + 1e-12)


def test_ejected_gas_is_uniform_in_radius():
    radii = norm(ejected_gas(40000, 3.0, np.random.default_rng(4)))

    assert radii.min() >= 1
    assert radii.max() <= 3
    assert radii.mean() == pytest.approx(2, abs=0.01)


# measurement


def test_measured_mass_is_that_of_the_largest_dense_sphere():
    particle_mass = 1e11
    unit = float(radius_200(particle_mass))  # i particles need i^(1/3) of it

    assert spherical_overdensity(np.array([]), particle_mass) == (0, 0)
    assert spherical_overdensity(np.array([1.1, 1.3]) * unit, particle_mass) == (0, 0)
    mass, radius = spherical_overdensity(np.array([1.4, 0.5, 1.2, 9.0]) * unit, particle_mass)
    assert mass == 3e11
    assert radius == pytest.approx(unit * 3 ** (1 / 3))


def test_halo_in_an_empty_box_is_measured_exactly():
    rng = np.random.default_rng(0)
    particle_mass = 1e11
    center = np.array([0.1, 49.9, 25.0])
    halo = halo_of(500, particle_mass, center)
    positions = np.mod(center + halo.radius * triaxial_nfw(500, 7.0, rng), L)

    mass, radius = measure_haloes(
        neighbor_tree(positions, L), [center], [halo.radius / 5], particle_mass
    )

    assert mass[0] == pytest.approx(halo.mass)
    assert radius[0] == pytest.approx(halo.radius)


# planting


def test_nearest_particles_are_taken_only_once():
    positions = uniform_particles(4000)
    start = positions.copy()
    particles = FreeParticles(positions, L)
    center = np.array([0.5, 49.0, 20.0])

    first, radius = particles.take_nearest(center, 150)
    second, _ = particles.take_nearest(center, 100)

    order = np.argsort(norm(offsets(start, center, L)))
    np.testing.assert_array_equal(first, order[:150])
    np.testing.assert_array_equal(second, order[150:250])
    assert radius == pytest.approx(norm(offsets(start[first[-1:]], center, L))[0])


def test_neighbors_are_found_after_particles_have_moved():
    positions = uniform_particles(8000)
    particles = FreeParticles(positions, L)
    rng = np.random.default_rng(1)
    halo = halo_of(200, 1e12, [25.0, 0.2, 49.7])
    plant(particles, [halo], place_nfw(rng))

    free, _ = particles.near(np.full(3, 25.0), 2 * L)
    assert free.size == 7800
    for center, radius in (([25.0, 0.2, 49.7], 3.0), ([1.0, 1.0, 1.0], 30.0)):
        rows, vectors = particles.near(np.array(center), radius)
        distance = norm(offsets(positions, np.array(center), L))
        expected = np.intersect1d(free, np.flatnonzero(distance < radius))
        np.testing.assert_array_equal(np.sort(rows), expected)
        np.testing.assert_allclose(norm(vectors), distance[rows])


def test_planted_halo_is_nfw_inside_and_fills_its_surroundings():
    positions = uniform_particles(64000)
    start = positions.copy()
    particles = FreeParticles(positions, L)
    halo = halo_of(2000, 1e11, [25.0, 25.0, 25.0])

    plant(particles, [halo], place_nfw(np.random.default_rng(1)))

    distance = norm(offsets(positions, halo.center, L))
    assert np.count_nonzero(distance < halo.radius) == 2000
    reach = REACH * np.sort(norm(offsets(start, halo.center, L)))[1999]
    still = distance >= reach
    np.testing.assert_array_equal(positions[still], start[still])
    # the profile goes on: the next R200c holds more than half of what NFW says
    shell = np.count_nonzero(distance < 2 * halo.radius) - 2000
    assert 0.5 < shell / (2000 * (nfw_mass(14) / nfw_mass(7) - 1)) < 1.6
    mass, _ = measure_haloes(neighbor_tree(positions, L), [halo.center], [halo.radius], 1e11)
    assert mass[0] == pytest.approx(halo.mass, rel=2e-3)


def test_infall_keeps_directions():
    positions = uniform_particles(32000)
    start = positions.copy()
    particles = FreeParticles(positions, L)
    halo = halo_of(500, 1e11, [10.0, 40.0, 25.0])

    plant(particles, [halo], place_nfw(np.random.default_rng(1)))

    rows, vectors = particles.near(halo.center, 4.0)
    before = offsets(start[rows], halo.center, L)
    cosine = (vectors * before).sum(axis=1) / norm(vectors) / norm(before)
    assert len(rows) > 100
    np.testing.assert_allclose(cosine, 1, atol=1e-9)


def test_free_particles_are_moved_out_of_haloes():
    positions = uniform_particles(32000)
    particles = FreeParticles(positions, L)
    start = positions.copy()
    center = np.array([49.9, 0.1, 25.0])

    particles.clear(center, 3.0)

    before, after = (norm(offsets(p, center, L)) for p in (start, positions))
    inside = before < 3
    np.testing.assert_allclose(after[inside], 3 * (1 + 0.5 * (before[inside] / 3) ** 3))
    np.testing.assert_array_equal(positions[~inside], start[~inside])
