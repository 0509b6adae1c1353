"""Small recordings, and scores of estimates whose quality is known."""

import math
import tracemalloc
import warnings

import numpy as np
import pytest
from calcium_specs import small

from simlab.calcium.errors import EstimateError, SpecError
from simlab.calcium.footprints import FootprintStack
from simlab.calcium.recording import GroundTruth
from simlab.calcium.simulation import simulate
from simlab.calcium.spec import (
    BrainMotion,
    CellActivity,
    Leakage,
    NeuronPopulation,
    Sensor,
    SpecWarning,
)
from simlab.calcium.testing import Estimate, make_recording, score


@pytest.fixture(scope="module")
def recording():
    motion = BrainMotion(motion_amplitude_um=3.0, max_shift_um=4.5)
    return make_recording(n_cells=7, motion=motion, n_px=96, soma_radius_um=4.0)


@pytest.fixture(scope="module")
def truth(recording):
    return recording.ground_truth


def test_cells_lie_on_a_grid_in_the_middle_of_the_field(truth):
    half, reach = 0.35 * 96, 0.15 * 0.7 * 96 / 3
    rng = np.random.default_rng(0)
    lines = [(y, x) for y in (-half, 0.0, half) for x in (-half, 0.0, half)]
    expected = [np.add(place, rng.uniform(-reach, reach, 2)) for place in lines[:7]]
    np.testing.assert_array_equal(truth.centers_um[:, 0], 50.0)
    np.testing.assert_allclose(truth.centers_um[:, 1:], expected, rtol=1e-12)


def test_cells_lie_where_the_original_puts_them():
    centers = make_recording(duration_s=0.1).ground_truth.centers_um
    expected = [
        *((50.0, -43.57282328, -46.86271104), (50.0, -48.91287723, -4.33191239)),
        *((50.0, -41.99309866, 48.49828997), (50.0, 45.75545655, -42.74371081)),
        *((50.0, 45.19087992, 3.89824892), (50.0, 47.63004784, 40.34453696)),
    ]
    np.testing.assert_allclose(centers, expected, rtol=0, atol=5e-9)
    (alone,) = make_recording(n_cells=1, duration_s=0.1).ground_truth.centers_um
    np.testing.assert_allclose(alone, (50.0, 3.68153016, -6.18813313), rtol=0, atol=5e-9)


def test_arguments_reach_the_specification():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        recording = make_recording(
            n_cells=2,
            n_px=64,
            pixel_size_um=2.0,
            duration_s=0.2,
            fps=30.0,
            seed=5,
            depth_um=80.0,
            focal_depth_um=70.0,
            soma_radius_um=9.0,
            morphology="cytosolic",
            motion=BrainMotion(max_shift_um=12.0, motion_amplitude_um=3.0),
            activity=CellActivity(f0=2.0),
            sensor=Sensor(photons_per_unit=10.0),
            extra_steps=[Leakage()],
            save_intermediates=True,
        )
    spec = recording.spec
    assert recording.shape == (6, 64, 64)
    assert spec.acquisition.pixel_size_um == 2.0
    assert spec.acquisition.image_sensor.pixel_pitch_um == 8.0
    assert spec.seed == 5
    assert recording.ground_truth.focal_depth_um == 70.0
    (population,) = spec.step("place_neurons").resolved_populations
    assert population.soma_radius_um == 9.0
    assert population.morphology == "cytosolic"
    assert [z for z, _, _ in population.positions_um] == [80.0, 80.0]
    assert spec.step("cell_activity").f0 == 2.0
    assert spec.step("sensor").photons_per_unit == 10.0
    assert spec.step("brain_motion").max_shift_um == 12.0
    assert "leakage" in recording.snapshots


def test_defaults_are_lively_cells_in_dim_light(recording):
    spec = recording.spec
    assert spec.step("cell_activity").p_quiescent_to_active == 0.05
    assert spec.step("sensor").photons_per_unit == 40.0
    assert recording.ground_truth.detectable.all()


