"""Rule calcium_preview: the contact sheet."""

import numpy as np

from simlab.calcium.figures import SHOWN_TRACES, Shown, draw_recordings, outline_map
from simlab.calcium.plan import PREVIEWED
from simlab.calcium.points import shown_axes
from simlab.calcium.recording import Recording
from simlab.calcium.simulation import simulate
from simlab.calcium.specs import dataset_from

CHUNK = 64


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
    recording = simulate(point.spec) if path is None else Recording.load(path)
    truth, spec = recording.ground_truth, point.spec
    mean, largest = projections(recording, spec)
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


def projections(recording, spec):
    """Mean and maximum of a movie over its frames, float64 (H, W); zeros without frames."""
    n_frames = recording.n_frames
    if n_frames == 0:
        return np.zeros(spec.fov_shape), np.zeros(spec.fov_shape)
    total, largest = np.zeros(spec.fov_shape), np.full(spec.fov_shape, -np.inf)
    for t0 in range(0, n_frames, CHUNK):
        frames = recording.frames(t0, min(t0 + CHUNK, n_frames))
        total += frames.sum(axis=0, dtype=np.float64)
        np.maximum(largest, frames.max(axis=0), out=largest)
    return total / n_frames, largest


def shown_cells(truth):
    """Numbers of the cells whose traces are shown: the most active detectable ones."""
    activity = np.ptp(truth.C, axis=1) if truth.C.shape[1] else np.zeros(len(truth.C))
    order = np.lexsort((-activity, ~truth.detectable))
    return np.sort(order[:SHOWN_TRACES])
