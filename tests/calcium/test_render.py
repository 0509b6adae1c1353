"""Frames have the same bits however they are rendered."""

import numba
import numpy as np
import pytest
from calcium_reference import NAMES, recorded_spec, scene
from calcium_specs import small

from simlab.calcium.errors import SpecError
from simlab.calcium.perf import PerfTracker
from simlab.calcium.render import Renderer, iter_frames, render_frames
from simlab.calcium.scene import build_scene
from simlab.calcium.scene_types import Scene
from simlab.calcium.simulation import simulate

CELLS = {"kind": "place_neurons", "density_per_mm3": 60000.0, "soma_radius_um": 5.0}
MOTION = {"kind": "brain_motion", "motion_amplitude_um": 1.0, "max_shift_um": 1.5}


def whole(name, **choices):
    made = scene(name)
    return Renderer(made).frames(0, made.n_frames, **choices)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("chunk", [1, 3, 7, 64])
def test_chunks_do_not_matter(name, chunk):
    expected, renderer = whole(name), Renderer(scene(name))
    for t0 in range(0, len(expected), chunk):
        part = renderer.frames(t0, min(t0 + chunk, len(expected)))
        assert np.array_equal(part, expected[t0 : t0 + chunk])


@pytest.mark.parametrize("name", NAMES)
def test_separate_passes_give_the_fused_frames(name):
    expected, renderer = whole(name), Renderer(scene(name))
    assert np.array_equal(whole(name, perf=PerfTracker()), expected)
    frames, stages = renderer.frames_and_stages(0, len(expected))
    assert np.array_equal(frames, expected)
    if renderer.has_counts:
        counts, clean = renderer.both(0, len(expected))
        assert np.array_equal(counts, expected)
        assert np.array_equal(clean, renderer.clean(0, len(expected)))
        assert np.array_equal(stages["sensor"], expected)
        last = list(stages)[-2]
        assert np.array_equal(stages[last], clean)


@pytest.mark.parametrize("n_px", [(17, 31), (1, 30), (30, 1), (9, 33), (10, 34)])
@pytest.mark.parametrize("ext", [None, {"shot_noise": "poisson"}, {"sensor_noise": "sequential"}])
def test_separate_passes_give_the_fused_frames_of_any_size(n_px, ext):
    cells = {**CELLS, "soma_radius_um": 0.4}
    steps = (cells, "cell_activity", "optics", "composite", "neuropil", MOTION, "vignette")
    made = build_scene(small(*steps, "leakage", "sensor", n_px=n_px, frames=19, ext=ext))
    expected = render_frames(made, 0, 19)
    assert np.array_equal(render_frames(made, 0, 19, perf=PerfTracker()), expected)
    renderer = Renderer(made)
    assert np.array_equal([renderer.frames(t, t + 1)[0] for t in range(19)], expected)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_do_not_matter(threads):
    expected = whole("full")
    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    try:
        again = build_scene(recorded_spec("full"))
        assert np.array_equal(Renderer(again).frames(0, 40), expected)
    finally:
        numba.set_num_threads(before)


def test_frames_in_the_middle_need_no_frames_before_them():
    made = scene("full")
    assert np.array_equal(render_frames(made, 20, 33), whole("full")[20:33])
    clean = render_frames(made, 20, 33, clean=True)
    assert clean.dtype == np.float32
    assert np.array_equal(clean, Renderer(made).clean(0, 40)[20:33])


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_scene_renders_the_same(name, tmp_path):
    scene(name).save(tmp_path / "scene.h5")
    stored = Scene.load(tmp_path / "scene.h5")
    assert np.array_equal(render_frames(stored, 0, stored.n_frames), whole(name))


@pytest.mark.parametrize("chunk", [1, 16, 128])
def test_iterated_frames_are_those_of_the_recording(chunk):
    spec = recorded_spec("walk_motion", snapshots=False)
    expected = simulate(spec).observed_counts
    pairs = list(iter_frames(spec, chunk_frames=chunk, t0=5, t1=47))
    assert [index for index, _ in pairs] == list(range(5, 47))
    assert np.array_equal([frame for _, frame in pairs], expected[5:47])


def test_sequential_noise_comes_in_order_only():
    spec = recorded_spec("minimal_sensor", snapshots=False, sensor_noise="sequential")
    made = scene("minimal_sensor", "sequential")
    expected = render_frames(made, 0, 30)
    with pytest.raises(SpecError, match="sensor_noise"):
        render_frames(made, 4, 9)
    tail = [frame for _, frame in iter_frames(spec, t0=22, chunk_frames=3)]
    assert np.array_equal(tail, expected[22:])
    renderer = Renderer(made)
    assert np.array_equal(renderer.counts(20, 25), expected[20:25])
    assert np.array_equal(renderer.counts(3, 8), expected[3:8])


