"""Normalization: constants, transform and their exact merge."""

import math

import numpy as np
import pytest

from simlab.core.statistics import RunningMoments
from simlab.halo.errors import StatisticsError
from simlab.halo.names import OCCUPIED
from simlab.halo.statistics import (
    SampleMoments,
    denormalize,
    doubts,
    handed_out,
    log_mass,
    normalize,
    normalize_sample,
    sample_moments,
    summary,
)

SCALES = (6.25, 12.5, 25.0, 50.0)


@pytest.fixture(scope="module")
def reference(data):
    return np.load(data / "halo" / "normalization.npz")


def sample_of(rng, res=8):
    return {
        "condition": rng.lognormal(20, 1, (res, res)).astype(np.float32),
        "large_scale": rng.lognormal(20, 1, (3, res, res)).astype(np.float32),
        "target": rng.lognormal(18, 2, (3, res, res)).astype(np.float32),
    }


@pytest.mark.parametrize("field", ["dm", "gas", "star", "condition"])
def test_the_transform_is_that_of_the_published_constants(reference, field):
    mean, std = float(reference[f"{field}_mean"]), float(reference[f"{field}_std"])
    z = normalize(reference["x"], mean, std)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z, reference[f"{field}_norm"], rtol=1e-6, atol=1e-6)


def test_denormalize_undoes_normalize():
    x = np.geomspace(1e-3, 1e14, 500).astype(np.float32)
    back = denormalize(normalize(x, 9.9, 0.47), 9.9, 0.47)
    assert np.max(np.abs(back - x) / (x.astype(float) + 1)) <= 1e-5
    assert denormalize(np.float32(-100.0), 9.9, 0.47) == 0


@pytest.mark.parametrize("bad", [[-1.0, 2.0], [math.nan, 3.0]])
def test_values_without_a_logarithm_are_counted_in_the_error(bad):
    with pytest.raises(StatisticsError, match="1 of 2 values"):
        normalize(np.array(bad), 0.0, 1.0)


@pytest.mark.parametrize("std", [0.0, -1.0, math.inf, math.nan])
def test_a_std_that_is_not_finite_and_positive_is_refused(std):
    with pytest.raises(StatisticsError, match="std"):
        normalize(np.ones(3), 0.0, std)
    with pytest.raises(StatisticsError, match="std"):
        denormalize(np.ones(3), 0.0, std)


def test_merged_moments_are_those_of_all_values(reference):
    total = RunningMoments()
    for i in (3, 0, 5, 1, 4, 2):
        part = RunningMoments()
        part.push(reference[f"shard{i}"])
        total.merge(part)
    assert total.count == reference["merged_count"]
    assert total.mean == pytest.approx(float(reference["merged_mean"]), rel=1e-12)
    assert total.std == pytest.approx(float(reference["merged_std"]), rel=1e-12)


def test_large_values_of_small_spread_keep_their_spread(reference):
    total = RunningMoments()
    for i in range(4):
        total.push(reference[f"big{i}"])
    assert total.mean == pytest.approx(float(reference["big_mean"]), rel=1e-12)
    assert total.std == pytest.approx(float(reference["big_std"]), rel=1e-4)


def test_constants_are_those_of_all_pixels_of_all_samples():
    rng = np.random.default_rng(1)
    samples = [sample_of(rng) for _ in range(5)]
    moments = SampleMoments(SCALES)
    for sample in samples:
        moments.add(sample_moments(sample, SCALES))
    fields = moments.fields()
    gas = np.concatenate([log_mass(sample["target"][1]).ravel() for sample in samples])
    assert fields["gas"]["mean"] == pytest.approx(gas.mean(), rel=1e-13)
    assert fields["gas"]["std"] == pytest.approx(gas.std(ddof=0), rel=1e-12)
    assert fields["gas"]["count"] == gas.size
    assert (fields["gas"]["min"], fields["gas"]["max"]) == (gas.min(), gas.max())
    half = np.concatenate([log_mass(sample["large_scale"][2]).ravel() for sample in samples])
    assert fields["large_scale_50"]["mean"] == pytest.approx(half.mean(), rel=1e-13)


def test_the_order_of_samples_changes_no_bit():
    rng = np.random.default_rng(2)
    parts = [sample_moments(sample_of(rng), SCALES) for _ in range(7)]
    found = []
    for order in (range(7), (3, 6, 0, 5, 1, 4, 2)):
        moments = SampleMoments(SCALES)
        for i in order:
            moments.add(parts[i])
        found.append((moments.fields(), moments.occupied()))
    assert found[0] == found[1]


