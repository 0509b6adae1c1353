"""Light on its way to the sensor: frames of a scene before they are digitized.

Frames are made in float32 with a fixed order of operations. The passes over rows are fused, or,
to be timed and kept, run one after the other; both call the same row functions.
"""

from contextlib import nullcontext
from dataclasses import dataclass, fields
from functools import partial

import numpy as np

from simlab.calcium.kernels import composite as canvas_kernels
from simlab.calcium.kernels import frames as frame_kernels
from simlab.calcium.motion import check_shifts
from simlab.calcium.perf import measure
from simlab.calcium.sensor import ROWS_AT_A_TIME
from simlab.calcium.steps import STEP_DOMAINS
from simlab.core.threads import over_items

CANVAS_ROWS = 16
NO_FIELD = np.empty((0, 0), np.float32)
_UNTIMED = nullcontext()


@dataclass(frozen=True, eq=False)
class Drive:
    """What changes from frame to frame.

    emission float32 (F, N) and background float32 (F, K), or None; corners int64 (F, 2) and
    weights float32 (F, 4) of the shift.
    """

    emission: np.ndarray | None
    background: np.ndarray | None
    corners: np.ndarray
    weights: np.ndarray

    def part(self, frames):
        """The same for a slice of the frames."""
        values = (getattr(self, f.name) for f in fields(self))
        return Drive(*(None if v is None else v[frames] for v in values))


