"""`simlab calcium`: the functions of the original as commands, and a few around their files."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from simlab.core.errors import ChecksFailedError
from simlab.core.warned import each_told_once

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={
        "token_normalize_func": lambda token: token.replace("_", "-"),
        "help_option_names": ["-h", "--help"],
    },
)

SpecFile = Annotated[
    str, typer.Argument(metavar="SPEC", help="Specification, JSON or YAML; - reads standard input")
]
RecordingFile = Annotated[Path, typer.Argument(metavar="REC.h5", help="Recording file")]
Video = Annotated[Path, typer.Argument(metavar="OUT.avi", help="Video file")]
Fps = Annotated[
    float | None, typer.Option("--fps", help="Frames per second (default: the recording's)")
]
Vmin = Annotated[float, typer.Option("--vmin", help="Value shown black")]
Vmax = Annotated[
    float | None, typer.Option("--vmax", help="Value shown white (default: the largest count)")
]
Codec = Annotated[
    str, typer.Option("--codec", help="FourCC: Y800 and FFV1 are lossless, MJPG is not")
]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="Show no progress")]
Perf = Annotated[Path | None, typer.Option("--perf", help="Write the times of the phases, JSON")]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads (default: one a CPU)")
]
VIDEOS = (".avi", ".mp4", ".mkv", ".mov", ".tif", ".tiff")
"""Endings of files that are no recording."""
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the draws")]


@app.callback()
def plain_warnings(context: typer.Context):
    """One-photon calcium movies: sensor counts with exact ground truth."""
    context.with_resource(each_told_once())


@app.command("simulate")
def simulate(
    spec: SpecFile,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Recording file, .h5")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Stop after this step (kind or stage name)")
    ] = None,
    perf: Perf = None,
    noise: Annotated[
        Literal["counter", "sequential"] | None,
        typer.Option("--noise", help="Sensor noise, in place of the specification's"),
    ] = None,
    cached: Annotated[
        bool, typer.Option("--cached", help="Keep the recording in the cache and print its path")
    ] = False,
    root: Annotated[
        Path | None, typer.Option("--root", help="Folder of the cache, with --cached")
    ] = None,
    threads: Threads = None,
):
    """A recording with its ground truth, into a file or into the cache."""
    if cached == (output is not None):
        raise typer.BadParameter("one of --output and --cached is needed")
    if cached and (until is not None or perf is not None):
        raise typer.BadParameter("the cache keeps whole recordings: no --until or --perf")
    if root is not None and not cached:
        raise typer.BadParameter("--root needs --cached")
    if output is not None and output.suffix.lower() in VIDEOS:
        raise typer.BadParameter(f"{output}: a recording is HDF5 (.h5); `video` writes videos")
    from simlab.calcium import runs
    from simlab.calcium.cache import cache_path, simulate_cached
    from simlab.calcium.perf import PerfTracker

    runs.use_threads(threads)
    recording = runs.read_simulable(spec, until=until, noise=noise)
    if cached:
        output = cache_path(recording, root)
        with runs.outputs(output):
            simulate_cached(recording, root=root)
        print(output)
        return
    tracker = None if perf is None else PerfTracker()
    with runs.outputs(output, perf):
        runs.save_recording(recording, output, until=until, perf=tracker)
        if perf is not None:
            tracker.to_json(perf)
    print(f"Wrote {output}")


@app.command("video")
def video(
    spec: SpecFile,
    output: Video,
    chunk_frames: Annotated[
        int, typer.Option("--chunk-frames", min=1, help="Frames rendered at a time")
    ] = 128,
    fps: Fps = None,
    vmin: Vmin = 0.0,
    vmax: Vmax = None,
    codec: Codec = "Y800",
    no_progress: NoProgress = False,
    perf: Perf = None,
    threads: Threads = None,
):
    """A movie as a video, without ever holding the whole movie in memory."""
    from simlab.calcium import runs
    from simlab.calcium.perf import PerfTracker
    from simlab.calcium.video import simulate_video

    runs.use_threads(threads)
    recording = runs.read_simulable(spec)
    tracker = None if perf is None else PerfTracker()
    with runs.outputs(output, perf):
        simulate_video(
            recording,
            output,
            chunk_frames=chunk_frames,
            fps=fps,
            vmin=vmin,
            vmax=vmax,
            codec=codec,
            progress=not no_progress,
            perf=tracker,
        )
        if perf is not None:
            tracker.to_json(perf)
    print(f"Wrote {output}")


@app.command("sweep")
def sweep(
    base: SpecFile,
    axes: Annotated[
        Path, typer.Argument(metavar="AXES", help="path: values of each axis, JSON or YAML")
    ],
    mode: Annotated[
        Literal["product", "zip", "sample"],
        typer.Option("--mode", help="Every combination, lists in parallel, or random points"),
    ] = "product",
    n: Annotated[int | None, typer.Option("-n", min=1, help="Points, with --mode sample")] = None,
    seed: Seed = 0,
    out_dir: Annotated[
        Path | None, typer.Option("--out-dir", help="Also write the specifications, {key}.json")
    ] = None,
):
    """The points of a sweep: cache key and values, separated by a tab."""
    if (n is not None) != (mode == "sample"):
        raise typer.BadParameter("-n is needed for --mode sample, and for no other mode")
    from simlab.calcium import runs

    points = runs.swept(runs.read_spec(base), axes, mode, n, seed)
    if out_dir is not None:
        runs.write_specs(points, out_dir)
    for point in points:
        print(f"{point.cache_key()}\t{json.dumps(point.axes)}")


@app.command("preset")
def preset(
    scope: Annotated[
        Literal["miniscope_v4", "generic_1p"],
        typer.Argument(metavar="SCOPE", help="Microscope: miniscope_v4, generic_1p"),
    ],
    region: Annotated[
        Literal["ca1", "cortex_l23"],
        typer.Argument(metavar="REGION", help="Brain region: ca1, cortex_l23"),
    ],
    duration_s: Annotated[float, typer.Option("--duration-s", help="Length, s")] = 150.0,
    fps: Annotated[float, typer.Option("--fps", help="Frames per second")] = 20.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the recording")] = 0,
    extra_steps: Annotated[
        list[str] | None,
        typer.Option("--extra-steps", help="Kind of one more step; once for each of them"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Specification file; else it is printed")
    ] = None,
):
    """The specification of a microscope over a brain region, as canonical JSON."""
    from simlab.calcium import runs
    from simlab.calcium.presets import build_spec
    from simlab.core.files import write_text

    with runs.pointed(f"{scope} over {region}"):
        spec = build_spec(
            scope,
            region,
            duration_s=duration_s,
            fps=fps,
            seed=seed,
            extra_steps=[{"kind": kind} for kind in extra_steps or ()],
        )
    if output is None:
        print(spec.model_dump_json())
    else:
        with runs.outputs(output):
            write_text(output, spec.model_dump_json() + "\n")
        print(f"Wrote {output}")


@app.command("key")
def key(spec: SpecFile):
    """The cache key of a specification."""
    from simlab.calcium import runs

    print(runs.read_spec(spec).cache_key())


@app.command("info")
def info(recording: RecordingFile):
    """What a recording file holds."""
    from simlab.calcium import runs

    for name, text in runs.describe(recording).items():
        print(f"{name:13} {text}")


@app.command("check")
def check(recording: RecordingFile, threads: Threads = None):
    """The consistency checks of a data set on one recording; exits with 1 if one fails."""
    from simlab.calcium import runs

    runs.use_threads(threads)
    rows = runs.check_recording(recording)
    for row in rows:
        state = "skipped" if row.skipped else "passed" if row.passed else "FAILED"
        print(f"{row.id:20} {state:8} {row.measured!s:24} {row.bound!s:12} {row.what}")
    failed = [row.id for row in rows if not row.passed]
    if failed:
        raise ChecksFailedError(f"{recording}: {len(failed)} checks failed: {', '.join(failed)}")


@app.command("play")
def play(
    recording: RecordingFile,
    output: Video,
    fps: Fps = None,
    vmin: Vmin = 0.0,
    vmax: Vmax = None,
    codec: Codec = "Y800",
    no_progress: NoProgress = False,
):
    """The movie of a recording file as a video: the bytes of `video`."""
    from simlab.calcium import runs
    from simlab.calcium.recording import Recording

    movie = Recording.load(recording)
    with runs.outputs(output):
        movie.write_video(
            output, fps=fps, vmin=vmin, vmax=vmax, codec=codec, progress=not no_progress
        )
    print(f"Wrote {output}")


@app.command("score")
def score(
    recording: RecordingFile,
    estimate: Annotated[
        Path,
        typer.Argument(
            metavar="ESTIMATE.npz", help="Arrays A (n, H, W), C and S (n, T), shifts (T, 2)"
        ),
    ],
):
    """How well an analysis found cells, traces and motion."""
    from simlab.calcium import runs

    print(runs.score_file(recording, estimate).summary())
