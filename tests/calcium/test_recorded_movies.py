"""Movies against those of the original program, by the tolerances of the specification."""

import numpy as np
import pytest
from calcium_reference import NAMES, WITH_SENSOR, recorded, scene
from calcium_specs import reference, reference_spec

from simlab.calcium.render import Renderer
from simlab.calcium.simulation import simulate

STAGE_ERROR = 1e-5  # of the largest value of the stage
DIFFERING = 1e-4
SEEDS = range(1000, 1012)
# The original sums footprints in float32: exact float64 differs by 6e-8 from each of its overlaps.
RELATIVE_ERROR = {"overlap_mean": 2e-8}


@pytest.mark.parametrize("name", NAMES)
def test_movies_after_each_step(name):
    expected, made = recorded(name), scene(name, "sequential")
    stages = Renderer(made).stages(0, made.n_frames)
    assert [f"stage_{stage}" for stage in stages] == [k for k in expected if k.startswith("stage_")]
    for stage, movie in stages.items():
        shown = expected[f"stage_{stage}"]
        error = STAGE_ERROR * abs(shown).max()
        if stage == "sensor":
            error = 1.0
            assert (movie[expected["frames"]] != shown).mean() <= DIFFERING
        assert movie.dtype == np.float32
        assert abs(movie[expected["frames"]] - shown).max() <= error
        means = movie.mean(axis=(1, 2), dtype=float)
        assert abs(means - expected[f"stagemean_{stage}"]).max() <= error


@pytest.mark.parametrize("name", WITH_SENSOR)
def test_counts_of_one_sequential_stream(name):
    made, expected = scene(name, "sequential"), recorded(name)["observed"]
    counts = Renderer(made).counts(0, made.n_frames)
    assert counts.dtype == expected.dtype
    assert (counts != expected).mean() <= DIFFERING
    assert abs(counts.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("name", ["minimal", "trajectory"])
def test_intensity_without_a_sensor(name):
    made, expected = scene(name), recorded(name)
    movie = Renderer(made).frames(0, made.n_frames)[expected["frames"]]
    assert abs(movie - expected["observed"]).max() <= STAGE_ERROR * movie.max()


def test_statistics_over_seeds():
    stored = reference("statistics")["stats_full"]
    rows = [summary(simulate(reference_spec("stats_full", seed=seed))) for seed in SEEDS]
    for name, mean in stored["mean"].items():
        found = np.mean([row[name] for row in rows])
        if name.startswith("obs_"):
            assert abs(found - mean) <= 0.02 * stored["std"][name] + 1e-3 * mean, name
        else:
            assert found == pytest.approx(mean, rel=RELATIVE_ERROR.get(name, 1e-9)), name


def summary(recording):
    truth, movie = recording.ground_truth, recording.observed_counts
    radius = np.hypot(*truth.shifts.T)
    return {
        "n_units": truth.n_units,
        "n_detectable": truth.detectable.sum(),
        "obs_mean": movie.mean(),
        "obs_std": movie.std(),
        "obs_temporal_std": movie.std(axis=0).mean(),
        "C_mean": truth.C.mean(),
        "C_std": truth.C.std(axis=1).mean(),
        "spikes_per_s": truth.S.sum(axis=1).mean() / recording.spec.acquisition.duration_s,
        "amp_mean": truth.amplitude_per_cell.mean(),
        "amp_std": truth.amplitude_per_cell.std(),
        "in_focus": truth.in_focus.mean(),
        "shift_p50": np.percentile(radius, 50),
        "shift_p99": np.percentile(radius, 99),
        "shift_max": radius.max(),
        "np_mean": truth.neuropil_temporal.mean(),
        "np_std": truth.neuropil_temporal.std(axis=1).mean(),
        "np_field_mean": truth.neuropil_spatial.mean(),
        "vasc_mean": truth.vasculature_mask.mean(),
        "vasc_min": truth.vasculature_mask.min(),
        "overlap_mean": truth.vessel_overlap_fraction.mean(),
        "bleach_end": truth.bleaching[:, -1].mean(),
    }
