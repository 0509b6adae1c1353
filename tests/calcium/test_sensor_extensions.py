"""Effects beyond the original program."""

import numpy as np
import pytest
from calcium_specs import small

from simlab.calcium import extensions
from simlab.calcium.bleaching import dark_recovery
from simlab.calcium.render import Renderer, render_frames
from simlab.calcium.scene import build_scene
from simlab.calcium.simulation import simulate
from simlab.calcium.spec import DroppedFrames, HotPixels, Saturation, Segment

STEPS = (
    {"kind": "place_neurons", "density_per_mm3": 60000.0, "soma_radius_um": 5.0},
    {"kind": "cell_activity", "p_quiescent_to_active": 0.1},
    {"kind": "bleaching", "bleach_susceptibility": 0.01, "turnover_tau_s": 20.0},
    "optics",
    "composite",
    "neuropil",
    {"kind": "sensor", "photons_per_unit": 80.0},
)
ALL = {
    "shot_noise": "poisson",
    "saturation": {"hill": 1.5, "half": 3.0},
    "segments": [{"start_frame": 9, "gap_s": 30.0, "exposure": 1.5}],
    "hot_pixels": {"fraction": 0.05},
    "dropped_frames": {"fraction": 0.4},
}


def spec_with(**ext):
    return small(*STEPS, frames=24, ext=ext)


@pytest.mark.parametrize("names", [*([name] for name in ALL), list(ALL)])
@pytest.mark.parametrize("chunk", [1, 5, 24])
def test_no_extension_depends_on_chunks(names, chunk):
    made = build_scene(spec_with(**{name: ALL[name] for name in names}))
    expected, renderer = render_frames(made, 0, 24), Renderer(made)
    for t0 in reversed(range(0, 24, chunk)):
        assert np.array_equal(renderer.frames(t0, min(t0 + chunk, 24)), expected[t0 : t0 + chunk])


@pytest.mark.parametrize("name", ALL)
def test_each_extension_changes_the_counts(name):
    plain = simulate(spec_with()).observed_counts
    assert not np.array_equal(simulate(spec_with(**{name: ALL[name]})).observed_counts, plain)


def test_poisson_counts_of_no_read_noise_are_whole_electrons():
    chip = {"read_noise_e": 0.0, "gain_adu_per_e": 3.0, "bit_depth": 12}
    ext = {"shot_noise": "poisson"}
    counts = simulate(small(*STEPS, frames=3, sensor=chip, ext=ext)).observed_counts
    assert counts.any()
    assert not (counts % 3).any()


def test_a_linear_hill_curve_is_straight_at_small_signals():
    gains, f0 = np.array([0.5, 2.0]), 1.0
    C = gains[:, None] * (f0 + np.array([-0.5, 0.0, 1e-6, 2e-6]))
    found = extensions.saturated_emission(C, gains, f0, Saturation(hill=1.0, half=10.0))
    assert found == pytest.approx(np.maximum(C, gains[:, None] * f0), rel=1e-12)


@pytest.mark.parametrize("hill", [0.7, 1.0, 2.5])
def test_saturation_is_half_at_the_half_signal_and_ends_there(hill):
    curve = Saturation(hill=hill, half=4.0)
    C = np.array([[1.0 + 4.0, 1e300]])
    found = extensions.saturated_emission(C, np.ones(1), 1.0, curve)
    assert found == pytest.approx(np.array([[1.0 + 2.0, 1.0 + 4.0]]))


def test_traces_stay_linear_under_saturation():
    plain, saturated = simulate(spec_with()), simulate(spec_with(saturation=ALL["saturation"]))
    truth = saturated.ground_truth
    assert np.array_equal(truth.C, plain.ground_truth.C)
    assert truth.ext["emission"].shape == truth.C.shape
    assert (truth.ext["emission"] <= truth.amplitude_per_cell[:, None] * (1.0 + 3.0)).all()
    assert (truth.bleaching >= plain.ground_truth.bleaching - 1e-12).all()


