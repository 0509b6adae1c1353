"""Recordings in memory: snapshots, stopping early, missing partners, odd cases."""

import numpy as np
import pytest
from calcium_reference import NAMES, recorded, recorded_spec
from calcium_specs import quiet_spec, small

from simlab.calcium.errors import SpecError, StageError
from simlab.calcium.perf import PerfTracker
from simlab.calcium.simulation import simulate
from simlab.calcium.spec import SpecWarning

FLOAT32_STORED = {
    *("illumination", "vignette", "leakage", "neuropil_spatial", "vasculature_mask"),
    "vessel_overlap_fraction",
}
EXACT = {"centers_um", "S", "in_focus", "detectable"}
CELLS = {"kind": "place_neurons", "density_per_mm3": 60000.0, "soma_radius_um": 5.0}
MOTION = {"kind": "brain_motion", "motion_amplitude_um": 1.0, "max_shift_um": 1.5}
VESSELS = {"kind": "vasculature", "enabled": True, "layers": [{"root_radius_um": 6.0}]}
ALL_STEPS = (
    *(CELLS, "cell_activity", "bleaching", "optics", "composite", "neuropil", VESSELS, MOTION),
    *("illumination_profile", "vignette", "leakage", {"kind": "sensor", "photons_per_unit": 40.0}),
)


def all_steps(**changes):
    return quiet_spec({**small(*ALL_STEPS).model_dump(mode="json"), **changes})


@pytest.mark.parametrize("name", NAMES)
def test_ground_truth_of_the_reference_recordings(name):
    expected, truth = recorded(name), simulate(recorded_spec(name, snapshots=False)).ground_truth
    for key in (key for key in expected if key.startswith("gt_")):
        field = key.removeprefix("gt_")
        found = getattr(truth, field)
        assert found.shape == expected[key].shape
        if field in EXACT:
            assert np.array_equal(found, expected[key]), field
        else:
            error = 2e-6 if field in FLOAT32_STORED else 1e-9
            scale = abs(expected[key]).max()
            np.testing.assert_allclose(found, expected[key], error, error * scale, err_msg=field)
    assert {f"gt_{name}" for name in truth.present} == {k for k in expected if k[:3] == "gt_"}
    for part in ("offsets", "shapes", "data"):
        assert np.array_equal(getattr(truth.planted, part), expected[f"planted_{part}"])
    assert truth.planted.canvas_shape == tuple(expected["canvas_shape"])
    assert truth.fov_offset == tuple(expected["fov_offset"])
    if "focal_depth_um" in expected:
        assert truth.focal_depth_um == pytest.approx(float(expected["focal_depth_um"]), rel=1e-9)
    else:
        assert truth.focal_depth_um is None
    total = expected["A_observed_sum"]
    assert truth.A_observed.sum(axis=0) == pytest.approx(total, abs=2e-6 * float(total.max()))
    light = truth.A_csr().sum(axis=1)
    assert np.asarray(light).ravel() == pytest.approx(expected["A_observed_integral"], rel=2e-6)


def test_the_same_specification_gives_the_same_recording():
    first, second = simulate(all_steps()), simulate(all_steps())
    assert first.observed_counts.tobytes() == second.observed_counts.tobytes()
    assert np.array_equal(first.ground_truth.C, second.ground_truth.C)
    other = simulate(all_steps(seed=4))
    assert not np.array_equal(first.observed_counts, other.observed_counts)


def test_the_order_of_listed_steps_does_not_matter():
    spec = all_steps()
    mapping = spec.model_dump(mode="json")
    again = quiet_spec({**mapping, "steps": mapping["steps"][::-1]})
    assert np.array_equal(simulate(again).observed_counts, simulate(spec).observed_counts)


def test_snapshots_do_not_change_the_recording():
    plain = simulate(all_steps())
    kept = simulate(all_steps(output={"save_intermediates": True}))
    assert np.array_equal(kept.observed_counts, plain.observed_counts)
    assert not plain.snapshots
    assert list(kept.snapshots) == [*kept.spec.stage_names[4:]]
    height, width = kept.spec.canvas_shape
    assert kept.stage("vasculature").shape == (4, height, width)
    assert kept.stage("brain_motion").shape == (4, *kept.spec.fov_shape)
    assert kept.stage("composite") is kept.stage("cells_only")
    assert np.array_equal(kept.stage("sensor"), plain.observed)


def test_a_stage_that_was_not_kept_is_named():
    with pytest.raises(StageError, match=r"'vignette'.*save_intermediates") as caught:
        simulate(all_steps()).stage("vignette")
    assert str(caught.value)[0] not in "'\""
    assert isinstance(caught.value, KeyError)


@pytest.mark.parametrize("until", ["composite", "cells_only"])
def test_stopping_at_a_kind_or_at_its_stage_is_the_same(until):
    kept = simulate(all_steps(output={"save_intermediates": True}))
    stopped = simulate(all_steps(), until=until)
    m, (height, width) = stopped.spec.margin_px, stopped.spec.fov_shape
    whole = kept.stage("cells_only")
    assert stopped.until == until
    assert np.array_equal(stopped.observed, whole[:, m : m + height, m : m + width])
    assert stopped.ground_truth.shifts is None
    with pytest.raises(SpecError, match="no counts"):
        stopped.observed_counts  # noqa: B018


