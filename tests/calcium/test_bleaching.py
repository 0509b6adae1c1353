import math

import numpy as np
import pytest

from simlab.calcium.bleaching import bleach_cells, bleaching_floor, bleaching_pool, dark_recovery
from simlab.calcium.errors import SpecError
from simlab.calcium.spec import Acquisition, Bleaching, Segment


def test_constant_light_bleaches_to_the_floor():
    pool = bleaching_pool(np.full(20000, 1.7), 0.002, 300.0, 1.3)
    floor = bleaching_floor(0.002, 1.3, 1.7, 300.0)
    assert pool[0] == 1.0
    assert pool[-1] == pytest.approx(floor, rel=1e-9)
    assert (np.diff(pool) <= 0).all()


def test_constant_light_follows_the_exponential():
    q, tau, light = 0.002, 300.0, 1.7
    pool = bleaching_pool(np.full(500, light), q, tau, 1.0)
    loss = 1 / tau + q * light
    level = 1 / tau / loss
    expected = level + (1 - level) * np.exp(-loss * np.arange(500))
    np.testing.assert_allclose(pool, expected, rtol=1e-12)


def test_nothing_bleaches_without_susceptibility_or_light():
    light = np.random.default_rng(0).random((3, 50))
    assert (bleaching_pool(light, 0.0, 100.0, 1.0) == 1.0).all()
    assert (bleaching_pool(light, 0.1, 100.0, 0.0) == 1.0).all()


def test_the_pool_stays_a_fraction():
    light = 50 * np.random.default_rng(0).random((4, 300))
    pool = bleaching_pool(light, 0.5, 10.0, np.array([0.5, 1.0, 2.0, 9.0]))
    assert (pool > 0).all()
    assert (pool <= 1).all()


def test_cells_bleach_as_each_does_alone():
    light = np.random.default_rng(0).random((3, 40))
    intensity = np.array([0.3, 1.0, 1.8])
    together = bleaching_pool(light, 0.02, 50.0, intensity, b0=0.8)
    for row, trace, factor in zip(together, light, intensity, strict=True):
        np.testing.assert_array_equal(row, bleaching_pool(trace, 0.02, 50.0, factor, b0=0.8))


def test_negative_trace_noise_that_outweighs_recovery_leaves_the_pool_alone():
    pool = bleaching_pool(np.array([-5.0, -5.0, 1.0, 1.0]), 0.1, 100.0, 1.0, b0=0.7)
    assert pool[:3].tolist() == [0.7, 0.7, 0.7]
    assert pool[3] < 0.7


def test_the_floor_without_light_or_turnover():
    assert bleaching_floor(0.0, 1.0, 1.0, 100.0) == 1.0
    assert bleaching_floor(0.0, 0.0, 0.0, math.inf) == 1.0
    assert bleaching_floor(0.1, 1.0, 1.0, math.inf) == 0.0
    assert bleaching_floor(0.1, 1.0, 1.0, 0.0) == 1.0


def test_floors_of_arrays_are_those_of_their_elements():
    q, light = np.array([[0.0], [0.002]]), np.array([0.0, 0.3, 1.7])
    for tau in (0.0, 300.0, math.inf):
        found = bleaching_floor(q, 1.3, light, tau)
        each = [[bleaching_floor(a, 1.3, e, tau) for e in light] for (a,) in q]
        np.testing.assert_array_equal(found, each)
    taus = bleaching_floor(0.1, 1.0, 1.0, np.array([0.0, 10.0, math.inf]))
    np.testing.assert_allclose(taus, [1.0, 0.5, 0.0])


@pytest.mark.parametrize("emission", [-1.0, np.array([1.0, -1.0]), math.nan])
def test_negative_arguments_of_the_floor_are_named(emission):
    with pytest.raises(SpecError, match=r"emission = .*; expected >= 0"):
        bleaching_floor(0.1, 1.0, emission, 100.0)


@pytest.mark.parametrize("tau", [0, -1.0, math.nan])
def test_a_pool_needs_a_turnover_time(tau):
    with pytest.raises(SpecError, match=r"bleaching_pool: tau_frames = .*; expected > 0"):
        bleaching_pool(np.ones(3), 0.1, tau, 1.0)


def test_recovery_in_the_dark_starts_at_the_present_and_ends_at_one():
    assert dark_recovery(0.3, 0.0, 5.0) == pytest.approx(0.3)
    assert dark_recovery(0.3, 1e9, 5.0) == 1.0
    with pytest.raises(SpecError, match="tau = 0; expected > 0"):
        dark_recovery(0.3, 1.0, 0.0)


def test_cells_recover_in_the_dark_between_segments():
    acquisition = Acquisition(fps=10.0, duration_s=6.0)
    step = Bleaching(bleach_susceptibility=0.5, turnover_tau_s=20.0)
    light = 1.0 + np.random.default_rng(0).random((2, 60))
    pauses = [Segment(start_frame=20, gap_s=7.0), Segment(start_frame=45, gap_s=1.0)]
    pool = bleach_cells(step, acquisition, light, np.array([1.0, 0.5]), pauses)
    plain = bleach_cells(step, acquisition, light, np.array([1.0, 0.5]))
    np.testing.assert_array_equal(pool[:, :20], plain[:, :20])
    np.testing.assert_allclose(pool[:, 20], dark_recovery(plain[:, 20], 7.0, 20.0), rtol=1e-12)
    for i, intensity in enumerate((1.0, 0.5)):
        rest = bleaching_pool(light[i, 20:46], 0.05, 200.0, intensity, b0=pool[i, 20])
        np.testing.assert_allclose(pool[i, 20:45], rest[:25], rtol=1e-12)
        assert pool[i, 45] == pytest.approx(dark_recovery(rest[25], 1.0, 20.0), rel=1e-12)


def test_brighter_excitation_bleaches_faster():
    acquisition = Acquisition(fps=10.0, duration_s=3.0)
    light = np.ones((1, 30))
    weak, strong = (
        bleach_cells(
            Bleaching(bleach_susceptibility=0.1, excitation_intensity=i), acquisition, light, 1.0
        )
        for i in (1.0, 3.0)
    )
    assert (strong[:, 1:] < weak[:, 1:]).all()