def test_exposure_lasts_until_the_next_segment():
    segments = [
        Segment(start_frame=2, gap_s=1.0, exposure=2.0),
        Segment(start_frame=4, gap_s=1.0),
    ]
    assert list(extensions.exposure(segments, 6)) == [1, 1, 2, 2, 1, 1]


def test_cells_recover_in_a_pause():
    made = build_scene(spec_with(segments=ALL["segments"]))
    plain = build_scene(spec_with())
    before, after = plain.cells.B[:, 9], made.cells.B[:, 9]
    assert np.array_equal(made.cells.B[:, :9], plain.cells.B[:, :9])
    assert after == pytest.approx(dark_recovery(before, 30.0, 20.0), rel=1e-9)


def test_a_longer_exposure_gives_more_counts_of_the_same_light():
    segment = {"start_frame": 12, "gap_s": 1e-9, "exposure": 2.0}
    chip = {"bit_depth": 16}
    spec = small(*STEPS, frames=24, sensor=chip, ext={"segments": [segment]})
    plain = simulate(small(*STEPS, frames=24, sensor=chip)).observed_counts.astype(float)
    counts = simulate(spec).observed_counts
    assert np.array_equal(counts[:12], plain[:12])
    assert counts[12:].mean() / plain[12:].mean() == pytest.approx(2.0, rel=0.02)


def test_hot_pixels_count_more_up_to_the_largest_count():
    hot = {"fraction": 0.1, "level_adu": 100.0}
    plain, spoiled = simulate(spec_with()), simulate(spec_with(hot_pixels=hot))
    extra = spoiled.ground_truth.ext["hot_pixels"]
    assert extra.dtype == np.uint16
    expected = np.minimum(plain.observed_counts.astype(int) + extra, 255)
    assert np.array_equal(spoiled.observed_counts, expected)


def test_hot_pixels_are_as_many_and_as_hot_as_asked():
    hot = HotPixels(fraction=0.01, level_adu=60.0)
    extra = extensions.hot_pixels(5, (1000, 1000), hot, 65535)
    share = 0.01 * np.exp(-1 / 60)  # an extra below 1 is none
    assert abs((extra > 0).mean() - share) < 5 * np.sqrt(share / extra.size)
    mean = 1 / (1 - np.exp(-1 / 60))
    assert extra[extra > 0].mean() == pytest.approx(mean, rel=5 / np.sqrt(0.01 * extra.size))
    assert extensions.hot_pixels(5, (1000, 1000), hot, 255).max() == 255


@pytest.mark.parametrize("fill", ["repeat", "black"])
def test_lost_frames_are_filled(fill):
    plain = simulate(spec_with()).observed_counts
    recording = simulate(spec_with(dropped_frames={"fraction": 0.4, "fill": fill}))
    lost = recording.ground_truth.ext["dropped"]
    assert lost.any()
    for t, frame in enumerate(recording.observed_counts):
        if not lost[t]:
            expected = plain[t]
        elif fill == "black":
            expected = np.zeros_like(plain[t])
        assert np.array_equal(frame, expected)


def test_the_first_frame_is_never_lost():
    lost = extensions.dropped_frames(0, 20_000, DroppedFrames(fraction=0.99))
    assert not lost[0]
    assert abs(lost[1:].mean() - 0.99) < 5 * np.sqrt(0.99 * 0.01 / lost.size)


def test_lost_frames_of_sequential_noise_take_their_numbers_along():
    ext = {"sensor_noise": "sequential", "dropped_frames": {"fraction": 0.4}}
    made = build_scene(spec_with(**ext))
    kept = ~made.ext["dropped"]
    plain = simulate(spec_with(sensor_noise="sequential")).observed_counts
    whole = Renderer(made).frames(0, 24)
    assert np.array_equal(whole[kept], plain[kept])
    again = Renderer(made)
    assert np.array_equal([again.frames(t, t + 1)[0] for t in range(24)], whole)
