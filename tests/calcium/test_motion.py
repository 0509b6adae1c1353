from dataclasses import replace

import numpy as np
import pytest
from calcium_specs import small

from simlab.calcium.errors import ShiftError, SpecError
from simlab.calcium.motion import (
    bounded_random_walk,
    draw_shifts,
    physical_brain_motion,
    shift_and_crop,
)
from simlab.calcium.render import Renderer
from simlab.calcium.scene import build_scene
from simlab.calcium.scene_types import Motion
from simlab.calcium.spec import Acquisition, BrainMotion, ImageSensor

PHYSICAL = {
    "locomotion_freq_hz": 7.0,
    "resonance_freq_hz": 6.0,
    "damping_ratio": 0.5,
    "locomotion_fraction": 0.25,
    "locomotion_axis": 0,
}


def physical(n=400, fps=20.0, amplitude=4.0, limit=100.0, seed=0, **other):
    settings = {**PHYSICAL, **other}
    rng = np.random.default_rng(seed)
    return physical_brain_motion(n, fps, amplitude_px=amplitude, max_px=limit, rng=rng, **settings)


def radius(shifts):
    return np.hypot(*shifts.T)


def test_walks_are_sums_of_their_steps_where_nothing_bounds_them():
    walk = bounded_random_walk(200, 0.4, 1e9, np.random.default_rng(1))
    rng = np.random.default_rng(1)
    steps = [rng.normal(0, 0.4, 2) for _ in range(199)]
    np.testing.assert_allclose(walk[1:], np.cumsum(steps, axis=0), rtol=1e-12, atol=1e-12)
    assert walk[0].tolist() == [0.0, 0.0]


def test_steps_of_a_walk_have_their_variance():
    walk = bounded_random_walk(50_000, 0.4, 1e9, np.random.default_rng(1))
    assert np.diff(walk, axis=0).std() == pytest.approx(0.4, rel=0.02)


def test_walks_keep_within_their_bound():
    walk = bounded_random_walk(2000, 0.5, 2.0, np.random.default_rng(1))
    assert radius(walk).max() <= 2.0 * (1 + 1e-12)
    assert (radius(walk) > 1.999).sum() > 10


@pytest.mark.parametrize("fps", [7.0, 20.0, 450.0])
def test_physical_motion_starts_at_rest_with_the_amplitude_asked_for(fps):
    shifts = physical(fps=fps)
    assert shifts[0].tolist() == [0.0, 0.0]
    assert np.percentile(radius(shifts), 99) == pytest.approx(4.0)


def test_physical_motion_is_cut_at_the_largest_shift():
    cut, free = physical(limit=3.0), physical()
    assert radius(cut).max() == pytest.approx(3.0)
    inside = radius(free) <= 3.0
    np.testing.assert_array_equal(cut[inside], free[inside])


@pytest.mark.parametrize("axis", [0, 1])
def test_strides_move_their_axis_only(axis):
    shifts = physical(locomotion_fraction=1.0, locomotion_axis=axis)
    assert shifts[:, axis].std() > 0.5
    assert not shifts[:, 1 - axis].any()


def test_a_single_frame_does_not_move():
    assert physical(n=1).tolist() == [[0.0, 0.0]]
    assert bounded_random_walk(1, 0.3, 2.0, np.random.default_rng(0)).tolist() == [[0.0, 0.0]]


def test_a_step_of_motion_is_converted_to_pixels():
    acquisition = Acquisition(
        image_sensor=ImageSensor(pixel_pitch_um=16.0), fps=30.0, duration_s=2.0
    )
    step = BrainMotion(motion_amplitude_um=6.0, max_shift_um=7.0, locomotion_axis="x")
    found = draw_shifts(step, acquisition, np.random.default_rng(3))
    expected = physical(60, 30.0, 3.0, 3.5, seed=3, locomotion_axis=1)
    np.testing.assert_array_equal(found, expected)
    walk = BrainMotion(model="walk", walk_step_um=1.0, max_shift_um=3.0)
    found = draw_shifts(walk, acquisition, np.random.default_rng(3))
    np.testing.assert_array_equal(
        found, bounded_random_walk(60, 0.5, 1.5, np.random.default_rng(3))
    )


