"""Motion of the brain: trajectories of the image on the sensor."""

import math

import numpy as np

from simlab.calcium.errors import ShiftError, SpecError
from simlab.calcium.kernels import frames, traces
from simlab.calcium.steps import motion_bins, motion_is_stable

STILL = 1e-12
STRIDE_JITTER, STRIDE_TAU_S = 0.15, 0.3
NOISE_TAU_S = 0.12
ROUNDING_PX = 1e-9


def bounded_random_walk(n_frames, step_px, max_px, rng):
    """Normal steps of standard deviation `step_px` per axis from (0, 0), kept in a disk.

    Returns
    -------
    (n_frames, 2) float64
        y and x, px; a position farther than `max_px` is pulled back to that distance.
    """
    steps = rng.normal(0.0, step_px, (n_frames - 1, 2))
    return traces.bounded_walk(steps, float(max_px))


def physical_brain_motion(
    n_frames,
    fps,
    *,
    locomotion_freq_hz,
    resonance_freq_hz,
    damping_ratio,
    locomotion_fraction,
    locomotion_axis,
    amplitude_px,
    max_px,
    rng,
):
    """Motion of a damped oscillator driven by steps of the animal and by noise.

    x'' = -2 zeta w0 x' - w0^2 x + a on each axis, from rest; frames are means of about
    300 Hz samples, relative to frame 0. Both drives are normalized to a root mean square radius
    of 1, mixed, and scaled so that the 99th percentile of the radius is `amplitude_px`.

    Parameters
    ----------
    n_frames : int
    fps : float
    locomotion_freq_hz, resonance_freq_hz, damping_ratio : float
    locomotion_fraction : float
        Share of locomotion, the rest is noise.
    locomotion_axis : int
        0 = y, 1 = x.
    amplitude_px, max_px : float
        Larger radii than `max_px` are pulled back to it.
    rng : numpy.random.Generator

    Returns
    -------
    (n_frames, 2) float64
        y and x, px.

    Raises
    ------
    SpecError
        If the oscillator is too fast or too damped for the steps of the integration.
    """
    if not motion_is_stable(fps, resonance_freq_hz, damping_ratio):
        raise SpecError(
            f"resonance_freq_hz={resonance_freq_hz:g} Hz with damping_ratio={damping_ratio:g} "
            f"cannot be integrated at fps={fps:g} Hz"
        )
    bins = motion_bins(fps)
    dt = 1.0 / (bins * fps)
    n = n_frames * bins
    stride = _lowpass(rng.standard_normal(n), STRIDE_TAU_S, dt)
    frequency = locomotion_freq_hz * (1.0 + STRIDE_JITTER * stride)
    locomotion = np.zeros((2, n))
    locomotion[locomotion_axis] = np.sin(2 * math.pi * np.cumsum(frequency) * dt)
    noise = np.array([_lowpass(rng.standard_normal(n), NOISE_TAU_S, dt) for _ in range(2)])
    resonance = 2 * math.pi * resonance_freq_hz
    driven, shaken = (
        _respond(drive, resonance, damping_ratio, dt, bins) for drive in (locomotion, noise)
    )
    shifts = locomotion_fraction * driven + (1.0 - locomotion_fraction) * shaken
    largest = np.percentile(np.hypot(shifts[:, 0], shifts[:, 1]), 99)
    if largest > STILL:
        shifts *= amplitude_px / largest
    return _clamp(shifts, max_px)


def _lowpass(white, tau, dt):
    alpha = dt / (tau + dt)
    smooth = traces.one_pole(white, 1.0 - alpha, alpha, 0.0)
    spread = smooth.std()
    return smooth / spread if spread > STILL else smooth


def _respond(drive, resonance, damping, dt, bins):
    """Displacement (T, 2) of both axes, of root mean square radius 1."""
    friction, stiffness = 2 * damping * resonance, resonance**2
    near = 2.0 - friction * dt - stiffness * dt**2
    far = 1.0 - friction * dt
    fine = np.array([traces.oscillate(axis, near, far, dt**2) for axis in drive])
    frames = fine.reshape(2, -1, bins).mean(axis=2).T
    frames = frames - frames[0]
    spread = math.sqrt(np.mean(frames[:, 0] ** 2 + frames[:, 1] ** 2))
    return frames / spread if spread > STILL else frames


def _clamp(shifts, max_px):
    radius = np.hypot(shifts[:, 0], shifts[:, 1])
    scale = np.ones(len(shifts))
    np.divide(max_px, radius, out=scale, where=radius > max_px)
    return shifts * scale[:, None]


def draw_shifts(step, acquisition, rng):
    """Displacement of the content in every frame, px (down, right).

    Parameters
    ----------
    step : BrainMotion
        An explicit trajectory draws nothing.
    acquisition : Acquisition
    rng : numpy.random.Generator

    Returns
    -------
    (T, 2) float64
    """
    to_px = acquisition.um_to_px
    if step.trajectory_um is not None:
        return to_px(np.array(step.trajectory_um, np.float64).reshape(-1, 2))
    if step.model == "walk":
        walk_px, max_px = to_px(step.walk_step_um), to_px(step.max_shift_um)
        return bounded_random_walk(acquisition.n_frames, walk_px, max_px, rng)
    return physical_brain_motion(
        acquisition.n_frames,
        acquisition.fps,
        locomotion_freq_hz=step.locomotion_freq_hz,
        resonance_freq_hz=step.resonance_freq_hz,
        damping_ratio=step.damping_ratio,
        locomotion_fraction=step.locomotion_fraction,
        locomotion_axis="yx".index(step.locomotion_axis),
        amplitude_px=to_px(step.motion_amplitude_um),
        max_px=to_px(step.max_shift_um),
        rng=rng,
    )


def check_shifts(shifts_px, margin):
    """ShiftError unless every shift along an axis is a number of at most `margin` px."""
    if not (np.abs(shifts_px) <= margin + ROUNDING_PX).all():
        largest = np.abs(shifts_px).max()
        raise ShiftError(f"a shift of {largest:g} px leaves the margin of {margin} px")


def shift_and_crop(canvas, shifts_px, fov_shape):
    """Fields of view on a moving canvas.

    out[t](y, x) = canvas[t](y + margin - dy, x + margin - dx), bilinear, in float32.

    Parameters
    ----------
    canvas : (T, Hc, Wc) array
        Used in float32.
    shifts_px : (T, 2) array
        Displacement dy, dx of the content in each frame, positive down and right.
    fov_shape : tuple of 2 int
        h = Hc - 2 margin, w = Wc - 2 margin.

    Returns
    -------
    (T, h, w) float32

    Raises
    ------
    ShiftError
        If a shift is larger than the margin.
    SpecError
        If the margins of rows and columns differ.
    """
    canvas = np.ascontiguousarray(canvas, np.float32)
    shifts = np.asarray(shifts_px, np.float64).reshape(-1, 2)
    margin = (canvas.shape[1] - fov_shape[0]) // 2
    if canvas.shape[1:] != (fov_shape[0] + 2 * margin, fov_shape[1] + 2 * margin):
        raise SpecError(
            f"fov_shape {tuple(fov_shape)} does not leave the same margin on all sides of a "
            f"canvas of {canvas.shape[1:]} px"
        )
    check_shifts(shifts, margin)
    out = np.empty((len(canvas), *fov_shape), np.float32)
    absent = np.zeros((0, 0), np.float32)
    corners, weights = frames.warp_corners(shifts, margin)
    frames.expose(
        0, out.shape[0] * out.shape[1], canvas, corners, weights, True, absent, absent, out
    )
    return out
