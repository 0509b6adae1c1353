"""Timings of phases."""

import pytest

from simlab.calcium.perf import PerfTracker, measure
from simlab.core.files import read_json


def ticking(monkeypatch, *times):
    moments = iter(times)
    monkeypatch.setattr("simlab.calcium.perf.time.perf_counter", lambda: next(moments))


def test_times_of_a_phase_add_up(monkeypatch):
    ticking(monkeypatch, 0.0, 1.0, 5.0, 7.0, 10.0, 10.5)
    perf = PerfTracker()
    for name, domain in (("composite", "tissue"), ("composite", "tissue"), ("finalize", None)):
        with perf.measure(name, domain):
            pass
    spans = [(s.name, s.domain, s.seconds, s.calls) for s in perf.spans.values()]
    assert spans == [("composite", "tissue", 3.0, 2), ("finalize", None, 0.5, 1)]
    assert perf.total_seconds() == 3.5


def test_time_before_an_error_counts(monkeypatch):
    ticking(monkeypatch, 0.0, 2.0)
    perf = PerfTracker()
    with pytest.raises(ZeroDivisionError), perf.measure("sensor"):
        1 / 0  # noqa: B018
    assert perf.spans["sensor"].seconds == 2.0


def test_the_report_shows_the_slowest_phase_first(monkeypatch):
    ticking(monkeypatch, 0.0, 1.0, 1.0, 4.0)
    perf = PerfTracker()
    for name in ("optics", "illumination_profile"):
        with perf.measure(name, "cell"):
            pass
    header, slowest, fastest, total = str(perf).splitlines()
    assert header.split() == ["phase", "domain", "calls", "seconds", "%"]
    assert slowest.split() == ["illumination_profile", "cell", "1", "3.000", "75.0"]
    assert fastest.split() == ["optics", "cell", "1", "1.000", "25.0"]
    assert total.split() == ["total", "2", "4.000", "100.0"]
    assert len({len(line) for line in (header, slowest, fastest, total)}) == 1
    assert PerfTracker().report() == "no spans recorded"


def test_nothing_is_measured_without_a_tracker():
    with measure(None, "sensor", domain="sensor") as nothing:
        pass
    assert nothing is None
    perf = PerfTracker()
    with measure(perf, "sensor", domain="sensor"):
        pass
    assert perf.spans["sensor"].domain == "sensor"


def test_timings_can_be_stored(tmp_path, monkeypatch):
    ticking(monkeypatch, 0.0, 1.25)
    perf = PerfTracker()
    with perf.measure("sensor", "sensor"):
        pass
    perf.to_json(tmp_path / "perf.json")
    assert read_json(tmp_path / "perf.json") == {
        "format": 1,
        "total_seconds": 1.25,
        "spans": [{"name": "sensor", "domain": "sensor", "seconds": 1.25, "calls": 1}],
    }
