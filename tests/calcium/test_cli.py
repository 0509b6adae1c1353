"""Commands do what the functions and the workflow's rules do, byte for byte."""

import io
import json
import sys

import h5py
import numpy as np
import pytest
from calcium_commands import entries_in, spec_text
from calcium_finished import SPEC
from calcium_specs import quiet_spec, reference, reference_spec

from simlab.calcium.cache import cache_path, simulate_cached
from simlab.calcium.files.avi import iter_video
from simlab.calcium.perf import PerfTracker
from simlab.calcium.recording import Recording
from simlab.calcium.simulation import simulate
from simlab.calcium.stages.recordings import write_stage
from simlab.calcium.sweeps import sample, zipped
from simlab.calcium.testing import score
from simlab.calcium.video import simulate_video
from simlab.core.files import write_npz

KEY = quiet_spec(SPEC).cache_key()
PRESETS = {
    "preset:v4_ca1": (),
    "preset:v4_cortex_30s": ("--duration-s", 30, "--seed", 7),
}


@pytest.fixture
def spec(tmp_path):
    """Specification file of the data set of one recording."""
    path = tmp_path / "spec.json"
    path.write_text(spec_text())
    return path


@pytest.fixture
def movie(one_recording):
    """The recording file that the workflow made of it."""
    return one_recording.recording()


@pytest.mark.parametrize("threads", [1, 2])
def test_simulate_gives_the_bytes_of_the_rule(calcium, spec, movie, tmp_path, threads):
    out, err = calcium("simulate", spec, "-o", tmp_path / "new" / "rec.h5", "--threads", threads)
    assert (tmp_path / "new" / "rec.h5").read_bytes() == movie.read_bytes()
    assert out == f"Wrote {tmp_path / 'new' / 'rec.h5'}\n"
    assert err == ""
    assert entries_in(tmp_path) == ["new", "new/rec.h5", "spec.json"]


def test_simulate_measures_phases_and_gives_the_same_bytes(calcium, spec, movie, tmp_path):
    calcium("simulate", spec, "--output", tmp_path / "rec.h5", "--perf", tmp_path / "perf.json")
    assert (tmp_path / "rec.h5").read_bytes() == movie.read_bytes()
    spans = json.loads((tmp_path / "perf.json").read_text())["spans"]
    names = [span["name"] for span in spans]
    assert names == [*quiet_spec(SPEC).stage_names, "finalize"]
    tracker = PerfTracker()
    simulate(quiet_spec(SPEC), perf=tracker)
    for span in spans:
        expected = tracker.spans[span["name"]]
        assert (span["domain"], span["calls"]) == (expected.domain, expected.calls)
        assert span["seconds"] >= 0


@pytest.mark.parametrize("stage", ["vignette", "composite", "optics"])
def test_simulate_can_stop_early(calcium, spec, tmp_path, stage):
    calcium("simulate", spec, "-o", tmp_path / "rec.h5", "--until", stage)
    write_stage(SPEC, stage, tmp_path / "rule.h5")
    assert (tmp_path / "rec.h5").read_bytes() == (tmp_path / "rule.h5").read_bytes()
    assert Recording.load(tmp_path / "rec.h5").until == stage


