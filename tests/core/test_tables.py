"""The report's tables show every check once and count skipped ones apart."""

from dataclasses import asdict

from simlab.core.checks import Check, skip
from simlab.core.tables import write_checks_table, write_statistics_table


def test_checks_are_counted_by_state(tmp_path):
    rows = [
        Check("dose", "counts < expected", 1.25, 2.0, "photons", True),
        Check("parseval", "power", 1e-3, 2e-6, "", False, 7),
        skip("modes", "one mode"),
    ]
    write_checks_table(tmp_path / "checks.html", [asdict(row) for row in rows])
    page = (tmp_path / "checks.html").read_text()
    assert "1 failed, 1 passed, 1 skipped" in page
    assert "counts &lt; expected" in page
    assert "<td>one mode</td>" in page
    assert "1.25" in page


def test_statistics_are_flattened(tmp_path):
    write_statistics_table(tmp_path / "x.html", {"a": {"b": 0.125}, "r": [1, 2], "n": None})
    page = (tmp_path / "x.html").read_text()
    for text in ("a.b", "0.125", "r[1]", "<td>n</td><td></td>"):
        assert text in page
