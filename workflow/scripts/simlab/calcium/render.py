"""Frames of a scene: the one renderer behind recordings, videos, parts and training samples.

A frame has the same bits whatever block, chunk or thread it is rendered in, and whether its passes
are fused or, for a tracker of times or for snapshots, run one after the other.
"""

from contextlib import contextmanager

import numpy as np

from simlab.calcium.costs import check_simulation
from simlab.calcium.errors import SpecError
from simlab.calcium.extensions import add_hot_pixels
from simlab.calcium.light_path import LightPath
from simlab.calcium.perf import PerfTracker, Span, measure
from simlab.calcium.scene import build_scene
from simlab.calcium.sensor import Digitizer, SequentialDigitizer
from simlab.calcium.steps import STEP_DOMAINS

BLOCK_FRAMES = 16
DEFAULT_CHUNK = 128

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
    t0 : int
        First frame.
    t1 : int, optional
        The frame after the last one; None: all.
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
    check_simulation(spec)
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


def check_chunk(frames, name="chunk_frames"):
    """SpecError, naming `name`, unless `frames` is a whole number of at least 1."""
    if not isinstance(frames, int | np.integer):
        raise SpecError(f"{name} is {frames!r}, it must be a whole number")
    if frames < 1:
        raise SpecError(f"{name} is {frames}, it must be at least 1")


def check_range(t0, t1, n_frames):
    """SpecError unless 0 <= t0 <= t1 <= n_frames."""
    if not 0 <= t0 <= t1 <= n_frames:
        raise SpecError(f"frames {t0} to {t1} are asked for, the recording has {n_frames}")


@contextmanager
def one_call_each(perf):
    """A tracker for the blocks of a chunk: `perf` gets their times as one call a phase."""
    if perf is None:
        yield None
        return
    blocks = PerfTracker()
    try:
        yield blocks
    finally:
        for name, span in blocks.spans.items():
            total = perf.spans.setdefault(name, Span(name, span.domain))
            total.seconds += span.seconds
            total.calls += 1


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
        self.scene, self._spans = scene, spans
        ran = _kinds_until(scene.spec, scene.until)
        self.has_movie = any(STEP_DOMAINS[kind] != "cell" for kind in ran)
        self.has_counts = "sensor" in ran
        self.shape = (scene.n_frames, *scene.fov_shape)
        self._light = LightPath(scene, ran, spans)
        sequential = scene.spec.extensions.sensor_noise == "sequential"
        self.sequential = self.has_counts and sequential
        if self.sequential:
            self._sensor = SequentialDigitizer(scene.spec, scene.rng_state)
        else:
            self._sensor = Digitizer(scene.spec) if self.has_counts else None
        self._in_one_go = self.has_counts and not (self.sequential or self._sensor.poisson)
        self.dtype = self._sensor.dtype if self.has_counts else np.dtype(np.float32)

    def frames(self, t0, t1, *, perf=None, out=None):
        """Frames t0 ... t1 - 1 as they are stored: counts, or float32 without a sensor."""
        if self.has_counts:
            return self.counts(t0, t1, perf=perf, out=out)
        return self.clean(t0, t1, perf=perf, out=out)

    def counts(self, t0, t1, *, perf=None, out=None):
        """Counts (t1 - t0, H, W) of the sensor, uint8 or uint16; written to `out` if given."""
        counts = self._output(t0, t1, self.dtype, out)
        self._render(t0, t1, perf, counts=counts)
        return counts

    def clean(self, t0, t1, *, perf=None, out=None):
        """Intensity (t1 - t0, H, W) after leakage, float32: what the sensor digitizes.

        Of a frame that the recorder lost it is what the sensor saw. Written to `out` if given.
        """
        clean = self._output(t0, t1, np.float32, out)
        self._render(t0, t1, perf, clean=clean)
        return clean

    def both(self, t0, t1, *, perf=None):
        """(counts, clean) of the same frames."""
        counts, clean = (self._output(t0, t1, dtype) for dtype in (self.dtype, np.float32))
        self._render(t0, t1, perf, counts=counts, clean=clean)
        return counts, clean

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

        frames = self._output(t0, t1, np.float32)
        self._light.render_in_passes(self._light.drive(t0, t1), frames, perf, keep)
        if self.has_counts:
            counts = self._output(t0, t1, self.dtype)
            self._digitize(frames, t0, counts, perf)
            self._finish(counts, t0)
            keep("sensor", counts)
            frames = counts
        return frames, kept

    def _check(self, t0, t1):
        check_range(t0, t1, self.scene.n_frames)
        if not self.has_movie:
            raise SpecError("the specification has no step that makes a movie")

    def _output(self, t0, t1, dtype, out=None):
        return np.empty((max(t1 - t0, 0), *self.shape[1:]), dtype) if out is None else out

    def _render(self, t0, t1, perf, *, counts=None, clean=None):
        self._check(t0, t1)
        if counts is not None and not self.has_counts:
            raise SpecError("counts need a sensor step that ran; there is only an intensity")
        drive = self._light.drive(t0, t1)
        with one_call_each(perf) as timer:
            for t in range(t0, t1, BLOCK_FRAMES):
                part = slice(t - t0, min(t - t0 + BLOCK_FRAMES, t1 - t0))
                made, seen = (None if array is None else array[part] for array in (counts, clean))
                self._render_block(t, drive.part(part), timer, made, seen)
        if counts is not None:
            self._finish(counts, t0)

    def _render_block(self, t0, drive, perf, counts, clean):
        if perf is None and clean is None and self._in_one_go:
            self._light.render_counts(drive, t0, self._sensor, counts)
            return
        if clean is None:
            clean = np.empty(counts.shape, np.float32)
        if perf is None:
            self._light.render(drive, clean)
        else:
            self._light.render_in_passes(drive, clean, perf)
        if counts is not None:
            self._digitize(clean, t0, counts, perf)

    def _digitize(self, clean, t0, counts, perf):
        with measure(perf, self._spans["sensor"], domain="sensor"):
            self._sensor.digitize(clean, t0, counts)

    def _finish(self, counts, t0):
        """Add hot pixels, and put what the recorder keeps in place of lost frames."""
        hot, dropped = self.scene.ext.get("hot_pixels"), self.scene.ext.get("dropped")
        if hot is not None:
            add_hot_pixels(counts, hot, self.scene.spec.acquisition.image_sensor.max_count)
        if dropped is None:
            return
        repeat = self.scene.spec.extensions.dropped_frames.fill == "repeat"
        for i in np.flatnonzero(dropped[t0 : t0 + len(counts)]):
            if not repeat:
                counts[i] = 0
            elif i > 0:
                counts[i] = counts[i - 1]
            else:
                kept = t0 - 1 - int(np.argmin(dropped[t0 - 1 :: -1]))
                counts[i] = self.counts(kept, kept + 1)[0]


def _kinds_until(spec, until):
    """Kinds of the steps up to the stage or kind `until`, that one included."""
    kinds = []
    for step in spec.steps:
        kinds.append(step.kind)
        if until in (step.kind, step.stage_name):
            break
    return kinds
