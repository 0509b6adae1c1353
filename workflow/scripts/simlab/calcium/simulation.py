"""From a specification to a recording in memory."""

import warnings

import numpy as np

from simlab.calcium.ground_truth import GroundTruth
from simlab.calcium.perf import measure
from simlab.calcium.recording import Recording
from simlab.calcium.render import Renderer
from simlab.calcium.scene import build_scene
from simlab.calcium.spec import SpecWarning
from simlab.calcium.steps import STEP_ORDER

ENGINE_VERSION = 1
"""Raised whenever the numbers of a recording change; part of the path of cached files."""

CHUNK_FRAMES = 64
SATURATED_SHARE = 0.01
STAGE_SPANS = {kind: "cells_only" if kind == "composite" else kind for kind in STEP_ORDER}


def simulate(spec, *, until=None, perf=None):
    """Run a specification forward.

    Parameters
    ----------
    spec : Spec
        The recording keeps it as given, a SweptSpec with its axes.
    until : str or None
        Kind or stage name of the last step to run; None: all. Before brain_motion, the movie is
        the field of view of the unmoved canvas.
    perf : PerfTracker or None
        Gets a span per step and `finalize`; the counts are the same.

    Returns
    -------
    Recording

    Raises
    ------
    SpecError
        Before any work: `until` names no stage, or the specification cannot be simulated.
    """
    scene = build_scene(spec, until=until, perf=perf, span_names="stages")
    movie, snapshots = _movie(Renderer(scene, STAGE_SPANS), perf)
    with measure(perf, "finalize"):
        truth = finalize(scene)
    return Recording(spec, truth, movie, snapshots, until)


def _movie(renderer, perf):
    """Movie as stored, and snapshots."""
    spec = renderer.scene.spec
    if not renderer.has_movie:
        return np.empty((0, *renderer.shape[1:]), spec.output.store_dtype), {}
    n_frames, saturated = renderer.shape[0], 0
    dtype = renderer.dtype if renderer.has_counts else spec.output.store_dtype
    movie, snapshots = np.empty(renderer.shape, dtype), {}
    for t0 in range(0, n_frames, CHUNK_FRAMES):
        part = slice(t0, min(t0 + CHUNK_FRAMES, n_frames))
        if spec.output.save_intermediates:
            movie[part], stages = renderer.frames_and_stages(part.start, part.stop, perf=perf)
            for name, values in stages.items():
                shape = (n_frames, *values.shape[1:])
                snapshots.setdefault(name, np.empty(shape, np.float32))[part] = values
        elif movie.dtype == renderer.dtype:
            renderer.frames(part.start, part.stop, perf=perf, out=movie[part])
        else:
            movie[part] = renderer.frames(part.start, part.stop, perf=perf)
        if renderer.has_counts:
            largest = spec.acquisition.image_sensor.max_count
            saturated += np.count_nonzero(movie[part] == largest)
    warn_of_saturation(saturated / movie.size)
    return movie, snapshots


def warn_of_saturation(share):
    """SpecWarning if more than 1 % of the pixels, `share` of them, are saturated."""
    if share > SATURATED_SHARE:
        warnings.warn(
            f"{100 * share:.1f} % of the pixels are saturated; lower photons_per_unit or "
            "gain_adu_per_e, or raise bit_depth",
            SpecWarning,
            stacklevel=4,
        )


def finalize(scene):
    """Ground truth of a scene, for the cells whose planted box overlaps the field of view.

    Parameters
    ----------
    scene : Scene
        In memory or loaded.

    Returns
    -------
    GroundTruth
    """
    cells, index, frames = scene.cells, scene.unit.index, scene.n_frames
    top, (height, width) = scene.margin, scene.fov_shape
    n = len(index)
    view = (..., slice(top, top + height), slice(top, top + width))
    neuropil, vessel = scene.neuropil, scene.vessel

    def of_units(values, dtype=np.float64):
        return None if values is None else values[index].astype(dtype)

    def or_else(values, otherwise):
        return otherwise if values is None else values

    return GroundTruth(
        planted=cells.planted.select(index),
        fov_offset=(top, top),
        fov_shape=(height, width),
        C=or_else(of_units(cells.C), np.zeros((n, frames))),
        S=or_else(of_units(cells.S), np.zeros((n, frames))),
        centers_um=of_units(cells.centers_um),
        amplitude_per_cell=or_else(of_units(cells.amplitude), np.full(n, np.nan)),
        in_focus=or_else(of_units(cells.in_focus, bool), np.ones(n, bool)),
        detectable=scene.unit.detectable,
        observed_sigma_px=of_units(cells.sigma_px),
        observed_gain=of_units(cells.gain),
        bleaching=of_units(cells.B),
        shifts=None if scene.motion is None else scene.motion.shifts[:],
        illumination=scene.fields.illumination,
        vignette=scene.fields.vignette,
        leakage=scene.fields.leakage,
        vasculature_mask=None if vessel is None else vessel.mask[view].copy(),
        vessel_overlap_fraction=scene.unit.vessel_overlap,
        neuropil_spatial=None if neuropil is None else neuropil.spatial[view].copy(),
        neuropil_temporal=None if neuropil is None else neuropil.temporal[:],
        neuropil_population=None if neuropil is None else neuropil.population,
        focal_depth_um=scene.focal_depth_um,
        ext={
            name: values[index] if name == "emission" else values
            for name, values in scene.ext.items()
        },
    )
