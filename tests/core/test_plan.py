"""Sums, makespan and notes of a plan."""

import pytest

from simlab.core.plan import (
    SHARD_BYTES,
    START_SECONDS,
    Estimate,
    Step,
    human_time,
    items_per_shard,
    job_length_notes,
    limit_minutes,
    makespan,
    plan_report,
)


def estimate(*steps, name="x"):
    return Estimate("ptycho", name, samples=10, shards=2, bytes=2048, steps=steps)


def test_an_estimate_sums_its_steps():
    one = estimate(Step("a", 1, 10, 100), Step("b", 4, 20, 300))
    assert one.jobs == 5
    assert one.cpu_seconds == 10 + 4 * 20 + 5 * START_SECONDS
    assert one.peak_mb == 300


@pytest.mark.parametrize(("slots", "expected"), [(1, 90), (2, 50), (3, 50), (4, 30), (100, 30)])
def test_the_makespan_is_that_of_a_schedule(slots, expected):
    """One job of 10 s, then four of 20 s: in two rounds of two, in one of three and one, in one."""
    one = estimate(Step("a", 1, 10 - START_SECONDS), Step("b", 4, 20 - START_SECONDS))
    assert makespan([one], slots) == pytest.approx(expected)


def test_data_sets_run_beside_each_other():
    two = [estimate(Step("a", 1, 10 - START_SECONDS), name=name) for name in "xy"]
    assert makespan(two, 1) == pytest.approx(20)
    assert makespan(two, 2) == pytest.approx(10)


def test_no_makespan_is_shorter_than_its_work_or_its_longest_chain():
    found = [
        estimate(*(Step("a", jobs, seconds) for jobs, seconds in steps), name=str(number))
        for number, steps in enumerate([[(3, 7), (1, 30), (9, 2)], [(5, 11)], [(1, 1), (1, 50)]])
    ]
    work = sum(e.cpu_seconds for e in found)
    chain = max(sum(s.cpu_seconds + START_SECONDS for s in e.steps) for e in found)
    for slots in (1, 2, 3, 8):
        assert makespan(found, slots) >= max(work / slots, chain) - 1e-9
    assert makespan(found, 1) == pytest.approx(work)
    assert makespan(found, 100) == pytest.approx(chain)


def test_short_jobs_that_a_key_could_make_longer_are_noted():
    (note,) = job_length_notes(estimate(Step("a", 50, 3, size_key="per_shard")))
    assert note == (
        "ptycho.datasets.x: 50 jobs of a work 3 s each, under a minute; "
        "on a cluster let per_shard make 20 times larger ones"
    )
    assert not list(job_length_notes(estimate(Step("a", 1, 3, size_key="per_shard"))))
    assert not list(job_length_notes(estimate(Step("a", 50, 61, size_key="per_shard"))))


def test_a_key_is_named_once_with_the_longest_of_its_steps():
    short, longer = Step("a", 50, 3, size_key="per_shard"), Step("b", 40, 6, size_key="per_shard")
    (note,) = job_length_notes(estimate(short, longer))
    assert "40 jobs of b work 6 s each" in note
    assert note.endswith("let per_shard make 10 times larger ones")
    (note,) = job_length_notes(estimate(short, Step("b", 40, 61, size_key="per_shard")))
    assert "50 jobs of a work under a minute each" in note


def test_short_jobs_that_no_key_makes_longer_may_travel_together():
    steps = (
        Step("a", 50, 3),
        Step("b", 4, 2, size_key="k", largest=1.9),
        Step("c"),
        Step("d", 9, 61),
    )
    (note,) = job_length_notes(estimate(*steps))
    assert note == (
        "ptycho.datasets.x: 54 jobs of a, b work under a minute each; "
        "on a cluster let several travel in a group (--group-components)"
    )


def test_jobs_are_to_grow_no_larger_than_their_key_can_make_them():
    step = Step("a", 50, 3, size_key="per_shard", largest=7.5)
    (note,) = job_length_notes(estimate(step))
    assert note.endswith("let per_shard make 7 times larger ones")


@pytest.mark.parametrize(("seconds", "expected"), [(0, 60), (900, 60), (901, 61), (9000, 600)])
def test_a_time_limit_is_four_times_what_is_expected_or_the_least(seconds, expected):
    assert limit_minutes(seconds, 60) == expected


def test_jobs_over_their_time_limit_are_noted():
    (note,) = job_length_notes(estimate(Step("a", 2, 3700, minutes=60, size_key="per_shard")))
    assert note == (
        "ptycho.datasets.x: a job of a works 1:01:40, over its time limit of 1:00:00; "
        "let per_shard make smaller ones"
    )
    assert not list(job_length_notes(estimate(Step("a", 2, 3500, minutes=60))))
    (note,) = job_length_notes(estimate(Step("a", 2, 3500, minutes=90)), time_limit=30)
    assert "works 0:58:20, over its time limit of 0:30:00" in note


def test_the_report_holds_every_column_and_the_sum():
    report = plan_report([estimate(Step("a", 2, 1797.5, 512)), estimate(Step("b"), name="y")], 2)
    header, x, y, total = report.splitlines()
    for word in ("samples", "shards", "jobs", "output", "MB a job", "CPU hours", "2 at a time"):
        assert word in header
    assert x.split() == ["ptycho", "x", "10", "2", "2", "2.0", "KiB", "512", "1.000", "0:30:00"]
    assert y.split()[-1] == "0:00:02"
    assert total.split()[:5] == ["total", "2", "20", "4", "3"]


def test_a_shard_takes_the_time_asked_for_unless_its_file_would_be_too_large():
    assert items_per_shard(300, 0.1) == 3000
    assert items_per_shard(300, 400) == 1
    assert items_per_shard(300, 1e-9, bytes_per_item=2**20) == SHARD_BYTES // 2**20


def test_times_are_hours_minutes_seconds():
    assert human_time(3 * 3600 + 62.4) == "3:01:02"
