"""Scores of footprints, traces and motion: reference numbers, closed forms, invariants."""

import numpy as np
import pytest
from calcium_specs import arrays, reference

from simlab.calcium.errors import SpecError
from simlab.calcium.footprints import FootprintStack
from simlab.calcium.matching import phase_shift
from simlab.calcium.metrics import (
    activity_similarity,
    field_pearson,
    footprint_mask,
    footprint_roi_trace,
    global_shift_from_trajectories,
    hungarian_match,
    shift_rmse,
    trace_pearson,
)

METRICS = ("iou", "cosine", "weighted_jaccard")
EXPECTED = reference("metrics")
MATCHES = {name: case for name, case in EXPECTED.items() if "|" in name}
PAIRS = [tuple(pair) for pair in EXPECTED["pairs"]]
TIES_AT_THE_EDGE = 0.02


def numpy_sorts_as_the_reference():
    """Equal weights are ranked by numpy's sort, which differs between instruction sets."""
    from numpy._core._multiarray_umath import __cpu_features__

    return __cpu_features__.get("AVX512_SKX", __cpu_features__.get("X86_V4", False))


def discs(n, shape=(60, 70), radius=4.0, seed=3):
    """n footprints that fade from their center, at random places away from the border."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    centers = rng.uniform(12, np.array(shape) - 12, (n, 2))
    distance = np.array([np.hypot(y - cy, x - cx) for cy, cx in centers])
    return np.maximum(radius - distance, 0.0)


def stack_of(dense):
    """The same footprints as patches with a border of zeros."""
    patches, offsets = [], []
    for image in dense:
        rows, columns = np.nonzero(image)
        y, x = rows.min() - 1, columns.min() - 2
        patches.append(image[y : rows.max() + 2, x : columns.max() + 3])
        offsets.append((y, x))
    return FootprintStack.from_patches(patches, offsets, dense.shape[1:])


@pytest.mark.parametrize("name", MATCHES)
def test_matches_are_those_of_the_original(name):
    metric, shift = name.split("|")
    case, given = MATCHES[name], arrays("units")
    found = hungarian_match(
        given["met_A_est"],
        given["met_A_true"],
        metric=metric,
        shift=None if shift == "None" else shift,
    )
    exact = metric != "iou" or numpy_sorts_as_the_reference()
    tolerance = 1e-6 if exact else TIES_AT_THE_EDGE
    assert found.pairing == [tuple(pair) for pair in case["pairing"]]
    assert found.shift == tuple(case["shift"])
    np.testing.assert_allclose(found.similarity_matrix, case["similarity"], rtol=0, atol=tolerance)
    assert found.recall() == pytest.approx(case["recall05"], abs=1e-6)
    assert found.precision() == pytest.approx(case["precision05"], abs=1e-6)
    assert found.mean_similarity == pytest.approx(case["mean"], abs=tolerance)


def test_trace_correlations_are_those_of_the_original():
    given = arrays("units")
    expected = [np.nan if r is None else r for r in EXPECTED["trace_pearson"]]
    found = trace_pearson(given["met_C_est"], given["met_C_true"], PAIRS)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_activity_scores_are_those_of_the_original():
    given = arrays("units")
    score = activity_similarity(given["met_C_est"], given["met_C_true"], PAIRS)
    np.testing.assert_allclose(score.scale, EXPECTED["activity"]["scale"], rtol=0, atol=1e-6)
    explained = EXPECTED["activity"]["pve"]
    np.testing.assert_allclose(score.variance_explained, explained, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", EXPECTED["shift_rmse"])
def test_motion_errors_are_those_of_the_original(name):
    given = arrays("units")
    correction, align = (part.endswith("1") for part in name.split(","))
    found = shift_rmse(
        given["met_shift_est"], given["met_shift_true"], correction=correction, align=align
    )
    assert found == pytest.approx(EXPECTED["shift_rmse"][name], abs=1e-6)


def test_shifts_and_fields_are_those_of_the_original():
    given = arrays("units")
    shift = global_shift_from_trajectories(given["met_shift_est"], given["met_shift_true"])
    assert shift == tuple(EXPECTED["global_shift"])
    found = field_pearson(given["falloff"], given["leakage"])
    assert found == pytest.approx(EXPECTED["field_pearson"], abs=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_footprints_match_themselves_in_any_order(metric):
    true = discs(12)
    order = np.random.default_rng(0).permutation(12)
    found = hungarian_match(3.0 * true[order], true, metric=metric)
    assert found.pairing == [(i, int(j)) for i, j in enumerate(order)]
    np.testing.assert_allclose(found.similarities, 1.0, rtol=1e-12)
    assert found.recall(0.99) == found.precision(0.99) == 1.0
    assert found.mean_iou == found.mean_similarity
    assert found.iou_matrix is found.similarity_matrix


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shift", [None, "auto", (1.4, -2.0)])
def test_patches_and_images_give_the_same_similarities(metric, shift):
    true, estimated = discs(20), discs(15, seed=4)
    dense = hungarian_match(estimated, true, metric=metric, shift=shift)
    sparse = hungarian_match(stack_of(estimated), stack_of(true), metric=metric, shift=shift)
    np.testing.assert_allclose(sparse.similarity_matrix, dense.similarity_matrix, rtol=0, atol=1e-7)
    assert sparse.pairing == dense.pairing
    assert sparse.shift == dense.shift


def flat(n):
    """n overlapping disks of equal weights: every mask leaves some of them out."""
    return (discs(n, radius=6.0) > 0).astype(float)


def as_images(dense):
    return dense


@pytest.mark.parametrize("estimated", [as_images, stack_of])
@pytest.mark.parametrize("true", [as_images, stack_of])
@pytest.mark.parametrize("more", [0, 1])
def test_equal_weights_are_ranked_alike_on_both_sides(estimated, true, more):
    cells = flat(300 + more)
    found = hungarian_match(estimated(cells[:300]), true(cells))
    np.testing.assert_array_equal(np.diag(found.similarity_matrix), 1.0)


def test_many_units_are_compared_without_whole_frames():
    n, side = 400, 2000
    rng = np.random.default_rng(1)
    patch = np.maximum(6.0 - np.hypot(*np.mgrid[-6:7, -6:7]), 0.0)
    offsets = rng.integers(4, side - 20, (n, 2))
    true = FootprintStack.from_patches([patch] * n, offsets, (side, side))
    moved = FootprintStack.from_patches([patch] * n, np.add(offsets, (2, -1)), (side, side))
    for metric in METRICS:
        found = hungarian_match(moved, true, metric=metric, shift=(-2, 1))
        np.testing.assert_allclose(found.similarities, 1.0, rtol=1e-12)
        assert len(found.pairing) == n


def test_a_shift_moves_the_estimate_and_loses_what_leaves():
    true = np.zeros((1, 5, 6))
    true[0, 0, 1:3] = 1.0
    estimated = np.zeros((1, 5, 6))
    estimated[0, 2, 0:2] = 1.0
    found = hungarian_match(estimated, true, shift=(-1.6, 1.2))
    assert found.shift == (-2, 1)
    assert found.similarity_matrix[0, 0] == 1.0
    assert hungarian_match(estimated, true, shift=(-3, 0)).pairing == []


def test_an_automatic_shift_is_found_and_used_only_if_it_helps():
    true = discs(8)
    moved = np.roll(true, (5, -7), axis=(1, 2))
    found = hungarian_match(moved, true, shift="auto")
    assert found.shift == (-5, 7)
    np.testing.assert_allclose(found.similarities, 1.0)


def test_an_automatic_shift_that_does_not_help_is_not_used():
    true = np.zeros((4, 60, 70))
    true[:3] = discs(3)
    true[3, 30:50, 20:60] = np.random.default_rng(0).random((20, 40)) > 0.5
    estimated = true.copy()
    estimated[3] = np.roll(true[3], (6, -4), axis=(0, 1))  # the largest one is misplaced
    supports = [footprints.any(axis=0) for footprints in (estimated, true)]
    assert phase_shift(*supports) == (-6, 4)
    found = hungarian_match(estimated, true, shift="auto")
    assert found.shift == (0, 0)
    assert len(found.matched_pairs(0.99)) == 3


def test_closed_forms_of_the_similarities():
    first, second = np.zeros((2, 1, 2, 4))
    first[0, 0] = [4.0, 4.0, 1.0, -9.0]
    second[0, 0] = [0.0, 2.0, 1.0, 1.0]
    cosine = hungarian_match(first, second, metric="cosine").similarity_matrix[0, 0]
    assert cosine == pytest.approx(9 / np.sqrt(33 * 6))
    jaccard = hungarian_match(first, second, metric="weighted_jaccard").similarity_matrix[0, 0]
    minima = min(4 / 9, 2 / 4) + min(1 / 9, 1 / 4)
    assert jaccard == pytest.approx(minima / (2 - minima))
    masks = hungarian_match(first, second, energy_frac=0.5).similarity_matrix[0, 0]
    assert masks == pytest.approx(0.5)  # {0, 1} and {1}: 8 of 9 and 2 of 4 reach one half
    everything = hungarian_match(first, second, energy_frac=1.0).similarity_matrix[0, 0]
    assert everything == pytest.approx(2 / 4)


@pytest.mark.parametrize("metric", METRICS)
def test_empty_footprints_are_similar_to_nothing(metric):
    true = discs(3)
    true[1] = 0.0
    found = hungarian_match(true, true, metric=metric)
    assert found.pairing == [(0, 0), (2, 2)]
    assert not found.similarity_matrix[1].any()
    none = hungarian_match(true[:0], true, metric=metric, shift="auto")
    assert (none.n_est, none.n_true, none.pairing) == (0, 3, [])
    assert none.recall() == none.precision() == none.mean_similarity == 0.0
    assert hungarian_match(true, true[:0], metric=metric).recall() == 0.0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"metric": "cosin"}, "did you mean cosine?"),
        ({"energy_frac": 0.0}, "energy_frac"),
        ({"energy_frac": 1.1}, "energy_frac"),
        ({"shift": "best"}, "shift must be"),
        ({"shift": (1.0, np.nan)}, "shift must be"),
        ({"shift": (1, 2, 3)}, "shift must be"),
    ],
)
def test_wrong_options_of_a_match_are_named(options, text):
    with pytest.raises(SpecError, match=text):
        hungarian_match(discs(2), discs(2), **options)


def test_frames_must_be_equal():
    with pytest.raises(SpecError, match=r"\(60, 70\) px, A_true of \(50, 70\)"):
        hungarian_match(discs(2), discs(2, shape=(50, 70)))
    with pytest.raises(SpecError, match="A_est must be"):
        hungarian_match(np.ones((4, 4)), discs(2))


def test_an_affine_estimate_explains_everything():
    truth = np.random.default_rng(0).random((2, 50))
    estimate = np.stack([4.0 * truth[0] - 7.0, -truth[1]])
    score = activity_similarity(estimate, truth, [(0, 0), (1, 1)])
    np.testing.assert_allclose(score.correlation, [1.0, -1.0])
    np.testing.assert_allclose(score.scale, [0.25, 0.0])
    np.testing.assert_allclose(score.variance_explained, [1.0, 0.0], atol=1e-12)


def test_constant_traces_have_no_correlation():
    truth = np.stack([np.full(9, 0.1), np.arange(9.0)])
    estimate = np.stack([np.arange(9.0), np.full(9, 0.3)])
    assert np.isnan(trace_pearson(estimate, truth, [(0, 0), (1, 1)])).all()
    score = activity_similarity(estimate, truth, [(0, 0), (1, 1)])
    np.testing.assert_array_equal(score.scale, [0.0, 0.0])
    np.testing.assert_array_equal(score.variance_explained, [np.nan, 0.0])
    assert np.isnan(field_pearson(np.ones((3, 3)), np.eye(3)))


def test_no_pair_gives_empty_scores():
    traces = np.ones((1, 5))
    assert trace_pearson(traces, traces, []).shape == (0,)
    assert activity_similarity(traces, traces, []).scale.shape == (0,)


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(SpecError, match="equally many frames"):
        trace_pearson(np.ones((1, 5)), np.ones((1, 6)), [(0, 0)])
    with pytest.raises(SpecError, match="trajectories"):
        shift_rmse(np.ones((5, 2)), np.ones((6, 2)))
    with pytest.raises(SpecError, match="equal shapes"):
        field_pearson(np.ones((5, 2)), np.ones((6, 2)))


def test_a_constant_offset_of_a_trajectory_can_be_left_out():
    true = np.random.default_rng(1).normal(size=(30, 2))
    estimate = np.add(true, (3.0, 4.0))
    assert shift_rmse(estimate, true) == pytest.approx(np.sqrt(12.5))
    assert shift_rmse(estimate, true, align=True) == pytest.approx(0.0, abs=1e-12)
    assert shift_rmse(-estimate, true, correction=True) == pytest.approx(np.sqrt(12.5))
    assert global_shift_from_trajectories(-estimate, true) == (3, 4)


def test_the_mask_of_a_footprint_is_relative_to_its_peak():
    footprint = np.array([[0.0, 1.7], [1.9, 10.0]])
    np.testing.assert_array_equal(footprint_mask(footprint), [[False, False], [True, True]])
    movie = np.arange(12.0).reshape(3, 2, 2)
    np.testing.assert_array_equal(footprint_roi_trace(movie, footprint), [2.5, 6.5, 10.5])
    dark = np.zeros((2, 2))
    assert not footprint_mask(dark).any()
    np.testing.assert_array_equal(footprint_roi_trace(movie, dark), np.zeros(3))
