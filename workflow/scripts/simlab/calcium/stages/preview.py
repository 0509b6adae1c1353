"""Rule calcium_preview: the contact sheet."""

import numpy as np

from simlab.calcium.figures import SHOWN_TRACES, Shown, draw_recordings, outline_map
from simlab.calcium.plan import PREVIEWED
from simlab.calcium.points import shown_axes
from simlab.calcium.recording import Recording
from simlab.calcium.render import Renderer
from simlab.calcium.scene import build_scene
from simlab.calcium.simulation import finalize
from simlab.calcium.specs import dataset_from

CHUNK = 32


def draw_preview(name, spec, recordings, png):
    """Draw the first recordings of a data set; those that are not kept are simulated again.

    Parameters
    ----------
    name : str
        Of the data set.
    spec : dict
        `specs.dataset_spec`.
    recordings : list of path
        At most the first six, by key; empty where recordings are not kept.
    png : path
    """
    points = dataset_from(spec).expansion.points[:PREVIEWED]
    paths = recordings or [None] * len(points)
    shown = [_shown(point, path) for point, path in zip(points, paths, strict=True)]
    draw_recordings(png, shown, title=f"{name}: projections, footprints, traces")


def _shown(point, path):
    spec = point.spec
    if path is None:
        scene = build_scene(spec)
        truth, renderer = finalize(scene), Renderer(scene)
        n_frames, frames_of = renderer.shape[0] if renderer.has_movie else 0, renderer.frames
    else:
        recording = Recording.load(path)
        truth = recording.ground_truth
        n_frames, frames_of = recording.n_frames, recording.frames
    mean, largest = projections(frames_of, n_frames, spec.fov_shape)
    margin, shape = truth.fov_offset, truth.fov_shape
    planted = truth.planted.crop(*margin, *shape)
    observed = truth.A_observed_sparse.crop(*margin, *shape)
    cells = shown_cells(truth)
    px = spec.acquisition.pixel_size_um
    return Shown(
        label=f"{point.key} ({point.split}): {shown_axes(point.axes)}",
        unit="counts" if spec.step("sensor") is not None else "intensity",
        mean=mean,
        largest=largest,
        planted=outline_map(planted, truth.detectable),
        observed=outline_map(observed, truth.detectable),
        C=truth.C[cells],
        S=truth.S[cells],
        shifts_um=None if truth.shifts is None else truth.shifts * px,
        pixel_size_um=px,
        fps=spec.acquisition.fps,
    )


def projections(frames_of, n_frames, shape):
    """Mean and maximum of a movie over its frames, float64 (H, W); zeros without frames.

    `frames_of(t0, t1)` gives frames of it.
    """
    if n_frames == 0:
        return np.zeros(shape), np.zeros(shape)
    total, largest = np.zeros(shape), np.full(shape, -np.inf)
    for t0 in range(0, n_frames, CHUNK):
        frames = frames_of(t0, min(t0 + CHUNK, n_frames))
        total += frames.sum(axis=0, dtype=np.float64)
        np.maximum(largest, frames.max(axis=0), out=largest)
    return total / n_frames, largest


def shown_cells(truth):
    """Numbers of the cells whose traces are shown: the most active detectable ones."""
    activity = np.ptp(truth.C, axis=1) if truth.C.shape[1] else np.zeros(len(truth.C))
    order = np.lexsort((-activity, ~truth.detectable))
    return np.sort(order[:SHOWN_TRACES])
