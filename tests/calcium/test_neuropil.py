import math

import numpy as np
import pytest

from simlab.calcium.neuropil import (
    draw_neuropil,
    neuropil_envelope,
    ou_process,
    population_envelope,
    smooth_spatial_field,
)
from simlab.calcium.spec import Acquisition, Neuropil

SHAPE = (24, 30)


def draw(step, emission=None, pool=None, seed=0, duration_s=3.0, shape=SHAPE):
    acquisition = Acquisition(duration_s=duration_s)
    return draw_neuropil(step, acquisition, shape, emission, pool, np.random.default_rng(seed))


def test_colored_noise_has_variance_one_and_its_correlation_time():
    x = ou_process(400_000, 20.0, np.random.default_rng(0))
    assert x.std() == pytest.approx(1.0, abs=0.03)
    lag = np.mean(x[20:] * x[:-20]) / np.mean(x * x)
    assert lag == pytest.approx(math.exp(-1), abs=0.03)


def test_envelopes_have_mean_one():
    envelope = neuropil_envelope(400_000, 5.0, np.random.default_rng(0))
    assert envelope.mean() == pytest.approx(1.0, abs=0.01)
    assert (envelope > 0).all()


def test_fields_span_zero_to_one():
    field = smooth_spatial_field(SHAPE, 4.0, np.random.default_rng(0))
    assert field.shape == SHAPE
    assert field.min() == 0.0
    assert field.max() == 1.0


def test_a_field_of_one_pixel_is_one():
    assert smooth_spatial_field((1, 1), 4.0, np.random.default_rng(0)).tolist() == [[1.0]]


def test_the_population_envelope_has_mean_one_and_starts_at_its_input():
    traces = 1.0 + np.random.default_rng(0).random((6, 50))
    envelope = population_envelope(traces, 8.0)
    assert envelope.mean() == pytest.approx(1.0, rel=1e-12)
    keep, summed = math.exp(-1 / 8), traces.sum(axis=0)
    ratio = (keep * summed[0] + (1 - keep) * summed[1]) / summed[0]
    assert envelope[1] / envelope[0] == pytest.approx(ratio, rel=1e-12)


def test_steady_cells_drive_a_steady_population():
    np.testing.assert_allclose(population_envelope(np.full((3, 9), 2.0), 5.0), 1.0, rtol=1e-14)


def test_dark_or_absent_cells_drive_nothing():
    assert population_envelope(np.zeros((3, 9)), 5.0) is None
    assert population_envelope(np.zeros((0, 9)), 5.0) is None


@pytest.mark.parametrize("count", [1, 2, 5])
def test_all_fields_come_before_all_envelopes_and_have_equal_means(count):
    step = Neuropil(n_components=count, spatial_sigma_um=3.0, temporal_tau_s=2.0)
    spatial, temporal, population = draw(step)
    rng = np.random.default_rng(0)
    fields = [smooth_spatial_field(SHAPE, 8.0, rng) for _ in range(count)]
    envelopes = [neuropil_envelope(60, 40.0, rng) for _ in range(count)]
    mean = np.mean([field.mean() for field in fields])
    for found, field in zip(spatial, fields, strict=True):
        np.testing.assert_allclose(found, field * (mean / field.mean()), rtol=1e-12)
    np.testing.assert_allclose(temporal, envelopes, rtol=1e-14)
    assert population is None


def test_one_field_alone_keeps_its_range():
    spatial, _, _ = draw(Neuropil(n_components=1))
    assert spatial.max() == 1.0


@pytest.mark.parametrize("coupling", [0.0, 0.4, 1.0])
def test_the_population_takes_its_share_of_every_envelope(coupling):
    emission = 1.0 + np.random.default_rng(7).random((5, 60))
    step = Neuropil(population_coupling=coupling)
    _, alone, _ = draw(step)
    _, coupled, population = draw(step, emission)
    np.testing.assert_allclose(population, population_envelope(emission, 30.0), rtol=1e-14)
    np.testing.assert_allclose(coupled, (1 - coupling) * alone + coupling * population, rtol=1e-12)
    assert (coupled > 0).all()


def test_without_cells_the_envelopes_are_not_coupled():
    _, alone, _ = draw(Neuropil())
    _, temporal, population = draw(Neuropil(), np.zeros((0, 60)), np.ones((0, 60)))
    assert population is None
    np.testing.assert_array_equal(temporal, alone)


def test_bleaching_dims_the_background_by_its_mean():
    emission = np.ones((2, 60))
    pool = np.array([np.linspace(1, 0.4, 60), np.linspace(1, 0.8, 60)])
    _, clean, _ = draw(Neuropil(), emission)
    _, dimmed, _ = draw(Neuropil(), emission, pool)
    np.testing.assert_allclose(dimmed, clean * np.linspace(1, 0.6, 60), rtol=1e-12)


def test_a_single_frame():
    spatial, temporal, population = draw(Neuropil(), np.ones((3, 1)), duration_s=0.05)
    assert spatial.shape == (3, *SHAPE)
    assert temporal.shape == (3, 1)
    assert population.tolist() == [1.0]
