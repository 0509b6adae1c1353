import math
import warnings

import numpy as np
import pytest

from simlab.calcium.cells import draw_centers, neuron_footprint, place_neurons
from simlab.calcium.spec import (
    Acquisition,
    ImageSensor,
    NeuronPopulation,
    PlaceNeurons,
    Spec,
    SpecWarning,
)


def spec_of(height=60, width=40, **place):
    sensor = ImageSensor(n_px_height=height, n_px_width=width, pixel_pitch_um=16.0)
    return Spec(
        acquisition=Acquisition(image_sensor=sensor, duration_s=0.1),
        steps=[PlaceNeurons(**{"soma_radius_um": 5.0, **place})],
    )


def centers_of(spec, seed=0):
    return place_neurons(spec, np.random.default_rng(seed))[0]


def soma(shape, center, radius, irregularity=0.0, seed=0):
    return neuron_footprint(
        *(shape, center, radius, irregularity, np.random.default_rng(seed)),
        morphology="soma",
        dendrite_length_px=9.0,
        dendrite_width_px=2.0,
    )


def test_candidates_are_drawn_one_after_the_other_depth_first():
    spec = spec_of(density_per_mm3=50000.0, depth_range_um=(10.0, 90.0))
    count = round(50000.0 * 0.12 * 0.08 * 0.08)
    rng = np.random.default_rng(0)
    expected = [
        (rng.uniform(10, 90), rng.uniform(-60, 60), rng.uniform(-40, 40)) for _ in range(count)
    ]
    np.testing.assert_array_equal(centers_of(spec), expected)


def test_a_thin_layer_counts_as_deep_as_a_soma():
    spec = spec_of(density_per_mm3=500000.0, depth_range_um=(50.0, 50.0))
    centers = centers_of(spec)
    assert len(centers) == round(500000.0 * 0.12 * 0.08 * 0.01)
    assert (centers[:, 0] == 50.0).all()


@pytest.mark.parametrize(
    ("density", "distance"), [(6e4, 3.0), (6e4, 11.0), (6e4, 35.0), (6e4, 200.0), (5e3, 200.0)]
)
def test_kept_apart_cells_are_those_of_a_plain_rejection(density, distance):
    place = {"density_per_mm3": density, "depth_range_um": (0.0, 60.0)}
    spec = spec_of(**place, min_distance_um=distance)
    population = spec.step("place_neurons")
    count = spec.population_size(population)
    low, high = np.array([0.0, -60.0, -40.0]), np.array([60.0, 60.0, 40.0])
    rng, expected = np.random.default_rng(3), []
    for _ in range(max(1000, 100 * count)):
        if len(expected) == count:
            break
        point = low + (high - low) * rng.random(3)
        if all(np.linalg.norm(point - other) >= distance for other in expected):
            expected.append(point)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpecWarning)
        used = np.random.default_rng(3)
        found = draw_centers(spec, population, used)
    np.testing.assert_array_equal(found, expected)
    assert used.bit_generator.state == rng.bit_generator.state


@pytest.mark.parametrize("distance", [1e-18, 1e-300, 5e-324])
def test_a_distance_of_next_to_nothing_keeps_no_cells_apart(distance):
    plain, kept_apart = (
        centers_of(spec_of(density_per_mm3=6e4, min_distance_um=d)) for d in (0.0, distance)
    )
    np.testing.assert_array_equal(kept_apart, plain)


def test_too_little_room_is_warned_of():
    spec = spec_of(min_distance_um=80.0, density_per_mm3=50000.0)
    with pytest.warns(SpecWarning, match="leaves room for [0-9]+ of [0-9]+ cells in"):
        assert len(centers_of(spec)) >= 1


def test_explicit_positions_draw_nothing():
    spec = spec_of(positions_um=[(30.0, 5.0, -7.0), (10.0, 0.0, 0.0)], irregularity=0.0)
    rng = np.random.default_rng(0)
    centers, planted = place_neurons(spec, rng)
    np.testing.assert_array_equal(centers, [(30.0, 5.0, -7.0), (10.0, 0.0, 0.0)])
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state
    dense = planted.to_dense()
    rows, columns = np.indices(dense[1].shape)
    inside = np.hypot(rows - 29.5, columns - 19.5) <= 2.5
    np.testing.assert_array_equal(dense[1], inside)


