"""A failing list of checks stays behind under its own name."""

import json

import pytest

from simlab.core.checks import Check, skip, write_checks
from simlab.core.errors import ChecksFailedError

GOOD = Check("dose", "mean counts against nphotons", 1.0, 2.0, "photons", True)
BAD = Check("parseval", "power in both spaces", 1e-3, 2e-6, "", False, 7)


def test_passing_checks_are_written(tmp_path):
    write_checks(tmp_path / "checks.json", [GOOD, skip("modes", "one mode")])
    rows = json.loads((tmp_path / "checks.json").read_text())
    assert [row["id"] for row in rows] == ["dose", "modes"]
    assert rows[1] == {
        "id": "modes",
        "what": "skipped: one mode",
        "measured": None,
        "bound": None,
        "unit": "",
        "passed": True,
        "worst_sample": None,
    }


def test_a_failing_check_is_named_and_left_in_a_file_of_its_own(tmp_path):
    with pytest.raises(ChecksFailedError, match=r"1 of 2 checks failed: parseval"):
        write_checks(tmp_path / "checks.json", [GOOD, BAD])
    assert not (tmp_path / "checks.json").exists()
    rows = json.loads((tmp_path / "checks.failed.json").read_text())
    assert [row["passed"] for row in rows] == [True, False]


def test_the_failing_list_goes_when_all_pass(tmp_path):
    with pytest.raises(ChecksFailedError):
        write_checks(tmp_path / "checks.json", [BAD])
    write_checks(tmp_path / "checks.json", [GOOD])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checks.json"]


def test_skipped_rows_know_that_they_are():
    assert skip("modes", "one mode").skipped
    assert not GOOD.skipped
