"""Progress passes items through and speaks every ten seconds in a log."""

import logging

from simlab.core import progress as module
from simlab.core.progress import progress


def test_items_pass_through_unchanged():
    assert list(progress(iter("abc"), 3, "letters")) == ["a", "b", "c"]
    assert list(progress("abc", 3, "letters", enabled=False)) == ["a", "b", "c"]


def test_a_log_line_comes_every_ten_seconds(monkeypatch, caplog):
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with caplog.at_level(logging.INFO):
        list(progress(range(9), 9, "frames"))
    assert [r.message for r in caplog.records] == [
        "frames: 3 of 9 (33 %) in 12 s",
        "frames: 6 of 9 (67 %) in 24 s",
        "frames: 9 of 9 (100 %) in 36 s",
    ]
