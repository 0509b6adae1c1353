"""Simulated movies as video files, rendered and written in chunks."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from simlab.calcium.costs import check_simulation
from simlab.calcium.errors import SpecError
from simlab.calcium.movie_writing import check_target, open_movie, plan_movie, write_chunks
from simlab.calcium.render import DEFAULT_CHUNK, Renderer, check_chunk
from simlab.calcium.scene import build_scene
from simlab.core.files import write_csv, write_json


def simulate_video(
    spec,
    path,
    *,
    chunk_frames=None,
    fps=None,
    vmin=0.0,
    vmax=None,
    codec="Y800",
    progress=True,
    perf=None,
):
    """Simulate a recording straight into a video file.

    The movie is never in memory: at most the scene, `chunk_frames` canvases of float32, and as
    many frames of counts three times over (rendered, waiting, being written).

    Parameters
    ----------
    spec : Spec
    path : str or Path
        Video file; its directory is made if needed.
    chunk_frames : int >= 1, optional
        Frames rendered at a time, 128 by default; any number gives the same video.
    fps : float, optional
        Frame rate of the video, Hz; by default that of the acquisition.
    vmin : float
        Value that becomes black.
    vmax : float, optional
        Value that becomes white: 2^bit_depth - 1 by default, so that 8-bit counts stay as they
        are. It must be given for a specification without a sensor step.
    codec : str
        Four characters. Y800: uncompressed 8-bit gray, exact; FFV1: lossless, 16 bits for counts
        of more than 8 bits on the default scale; MJPG and others: lossy.
    progress : bool
        Show how far it is.
    perf : PerfTracker, optional
        Gets the time of each phase; phases then run one after the other.

    Returns
    -------
    Path

    Raises
    ------
    SpecError
        Before anything is simulated, if it cannot be simulated or written.
    VideoWriterError
        If the codec is not available, or the file is incomplete.
    """
    chunk_frames = DEFAULT_CHUNK if chunk_frames is None else chunk_frames
    check_chunk(chunk_frames)
    n_frames = _check_movie(spec)
    plan = plan_movie(
        path,
        spec.acquisition,
        n_frames,
        counts=spec.step("sensor") is not None,
        fps=fps,
        vmin=vmin,
        vmax=vmax,
        codec=codec,
    )
    with open_movie(plan) as write:
        renderer = Renderer(build_scene(spec, perf=perf, span_names="setup"))
        render = partial(renderer.frames, perf=perf)
        write_chunks(plan, write, render, chunk_frames=chunk_frames, progress=progress, perf=perf)
    return plan.path


def write_miniscope_folder(spec, folder, frames_per_file=1000, *, progress=True):
    """Simulate a recording in the layout of the Miniscope DAQ software.

    `0.avi`, `1.avi`, ... hold `frames_per_file` frames each (Y800); `timeStamps.csv` has the
    columns Frame Number, Time Stamp (ms), Buffer Index; `metaData.json`, written last, describes
    the recording and holds its specification.

    Parameters
    ----------
    spec : Spec
        With a sensor step.
    folder : str or Path
    frames_per_file : int >= 1
    progress : bool

    Returns
    -------
    Path of the folder

    Raises
    ------
    SpecError
        Before anything is simulated; also if the folder holds movies of a longer recording.
    """
    folder = Path(folder)
    check_chunk(frames_per_file, "frames_per_file")
    n_frames = _check_movie(spec)
    firsts = range(0, n_frames, frames_per_file)
    plan = plan_movie(
        folder / "0.avi",
        spec.acquisition,
        min(frames_per_file, n_frames),
        counts=spec.step("sensor") is not None,
    )
    plans = [
        replace(
            plan,
            path=check_target(folder / f"{i}.avi"),
            n_frames=min(frames_per_file, n_frames - first),
        )
        for i, first in enumerate(firsts)
    ]
    _check_no_more_files(folder, len(plans))
    renderer = Renderer(build_scene(spec))
    for first, plan in zip(firsts, plans, strict=True):
        render = partial(_frames_from, renderer, first)
        with open_movie(plan) as write:
            write_chunks(plan, write, render, chunk_frames=DEFAULT_CHUNK, progress=progress)
    times_ms = [round(1000 * t / spec.acquisition.fps) for t in range(n_frames)]
    write_csv(
        folder / "timeStamps.csv",
        ["Frame Number", "Time Stamp (ms)", "Buffer Index"],
        [(t, ms, 0) for t, ms in enumerate(times_ms)],
    )
    write_json(folder / "metaData.json", _miniscope_metadata(spec, frames_per_file))
    return folder


def _check_movie(spec):
    """Number of frames; SpecError if the specification makes no movie or cannot be simulated."""
    check_simulation(spec)
    if not spec.has_movie():
        raise SpecError("the specification has no step that makes a movie")
    return spec.acquisition.n_frames


def _check_no_more_files(folder, count):
    """SpecError if the folder has movies after the first `count` ones, of a longer recording."""
    numbers = [int(path.stem) for path in folder.glob("*.avi") if path.stem.isdecimal()]
    later = [number for number in numbers if number >= count]
    if later:
        raise SpecError(
            f"{folder / f'{min(later)}.avi'} belongs to a longer recording (this one has {count} "
            "files); use another folder, or remove it"
        )


def _frames_from(renderer, first, t0, t1):
    return renderer.frames(first + t0, first + t1)


def _miniscope_metadata(spec, frames_per_file):
    height, width = spec.fov_shape
    return {
        "ROI": {"height": height, "leftEdge": 0, "topEdge": 0, "width": width},
        "compression": "Y800",
        "deviceID": 0,
        "deviceName": "Miniscope",
        "deviceType": "simulated",
        "frameRate": f"{spec.acquisition.fps:g}FPS",
        "framesPerFile": frames_per_file,
        "spec": spec.model_dump(mode="json"),
        "spec_cache_key": spec.cache_key(),
    }