def test_a_given_trajectory_draws_nothing():
    acquisition = Acquisition(image_sensor=ImageSensor(pixel_pitch_um=16.0), duration_s=0.1)
    rng = np.random.default_rng(0)
    step = BrainMotion(trajectory_um=[(1.0, -2.0), (0.5, 3.0)])
    np.testing.assert_array_equal(draw_shifts(step, acquisition, rng), [[0.5, -1.0], [0.25, 1.5]])
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


def test_whole_shifts_move_content_exactly():
    canvas = np.random.default_rng(0).random((5, 20, 24)).astype(np.float32)
    shifts = np.array([(0, 0), (1, 0), (0, -2), (3, 3), (-3, 2)])
    found = shift_and_crop(canvas, shifts, (14, 18))
    for frame, (dy, dx), image in zip(canvas, shifts, found, strict=True):
        np.testing.assert_array_equal(image, frame[3 - dy : 17 - dy, 3 - dx : 21 - dx])


def test_content_moves_down_and_right_with_positive_shifts():
    canvas = np.zeros((1, 11, 13), np.float32)
    canvas[0, 5, 6] = 1.0
    found = shift_and_crop(canvas, [(0.25, 0.75)], (7, 9))[0]
    assert found[3:5, 4:6].tolist() == [[0.1875, 0.5625], [0.0625, 0.1875]]


def test_shifts_beyond_the_margin_are_refused():
    canvas = np.zeros((1, 11, 13), np.float32)
    with pytest.raises(ShiftError, match=r"a shift of 2\.5 px leaves the margin of 2 px"):
        shift_and_crop(canvas, [(0.0, -2.5)], (7, 9))


def test_shifts_that_are_no_numbers_are_refused():
    canvas = np.zeros((1, 11, 13), np.float32)
    with pytest.raises(ShiftError, match="a shift of nan px"):
        shift_and_crop(canvas, [(0.0, np.nan)], (7, 9))


@pytest.mark.parametrize(
    ("fps", "fast", "damping"), [(20.0, 60.0, 0.5), (20.0, 6.0, 8.0), (1000.0, 200.0, 0.5)]
)
def test_motion_that_cannot_be_integrated_is_refused_before_any_work(fps, fast, damping):
    step = {"kind": "brain_motion", "resonance_freq_hz": fast, "damping_ratio": damping}
    spec = small(step, fps=fps)
    with pytest.raises(SpecError, match=f"resonance_freq_hz={fast:g} Hz with .*fps={fps:g} Hz"):
        spec.check_simulation()
    with pytest.raises(SpecError, match=f"damping_ratio={damping:g} cannot be integrated"):
        physical(fps=fps, resonance_freq_hz=fast, damping_ratio=damping)
    for free in ({"model": "walk"}, {"trajectory_um": [(0.0, 0.0)] * 4}):
        small({**step, **free}, fps=fps).check_simulation()


@pytest.mark.parametrize(("fps", "fast", "damping"), [(20.0, 59.0, 0.5), (20.0, 6.0, 7.9)])
def test_motion_at_the_limit_of_the_integration_is_bounded(fps, fast, damping):
    spec = small({"kind": "brain_motion", "resonance_freq_hz": fast, "damping_ratio": damping})
    spec.check_simulation()
    shifts = physical(n=4000, fps=fps, resonance_freq_hz=fast, damping_ratio=damping)
    assert np.isfinite(shifts).all()
    assert radius(shifts[2000:]).max() == pytest.approx(radius(shifts[:2000]).max(), rel=0.5)


@pytest.mark.parametrize("value", [np.nan, 40.0])
def test_frames_off_the_canvas_are_not_rendered(value):
    scene = build_scene(small("neuropil", {"kind": "brain_motion", "max_shift_um": 11.0}))
    shifts = scene.motion.shifts.copy()
    shifts[2, 1] = value
    renderer = Renderer(replace(scene, motion=Motion(shifts)))
    renderer.frames(0, 2)
    with pytest.raises(ShiftError, match=f"a shift of {value:g} px leaves the margin of 12 px"):
        renderer.frames(1, 3)


def test_views_that_are_not_centered_are_refused():
    with pytest.raises(SpecError, match=r"fov_shape \(7, 8\) does not leave the same margin"):
        shift_and_crop(np.zeros((1, 11, 13), np.float32), [(0.0, 0.0)], (7, 8))
