"""The page of costs: sums of the measurements, and a line for each that is missing or broken."""

import re

import pytest

from simlab.core.costs import measured_costs, planned_costs, total, write_costs
from simlab.core.plan import START_SECONDS

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def measure(folder, wall, megabytes, cpu):
    """Text of a measurement as Snakemake writes it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.with_suffix(".log").write_text(f"start\n{done(megabytes, cpu)}")
    line = f"{wall}\t0:00:01\t1\t1\t1\t1\t0\t0\t10\t1\n"
    folder.with_suffix(".tsv").write_text(HEADER + line)


def done(megabytes, cpu):
    """The last line of a log."""
    return f"2026-11-22 08:00:00,000 INFO done in 9.9 s, {cpu:.2f} CPU s, {megabytes} MB\n"


@pytest.fixture
def logs(tmp_path):
    """Logs of two rules of a data set, of another data set and of another domain."""
    logs = tmp_path / "logs"
    for shard, (wall, megabytes, cpu) in enumerate(((2.0, 100, 1.5), (3.0, 250, 2.25))):
        measure(logs / "afm_shard" / "few" / f"{shard:05d}", wall, megabytes, cpu)
    measure(logs / "afm_index" / "few", 0.5, 40, 0.25)
    measure(logs / "afm_shard" / "many" / "00000", 9.0, 900, 9.0)
    measure(logs / "halo_index" / "few", 9.0, 900, 9.0)
    return logs


def page_of(tmp_path, logs, steps, samples=4):
    write_costs(tmp_path / "costs.html", logs, "afm", "few", samples, steps)
    return (tmp_path / "costs.html").read_text()


def cells(page, rule):
    """Texts of the row of a rule."""
    row = page[page.index(f"<td>{rule}</td>") :].split("</tr>")[0]
    return [re.sub("<.*?>", "", cell) for cell in row.split("</td>")[1:-1]]


def test_costs_of_a_rule_are_the_sums_of_its_jobs_of_this_data_set(logs):
    costs, problems = measured_costs(logs, "afm", "few")
    found = {cost.rule: cost for cost in costs}
    assert not problems
    assert set(found) == {"afm_shard", "afm_index"}
    shard = found["afm_shard"]
    assert (shard.jobs, shard.cpu_seconds, shard.wall_seconds) == (2, 3.75, 5.0)
    assert (shard.longest_seconds, shard.peak_mb) == (3.0, 250.0)


def test_a_job_that_ran_twice_counts_as_it_ran_last(logs):
    for suffix, more in ((".tsv", "7.0\t0:00:07\n"), (".log", done(80, 6.5))):
        path = logs / "afm_index" / f"few{suffix}"
        path.write_text(path.read_text() + more)
    costs, _ = measured_costs(logs, "afm", "few")
    assert [cost.cpu_seconds for cost in costs if cost.rule == "afm_index"] == [6.5]


def test_the_page_compares_with_the_plan_and_sums_up(tmp_path, logs):
    page = page_of(tmp_path, logs, [["afm_shard", 2, 1.0, 700.0], ["afm_index", 1, 0.0, 0.0]])
    planned = 2 * (1.0 + START_SECONDS)
    assert cells(page, "afm_shard") == [
        *("2", "2", "3.75", f"{planned:.2f}", "5.00", "3.00", "250", "700")
    ]
    assert cells(page, "afm_index")[-1] == ""
    assert cells(page, "all")[:3] == ["3", "3", "4.00"]
    assert "4 samples; 1 CPU seconds a sample, all rules together; 4.0 CPU seconds in all" in page
    assert 'class="note"' not in page


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "missing"),
        ("", "no measurement in it"),
        (HEADER, "no measurement in it"),
        (HEADER + "x\t1.0\n", "no measurement in it"),
        (HEADER.replace("s\th", "t\th") + "1\t" * 9 + "1\n", "no measurement in it"),
        ("NA\n" * 3, "no measurement in it"),
    ],
)
def test_a_measurement_that_is_missing_or_broken_is_a_line_and_not_in_the_sums(
    tmp_path, logs, content, what
):
    path = logs / "afm_shard" / "few" / "00001.tsv"
    path.unlink()
    if content is not None:
        path.write_text(content)
    page = page_of(tmp_path, logs, [["afm_shard", 2, 1.0, 700.0], ["afm_index", 1, 0.0, 0.0]])
    line = f"logs/afm_shard/few/00001.tsv: {what}, this job is not in the sums"
    assert f'<p class="note">{line}</p>' in page
    assert page.count('class="note"') == 1
    assert cells(page, "afm_shard")[:3] == ["1", "2", "1.50"]


def test_a_log_that_does_not_end_well_is_a_line_and_not_in_the_sums(tmp_path, logs):
    (logs / "afm_shard" / "few" / "00001.log").write_text("start\n")
    page = page_of(tmp_path, logs, [["afm_shard", 2, 1.0, 700.0], ["afm_index", 1, 0.0, 0.0]])
    line = "logs/afm_shard/few/00001.log: no measurement in it, this job is not in the sums"
    assert f'<p class="note">{line}</p>' in page
    assert cells(page, "afm_shard")[:3] == ["1", "2", "1.50"]


def test_jobs_that_left_no_log_or_more_logs_than_planned_are_told(tmp_path, logs):
    page = page_of(tmp_path, logs, [["afm_shard", 1, 1.0, 700.0], ["afm_grids", 3, 1.0, 0.0]])
    assert "afm_grids: logs of 0 jobs, 3 are planned<" in page
    assert (
        "afm_shard: logs of 2 jobs, 1 are planned, those of an earlier configuration too<" in page
    )
    assert cells(page, "afm_grids")[0] == ""


def test_without_any_log_the_page_holds_the_plan_alone(tmp_path):
    page = page_of(tmp_path, tmp_path / "logs", [["afm_shard", 2, 1.0, 700.0]], samples=0)
    assert cells(page, "afm_shard")[:2] == ["", "2"]
    assert "0 samples; no CPU seconds a sample" in page


def test_steps_of_one_rule_are_one_line_of_the_plan():
    planned = planned_costs([["lensing_images", 2, 1.0, 300.0], ["lensing_images", 1, 4.0, 500.0]])
    cost = planned["lensing_images"]
    assert (cost.jobs, cost.cpu_seconds, cost.peak_mb) == (3, 6.0 + 3 * START_SECONDS, 500.0)
    assert total([cost]).wall_seconds is None
