"""Checks of the ground truth of a recording; each takes a View and gives Found or NotHere."""

import math

import numpy as np
from scipy.special import ndtri

from simlab.calcium.optics import view_cells
from simlab.calcium.truth_layout import expected_truth, problems_of_truth
from simlab.calcium.units import detectable_cells
from simlab.core.checks import Found, NotHere

BLUR_TOLERANCE = 1e-5
LEAST_LIGHT = 1e-30
"""Of a cell, whose pixels float32 holds with all digits."""
STANDARD_ERRORS = 5
CHANCE = 1e-3
ROUNDING = 1e-9


def blur_integral(view):
    """Light of each observed footprint over attenuation * NA^2 * light of the planted one."""
    spec, truth = view.spec, view.truth
    if spec.step("optics") is None or truth.n_units == 0:
        return NotHere("no optics step, or no cells")
    acquisition = spec.acquisition
    gain = acquisition.tissue.attenuation(truth.depth_um) * acquisition.optics.collection_efficiency
    observed, planted = truth.A_observed_sparse, truth.planted
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = observed.sums() / (gain * planted.sums())
    reach = (np.ceil(4 * truth.observed_sigma_px) + 1)[:, None]
    inside = (planted.offsets >= reach).all(axis=1)
    inside &= (planted.offsets + planted.shapes + reach <= planted.canvas_shape).all(axis=1)
    off = np.where(inside, np.abs(ratio - 1), np.maximum(ratio - 1, 0))
    dark = gain * planted.sums() < LEAST_LIGHT
    off = np.where(dark, observed.sums() > (1 + BLUR_TOLERANCE) * LEAST_LIGHT, off)
    worst = float(np.max(np.where(np.isfinite(off), off, np.inf)))
    return Found(worst, BLUR_TOLERANCE, worst <= BLUR_TOLERANCE)


def gain_mean(view):
    """Mean brightness of the cells, which is drawn with mean 1."""
    step, truth = view.spec.step("cell_activity"), view.truth
    if step is None or truth.n_units == 0:
        return NotHere("no activity, or no cells")
    off = abs(float(np.mean(truth.amplitude_per_cell)) - 1)
    recordings = len(view.dataset.expansion.points)
    # the mean of few log-normal numbers is about log-normal itself: skewed, unlike a normal one
    spread = math.sqrt(math.log1p(step.brightness_cv**2 / truth.n_units))
    bound = math.expm1(standard_errors(recordings) * spread - spread**2 / 2)
    return Found(off, bound, off <= bound)


def standard_errors(comparisons):
    """Standard errors that a mean may be off: 5, more where so many means are compared that one
    of them would exceed 5 by chance, once in a thousand data sets.
    """
    return max(STANDARD_ERRORS, float(ndtri(1 - CHANCE / (2 * comparisons))))


def broken():
    """What is found in a file that cannot be read."""
    return Found(1, 0, False)


def motion_bound(view):
    """Largest shift against the largest that the specification allows, px."""
    step, truth = view.spec.step("brain_motion"), view.truth
    if step is None or truth.shifts is None:
        return NotHere("no motion")
    px = view.spec.acquisition.pixel_size_um
    if step.trajectory_um is not None:
        wanted = np.array(step.trajectory_um).reshape(-1, 2) / px
        if wanted.shape != truth.shifts.shape:
            return Found(math.inf, ROUNDING, False)
        off = float(np.abs(truth.shifts - wanted).max())
        return Found(off, ROUNDING, off <= ROUNDING)
    largest, bound = float(np.hypot(*truth.shifts.T).max()), step.max_shift_um / px
    return Found(largest, bound, largest <= bound * (1 + ROUNDING))


def field_range(view):
    """How far illumination, vignette and leakage leave their range."""
    excursions = []
    for name, kind in (("illumination", "illumination_profile"), ("vignette", "vignette")):
        step, values = view.spec.step(kind), getattr(view.truth, name)
        if step is not None and values is not None:
            excursions.append(_excursion(values, step.falloff, 1.0))
    step, values = view.spec.step("leakage"), view.truth.leakage
    if step is not None and values is not None:
        excursions.append(_excursion(values, 0.0, step.level))
    if not excursions:
        return NotHere("no illumination profile, vignette or leakage")
    return Found(max(excursions), ROUNDING, max(excursions) <= ROUNDING)


def vessel_range(view):
    """How far the transmission of the vessels leaves product(1 - opacity) .. 1."""
    mask = view.truth.vasculature_mask
    step = view.spec.step("vasculature")
    if step is None or mask is None:
        return NotHere("no vessels")
    darkest = math.prod(1 - layer.opacity for layer in step.layers)
    off = _excursion(mask, darkest, 1.0)
    return Found(off, ROUNDING, off <= ROUNDING)


def _excursion(values, low, high):
    """How far the farthest value lies outside low .. high, 0 if none does."""
    if not np.isfinite(values).all():
        return math.inf
    return float(max(0.0, low - values.min(), values.max() - high))


def truth_shapes(view):
    """Arrays of the ground truth that are missing, misshapen or not finite, and the movie."""
    wrong = problems_of_truth(view.truth, expected_truth(view.spec, view.truth.n_units))
    frames = view.spec.acquisition.n_frames if view.spec.has_movie() else 0
    shape = (frames, *view.spec.fov_shape)
    if view.recording.shape != shape:
        wrong.append(f"observed is {view.recording.shape}, expected {shape}")
    view.notes["truth_shapes"] = "; ".join(wrong[:3])
    return Found(len(wrong), 0, not wrong)


def key_matches(view):
    """Whether key, stored specification and file name belong to the configured recording."""
    wanted = view.point.key
    keys = {view.stored_key, view.recording.spec.cache_key(), view.recording_path.stem}
    return Found(len(keys - {wanted}), 0, keys == {wanted})


def detectable_matches(view):
    """Cells whose detectability is not the one that follows from the stored arrays."""
    spec, truth = view.spec, view.truth
    acquisition = spec.acquisition
    if truth.n_units == 0:
        return NotHere("no cells")
    optics = spec.step("optics") is not None
    seen = view_cells(acquisition, truth.centers_um, truth.focal_depth_um) if optics else None
    fields = [f for f in (truth.illumination, truth.vignette) if f is not None]
    emission = None
    if spec.step("cell_activity") is not None:
        emission = truth.ext.get("emission", truth.C)
    expected = detectable_cells(
        acquisition,
        truth.centers_um,
        emission=emission,
        in_focus=truth.in_focus if optics else None,
        brightness=seen.brightness if optics else None,
        photon_field=np.prod(fields, axis=0) if fields else None,
        transmission=truth.vasculature_mask,
        sensor=spec.step("sensor"),
    )
    differing = int(np.count_nonzero(expected != truth.detectable))
    return Found(differing, 0, differing == 0)
