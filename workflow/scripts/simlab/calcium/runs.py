"""What the commands do beside printing: with the same functions as the rules."""

import json
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numba
from pydantic import ValidationError

from simlab.calcium.check_case import View
from simlab.calcium.checks import run_checks
from simlab.calcium.config import CalciumDataset, load_spec, parse_mapping, read_mapping
from simlab.calcium.errors import SpecError
from simlab.calcium.points import first_problem
from simlab.calcium.recording import Recording
from simlab.calcium.simulation import simulate
from simlab.calcium.spec import Spec
from simlab.calcium.specs import recording_spec
from simlab.calcium.stages.recordings import write_recording, write_statistics
from simlab.calcium.sweeps import sample, sweep, with_overrides, zipped
from simlab.calcium.testing import Estimate, score
from simlab.core.config import parse_config
from simlab.core.errors import ConfigError
from simlab.core.files import read_npz, write_text

STANDARD_INPUT = "-"


def use_threads(count):
    """Render with so many threads, or as many as there are CPUs; None: all."""
    if count is not None:
        numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))


def read_spec(path):
    """The Spec of a JSON or YAML file, or of the standard input for "-".

    Every problem is told in one line: file, field, value, what is allowed.
    """
    try:
        if str(path) != STANDARD_INPUT:
            return load_spec(path)
        text = sys.stdin.read()
        return parse_config(Spec, parse_mapping(text, "standard input"), "standard input")
    except ConfigError as error:
        raise SpecError(one_line(error)) from None


def one_line(error):
    """A ConfigError of several lines ("where: 2 problems", one a line) as one line."""
    head, *lines = str(error).splitlines()
    if not lines:
        return head
    return f"{head.rsplit(':', 1)[0]}: " + "; ".join(line.strip() for line in lines)


def read_axes(path):
    """Axes of a sweep from a JSON or YAML file: {path: values}."""
    return read_mapping(path)


def save_recording(spec, path, *, until=None, perf=None):
    """Simulate a recording into a file: that of the workflow's rule unless it stops before."""
    if until is not None or perf is not None:
        simulate(spec, until=until, perf=perf).save(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder, "spec.json"), Path(folder, "statistics.json")
        write_recording(json.loads(spec.model_dump_json()), path, *texts)


def swept(base, axes, mode, n, seed):
    """All points of a sweep; SpecError names the values of one that is not valid."""
    if (n is not None) != (mode == "sample"):
        raise SpecError("-n is needed for --mode sample, and for no other mode")
    if mode == "sample":
        points = sample(base, axes, n, seed)
    else:
        points = zipped(base, axes) if mode == "zip" else sweep(base, axes)
    with pointed():
        return list(points)


def with_noise(spec, noise):
    """`spec` with another kind of sensor noise; as it is for None."""
    if noise is None:
        return spec
    with pointed():
        return with_overrides(spec, {"ext.sensor_noise": noise})


@contextmanager
def pointed():
    """Context in which a specification that is not valid is a SpecError of one line."""
    try:
        yield
    except ValidationError as error:
        raise SpecError(first_problem(error)) from None


def write_specs(points, folder):
    """Write the specification of every point as {key}.json."""
    for point in points:
        write_text(Path(folder) / f"{point.cache_key()}.json", point.model_dump_json() + "\n")


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
        "steps": ", ".join(spec.stage_names) or "none",
        "until": recording.until or "the last step",
        "seed": str(spec.seed),
        "sensor noise": spec.extensions.sensor_noise,
        "units": f"{truth.n_units}, {int(truth.detectable.sum())} of them detectable",
        "truth": ", ".join(truth.present),
        "snapshots": ", ".join(recording.snapshots) or "none",
    }


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


def score_file(recording, estimate):
    """`testing.score` of the arrays of an npz file against the truth of a recording file."""
    arrays = read_npz(estimate)
    return score(Estimate.of(arrays), Recording.load(recording).ground_truth)
