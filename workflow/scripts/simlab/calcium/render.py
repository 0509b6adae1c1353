"""Frames of a scene: the one renderer behind recordings, videos, parts and training samples.

Frames are rendered in blocks, in float32 with a fixed order of operations, so that a frame has the
same bits whatever block, chunk or thread it is rendered in. Without a tracker of times the passes
over rows are fused; with one, or for snapshots, the same row functions run as separate passes.
"""

from contextlib import ExitStack
from dataclasses import dataclass, fields
from functools import partial

import numpy as np

from simlab.calcium.errors import SpecError
from simlab.calcium.kernels import composite as canvas_kernels
from simlab.calcium.kernels import frames as frame_kernels
from simlab.calcium.kernels.threads import over_items
from simlab.calcium.perf import measure
from simlab.calcium.scene import build_scene
from simlab.calcium.sensor import ROWS_AT_A_TIME, Digitizer
from simlab.calcium.steps import STEP_DOMAINS

BLOCK_FRAMES = 16
CANVAS_ROWS = 16
DEFAULT_CHUNK = 128
NO_FIELD = np.empty((0, 0), np.float32)

VIDEO_SPANS = {
    "composite": "composite",
    "neuropil": "neuropil",
    "vasculature": "vasculature",
    "brain_motion": "motion_crop",
    "illumination_profile": "photon_field",
    "vignette": "photon_field",
    "leakage": "leakage",
    "sensor": "digitize",
}
"""Names of the phases of a video, by step."""


def render_frames(scene, t0, t1, *, perf=None, clean=False):
    """Frames t0 ... t1 - 1 of a scene.

    Parameters
    ----------
    scene : Scene
        In memory or loaded from a file, of which only the rows of these frames are read.
    t0, t1 : int
        0 <= t0 <= t1 <= n_frames.
    perf : PerfTracker or None
    clean : bool
        Frames before digitization.

    Returns
    -------
    (t1 - t0, H, W) uint8 or uint16 counts; float32 intensity if `clean` or without a sensor

    Raises
    ------
    SpecError
        No such frames, a scene without a movie, or sequential noise and t0 > 0.
    """
    renderer = Renderer(scene)
    if renderer.sequential and t0 > 0 and not clean:
        raise SpecError(
            f"t0 is {t0}, but with ext.sensor_noise sequential frames can be rendered only from 0 "
            "on; use counter noise"
        )
    return renderer.clean(t0, t1, perf=perf) if clean else renderer.frames(t0, t1, perf=perf)


def iter_frames(spec, *, chunk_frames=DEFAULT_CHUNK, t0=0, t1=None, perf=None):
    """Iterate over (index, frame) of a recording without holding its movie.

    Parameters
    ----------
    spec : Spec
    chunk_frames : int >= 1
        Frames rendered at a time; any number gives the same frames.
    t0, t1 : int
        First frame, and the one after the last (None: all).
    perf : PerfTracker or None
        Set-up by step, then a span per phase, called once a chunk.

    Returns
    -------
    iterator of (int, (H, W) array)
        Frames as of `render_frames`.

    Raises
    ------
    SpecError
        Before anything is simulated.
    """
    check_chunk(chunk_frames)
    spec.check_simulation()
    if not spec.has_movie():
        raise SpecError("the specification has no step that makes a movie")
    t1 = spec.acquisition.n_frames if t1 is None else t1
    check_range(t0, t1, spec.acquisition.n_frames)
    return _iterate(spec, chunk_frames, t0, t1, perf)


def _iterate(spec, chunk_frames, t0, t1, perf):
    renderer = Renderer(build_scene(spec, perf=perf, span_names="setup"))
    for start in range(t0, t1, chunk_frames):
        frames = renderer.frames(start, min(start + chunk_frames, t1), perf=perf)
        yield from enumerate(frames, start)


def check_chunk(chunk_frames):
    """SpecError unless `chunk_frames` is a number of frames."""
    if chunk_frames < 1:
        raise SpecError(f"chunk_frames is {chunk_frames}, it must be at least 1")


def check_range(t0, t1, n_frames):
    """SpecError unless 0 <= t0 <= t1 <= n_frames."""
    if not 0 <= t0 <= t1 <= n_frames:
        raise SpecError(f"frames {t0} to {t1} are asked for, the recording has {n_frames}")


