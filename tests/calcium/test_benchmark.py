"""The benchmark fails where a requirement is missed; a frame costs far less than it may."""

import copy
import importlib
import resource
import sys

import pytest

from simlab.calcium import BrainMotion, build_scene, build_spec, presets, render_frames

GOOD = {
    "ratio": {"video 60": 20.0, "video 200": 20.0, "simulate 200": 20.0, "frame": 9.0},
    "frame_ms": 4.0,
    "scene_s": 0.5,
    "sweep_s": 0.5,
    "video_mb": 380,
    "simulate_mb": 700,
    "wall": 0.6,
}


@pytest.fixture
def benchmark(root, monkeypatch):
    monkeypatch.syspath_prepend(root / "benchmarks")
    yield importlib.import_module("calcium")
    for name in ("calcium", "side_by_side"):
        sys.modules.pop(name)


def test_results_that_meet_all_requirements_pass(benchmark):
    assert benchmark.missed(GOOD) == []
    alone = {key: value for key, value in GOOD.items() if key != "ratio"}
    assert benchmark.missed(alone) == []


@pytest.mark.parametrize(
    ("figure", "value", "text"),
    [
        ("video 60", 5.9, "video 60: ratio 5.9, required 6"),
        ("frame", 5.0, "frame: ratio 5.0, required 5.5"),
        ("frame_ms", 7.0, "CPU ms a frame: 7, 6.5 at most"),
        ("scene_s", 2.5, "2.5, 2 at most"),
        ("video_mb", 601, "601, 600 at most"),
        ("wall", 0.8, "0.8, 0.7 at most"),
    ],
)
def test_what_misses_a_requirement_is_told(benchmark, figure, value, text):
    results = copy.deepcopy(GOOD)
    (results["ratio"] if figure in results["ratio"] else results)[figure] = value
    [line] = benchmark.missed(results)
    assert text in line


def test_figures_are_taken_from_the_measurements(benchmark):
    entry = {"cpu_s": 1.0, "wall_s": 0.6, "peak_mb": 300.0}
    names = ("video 60", "video 100", "video 200", "video 300", "video 1000", "simulate 200")
    ours = {name: entry for name in (*names, "simulate 1000", "scene 60", "sweep 60")}
    ours["video 300"] = {**entry, "cpu_s": 2.0}
    original = {name: {**entry, "cpu_s": 20.0} for name in names}
    original["video 300"] = {**entry, "cpu_s": 40.0}
    figures = benchmark.figures_of({"ours": ours, "original": original})
    assert figures["frame_ms"] == pytest.approx(5.0)
    assert figures["ratio"]["frame"] == pytest.approx(20.0)
    assert figures["ratio"]["video 200"] == 20.0
    assert figures["wall"] == pytest.approx(0.3)


def test_a_frame_and_a_scene_of_the_miniscope_cost_little_cpu():
    """Required: 6.5 ms and 2 s; five times as much would be a defect on any machine."""
    spec = build_spec(
        presets.miniscope_v4(), presets.ca1(), duration_s=2.0, extra_steps=[BrainMotion()]
    )
    start = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    scene = build_scene(spec)
    built = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    render_frames(scene, 0, 40)
    rendered = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    assert built - start < 10.0
    assert (rendered - built) / 40 < 0.033
