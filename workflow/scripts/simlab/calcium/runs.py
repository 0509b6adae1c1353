"""What the commands do beside printing: with the same functions as the rules."""

import json
import os
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

import numba
import numpy as np
from pydantic import ValidationError

from simlab.calcium.check_case import View
from simlab.calcium.checks import run_checks
from simlab.calcium.config import CalciumDataset, load_spec, one_line, parse_mapping, read_mapping
from simlab.calcium.costs import check_simulation
from simlab.calcium.errors import EstimateError, SpecError
from simlab.calcium.points import first_problem, shown_axes
from simlab.calcium.recording import Recording
from simlab.calcium.simulation import simulate
from simlab.calcium.spec import Spec
from simlab.calcium.specs import recording_spec
from simlab.calcium.stages.recordings import write_recording, write_statistics
from simlab.calcium.sweeps import (
    product_values,
    sample_values,
    sweep,
    with_overrides,
    zipped_values,
)
from simlab.calcium.testing import Estimate, score
from simlab.core.config import parse_config
from simlab.core.errors import ConfigError, SimlabError
from simlab.core.files import read_npz, write_text

STANDARD_INPUT = "-"


def use_threads(count):
    """Render with so many threads, or as many as there are CPUs; None: all."""
    if count is not None:
        numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))


@contextmanager
def outputs(*paths):
    """Context in which files are made: all of them, or nothing.

    Before any work, SimlabError for a path (None: no file) that cannot be written. If the block
    fails, files and folders that were not there before are not there afterwards.
    """
    paths = [Path(path) for path in paths if path is not None]
    for path in paths:
        _require_writable(path)
    folders = {folder for path in paths for folder in path.parents if not os.path.exists(folder)}
    new = [path for path in paths if not os.path.lexists(path)]
    try:
        yield
    except BaseException:
        for path in new:
            with suppress(OSError):
                path.unlink()
        for folder in sorted(folders, key=lambda folder: -len(folder.parts)):
            with suppress(OSError):
                folder.rmdir()
        raise


def _require_writable(path):
    there = next(folder for folder in path.parents if os.path.exists(folder))
    if path.is_dir():
        problem = "it is a directory"
    elif not there.is_dir():
        problem = f"{there} is not a directory"
    elif not os.access(there, os.W_OK | os.X_OK):
        problem = f"no permission to write into {there}"
    else:
        return
    raise SimlabError(f"cannot write {path}: {problem}")


def read_spec(path):
    """The Spec of a JSON or YAML file, or of the standard input for "-".

    Every problem is told in one line: file, field, value, what is allowed.
    """
    try:
        if str(path) != STANDARD_INPUT:
            return load_spec(path)
        where = "standard input"
        return parse_config(Spec, parse_mapping(sys.stdin.buffer.read(), where), where)
    except ConfigError as error:
        raise SpecError(one_line(error)) from None


def read_simulable(path, *, until=None, noise=None):
    """The same for a simulation until `until`, with other sensor noise unless `noise` is None."""
    spec = read_spec(path)
    with pointed(path):
        if noise is not None:
            spec = with_overrides(spec, {"ext.sensor_noise": noise})
        check_simulation(spec, until)
    return spec


def save_recording(spec, path, *, until=None, perf=None):
    """Simulate a recording into a file: that of the workflow's rule unless it stops before."""
    if until is not None or perf is not None:
        simulate(spec, until=until, perf=perf).save(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder, "spec.json"), Path(folder, "statistics.json")
        write_recording(json.loads(spec.model_dump_json()), path, *texts)


def swept(base, path, mode, n, seed):
    """All points of the sweep along the axes in a JSON or YAML file.

    SpecError names the file and the values of the first point that is not valid.
    """
    axes = read_mapping(path)
    with pointed(path):
        if mode == "sample":
            points = [sample_values(axes, seed, i) for i in range(n)]
        else:
            points = list((zipped_values if mode == "zip" else product_values)(axes))
    return [_point(base, values, path) for values in points]


def _point(base, values, path):
    with pointed(f"{path}: {shown_axes(values)}"):
        [point] = sweep(base, {axis: [value] for axis, value in values.items()})
    return point


@contextmanager
def pointed(where):
    """Context in which what a specification breaks is a SpecError of one line about `where`."""
    try:
        yield
    except (ValidationError, SpecError) as error:
        raise SpecError(f"{where}: {first_problem(error)}") from None


def write_specs(points, folder):
    """Write the specification of every point as {key}.json."""
    files = {Path(folder) / f"{point.cache_key()}.json": point for point in points}
    with outputs(*files):
        for path, point in files.items():
            write_text(path, point.model_dump_json() + "\n")


def describe(path):
    """What a recording file holds: {name: text}."""
    recording = Recording.load(path)
    spec, truth, (frames, height, width) = (
        recording.spec,
        recording.ground_truth,
        recording.shape,
    )
    acquisition = spec.acquisition
    return {
        "key": spec.cache_key(),
        "movie": f"{frames} frames of {height} x {width} px, {recording.dtype}",
        "frame rate": f"{acquisition.fps:g} Hz, {acquisition.duration_s:g} s",
        "pixel": f"{acquisition.pixel_size_um:g} µm",
        "steps": ", ".join(map(_step_and_stage, spec.steps)) or "none",
        "until": recording.until or "the last step",
        "seed": str(spec.seed),
        "sensor noise": spec.extensions.sensor_noise,
        "units": f"{truth.n_units}, {int(truth.detectable.sum())} of them detectable",
        "truth": ", ".join(truth.present),
        "snapshots": ", ".join(recording.snapshots) or "none",
    }


def _step_and_stage(step):
    kind, stage = step.kind, step.stage_name
    return kind if stage == kind else f"{kind} (stage {stage})"


def check_recording(path):
    """The checks of a data set on one recording file.

    What is not in the file - statistics, the movie before digitization - is simulated again from
    the specification in it.
    """
    recording = Recording.load(path, strict=True)
    if recording.until:
        raise SpecError(
            f"{path}: stopped after {recording.until}, only whole recordings are checked"
        )
    dataset = CalciumDataset(spec=json.loads(recording.spec.model_dump_json()))
    [point] = dataset.expansion.points
    with tempfile.TemporaryDirectory() as folder:
        statistics = Path(folder, "statistics.json")
        write_statistics(recording_spec(point), Path(folder, "spec.json"), statistics)
        view = View(point, dataset, _named(path, point.key, folder), statistics)
        return run_checks([view], 1)


def _named(path, key, folder):
    """The same file under the name that a data set gives it."""
    link = Path(folder, f"{key}.h5")
    link.symlink_to(Path(path).absolute())
    return link


AXES = {
    **dict.fromkeys(("A", "footprints"), 3),
    **dict.fromkeys(("C", "traces", "S", "activity", "shifts"), 2),
}
"""Number of axes of each array of an estimate."""


def score_file(recording, estimate):
    """`testing.score` of the arrays of an npz file against the truth of a recording file."""
    arrays = read_npz(estimate)
    truth = Recording.load(recording).ground_truth
    try:
        for name in AXES.keys() & arrays.keys():
            _require_numbers(name, arrays[name])
        return score(Estimate.of(arrays), truth)
    except (SpecError, EstimateError) as error:
        raise EstimateError(f"{estimate}: {error}") from None


def _require_numbers(name, values):
    if values.ndim != AXES[name] or values.dtype.kind not in "fiub":
        raise EstimateError(
            f"{name} is {values.dtype} {values.shape}, expected real numbers with {AXES[name]} axes"
        )
    if not np.isfinite(values).all():
        raise EstimateError(f"{name} has values that are not finite")