@pytest.mark.parametrize("stage", ["brain_motion", "illumination_profile", "vignette", "leakage"])
def test_stopping_gives_the_snapshot_of_the_stage(stage):
    kept = simulate(all_steps(output={"save_intermediates": True}))
    stopped = simulate(all_steps(), until=stage)
    assert np.array_equal(stopped.observed, kept.stage(stage))
    assert stopped.ground_truth.focal_depth_um == kept.ground_truth.focal_depth_um


@pytest.mark.parametrize("until", ["place_neurons", "optics"])
def test_there_is_no_movie_before_the_first_step_that_makes_one(until):
    stopped = simulate(all_steps(), until=until)
    assert stopped.observed.shape == (0, 32, 40)
    assert stopped.ground_truth.n_units > 0
    assert (stopped.ground_truth.observed_gain is None) == (until == "place_neurons")
    assert stopped.ground_truth.C.shape == (stopped.ground_truth.n_units, 4)


def test_an_unknown_stage_is_refused_before_any_work():
    perf = PerfTracker()
    with pytest.raises(SpecError, match=r"'vignete'.*cells_only"):
        simulate(all_steps(), until="vignete", perf=perf)
    assert not perf.spans


def test_every_step_is_timed_under_its_stage():
    spec, perf = all_steps(), PerfTracker()
    timed = simulate(spec, perf=perf)
    assert list(perf.spans)[:4] == spec.stage_names[:4]
    assert set(perf.spans) == {*spec.stage_names, "finalize"}
    assert perf.spans["brain_motion"].domain == "motion"
    assert np.array_equal(timed.observed_counts, simulate(spec).observed_counts)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_observed_has_the_number_type_asked_for(dtype):
    for steps in (("neuropil",), ("neuropil", "sensor")):
        mapping = small(*steps).model_dump(mode="json")
        recording = simulate(quiet_spec({**mapping, "output": {"store_dtype": dtype}}))
        assert recording.observed.dtype == dtype
        assert recording.dtype == ("u1" if "sensor" in steps else dtype)


def test_a_disabled_vasculature_makes_a_dark_movie():
    recording = simulate(small("vasculature"))
    assert recording.observed.shape == (4, 32, 40)
    assert not recording.observed.any()
    assert recording.ground_truth.vasculature_mask is None


def test_sensor_without_light_counts_read_noise_only():
    counts = simulate(small("sensor", frames=20)).observed_counts
    assert 0 < (counts > 0).mean() < 0.5


@pytest.mark.parametrize(
    "steps",
    [
        ("cell_activity", "bleaching", "optics", "composite"),
        (CELLS, "composite"),
        (CELLS, "bleaching", "optics", "composite", "sensor"),
        ({**CELLS, "density_per_mm3": 1e-3}, "cell_activity", "bleaching", "optics", "composite"),
        ({**CELLS, "positions_um": []}, "cell_activity", "optics", "composite", "neuropil"),
    ],
)
def test_missing_partners_make_no_errors(steps):
    recording = simulate(small(*steps, VESSELS, MOTION))
    truth = recording.ground_truth
    assert recording.shape == (4, 32, 40)
    assert truth.C.shape == truth.S.shape == (truth.n_units, 4)
    assert truth.A_observed.shape == (truth.n_units, 32, 40)
    assert truth.A_csr().shape == (truth.n_units, 32 * 40)
    if not recording.spec.step("neuropil") and not recording.spec.step("sensor"):
        assert not recording.observed.any()


@pytest.mark.parametrize("n_px", [(1, 30), (30, 1), (17, 31)])
@pytest.mark.parametrize("frames", [1, 3])
def test_odd_and_thin_sensors(n_px, frames):
    cells = {**CELLS, "soma_radius_um": 0.4}
    recording = simulate(small(cells, "cell_activity", "optics", *ALL_STEPS[4:], n_px=n_px,
                               frames=frames))  # fmt: skip
    assert recording.observed_counts.shape == (frames, *n_px)
    assert np.isfinite(recording.observed).all()


def test_saturated_recordings_are_warned_of():
    bright = {"kind": "sensor", "photons_per_unit": 1e5}
    with pytest.warns(SpecWarning, match=r"100\.0 % of the pixels are saturated"):
        simulate(small("neuropil", bright))


def test_deep_sensors_are_refused_when_a_simulation_starts():
    spec = small("sensor", sensor={"bit_depth": 17})
    with pytest.raises(SpecError, match="bit_depth up to 16 is supported"):
        simulate(spec)


def test_the_subset_of_detectable_units_is_sliced_throughout():
    spec = recorded_spec("full", snapshots=False, saturation={"half": 3.0})
    truth = simulate(spec).ground_truth
    part = truth.detectable_subset()
    kept = truth.detectable
    assert 0 < part.n_units < truth.n_units
    assert part.detectable.all()
    assert np.array_equal(part.A_observed, truth.A_observed[kept])
    assert np.array_equal(part.vessel_overlap_fraction, truth.vessel_overlap_fraction[kept])
    assert np.array_equal(part.ext["emission"], truth.ext["emission"][kept])
    assert np.array_equal(part.depth_um, truth.depth_um[kept])
    assert part.shifts is truth.shifts