def test_a_population_can_take_the_place_of_the_grid():
    population = NeuronPopulation(density_per_mm3=2e5, soma_radius_um=4.0)
    recording = make_recording(population=population, n_px=48, duration_s=0.1)
    assert recording.spec.step("place_neurons").resolved_populations == [population]


def test_motion_is_that_of_an_ordinary_animal_whatever_the_field_of_view():
    with pytest.warns(SpecWarning, match=r"motion of 10 µm exceeds 5 % of .* \(64 µm\)"):
        spec = make_recording(n_cells=1, n_px=64, duration_s=0.1, motion=True).spec
    assert spec.step("brain_motion") == BrainMotion()


def test_a_recording_without_cells_is_refused():
    with pytest.raises(SpecError, match="n_cells is 0"):
        make_recording(n_cells=0)


def test_the_truth_scores_itself_fully(recording, truth):
    estimate = Estimate(A=truth.A_observed, C=truth.C, S=truth.S, shifts=-truth.shifts)
    report = score(estimate, recording)
    assert (report.n_true, report.n_est, report.n_matched) == (7, 7, 7)
    assert (report.n_requested, report.n_detectable) == (7, 7)
    assert report.recall == report.precision == report.f1 == 1.0
    assert report.mean_overlap == 1.0
    assert report.trace_corr == report.activity_corr == pytest.approx(1.0)
    assert report.activity_variance_explained == pytest.approx(1.0)
    assert report.activity_scale == pytest.approx(1.0)
    assert report.shift_rmse == pytest.approx(0.0, abs=1e-12)
    assert report.footprint_shift == (0, 0)
    assert score(estimate, truth).summary() == report.summary()


def test_an_offset_template_is_moved_by_the_trajectories(truth):
    footprints = np.roll(truth.A_observed, (2, -3), axis=(1, 2))
    corrections = -(truth.shifts - (2.0, -3.0))
    report = score(Estimate(footprints=footprints, shifts=corrections), truth)
    assert report.footprint_shift == (-2, 3)
    assert report.recall == 1.0
    assert report.shift_rmse == pytest.approx(0.0, abs=1e-12)


def test_without_trajectories_the_footprints_tell_the_offset(truth):
    footprints = np.roll(truth.A_observed, (2, -3), axis=(1, 2))
    assert score({"A": footprints}, truth).footprint_shift == (-2, 3)
    assert score({"A": footprints}, truth, footprint_shift=None).footprint_shift == (0, 0)
    assert score({"A": footprints}, truth, footprint_shift=(-2, 0)).footprint_shift == (-2, 0)


def test_missing_units_lower_recall_and_false_ones_precision(truth):
    footprints = truth.A_observed.copy()
    footprints[5:] = 0.0
    footprints[5, :6, :6] = 1.0
    report = score({"A": footprints[:6], "C": truth.C[:6]}, truth)
    assert (report.n_true, report.n_est, report.n_matched) == (7, 6, 5)
    assert report.recall == pytest.approx(5 / 7)
    assert report.precision == pytest.approx(5 / 6)
    assert report.f1 == pytest.approx(10 / 13)


def test_scale_and_noise_of_the_activity_are_seen(truth):
    report = score({"A": truth.A_observed, "S": 4.0 * truth.S}, truth)
    assert report.activity_scale == pytest.approx(0.25)
    assert report.activity_variance_explained == pytest.approx(1.0)
    noisy = truth.S + np.random.default_rng(0).normal(size=truth.S.shape) * truth.S.std()
    worse = score({"A": truth.A_observed, "S": noisy}, truth)
    assert 0.3 < worse.activity_variance_explained < 0.7


