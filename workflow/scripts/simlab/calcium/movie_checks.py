"""Checks of the movie of a recording, its statistics and its video."""

import math

import numpy as np

from simlab.calcium.check_case import CHUNK
from simlab.calcium.files.avi import iter_video
from simlab.calcium.render import iter_frames
from simlab.calcium.training import expected_scale
from simlab.calcium.truth_checks import standard_errors
from simlab.core.checks import Found, NotHere

MAX_DARK = 1e-3
"""Share of the pixels at 0 up to which what floor and clip add there is less than the noise."""
LEAST_SIGMA = 0.5
"""Spread of counts, ADU, from which rounding down costs half a count on average."""
SATURATED = 0.01
MOMENTS = ("count", "mean", "m2", "std", "min", "max")
ROUNDING = 1e-9
FLOOR_VARIANCE = 1 / 12


def count_range(view):
    """Counts above the largest that the sensor gives."""
    if view.spec.step("sensor") is None:
        return NotHere("no sensor")
    outside = view.movie.outside
    return Found(outside, 0, outside == 0 and view.recording.dtype == view.camera.count_dtype)


def expected_mean(view):
    """Mean counts of every frame against the movie before digitization, in standard errors."""
    spec, camera = view.spec, view.camera
    clean = view.statistics.get("clean")
    if spec.step("sensor") is None or not len(view.movie.means):
        return NotHere("no sensor, or no frames")
    if not _clean_is_consistent(view):
        return NotHere("the statistics before digitization are not consistent")
    means = np.array(clean["frame_means"])
    exposure = view.truth.ext.get("exposure")
    scale = expected_scale(spec) * (1.0 if exposure is None else exposure)
    pixels = np.prod(spec.fov_shape)
    electrons = means * scale / camera.gain_adu_per_e
    variance = camera.gain_adu_per_e**2 * (electrons + camera.read_noise_e**2)
    # what a saturated pixel lost may be any number of counts
    usable = (view.movie.dark <= MAX_DARK) & (view.movie.saturated == 0)
    usable &= variance >= LEAST_SIGMA**2
    if spec.extensions.shot_noise == "poisson":
        usable &= camera.gain_adu_per_e * camera.read_noise_e >= LEAST_SIGMA
    dropped = view.truth.ext.get("dropped")
    if dropped is not None:
        usable &= ~dropped
    if clean["min"] < 0:
        return NotHere("light below 0 is cut off")
    if not usable.any():
        return NotHere("every frame has saturated pixels, more than 0.1 % at 0, or little light")
    view.notes["expected_mean"] = (int((~usable).sum()), usable.size)
    hot = view.truth.ext.get("hot_pixels")
    extra = 0.0 if hot is None else float(hot.mean(dtype=np.float64))
    expected = means * scale - 0.5 + extra
    error = np.sqrt((variance + FLOOR_VARIANCE) / pixels)
    off = np.abs(view.movie.means - expected) / error
    worst = float(off[usable].max())
    frames = sum(point.spec.acquisition.n_frames for point in view.dataset.expansion.points)
    bound = standard_errors(frames)
    return Found(worst, bound, worst <= bound)


def statistics_match(view):
    """Entries of the statistics file that do not follow from the stored movie."""
    fresh = {k: v for k, v in view.movie.statistics.items() if k != "clean"}
    stored = view.statistics
    differing = sum(stored.get(name) != value for name, value in fresh.items())
    differing += len(set(stored) - set(fresh) - {"clean"})
    differing += not _clean_is_consistent(view)
    return Found(differing, 0, differing == 0)


def _clean_is_consistent(view):
    """Whether the statistics before digitization are there and agree with one another."""
    clean = view.statistics.get("clean")
    if view.spec.step("sensor") is None:
        return clean is None
    if not isinstance(clean, dict) or set(clean) != {*MOMENTS, "frame_means"}:
        return False
    means, pixels = clean["frame_means"], math.prod(view.spec.fov_shape)
    if len(means) != view.movie.statistics["n_frames"] or clean["count"] != len(means) * pixels:
        return False
    if not means:
        return True
    # the mean of equal numbers may leave their range by rounding
    slack = ROUNDING * max(abs(clean["min"]), abs(clean["max"]))
    return (
        math.isclose(clean["mean"], math.fsum(means) / len(means), rel_tol=ROUNDING, abs_tol=slack)
        and math.isclose(clean["m2"], clean["std"] ** 2 * clean["count"], rel_tol=ROUNDING)
        and clean["min"] - slack <= min(means)
        and max(means) <= clean["max"] + slack
    )


def saturated(view):
    """Share of the pixels at the largest count; told, never a failure."""
    share = view.movie.statistics["saturated_fraction"]
    if share is None:
        return NotHere("no sensor")
    return Found(share, SATURATED, True)


def video_equals_counts(view):
    """Pixels of the video that are not the counts of the recording."""
    options, camera = view.dataset.video_options, view.camera
    whole = options.vmin == 0 and options.vmax in (None, camera.max_count)
    exact = options.codec == "Y800" and camera.bit_depth == 8 and whole
    if view.video_path is None:
        return NotHere("no video")
    if view.spec.step("sensor") is None or not exact:
        return NotHere("no lossless 8-bit video (Y800) with the default range")
    frames, differing = 0, 0
    for shown, counts in zip(iter_video(view.video_path), _counts(view), strict=False):
        frames += 1
        same = shown.shape == counts.shape
        differing += int(np.count_nonzero(shown != counts)) if same else counts.size
    differing += abs(view.spec.acquisition.n_frames - frames) * int(np.prod(view.spec.fov_shape))
    return Found(differing, 0, differing == 0)


def _counts(view):
    """The frames of a recording; rendered again where it is not kept."""
    if view.recording_path is None:
        for _, frame in iter_frames(view.spec):
            yield frame
        return
    for t0 in range(0, view.recording.n_frames, CHUNK):
        yield from view.recording.frames(t0, min(t0 + CHUNK, view.recording.n_frames))