def test_phases_of_a_video_are_timed_once_a_chunk():
    perf = PerfTracker()
    list(iter_frames(recorded_spec("full", snapshots=False), chunk_frames=18, perf=perf))
    phases = (
        *("composite", "neuropil", "vasculature", "motion_crop"),
        *("photon_field", "leakage", "digitize"),
    )
    assert [perf.spans[name].calls for name in phases] == [3] * len(phases)
    assert {perf.spans[name].domain for name in phases} == {"tissue", "motion", "sensor"}


def test_whole_pixel_shifts_move_the_content_exactly():
    trajectory = [(0.0, 0.0), (2.0, 0.0), (0.0, -3.0), (-1.0, 3.0)]
    motion = {"kind": "brain_motion", "trajectory_um": trajectory}
    spec = small(CELLS, "cell_activity", "composite", motion)
    renderer = Renderer(build_scene(spec))
    stages = renderer.stages(0, 4)
    canvas, moved, m = stages["cells_only"], stages["brain_motion"], spec.margin_px
    for t, (dy, dx) in enumerate(trajectory):
        rows, columns = int(m - dy), int(m - dx)
        assert np.array_equal(moved[t], canvas[t, rows : rows + 32, columns : columns + 40])


def test_shifts_that_never_leave_zero_need_no_margin():
    still = {"kind": "brain_motion", "trajectory_um": [(0.0, 0.0)] * 4}
    steps = (CELLS, "cell_activity", "composite", "neuropil")
    moved, unmoved = (build_scene(small(*steps, *more)) for more in ([still], []))
    assert moved.margin == 0
    assert np.array_equal(render_frames(moved, 0, 4), render_frames(unmoved, 0, 4))


def test_half_a_pixel_is_the_mean_of_neighbors():
    motion = {"kind": "brain_motion", "trajectory_um": [(0.5, -0.5)] * 4}
    spec = small(CELLS, "cell_activity", "composite", motion)
    stages = Renderer(build_scene(spec)).stages(0, 4)
    canvas, m = stages["cells_only"].astype(float), spec.margin_px
    corners = [
        canvas[:, m - 1 + i : m + 31 + i, m + j : m + 40 + j] for i in (0, 1) for j in (0, 1)
    ]
    expected = np.mean(corners, axis=0)
    assert stages["brain_motion"] == pytest.approx(expected, abs=1e-6 * expected.max())


def test_the_movie_of_cells_is_the_sum_of_their_footprints_and_traces():
    spec = small(CELLS, "cell_activity", "bleaching", "optics", "composite", frames=20)
    recording = simulate(spec)
    truth = recording.ground_truth
    light = truth.C * truth.bleaching
    expected = np.einsum("nhw,nt->thw", truth.A_observed.astype(float), light)
    assert recording.observed == pytest.approx(expected, abs=1e-5 * expected.max())


def test_background_and_vessels_come_before_motion_and_fields_after():
    names = ("neuropil", "illumination_profile", "vignette", "leakage")
    vessels = {"kind": "vasculature", "enabled": True, "layers": [{"root_radius_um": 6.0}]}
    spec = small(*names, vessels, frames=6)
    made = build_scene(spec)
    background, fields = made.neuropil, made.fields
    light = np.einsum("kt,khw->thw", background.temporal, background.spatial)
    light *= spec.step("neuropil").amplitude / len(background.spatial) * made.vessel.mask
    expected = light * fields.illumination * fields.vignette + fields.leakage
    assert render_frames(made, 0, 6) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("t0", "t1"), [(-1, 2), (3, 2), (0, 5)])
def test_frames_must_be_of_the_recording(t0, t1):
    spec = small("neuropil")
    with pytest.raises(SpecError, match="the recording has 4"):
        render_frames(build_scene(spec), t0, t1)
    with pytest.raises(SpecError, match="the recording has 4"):
        iter_frames(spec, t0=t0, t1=t1)


def test_wrong_requests_fail_before_any_work():
    with pytest.raises(SpecError, match="chunk_frames is 0"):
        iter_frames(small("neuropil"), chunk_frames=0)
    with pytest.raises(SpecError, match="no step that makes a movie"):
        iter_frames(small(CELLS))
    with pytest.raises(SpecError, match="no step that makes a movie"):
        render_frames(build_scene(small(CELLS)), 0, 1)
    with pytest.raises(SpecError, match="need a sensor"):
        Renderer(build_scene(small("neuropil"))).counts(0, 1)
