"""Writing a movie as a gray video, frame by frame, from a scene or from a recording."""

import math
import warnings
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simlab.calcium.errors import SpecError, VideoWriterError
from simlab.calcium.files.avi import LOSSLESS, check_video, holds_frames, open_video
from simlab.calcium.perf import measure
from simlab.calcium.spec import SpecWarning
from simlab.core.files import atomic_path
from simlab.core.progress import progress as shown

WRITE_BEHIND = 2
"""Pieces that may wait for being written while the next one is rendered."""
PIECE_FRAMES = 32
"""Frames of a piece; more at a time is no faster."""


@dataclass(frozen=True)
class MoviePlan:
    """A video that can be written.

    Attributes
    ----------
    path : Path
    shape : (height, width)
        Frame size, px.
    n_frames : int
    fps : float
        Frame rate, Hz.
    codec : str
    vmin, span : float
        Value that becomes black, and how far above it white is.
    bits : 8 or 16
        Depth of the gray levels; 16 stores counts as they are.
    max_count : int or None
        Largest count of an integer movie; None: continuous intensity.
    """

    path: Path
    shape: tuple
    n_frames: int
    fps: float
    codec: str
    vmin: float
    span: float
    bits: int
    max_count: int | None

    def gray_levels(self):
        """A function from a frame to gray levels: floor(clip((v - vmin)/span, 0, 1) 255 + 0.5).

        For counts it looks levels up; it returns 8-bit counts on the default scale as they are.
        """
        if self.bits == 16:
            return lambda frame: frame
        if self.max_count is None:
            return lambda frame: self._scaled(np.asarray(frame, np.float64))
        levels = self._scaled(np.arange(self.max_count + 1, dtype=np.float64))
        if np.array_equal(levels, np.arange(256)):
            return lambda frame: frame
        return levels.__getitem__

    def _scaled(self, values):
        relative = np.clip((values - self.vmin) / self.span, 0.0, 1.0)
        return np.floor(relative * 255 + 0.5).astype(np.uint8)


def check_target(path):
    """`path` as Path; SpecError if no file can be there because it is a directory."""
    path = Path(path)
    if path.is_dir():
        raise SpecError(f"{path} is a directory, expected the name of a file")
    return path


def plan_movie(path, acquisition, n_frames, *, counts, fps=None, vmin=0.0, vmax=None, codec="Y800"):
    """The MoviePlan of a movie, checked as far as it can be before anything is computed.

    Parameters
    ----------
    path : str or Path
        Video file.
    acquisition : Acquisition
        Gives frame size, bit depth and the default of `fps`.
    n_frames : int
    counts : bool
        Whether frames are counts of the sensor; else they are float intensities.
    fps, vmin, vmax, codec
        As `video.simulate_video`.

    Raises
    ------
    SpecError
        No frame; a directory of that name; no vmax without a sensor; values, codec or size that
        cannot be written.
    """
    path = check_target(path)
    sensor = acquisition.image_sensor
    fps = acquisition.fps if fps is None else fps
    if n_frames < 1:
        raise SpecError(f"{path}: the movie has no frame")
    check_video(path, codec, acquisition.fov_shape, fps, n_frames)
    if vmax is None and not counts:
        raise SpecError(f"{path}: vmax is required for a movie of continuous intensity")
    deep = counts and sensor.bit_depth > 8 and vmax is None and vmin == 0
    if deep and codec != LOSSLESS:
        warnings.warn(
            f"{path}: counts of {sensor.bit_depth} bits are reduced to 256 gray levels; codec "
            f"{LOSSLESS} or the h5 output keeps them",
            SpecWarning,
            stacklevel=3,
        )
    vmax = sensor.max_count if vmax is None else vmax
    span = vmax - vmin
    if not math.isfinite(span) or span < 0:
        raise SpecError(f"{path}: vmax - vmin must be >= 0 and finite, found {vmin!r} to {vmax!r}")
    return MoviePlan(
        path=path,
        shape=acquisition.fov_shape,
        n_frames=n_frames,
        fps=fps,
        codec=codec,
        vmin=vmin,
        span=span or 1.0,
        bits=16 if deep and codec == LOSSLESS else 8,
        max_count=sensor.max_count if counts else None,
    )


@contextmanager
def open_movie(plan):
    """Yield a function that writes frames (n, height, width) in order.

    The file appears under its name when the block has written all frames; a failing block leaves
    nothing behind. Raises VideoWriterError if the codec cannot be used or the file is incomplete.
    """
    gray = plan.gray_levels()
    with atomic_path(plan.path, plan.path.suffix) as part:
        with open_video(
            part, plan.codec, plan.shape, plan.fps, bits=plan.bits, name=plan.path
        ) as video:

            def write(frames):
                for frame in frames:
                    video.write(gray(frame))

            yield write
        if not holds_frames(part, plan.n_frames):
            raise VideoWriterError(
                f"{plan.path}: not all of its {plan.n_frames} frames could be written; is the "
                "disk full?"
            )


def write_chunks(plan, write, render, *, chunk_frames, progress=True, perf=None):
    """Write all frames, rendering a piece while the ones before it are written.

    Parameters
    ----------
    plan : MoviePlan
    write : function of `open_movie`
    render : callable
        (t0, t1) -> frames t0 ... t1 - 1.
    chunk_frames : int >= 1
        Frames at a time; rendered and written in smaller pieces if it is large.
    progress : bool
        Whether to show how far it is.
    perf : PerfTracker or None
        Gets `encode+write`; whole chunks are then rendered and written in turn.
    """
    step = chunk_frames if perf is not None else min(chunk_frames, PIECE_FRAMES)
    starts = range(0, plan.n_frames, step)
    starts = shown(starts, len(starts), f"video {plan.path.name}", progress)
    with ThreadPoolExecutor(max_workers=1) as thread:
        pending = deque()
        for t0 in starts:
            frames = render(t0, min(t0 + step, plan.n_frames))
            if perf is not None:
                with measure(perf, "encode+write"):
                    write(frames)
                continue
            if len(pending) == WRITE_BEHIND:
                pending.popleft().result()
            pending.append(thread.submit(write, frames))
        for piece in pending:
            piece.result()