def test_star_pixels_that_are_empty_do_not_count_as_occupied():
    rng = np.random.default_rng(3)
    sample = sample_of(rng)
    sample["target"][2].ravel()[:48] = 0
    moments = SampleMoments(SCALES)
    moments.add(sample_moments(sample, SCALES))
    logs = log_mass(sample["target"][2].ravel()[48:])
    occupied = moments.occupied()
    assert occupied["fraction"] == 0.25
    assert occupied["mean"] == pytest.approx(logs.mean(), rel=1e-13)
    sample["target"][2] = 0
    assert OCCUPIED not in sample_moments(sample, SCALES)


def test_no_training_samples_is_an_error():
    with pytest.raises(StatisticsError, match="no training samples"):
        SampleMoments(SCALES).fields()


def test_a_channel_without_spread_is_named():
    sample = sample_of(np.random.default_rng(4))
    sample["target"][2] = 0
    moments = SampleMoments(SCALES)
    moments.add(sample_moments(sample, SCALES))
    with pytest.raises(StatisticsError, match="stellar: std is 0"):
        moments.fields()


CONSTANTS = {
    "condition_mean": 9.0,
    "condition_std": 0.4,
    "dm_mag_mean": 9.9,
    "dm_mag_std": 0.5,
    "large_scale_mean": np.array([9.1, 9.2, 9.3]),
    "large_scale_std": np.array([0.3, 0.2, 0.1]),
}


def test_large_scale_takes_the_constants_of_the_condition_unless_each_has_its_own():
    shared = handed_out(CONSTANTS, False, "condition")
    assert shared["condition"] == (9.0, 0.4)
    np.testing.assert_array_equal(shared["large_scale"], [[9.0] * 3, [0.4] * 3])
    own = handed_out(CONSTANTS, True, "dm_mag")
    assert own["condition"] == (9.9, 0.5)
    np.testing.assert_array_equal(own["large_scale"], [[9.1, 9.2, 9.3], [0.3, 0.2, 0.1]])
    given = handed_out(CONSTANTS, False, {"mean": 9.977704, "std": 0.41385219})
    assert given["condition"] == (9.977704, 0.41385219)


def test_every_map_of_a_sample_is_normalized_by_its_constants():
    sample = sample_of(np.random.default_rng(5))
    stats = handed_out(CONSTANTS, True, "condition")
    for key, mean in (("dm", 9.0), ("gas", 8.0), ("star", 7.0)):
        stats |= {f"{key}_mag_mean": mean, f"{key}_mag_std": 0.5}
    done = normalize_sample({**sample, "halo_mass": 1e13}, stats)
    assert done["halo_mass"] == 1e13
    np.testing.assert_array_equal(done["condition"], normalize(sample["condition"], 9.0, 0.4))
    third = normalize(sample["large_scale"][2], 9.3, 0.1)
    np.testing.assert_array_equal(done["large_scale"][2], third)
    np.testing.assert_array_equal(done["target"][1], normalize(sample["target"][1], 8.0, 0.5))
    inputs = normalize_sample({"condition": sample["condition"]}, stats)
    np.testing.assert_array_equal(inputs["condition"], done["condition"])


def test_unusual_constants_are_doubted():
    assert doubts({"gas": {"mean": 9.0, "std": 0.4}}) == []
    assert "gas: mean 13" in doubts({"gas": {"mean": 13.0, "std": 0.4}})[0]
    assert "gas: std 0.01" in doubts({"gas": {"mean": 9.0, "std": 0.01}})[0]


def test_a_summary_is_the_same_bits_for_any_order_of_the_numbers():
    values = np.random.default_rng(4).lognormal(30, 2, 1001)
    assert summary(values) == summary(values[::-1]) == summary(np.roll(values, 300))


def test_maps_of_other_scales_than_the_constants_are_refused_in_a_sentence():
    stats = handed_out(CONSTANTS, False, "condition")
    for shape, found in (((1, 8, 8), 1), ((5, 2, 8, 8), 2), ((8, 8), 1)):
        maps = {"large_scale": np.ones(shape, np.float32)}
        with pytest.raises(StatisticsError, match=f"large_scale holds {found} scales, the const"):
            normalize_sample(maps, stats)
    batch = {"large_scale": np.ones((5, 3, 8, 8), np.float32)}
    assert normalize_sample(batch, stats)["large_scale"].shape == (5, 3, 8, 8)