def test_simulate_keeps_snapshots_that_the_specification_asks_for(calcium, tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(spec_text(output={"save_intermediates": True}))
    calcium("simulate", path, "-o", tmp_path / "rec.h5")
    expected = simulate(quiet_spec(json.loads(path.read_text())))
    expected.save(tmp_path / "api.h5")
    assert (tmp_path / "rec.h5").read_bytes() == (tmp_path / "api.h5").read_bytes()
    assert list(Recording.load(tmp_path / "rec.h5").snapshots) == list(expected.snapshots)


def test_simulate_draws_noise_as_the_original_on_request(calcium, spec, movie, tmp_path):
    calcium("simulate", spec, "-o", tmp_path / "rec.h5", "--noise", "sequential")
    made = Recording.load(tmp_path / "rec.h5")
    expected = simulate(quiet_spec({**SPEC, "ext": {"sensor_noise": "sequential"}}))
    np.testing.assert_array_equal(made.observed_counts, expected.observed_counts)
    assert made.spec == expected.spec
    assert (made.observed_counts != Recording.load(movie).observed_counts).mean() > 0.5
    calcium("simulate", spec, "-o", tmp_path / "rec.h5", "--noise", "counter")
    assert (tmp_path / "rec.h5").read_bytes() == movie.read_bytes()


def test_simulate_keeps_recordings_in_the_cache(calcium, spec, movie, tmp_path, monkeypatch):
    out, _ = calcium("simulate", spec, "--cached", "--root", tmp_path / "root")
    path = cache_path(quiet_spec(SPEC), tmp_path / "root")
    assert out == f"{path}\n"
    assert path.read_bytes() == movie.read_bytes()
    changed = path.stat().st_mtime_ns
    monkeypatch.setenv("SIMLAB_CALCIUM_CACHE", str(tmp_path / "root"))
    assert calcium("simulate", spec, "--cached") == (out, "")
    assert path.stat().st_mtime_ns == changed
    assert simulate_cached(quiet_spec(SPEC)).observed_counts.tobytes() == (
        Recording.load(movie).observed_counts.tobytes()
    )


def test_simulate_takes_yaml_and_standard_input(calcium, spec, movie, tmp_path, monkeypatch):
    yaml = "\n".join(f"{name}: {json.dumps(value)}  # part" for name, value in SPEC.items())
    (tmp_path / "spec.yaml").write_text(yaml)
    calcium("simulate", tmp_path / "spec.yaml", "-o", tmp_path / "yaml.h5")
    assert (tmp_path / "yaml.h5").read_bytes() == movie.read_bytes()
    for text in (yaml, spec.read_text()):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        assert calcium("key", "-") == (f"{KEY}\n", "")


def test_video_and_play_give_the_bytes_of_the_rule(calcium, spec, movie, one_recording, tmp_path):
    expected = one_recording.video().read_bytes()
    calcium("video", spec, tmp_path / "video.avi", "--threads", 1)
    calcium("play", movie, tmp_path / "play.avi", "--no-progress")
    perf = ("--chunk-frames", 5, "--perf", tmp_path / "perf.json", "--no-progress")
    calcium("video", spec, tmp_path / "slow.avi", *perf)
    for name in ("video", "play", "slow"):
        assert (tmp_path / f"{name}.avi").read_bytes() == expected
    spans = json.loads((tmp_path / "perf.json").read_text())["spans"]
    tracker = PerfTracker()
    simulate_video(quiet_spec(SPEC), tmp_path / "a.avi", chunk_frames=5, perf=tracker)
    assert [(s["name"], s["calls"]) for s in spans] == [
        (name, span.calls) for name, span in tracker.spans.items()
    ]


OPTIONS = {
    "scale": (("--vmin", 5, "--vmax", 90, "--fps", 30), {"vmin": 5, "vmax": 90, "fps": 30}),
    "lossy": (("--codec", "MJPG"), {"codec": "MJPG"}),
    "lossless": (("--codec", "FFV1"), {"codec": "FFV1"}),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_video_and_play_pass_their_options_on(calcium, spec, movie, tmp_path, name):
    options, arguments = OPTIONS[name]
    calcium("video", spec, tmp_path / "video.avi", *options)
    calcium("play", movie, tmp_path / "play.avi", *options)
    simulate_video(quiet_spec(SPEC), tmp_path / "api.avi", **arguments)
    expected = (tmp_path / "api.avi").read_bytes()
    assert (tmp_path / "video.avi").read_bytes() == expected
    assert (tmp_path / "play.avi").read_bytes() == expected


def test_a_movie_without_sensor_is_a_video_with_vmax(calcium, tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(spec_text(steps=SPEC["steps"][:-1]))
    calcium("video", path, tmp_path / "video.avi", "--vmax", 4)
    movie = simulate(quiet_spec(json.loads(path.read_text()))).observed
    expected = np.floor(np.clip(movie / 4, 0, 1) * 255 + 0.5)
    np.testing.assert_array_equal(list(iter_video(tmp_path / "video.avi")), expected)


def test_sweep_lists_the_points_of_the_data_set(calcium, spec, small_calcium, tmp_path):
    axes = {"acquisition.optics.na": [0.3, 0.45], "seed": [1, 2]}
    (tmp_path / "axes.json").write_text(json.dumps(axes))
    out, _ = calcium("sweep", spec, tmp_path / "axes.json", "--out-dir", tmp_path / "points")
    rows = [line.split("\t") for line in out.splitlines()]
    points = {point.key: point for point in small_calcium.points}
    assert {key: json.loads(text) for key, text in rows} == {
        key: point.axes for key, point in points.items()
    }
    assert [json.loads(text)["seed"] for _, text in rows] == [1, 2, 1, 2]
    assert entries_in(tmp_path / "points") == sorted(f"{key}.json" for key in points)
    for key in points:
        rule = small_calcium.path("specs", f"{key}.json")
        assert (tmp_path / "points" / f"{key}.json").read_bytes() == rule.read_bytes()


def test_sweep_has_the_points_of_the_original(calcium, tmp_path):
    case = reference("sweeps")[0]
    base, axes = tmp_path / "base.json", tmp_path / "axes.yaml"
    base.write_text(reference_spec(case["base"]).model_dump_json())
    axes.write_text("\n".join(f"{path}: {values}" for path, values in case["axes"].items()))
    out, _ = calcium("sweep", base, axes)
    found = [line.split("\t") for line in out.splitlines()]
    assert [(key, json.loads(text)) for key, text in found] == [
        (point["cache_key"], point["axes"]) for point in case["result"]
    ]


def test_sweep_goes_in_parallel_or_at_random(calcium, spec, tmp_path):
    lists = {"seed": [1, 2, 3], "acquisition.fps": [10, 20, 30]}
    drawn = {**lists, "acquisition.optics.na": {"uniform": [0.2, 0.5]}}
    for name, axes in (("lists", lists), ("drawn", drawn)):
        (tmp_path / name).write_text(json.dumps(axes))
    base = quiet_spec(SPEC)
    out, _ = calcium("sweep", spec, tmp_path / "lists", "--mode", "zip")
    assert [line.split("\t")[0] for line in out.splitlines()] == [
        point.cache_key() for point in zipped(base, lists)
    ]
    arguments = ("--mode", "sample", "-n", 4, "--seed", 9)
    out, _ = calcium("sweep", spec, tmp_path / "drawn", *arguments)
    assert [line.split("\t")[0] for line in out.splitlines()] == [
        point.cache_key() for point in sample(base, drawn, 4, 9)
    ]


def test_a_sweep_with_an_empty_axis_has_no_point(calcium, spec, tmp_path):
    (tmp_path / "axes.json").write_text('{"seed": []}')
    assert calcium("sweep", spec, tmp_path / "axes.json") == ("", "")


@pytest.mark.parametrize("name", PRESETS)
def test_preset_gives_the_specification_of_the_original(calcium, tmp_path, name):
    case = reference("specs")[name]
    out, _ = calcium("preset", case["scope"], case["region"], *PRESETS[name])
    assert out == case["canonical_json"] + "\n"
    path = tmp_path / "new" / "spec.json"
    calcium("preset", case["scope"], case["region"], *PRESETS[name], "-o", path)
    assert path.read_text() == out
    assert calcium("key", path)[0] == case["cache_key"] + "\n"


def test_preset_takes_more_steps(calcium):
    more = ("--extra-steps", "bleaching", "--extra-steps", "brain_motion")
    out, _ = calcium("preset", "generic_1p", "ca1", *more)
    kinds = [step["kind"] for step in json.loads(out)["steps"]]
    assert {"bleaching", "brain_motion"} <= set(kinds)


def test_underscores_are_dashes_in_every_option(calcium):
    out, _ = calcium("preset", "generic-1p", "cortex_l23", "--duration_s", 2)
    assert out == calcium("preset", "generic_1p", "cortex-l23", "--duration-s", 2)[0]
    assert json.loads(out)["acquisition"]["duration_s"] == 2


def test_info_tells_what_a_file_holds(calcium, movie):
    out, err = calcium("info", movie)
    truth = Recording.load(movie).ground_truth
    told = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert told["key"] == KEY
    assert told["movie"] == "24 frames of 40 x 48 px, uint8"
    assert "20 Hz, 1.2 s" in out
    assert "composite (stage cells_only), neuropil" in told["steps"]
    assert told["units"] == f"{truth.n_units}, {truth.detectable.sum()} of them detectable"
    assert told["truth"].split(", ") == truth.present
    assert err == ""


def test_check_passes_the_recordings_of_the_workflow(calcium, movie, one_recording):
    out, _ = calcium("check", movie, "--threads", 2)
    rows = [line.split() for line in out.splitlines()]
    expected = one_recording.rows()
    assert [row[0] for row in rows] == list(expected)
    for identity, state, measured, *_ in rows:
        if identity != "video_equals_counts":
            assert (state, measured) == ("passed", str(expected[identity].measured))


def test_score_prints_the_report(calcium, movie, tmp_path):
    truth = Recording.load(movie).ground_truth
    estimate = {
        "A": truth.A_observed[2:],
        "C": truth.C[2:] * 3,
        "S": truth.S[2:],
        "shifts": 0.5 - truth.shifts,
    }
    write_npz(tmp_path / "estimate.npz", estimate)
    out, _ = calcium("score", movie, tmp_path / "estimate.npz")
    assert out == score(estimate, truth).summary() + "\n"
    other = {"footprints": estimate["A"], "traces": estimate["C"], "activity": estimate["S"]}
    write_npz(tmp_path / "other.npz", {**other, "shifts": estimate["shifts"]})
    assert calcium("score", movie, tmp_path / "other.npz")[0] == out


def test_advice_is_one_line_however_often_it_comes_up(calcium, tmp_path):
    path, axes = tmp_path / "spec.json", tmp_path / "axes.json"
    path.write_text(spec_text(focal_depth_in_tissue_um=500))
    axes.write_text('{"seed": [1, 2, 3]}')
    advice = "Warning: focal_depth_in_tissue_um=500 µm is outside the depths of the cells, 20 to 60"
    lines = [
        ("simulate", path, "-o", tmp_path / "rec.h5", "--noise", "sequential"),
        ("video", path, tmp_path / "video.avi"),
        ("sweep", path, axes),
        ("key", path),
    ]
    for line in lines:
        assert calcium(*line)[1] == f"{advice} µm\n"


def test_saturated_recordings_are_told(calcium, tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(spec_text(camera={"gain_adu_per_e": 20.0}))
    _, err = calcium("simulate", path, "-o", tmp_path / "rec.h5")
    _, timed = calcium("simulate", path, "-o", tmp_path / "b.h5", "--perf", tmp_path / "p.json")
    assert err == timed
    assert err.startswith("Warning: ")
    assert "% of the pixels are saturated" in err
    assert len(err.splitlines()) == 1


def test_a_file_of_another_key_is_read_with_a_warning(calcium, spoiled, tmp_path):
    path = spoiled.recording()
    with h5py.File(path, "r+") as file:
        file.attrs["spec_cache_key"] = "0123456789abcdef"
    for line in (("info", path), ("play", path, tmp_path / "play.avi")):
        _, err = calcium(*line)
        assert err == (
            f"Warning: {path}: spec_cache_key is 0123456789abcdef, which is not that of spec_json\n"
        )


def test_help_names_all_commands_and_units(calcium, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    out, _ = calcium("-h")
    commands = ("simulate", "video", "sweep", "preset", "key", "info", "check", "play", "score")
    assert all(command in out for command in commands)
    for command in commands:
        out, _ = calcium(command, "--help")
        assert out == calcium(command, "-h")[0]
        assert "Usage" in out
    out, _ = calcium("preset", "-h")
    assert "Length, s" in out
    assert "miniscope_v4, generic_1p" in out
