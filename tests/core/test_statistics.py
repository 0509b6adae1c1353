"""Moments are exact and independent of order and grouping."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlab.core.errors import SimlabError
from simlab.core.statistics import RunningMoments, histogram_percentile

SAMPLES = st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), min_size=2, max_size=12)


def moments(samples):
    result = RunningMoments()
    for sample in samples:
        result.push(sample)
    return result


def state(m):
    return m.count, m.mean, m.m2, m.min, m.max


@given(SAMPLES, st.randoms())
def test_order_and_grouping_do_not_change_a_bit(samples, rng):
    shuffled = random.Random(rng.random()).sample(samples, len(samples))
    cut = rng.randint(0, len(samples))
    merged = moments(shuffled[:cut])
    merged.merge(moments(shuffled[cut:]))
    assert state(merged) == state(moments(samples))


@given(SAMPLES)
def test_moments_are_those_of_all_values(samples):
    values = np.concatenate(samples)
    found = moments(samples)
    assert found.count == len(values)
    assert found.mean == pytest.approx(values.mean(), rel=1e-12, abs=1e-9)
    assert found.std == pytest.approx(values.std(), rel=1e-9, abs=1e-9)
    assert (found.min, found.max) == (values.min(), values.max())


def test_a_large_offset_does_not_cost_precision():
    values = 1e9 + np.array([0.0, 1.0, 2.0])
    assert moments([values[:1], values[1:]]).std == pytest.approx(math.sqrt(2 / 3), rel=1e-12)


def test_the_state_survives_json():
    found = moments([[1.0, 2.0], [0.1]])
    assert state(RunningMoments.from_dict(found.to_dict())) == state(found)


@pytest.mark.parametrize("sample", [[], [np.nan], [np.inf, 1.0]])
def test_samples_without_finite_values_are_refused(sample):
    with pytest.raises(SimlabError):
        RunningMoments().push(sample)


def test_nothing_has_no_mean():
    with pytest.raises(SimlabError):
        _ = RunningMoments().mean


def test_percentiles_of_a_uniform_histogram_are_linear():
    edges = np.linspace(0, 10, 6)
    for percent in (0, 1, 37.5, 50, 100):
        assert histogram_percentile([4] * 5, edges, percent) == pytest.approx(percent / 10)


def test_percentiles_skip_empty_bins():
    assert histogram_percentile([0, 0, 2, 0], [0, 1, 2, 3, 4], 50) == 2.5
    assert histogram_percentile([0, 0, 2, 0], [0, 1, 2, 3, 4], 0) == 2.0