def test_what_was_not_estimated_has_no_score(truth):
    report = score({"A": truth.A_observed}, truth)
    assert math.isnan(report.trace_corr)
    assert math.isnan(report.activity_corr)
    assert report.shift_rmse is None
    assert "motion" not in report.summary()
    nothing = score({"A": truth.A_observed[:0], "C": truth.C[:0]}, truth)
    assert nothing.recall == nothing.precision == nothing.f1 == nothing.mean_overlap == 0.0
    assert math.isnan(nothing.trace_corr)


def test_units_that_cannot_be_detected_count_only_if_asked_for():
    dim = make_recording(n_cells=4, sensor=Sensor(photons_per_unit=0.5)).ground_truth
    assert not dim.detectable.any()
    report = score({"A": dim.A_observed}, dim)
    assert (report.n_true, report.n_requested, report.n_detectable) == (0, 4, 0)
    assert report.recall == 0.0
    everything = score({"A": dim.A_observed}, dim, restrict_to_detectable=False)
    assert (everything.n_true, everything.recall) == (4, 1.0)
    assert (report.precision, everything.precision) == (0.0, 1.0)


def test_footprints_can_be_given_as_patches(truth):
    stack = truth.A_observed_sparse.crop(*truth.fov_offset, *truth.fov_shape)
    report = score(Estimate(footprints=stack, traces=truth.C, activity=truth.S), truth)
    assert report.mean_overlap == 1.0
    assert report.trace_corr == pytest.approx(1.0)


def test_flat_footprints_score_themselves_fully_as_images_and_as_patches():
    somata = {"kind": "place_neurons", "density_per_mm3": 2e5, "soma_radius_um": 5.0}
    truth = simulate(small(somata, "cell_activity", "composite")).ground_truth
    stack = truth.A_observed_sparse.crop(*truth.fov_offset, *truth.fov_shape)
    assert set(np.unique(stack.data)) == {0.0, 1.0}
    for footprints in (truth.A_observed, stack):
        report = score({"A": footprints}, truth, restrict_to_detectable=False)
        assert report.n_matched == report.n_true > 5
        assert report.mean_overlap == 1.0


def test_a_thousand_units_are_scored_in_little_memory():
    n, side, radius = 1000, 1200, 6
    patch = np.maximum(radius - np.hypot(*np.mgrid[-radius : radius + 1, -radius : radius + 1]), 0)
    offsets = np.random.default_rng(0).integers(0, side - 2 * radius - 1, (n, 2))
    truth = GroundTruth(
        planted=FootprintStack.from_patches([patch] * n, offsets, (side, side)),
        fov_offset=(0, 0),
        fov_shape=(side, side),
        C=np.zeros((n, 2)),
        S=np.zeros((n, 2)),
        centers_um=np.zeros((n, 3)),
        amplitude_per_cell=np.ones(n),
        in_focus=np.ones(n, bool),
        detectable=np.ones(n, bool),
    )
    tracemalloc.start()
    report = score({"A": truth.planted}, truth)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report.recall == 1.0
    assert peak < 0.1 * n * side * side * 4  # a tenth of the dense float32 images


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (("A", "footprints"), "A and footprints"),
        (("A", "C", "traces"), "C and traces"),
        (("A", "S", "activity"), "S and activity"),
        (("C",), "needs footprints"),
    ],
)
def test_an_estimate_names_each_thing_once(names, text):
    with pytest.raises(EstimateError, match=text) as caught:
        Estimate(**dict.fromkeys(names, np.ones((1, 4, 4))))
    assert isinstance(caught.value, TypeError)


def test_things_that_are_no_estimate_are_refused(truth):
    with pytest.raises(EstimateError, match="found ndarray"):
        score(truth.A_observed, truth)
    with pytest.raises(EstimateError, match="no a_est"):
        score({"a_est": truth.A_observed}, truth)
    with pytest.raises(SpecError, match="C has 3 units, the footprints are 7"):
        score({"A": truth.A_observed, "C": truth.C[:3]}, truth)
