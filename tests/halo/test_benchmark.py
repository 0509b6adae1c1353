"""The benchmark fails where a requirement is missed."""

import copy
import importlib
import sys

import pytest

GOOD = {
    "W128": {"ours_peak_mb": 289, "speedup_2_threads": 1.76, "ratio": 103, "difference": 0.8},
    "W256": {"ours_peak_mb": 735, "speedup_2_threads": 1.96, "ratio": 162, "difference": 0.8},
    "shard": {"peak_mb": 735, "moving_share": 0.17, "reading_mb_per_s": 1612, "writing_ms": 6.9},
}


@pytest.fixture
def benchmark(root, monkeypatch):
    monkeypatch.syspath_prepend(root / "benchmarks")
    yield importlib.import_module("halo")
    for name in ("halo", "halo_work", "side_by_side"):
        sys.modules.pop(name)


def test_results_that_meet_all_requirements_pass(benchmark):
    assert benchmark.missed(GOOD) == []
    alone = {"ours_peak_mb": 289, "speedup_2_threads": 1.76}  # no environment of the plain way
    assert benchmark.missed({"W128": alone}) == []


@pytest.mark.parametrize(
    ("work", "key", "value", "text"),
    [
        ("W128", "ratio", 29.9, "W(128): ratio 29.9, required 30"),
        ("W256", "ratio", 39.0, "W(256): ratio 39.0, required 40"),
        ("W128", "difference", 1.1, "W(128): maps differ"),
        ("W256", "ours_peak_mb", 1300, "W(256) takes 1300 MB, 1200 at most"),
        ("W128", "speedup_2_threads", 1.5, "two threads are 1.50 times as fast"),
        ("shard", "peak_mb", 1300, "shard: peak_mb is 1.3e+03, bound 1200"),
        ("shard", "moving_share", 0.3, "shard: moving_share is 0.3"),
        ("shard", "reading_mb_per_s", 200, "shard: reading_mb_per_s is 200, bound 300"),
        ("shard", "writing_ms", 16, "shard: writing_ms is 16"),
    ],
)
def test_every_requirement_that_is_missed_is_told(benchmark, work, key, value, text):
    results = copy.deepcopy(GOOD)
    results[work][key] = value
    (found,) = benchmark.missed(results)
    assert text in found


def test_versions_of_the_plain_way_are_those_of_its_environment(benchmark):
    found = benchmark.versions(sys.executable)
    assert list(found["plain"]) == ["numpy", "Pylians"]
    assert found["plain"]["numpy"] == found["numpy"]
    assert benchmark.version_in(sys.executable, "no-such-package") is None
    assert "plain" not in benchmark.versions(None)