class LightPath:
    """Everything between the cells of a scene and its sensor; one thread may use it.

    Parameters
    ----------
    scene : Scene
    ran : list of str
        Kinds of the steps that ran.
    spans : dict of step kind to str
        Names of the phases given to trackers.
    """

    def __init__(self, scene, ran, spans):
        self._scene, self._ran, self._spans = scene, ran, spans
        self._moves = scene.motion is not None
        self._canvas = np.empty((0, *scene.canvas_shape), np.float32)
        neuropil, vessel = scene.neuropil, scene.vessel
        if neuropil is not None:
            self._spatial = neuropil.spatial.astype(np.float32)
            self._amplitude = scene.spec.step("neuropil").amplitude / len(neuropil.spatial)
        if vessel is not None:
            self._mask = vessel.mask.astype(np.float32)
        present = scene.fields
        light = [f for f in (present.illumination, present.vignette) if f is not None]
        self._field = np.prod(light, axis=0).astype(np.float32) if light else NO_FIELD
        leakage = present.leakage
        self._leakage = NO_FIELD if leakage is None else leakage.astype(np.float32)

    def drive(self, t0, t1):
        """What changes from frame to frame, for frames t0 ... t1 - 1.

        ShiftError if the content leaves the canvas in one of them.
        """
        scene = self._scene
        emission = background = None
        if scene.cells.emission is not None:
            emission = np.ascontiguousarray(scene.cells.emission[t0:t1], np.float32)
        if scene.neuropil is not None:
            weights = self._amplitude * scene.neuropil.temporal[:, t0:t1]
            background = np.ascontiguousarray(weights.T, np.float32)
        if scene.motion is None:
            corners = np.full((t1 - t0, 2), scene.margin, np.int64)
            weights = np.tile(frame_kernels.STILL, (t1 - t0, 1))
        else:
            shifts = scene.motion.shifts[t0:t1]
            check_shifts(shifts, scene.margin)
            corners, weights = frame_kernels.warp_corners(shifts, scene.margin)
        return Drive(emission, background, corners, weights)

    def render(self, drive, clean):
        """Write the frames of a Drive, float32 (F, H, W), in fused passes."""
        self._expose(self._filled(drive), drive, self._field, self._leakage, clean)

    def render_counts(self, drive, t0, sensor, counts):
        """Write the counts of a Drive whose first frame is t0, by a Digitizer, in one go."""
        canvas = self._filled(drive)
        photons = sensor.photons[t0 : t0 + len(counts)]

        def rows(first, last):
            frame_kernels.expose_and_digitize(
                first, last, canvas, drive.corners, drive.weights, self._moves, self._field,
                self._leakage, t0, sensor.keys, photons, sensor.constants, counts,
            )  # fmt: skip

        over_items(rows, counts.shape[0] * counts.shape[1], ROWS_AT_A_TIME)

    def render_in_passes(self, drive, clean, perf=None, keep=None):
        """As `render`, one pass after the other.

        Each one is timed by `perf`, and the movie after it given to `keep(kind, frames)`.
        """
        keep = keep or _forget
        canvas = self._blank(len(clean))
        canvas[:] = 0
        for kind, task in self._canvas_passes(canvas, drive):
            with measure(perf, self._spans[kind], domain="tissue"):
                if task is not None:
                    over_items(task, canvas.shape[1], CANVAS_ROWS)
            keep(kind, canvas)
        moved = "brain_motion" in self._ran
        with measure(perf, self._spans["brain_motion"], domain="motion") if moved else _UNTIMED:
            self._expose(canvas, drive, NO_FIELD, NO_FIELD, clean)
        if moved:
            keep("brain_motion", clean)
        self._pass_fields(clean, perf, keep)

    def _pass_fields(self, clean, perf, keep):
        lights = [kind for kind in ("illumination_profile", "vignette") if kind in self._ran]
        if len(lights) == 2:
            self._keep_illuminated(clean, perf, keep)
        for kind in lights[-1:]:
            self._apply(canvas_kernels.multiply, clean, self._field, perf, kind)
            keep(kind, clean)
        if "leakage" in self._ran:
            self._apply(canvas_kernels.add, clean, self._leakage, perf, "leakage")
            keep("leakage", clean)

    def _keep_illuminated(self, clean, perf, keep):
        """Show the movie after illumination alone; the vignette is applied together with it."""
        own, both = self._spans["illumination_profile"], self._spans["vignette"]
        with measure(perf, own, domain="sensor") if own != both else _UNTIMED:
            if keep is not _forget:
                field = self._scene.fields.illumination.astype(np.float32)
                keep("illumination_profile", clean * field)

    def _apply(self, kernel, frames, field, perf, kind):
        with measure(perf, self._spans[kind], domain="sensor"):
            over_items(partial(kernel, frames, field), frames.shape[1], ROWS_AT_A_TIME)

    def _blank(self, frames):
        if len(self._canvas) < frames:
            self._canvas = np.empty((frames, *self._scene.canvas_shape), np.float32)
        return self._canvas[:frames]

    def _filled(self, drive):
        """Canvases after the steps of the tissue."""
        canvas = self._blank(len(drive.corners))
        tasks = [task for _, task in self._canvas_passes(canvas, drive) if task is not None]

        def rows(first, last):
            canvas[:, first:last] = 0
            for task in tasks:
                task(first, last)

        over_items(rows, canvas.shape[1], CANVAS_ROWS)
        return canvas

    def _canvas_passes(self, canvas, drive):
        """(kind, task over canvas rows or None) of each step of the tissue."""
        for kind in self._ran:
            task = None
            if kind == "composite" and drive.emission is not None:
                seen = self._scene.cells.seen
                patches = seen.data, seen.pointers, seen.offsets, seen.shapes
                task = partial(canvas_kernels.add_cells, canvas, *patches, drive.emission)
            elif kind == "neuropil":
                background = self._spatial, drive.background
                task = partial(canvas_kernels.add_background, canvas, *background)
            elif kind == "vasculature" and self._scene.vessel is not None:
                task = partial(canvas_kernels.multiply, canvas, self._mask)
            if STEP_DOMAINS[kind] == "tissue":
                yield kind, task

    def _expose(self, canvas, drive, field, leakage, clean):
        def rows(first, last):
            frame_kernels.expose(
                first, last, canvas, drive.corners, drive.weights, self._moves, field, leakage,
                clean,
            )  # fmt: skip

        over_items(rows, clean.shape[0] * clean.shape[1], ROWS_AT_A_TIME)


def _forget(kind, frames):
    """Keep no movie."""