@dataclass(frozen=True, eq=False)
class _Drive:
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
        return _Drive(*(None if v is None else v[frames] for v in values))


class Renderer:
    """Renders any frames of one scene; the other users of frames share it.

    Parameters
    ----------
    scene : Scene
        A scene built with `until` renders the steps that ran.
    spans : dict of step kind to str
        Names of the spans given to trackers.

    Attributes
    ----------
    has_movie : bool
        Whether a step that ran makes a movie.
    has_counts : bool
        Whether the sensor ran.
    sequential : bool
        Whether noise comes from one stream in the order of frames.
    dtype : numpy.dtype
        Of `frames`: that of the counts, or float32.
    shape : tuple of 3 int
        T, H, W.
    """

    def __init__(self, scene, spans=VIDEO_SPANS):
        self.scene, spec = scene, scene.spec
        self._ran = _kinds_until(spec, scene.until)
        self.has_movie = any(STEP_DOMAINS[kind] != "cell" for kind in self._ran)
        self.has_counts = "sensor" in self._ran
        self.sequential = self.has_counts and spec.extensions.sensor_noise == "sequential"
        self._digitizer = Digitizer(spec) if self.has_counts else None
        self.dtype = self._digitizer.dtype if self.has_counts else np.dtype(np.float32)
        self.shape = (scene.n_frames, *scene.fov_shape)
        self._spans = spans
        self._prepare_canvas()
        self._prepare_fields()
        if self.sequential:
            self._rewind()

    def _prepare_canvas(self):
        neuropil, vessel = self.scene.neuropil, self.scene.vessel
        self._canvas = np.empty((0, *self.scene.canvas_shape), np.float32)
        if neuropil is not None:
            self._spatial = neuropil.spatial.astype(np.float32)
            amplitude = self.scene.spec.step("neuropil").amplitude
            self._background = amplitude / len(neuropil.spatial)
        if vessel is not None:
            self._mask = vessel.mask.astype(np.float32)

    def _prepare_fields(self):
        present = self.scene.fields
        light = [f for f in (present.illumination, present.vignette) if f is not None]
        self._field = np.prod(light, axis=0).astype(np.float32) if light else NO_FIELD
        leakage = present.leakage
        self._leakage = NO_FIELD if leakage is None else leakage.astype(np.float32)

    def frames(self, t0, t1, *, perf=None):
        """Frames t0 ... t1 - 1 as they are stored: counts, or float32 without a sensor."""
        if self.has_counts:
            return self.counts(t0, t1, perf=perf)
        return self.clean(t0, t1, perf=perf)

    def counts(self, t0, t1, *, perf=None):
        """Counts (t1 - t0, H, W) of the sensor, uint8 or uint16."""
        return self._render(t0, t1, perf, counts=True)[0]

    def clean(self, t0, t1, *, perf=None):
        """Intensity (t1 - t0, H, W) after leakage, float32: what the sensor digitizes.

        Of a frame that the recorder lost it is what the sensor saw.
        """
        return self._render(t0, t1, perf, clean=True)[1]

    def both(self, t0, t1, *, perf=None):
        """(counts, clean) of the same frames."""
        return self._render(t0, t1, perf, counts=True, clean=True)

    def stages(self, t0, t1):
        """Movie after each step that makes one: dict of stage name to float32 (t1 - t0, h, w).

        Canvas sized before brain_motion, field-of-view sized from there on; counts as float32.
        """
        return self.frames_and_stages(t0, t1)[1]

    def frames_and_stages(self, t0, t1, *, perf=None):
        """(`frames`, `stages`) of the same frames."""
        self._check(t0, t1)
        kept = {}

        def keep(kind, frames):
            kept["cells_only" if kind == "composite" else kind] = frames.astype(np.float32)

        frames = self._staged(self._canvas_of(t1 - t0), self._drive(t0, t1), perf, keep)
        if self.has_counts:
            frames = self._finish(self._digitize(frames, t0, perf), t0)
            keep("sensor", frames)
        return frames, kept

    def _check(self, t0, t1):
        check_range(t0, t1, self.scene.n_frames)
        if not self.has_movie:
            raise SpecError("the specification has no step that makes a movie")

    def _render(self, t0, t1, perf, *, counts=False, clean=False):
        self._check(t0, t1)
        if counts and not self.has_counts:
            raise SpecError("counts need a sensor step that ran; there is only an intensity")
        shape = (t1 - t0, *self.scene.fov_shape)
        result = np.empty(shape, self.dtype) if counts else None
        light = np.empty(shape, np.float32) if clean else None
        block = BLOCK_FRAMES if perf is None else max(t1 - t0, 1)
        drive = self._drive(t0, t1)
        for a in range(0, t1 - t0, block):
            part = slice(a, min(a + block, t1 - t0))
            made, seen = self._block(t0 + a, drive.part(part), perf, counts, clean)
            if counts:
                result[part] = made
            if clean:
                light[part] = seen
        if counts:
            result = self._finish(result, t0)
        return result, light

    def _block(self, t0, drive, perf, counts, clean):
        canvas = self._canvas_of(len(drive.corners))
        if perf is not None:
            seen = self._staged(canvas, drive, perf)
        else:
            self._fill(canvas, drive)
            if counts and not clean and not self.sequential and not self._digitizer.poisson:
                return self._expose_and_digitize(canvas, drive, t0), None
            seen = self._expose(canvas, drive, self._field, self._leakage)
        return self._digitize(seen, t0, perf) if counts else None, seen

    def _canvas_of(self, frames):
        if len(self._canvas) < frames:
            self._canvas = np.empty((frames, *self.scene.canvas_shape), np.float32)
        return self._canvas[:frames]

    def _drive(self, t0, t1):
        """What changes from frame to frame, for frames t0 ... t1 - 1."""
        scene = self.scene
        emission = background = None
        if scene.cells.emission is not None:
            emission = np.ascontiguousarray(scene.cells.emission[t0:t1], np.float32)
        if scene.neuropil is not None:
            weights = self._background * scene.neuropil.temporal[:, t0:t1]
            background = np.ascontiguousarray(weights.T, np.float32)
        if scene.motion is None:
            corners = np.full((t1 - t0, 2), scene.margin, np.int64)
            weights = np.tile(frame_kernels.STILL, (t1 - t0, 1))
        else:
            corners, weights = frame_kernels.warp_corners(scene.motion.shifts[t0:t1], scene.margin)
        return _Drive(emission, background, corners, weights)

    def _canvas_passes(self, canvas, drive):
        """(kind, task over canvas rows) of each step before motion."""
        for kind in self._ran:
            task = None
            if kind == "composite" and drive.emission is not None:
                seen = self.scene.cells.seen
                task = partial(
                    _with_rows, canvas_kernels.add_cells, canvas, seen.data, seen.pointers,
                    seen.offsets, seen.shapes, drive.emission,
                )  # fmt: skip
            elif kind == "neuropil":
                task = partial(
                    _with_rows, canvas_kernels.add_background, canvas, self._spatial,
                    drive.background,
                )  # fmt: skip
            elif kind == "vasculature" and self.scene.vessel is not None:
                task = partial(_with_rows, canvas_kernels.multiply, canvas, self._mask)
            if STEP_DOMAINS[kind] == "tissue":
                yield kind, task

    def _fill(self, canvas, drive):
        tasks = [task for _, task in self._canvas_passes(canvas, drive) if task is not None]

        def rows(first, last):
            canvas[:, first:last] = 0
            for task in tasks:
                task(first, last)

        over_items(rows, canvas.shape[1], CANVAS_ROWS)

    def _expose(self, canvas, drive, field, leakage):
        clean = np.empty((len(canvas), *self.scene.fov_shape), np.float32)
        moves = self.scene.motion is not None

        def rows(first, last):
            frame_kernels.expose(
                first, last, canvas, drive.corners, drive.weights, moves, field, leakage, clean
            )

        over_items(rows, clean.shape[0] * clean.shape[1], ROWS_AT_A_TIME)
        return clean

    def _expose_and_digitize(self, canvas, drive, t0):
        counts = np.empty((len(canvas), *self.scene.fov_shape), self.dtype)
        sensor, moves = self._digitizer, self.scene.motion is not None
        photons = sensor.photons[t0 : t0 + len(canvas)]

        def rows(first, last):
            frame_kernels.expose_and_digitize(
                first, last, canvas, drive.corners, drive.weights, moves, self._field,
                self._leakage, t0, sensor.keys, photons, sensor.constants, counts,
            )  # fmt: skip

        over_items(rows, counts.shape[0] * counts.shape[1], ROWS_AT_A_TIME)
        return counts

    def _staged(self, canvas, drive, perf, keep=lambda kind, frames: None):
        """The passes one after the other; frames before the sensor. `keep` is shown each one."""
        spans = self._spans
        canvas[:] = 0
        for kind, task in self._canvas_passes(canvas, drive):
            with measure(perf, spans[kind], domain="tissue"):
                if task is not None:
                    over_items(task, canvas.shape[1], CANVAS_ROWS)
            keep(kind, canvas)
        with ExitStack() as stack:
            if "brain_motion" in self._ran:
                stack.enter_context(measure(perf, spans["brain_motion"], domain="motion"))
            frames = self._expose(canvas, drive, NO_FIELD, NO_FIELD)
        if "brain_motion" in self._ran:
            keep("brain_motion", frames)
        lights = [kind for kind in ("illumination_profile", "vignette") if kind in self._ran]
        if lights:
            if len(lights) == 2:
                illumination = self.scene.fields.illumination.astype(np.float32)
                with ExitStack() as stack:
                    if spans[lights[0]] != spans[lights[1]]:
                        stack.enter_context(measure(perf, spans[lights[0]], domain="sensor"))
                    keep(lights[0], frames * illumination)
            self._apply(canvas_kernels.multiply, frames, self._field, perf, lights[-1])
            keep(lights[-1], frames)
        if "leakage" in self._ran:
            self._apply(canvas_kernels.add, frames, self._leakage, perf, "leakage")
            keep("leakage", frames)
        return frames

    def _apply(self, kernel, frames, field, perf, kind):
        with measure(perf, self._spans[kind], domain="sensor"):
            task = partial(_with_rows, kernel, frames, field)
            over_items(task, frames.shape[1], ROWS_AT_A_TIME)

    def _digitize(self, clean, t0, perf=None):
        with measure(perf, self._spans["sensor"], domain="sensor"):
            if not self.sequential:
                return self._digitizer.digitize(clean, t0)
            self._seek(t0)
            return np.stack([self._next_counts(frame) for frame in clean])

    def _rewind(self):
        self._rng = np.random.Generator(np.random.PCG64())
        self._rng.bit_generator.state = self.scene.rng_state
        self._position = 0

    def _seek(self, t):
        """Bring the sequential stream to frame t."""
        if t < self._position:
            self._rewind()
        while self._position < t:
            self._rng.standard_normal(self.scene.fov_shape)
            self._position += 1

    def _next_counts(self, clean):
        photons = clean.astype(np.float64) * self._photons(self._position)
        self._position += 1
        return self.scene.spec.acquisition.image_sensor.photons_to_counts(photons, self._rng)

    def _photons(self, t):
        factor = self.scene.ext.get("exposure")
        step = self.scene.spec.step("sensor")
        return step.photons_per_unit * (1.0 if factor is None else factor[t])

    def _finish(self, counts, t0):
        """Add hot pixels, and put what the recorder keeps in place of lost frames."""
        hot, dropped = self.scene.ext.get("hot_pixels"), self.scene.ext.get("dropped")
        if hot is not None:
            most = self.scene.spec.acquisition.image_sensor.max_count
            counts = np.minimum(counts.astype(np.int32) + hot, most).astype(counts.dtype)
        if dropped is None or not dropped[t0 : t0 + len(counts)].any():
            return counts
        repeat = self.scene.spec.extensions.dropped_frames.fill == "repeat"
        for i in np.flatnonzero(dropped[t0 : t0 + len(counts)]):
            if not repeat:
                counts[i] = 0
            elif i > 0:
                counts[i] = counts[i - 1]
            else:
                kept = t0 - 1 - int(np.argmin(dropped[t0 - 1 :: -1]))
                counts[i] = self.counts(kept, kept + 1)[0]
        return counts


def _kinds_until(spec, until):
    """Kinds of the steps up to the stage or kind `until`, that one included."""
    kinds = []
    for step in spec.steps:
        kinds.append(step.kind)
        if until in (step.kind, step.stage_name):
            break
    return kinds


def _with_rows(kernel, *arguments):
    """Call a kernel that takes its rows first with `arguments` bound before them."""
    *bound, first, last = arguments
    kernel(first, last, *bound)
