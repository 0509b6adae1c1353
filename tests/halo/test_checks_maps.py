"""Checks of the code that makes and normalizes maps fail for the fault they name, and only they."""

import math

import numpy as np
import pytest
from halo_finished import small_dataset

from simlab.core.config import parse_config
from simlab.core.errors import ConfigError
from simlab.halo import map_checks, pixel_checks
from simlab.halo.config import MapsConfig
from simlab.halo.grids import cic_deposit
from simlab.halo.map_checks import check_cic, check_inference, check_periodic

WHOLE = 50.0


def moved(function, pixels):
    """`function` with its particles moved by a part of a pixel."""

    def deposit(positions, masses, box_size, n, *rest):
        return function(positions + pixels * box_size / n, masses, box_size, n, *rest)

    return deposit


def without(function, lost):
    """`function` without the particles for which `lost(positions)` holds."""

    def deposit(positions, masses, *rest, **options):
        kept = ~lost(positions)
        return function(positions[kept], masses[kept], *rest, **options)

    return deposit


def lighter(function):
    return lambda positions, masses, *rest: function(positions, masses * 0.999998, *rest)


def below_one(positions):
    return positions[:, 0] < 1


# C1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda deposit: moved(deposit, 0.01),
        lambda deposit: without(deposit, lambda positions: np.arange(len(positions)) == 5),
        lighter,
    ],
)
def test_c1_sees_a_deposit_that_is_not_cloud_in_cell(finished, monkeypatch, spoil):
    monkeypatch.setattr(map_checks, "cic_deposit", spoil(cic_deposit))
    assert finished.failed() == {"C1"}


def test_c1_sees_training_and_inference_with_different_kernels(finished, monkeypatch):
    spoiled = moved(map_checks.project_particles_2d, 0.01)
    monkeypatch.setattr(map_checks, "project_particles_2d", spoiled)
    assert finished.failed() == {"C1", "C5"}


def test_c1_compares_with_the_masl_that_is_installed(finished):
    case = finished.case()
    case.live_masl = cic_deposit
    row = finished.rows(case)["C1"]
    assert row.passed
    assert "the installed MASL" in row.what
    case.live_masl = moved(cic_deposit, 0.01)
    assert finished.failed(case) == {"C1"}


def test_c1_allows_the_rounding_of_single_precision():
    """A difference of 5e-4 particle masses passes, one of 1e-3 does not."""
    rng = np.random.default_rng(1)
    positions, weights = rng.uniform(0, 50, (100, 2)), rng.uniform(1, 2, 100)
    field = cic_deposit(positions, weights, 50.0, 64)
    reference = {"pos": positions, "w": weights, "L": 50.0, "field": field.copy()}
    empty = tuple(np.argwhere(field == 0)[0])
    reference["field"][empty] = 5e-4 * weights.max()
    assert check_cic(reference).passed
    reference["field"][empty] = 1e-3 * weights.max()
    assert not check_cic(reference).passed


# C4


def test_c4_sees_offsets_to_the_wrong_image(finished, monkeypatch):
    monkeypatch.setattr(
        map_checks, "minimum_image", lambda positions, center, box: positions - center
    )
    assert finished.failed() == {"C4"}


def spoiled_views(lost, identity_too):
    """`project_multiscale` that loses particles at a face of the box."""
    original = map_checks.project_multiscale

    def project(particles, centers, rotations, **options):
        positions, masses = particles
        if identity_too or not np.array_equal(rotations[0, 0], np.eye(3)):
            kept = ~lost(positions)
            positions, masses = positions[kept], masses[kept]
        return original((positions, masses), centers, rotations, **options)

    return project


@pytest.mark.parametrize(("identity_too", "failed"), [(False, {"C4"}), (True, {"C4", "C5"})])
def test_c4_sees_particles_lost_at_a_face_of_the_box(finished, monkeypatch, identity_too, failed):
    spoiled = spoiled_views(below_one, identity_too)
    monkeypatch.setattr(map_checks, "project_multiscale", spoiled)
    assert finished.failed() == failed


def test_c4_sees_maps_without_periodic_images(finished, monkeypatch):
    """Only the particles whose offset needs no wrap are kept."""
    original = map_checks.project_multiscale

    def project(particles, centers, rotations, **options):
        positions, masses = particles
        kept = (np.abs(positions - centers[0]) < WHOLE / 2).all(axis=1)
        return original((positions[kept], masses[kept]), centers, rotations, **options)

    monkeypatch.setattr(map_checks, "project_multiscale", project)
    assert finished.failed() == {"C4", "C5"}