def test_footprints_follow_all_centers_of_all_populations():
    one = NeuronPopulation(density_per_mm3=20000.0, soma_radius_um=4.0)
    other = NeuronPopulation(density_per_mm3=9000.0, soma_radius_um=6.0, morphology="cytosolic")
    sensor = ImageSensor(n_px_height=60, n_px_width=40, pixel_pitch_um=16.0)
    spec = Spec(
        acquisition=Acquisition(image_sensor=sensor, duration_s=0.1),
        steps=[PlaceNeurons(populations=[one, other])],
    )
    centers, planted = place_neurons(spec, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    parts = [draw_centers(spec, population, rng) for population in (one, other)]
    np.testing.assert_array_equal(centers, np.concatenate(parts))
    dense = planted.to_dense()
    kinds = [one] * len(parts[0]) + [other] * len(parts[1])
    for i, (population, (_, y, x)) in enumerate(zip(kinds, centers, strict=True)):
        image = neuron_footprint(
            *((60, 40), (29.5 + y / 2, 19.5 + x / 2), population.soma_radius_um / 2, 0.3, rng),
            morphology=population.morphology,
            dendrite_length_px=12.0,
            dendrite_width_px=1.5,
        )
        np.testing.assert_array_equal(dense[i], image)


def test_patches_are_tight():
    _, planted = place_neurons(spec_of(morphology="cytosolic"), np.random.default_rng(1))
    for i in range(len(planted)):
        patch = planted.patch(i)
        for edge in (patch[0], patch[-1], patch[:, 0], patch[:, -1]):
            assert edge.any()


def test_a_round_soma_is_a_disk_of_ones():
    image = soma((30, 34), (14.2, 15.9), 6.0)
    rows, columns = np.indices(image.shape)
    inside = np.hypot(rows - 14.2, columns - 15.9) <= 6.0
    np.testing.assert_array_equal(image, inside)


def test_an_irregular_soma_keeps_within_its_bounds():
    for seed in range(20):
        image = soma((40, 40), (19.5, 20.1), 8.0, irregularity=0.4, seed=seed)
        rows, columns = np.indices(image.shape)
        distance = np.hypot(rows - 19.5, columns - 20.1)
        assert image[distance <= 8.0 * 0.6 - 1e-9].all()
        assert not image[distance > 8.0 * 1.4 + 1e-9].any()
        assert abs(image.sum() / (math.pi * 64) - 1) < 0.5


def test_dendrites_reach_beyond_the_soma_and_are_fainter():
    image = neuron_footprint(
        *((80, 80), (40.0, 40.0), 5.0, 0.0, np.random.default_rng(2)),
        morphology="cytosolic",
        dendrite_length_px=20.0,
        dendrite_width_px=3.0,
    )
    rows, columns = np.indices(image.shape)
    distance = np.hypot(rows - 40, columns - 40)
    outside = image[distance > 5.0]
    assert outside.max() <= np.float32(0.55)
    assert outside[outside > 0].min() >= np.float32(0.05)
    assert (image[distance > 12] > 0).any()
    assert not image[distance > 0.8 * 5 + 1.25 * 20 + 2].any()


def test_a_speck_lights_its_nearest_pixel_halves_to_even():
    image = soma((10, 12), (4.5, 7.5), 0.2)
    assert image.sum() == 1
    assert image[4, 8] == 1


def test_a_speck_on_the_border_of_the_canvas_lights_the_border():
    image = soma((10, 12), (-0.4, 11.5), 0.1)
    assert image[0, 11] == 1


@pytest.mark.parametrize("center", [(-0.6, 5.0), (5.0, 12.0), (500.0, 5.0), (-1e300, 0.0)])
def test_a_speck_beyond_the_canvas_lights_nothing(center):
    assert not soma((10, 12), center, 0.1).any()


def test_a_soma_beyond_the_canvas_keeps_what_it_lights():
    image = soma((20, 20), (-2.0, 10.0), 5.0)
    rows, columns = np.indices(image.shape)
    np.testing.assert_array_equal(image, np.hypot(rows + 2.0, columns - 10.0) <= 5.0)
    assert image.any()


def test_a_cell_far_outside_draws_no_outline_and_is_empty():
    with pytest.warns(SpecWarning, match="outside the"):
        spec = spec_of(positions_um=[(30.0, 900.0, 0.0)], irregularity=0.3)
    rng = np.random.default_rng(0)
    _, planted = place_neurons(spec, rng)
    assert planted.shapes.tolist() == [[0, 0]]
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


def test_no_cells_at_all():
    spec = spec_of(density_per_mm3=1e-6)
    centers, planted = place_neurons(spec, np.random.default_rng(0))
    assert centers.shape == (0, 3)
    assert len(planted) == 0
    assert planted.canvas_shape == (60, 40)