@pytest.mark.parametrize("mode", ["exact", "faces"])
@pytest.mark.parametrize("box_size", [67.77, 33.3, 1.2, 0.01, 20000.0])
def test_maps_of_a_box_of_any_side_pass(box_size, mode):
    scales = [box_size / 8, box_size / 4, box_size]
    options = {"resolution": 16, "box_size": box_size, "scales": scales, "mode": mode}
    maps = parse_config(MapsConfig, options)
    assert check_periodic(maps, 1).measured < 0.1
    if mode == "exact":
        assert check_inference(maps, 1).measured < 0.2
    thin = maps.model_copy(update={"depth": box_size / 3})
    assert check_periodic(thin, 1).measured < 0.1
    assert not check_inference(thin, 1).passed


# C5


@pytest.mark.parametrize(("resolution", "scales"), [(8, [50 / 3]), (16, [6.25, 18.75])])
def test_maps_of_other_scales_agree_with_inference(resolution, scales):
    maps = parse_config(MapsConfig, {"resolution": resolution, "scales": scales})
    assert check_inference(maps, 1).measured < 0.2


def test_maps_whose_halo_would_lie_between_two_pixels_are_refused():
    """Training and inference would differ by half a fine pixel."""
    with pytest.raises(ConfigError, match="is 25 px, it must be even"):
        parse_config(MapsConfig, {"resolution": 10, "scales": [20.0, 40.0]})


def test_c5_sees_inference_maps_that_do_not_wrap(finished, monkeypatch):
    original = map_checks.extract_inference_cutouts

    def clamped(field, center, box_size, **options):
        inside = np.clip(center, box_size / 2, box_size / 2)
        return original(field, inside, box_size, **options)

    monkeypatch.setattr(map_checks, "extract_inference_cutouts", clamped)
    assert finished.failed() == {"C5"}


def test_c5_sees_inference_maps_that_are_one_pixel_off(finished, monkeypatch):
    original = map_checks.extract_inference_cutouts

    def off(field, center, box_size, **options):
        return original(field, center + box_size / len(field), box_size, **options)

    monkeypatch.setattr(map_checks, "extract_inference_cutouts", off)
    assert finished.failed() == {"C5"}


def test_c5_sees_training_maps_without_periodic_images(finished, monkeypatch):
    original = map_checks.process_halo_with_full_periodic_tiling

    def near(positions, masses, center, *rest, **options):
        kept = (np.abs(positions - center) < WHOLE / 2).all(axis=1)
        return original(positions[kept], masses[kept], center, *rest, **options)

    monkeypatch.setattr(map_checks, "process_halo_with_full_periodic_tiling", near)
    assert finished.failed() == {"C5"}


def test_c5_sees_sums_in_place_of_means(finished, monkeypatch):
    original = map_checks.extract_multiscale_cutouts

    def summed(*arguments, **options):
        return original(*arguments, **options) * np.array([1, 4, 16, 64]).reshape(4, 1, 1)

    monkeypatch.setattr(map_checks, "extract_multiscale_cutouts", summed)
    assert finished.failed() == {"C5"}


# C2


def test_c2_sees_other_scales_in_inference(finished):
    case = finished.case()
    case.inference_scales = (6.25, 12.5, 25.0)
    assert finished.failed(case) == {"C2"}


# C6


def test_c6_sees_an_inverse_that_forgets_the_one(finished, monkeypatch):
    original = pixel_checks.denormalize
    monkeypatch.setattr(pixel_checks, "denormalize", lambda z, *pair: original(z, *pair) + 1)
    assert finished.failed() == {"C6"}


def test_c6_sees_constants_that_are_exchanged(finished, monkeypatch):
    """Training takes the constants of the stars for the gas."""
    original = pixel_checks.normalize_sample

    def exchanged(sample, stats):
        return original(sample, stats | {"gas_mag_mean": stats["star_mag_mean"]})

    monkeypatch.setattr(pixel_checks, "normalize_sample", exchanged)
    assert finished.failed() == {"C6"}


@pytest.mark.parametrize("key", ["condition", "large_scale", "target"])
def test_c6_sees_a_training_reader_that_differs_in_the_last_bit(finished, monkeypatch, key):
    original = pixel_checks.normalize_sample

    def rounded(sample, stats):
        done = original(sample, stats)
        done[key].flat[-1] = np.nextafter(done[key].flat[-1], np.float32(math.inf))
        return done

    monkeypatch.setattr(pixel_checks, "normalize_sample", rounded)
    assert finished.failed() == {"C6"}


@pytest.mark.parametrize(
    "options",
    [
        {"per_scale": True, "condition_source": "dm_mag"},
        {"condition_source": {"mean": 9.977704, "std": 0.41385219}},
    ],
)
def test_data_sets_of_other_constants_pass(tmp_path, options):
    data = small_dataset(
        tmp_path, {"normalization": options, "simulations": {"total": 2, "test_fraction": 0}}
    )
    assert data.failed() == set()
