"""What the jobs of a data set took: what they tell in their logs, and Snakemake beside them."""

import csv
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

from simlab.core.plan import START_SECONDS
from simlab.core.tables import number_cell, table, write_page

HEADER = (
    *("rule", "jobs", "jobs planned", "CPU seconds", "CPU seconds planned", "wall seconds"),
    *("longest job (s)", "peak memory (MB)", "memory asked for (MB)"),
)
LEAD = (
    "Each job as it ran last. CPU seconds and memory are those of its process and its children, as "
    "it tells at its end, wall seconds are Snakemake's. Planned: what simlab plan tells before "
    "anything runs, with the start of every job."
)
DONE = re.compile(r" done in [0-9.]+ s, ([0-9.]+) CPU s, ([0-9]+) MB$", re.MULTILINE)
"""The last line of a log, of `core.job`."""


@dataclass(frozen=True)
class RuleCost:
    """What the measured jobs of one rule took.

    Attributes
    ----------
    rule : str
    jobs : int
        Measured ones.
    cpu_seconds, wall_seconds : float
        Sums over the jobs; a plan has no wall time.
    longest_seconds : float
        Wall time of the longest job; of a plan, its processor time.
    peak_mb : float
        Largest resident memory of a job, MB; of a plan, what it asks for, 0 for nothing.
    unmeasured : int
        Further jobs, which have a log and no measurement.
    """

    rule: str
    jobs: int
    cpu_seconds: float
    wall_seconds: float | None
    longest_seconds: float
    peak_mb: float
    unmeasured: int = 0


def measured_costs(logs, domain, dataset):
    """(list of RuleCost, list of problems) of a data set from the folder of the logs.

    A job whose log does not end well, or has no measurement beside it that can be read, is a line
    among the problems; the sums are without it.
    """
    costs, problems = [], []
    for folder in sorted(Path(logs).glob(f"{domain}_*")):
        rows, known = [], len(problems)
        for log in _logs_of(folder, dataset):
            try:
                rows.append(_measurement(log))
            except _UnmeasuredError as error:
                place = error.path.relative_to(Path(logs).parent).as_posix()
                problems.append(f"{place}: {error}, this job is not in the sums")
        unmeasured = len(problems) - known
        if rows or unmeasured:
            cpu, wall, peak = zip(*rows, strict=True) if rows else ((), (), ())
            longest, largest = max(wall, default=0.0), max(peak, default=0.0)
            times = sum(cpu), sum(wall), longest
            costs.append(RuleCost(folder.name, len(rows), *times, largest, unmeasured))
    return costs, problems


def _logs_of(folder, dataset):
    """Logs of the jobs of one rule for a data set."""
    own = folder / f"{dataset}.log"
    return [*([own] if own.is_file() else []), *sorted((folder / dataset).rglob("*.log"))]


class _UnmeasuredError(Exception):
    """A job of which `path` tells nothing."""

    def __init__(self, path, what):
        super().__init__(what)
        self.path = path


def _measurement(log):
    """(CPU seconds, wall seconds, resident MB) of the last run of a job."""
    told = DONE.findall(log.read_text(errors="replace"))
    if not told:
        raise _UnmeasuredError(log, "no measurement in it")
    cpu, peak = map(float, told[-1])
    path = log.with_name(log.name.removesuffix(".log") + ".tsv")
    try:
        with open(path, newline="") as stream:
            wall = float(list(csv.DictReader(stream, delimiter="\t"))[-1]["s"])
    except FileNotFoundError:
        raise _UnmeasuredError(path, "missing") from None
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        raise _UnmeasuredError(path, "no measurement in it") from None
    return cpu, wall, peak


def planned_costs(steps):
    """{rule: RuleCost} of a plan; `steps`: (rule, jobs, CPU seconds without start, MB) each."""
    planned = {}
    for rule, jobs, seconds, megabytes in steps:
        cpu = seconds + START_SECONDS
        step = RuleCost(rule, jobs, jobs * cpu, None, cpu, megabytes)
        planned[rule] = total([planned[rule], step], rule) if rule in planned else step
    return planned


def total(costs, name="all"):
    """The sum of several RuleCost; times that one of them lacks are None."""
    walls = [cost.wall_seconds for cost in costs]
    return RuleCost(
        name,
        sum(cost.jobs for cost in costs),
        sum(cost.cpu_seconds for cost in costs),
        None if None in walls else sum(walls),
        max((cost.longest_seconds for cost in costs), default=0.0),
        max((cost.peak_mb for cost in costs), default=0.0),
        sum(cost.unmeasured for cost in costs),
    )


def write_costs(path, logs, domain, dataset, samples, steps):
    """Write the table of costs of a data set as a page.

    Parameters
    ----------
    path : path
    logs : path
        Folder with the logs of all rules.
    domain, dataset : str
    samples : int
    steps : list of (rule, jobs, CPU seconds of a job without its start, MB)
        As planned.
    """
    costs, problems = measured_costs(logs, domain, dataset)
    planned, found = planned_costs(steps), {cost.rule: cost for cost in costs}
    rows = [_row(rule, found.get(rule), planned.get(rule)) for rule in {**planned, **found}]
    whole, plan = total(costs), total(planned.values())
    rows.append(_row("all", whole, plan))
    each = f"{whole.cpu_seconds / samples:.3g}" if samples else "no"
    summary = (
        f"{samples} samples; {each} CPU seconds a sample, all rules together; "
        f"{whole.cpu_seconds:.1f} CPU seconds in all, {plan.cpu_seconds:.1f} planned."
    )
    notes = [*problems, *_differences(found, planned)]
    write_page(
        path,
        f"Costs of {dataset}",
        f"<p>{summary}</p>",
        table(HEADER, rows, numbers=range(1, len(HEADER)), total=True),
        "".join(f'<p class="note">{escape(note)}</p>' for note in notes),
        lead=LEAD,
    )


def _row(rule, found, planned):
    measured = (None,) * 5
    if found and found.jobs:
        times = found.cpu_seconds, found.wall_seconds, found.longest_seconds
        measured = (found.jobs, *(f"{value:.2f}" for value in times), f"{found.peak_mb:.0f}")
    jobs, cpu, wall, longest, peak = measured
    asked = (None, None, None)
    if planned:
        memory = f"{planned.peak_mb:.0f}" if planned.peak_mb else None
        asked = planned.jobs, f"{planned.cpu_seconds:.2f}", memory
    cells = jobs, asked[0], cpu, asked[1], wall, longest, peak, asked[2]
    return (rule, *(number_cell(cell) for cell in cells))


def _differences(found, planned):
    """A line for each rule of which more or fewer jobs left a log than are planned."""
    for rule, plan in planned.items():
        jobs = found[rule].jobs + found[rule].unmeasured if rule in found else 0
        if jobs != plan.jobs:
            more = ", those of an earlier configuration too" if jobs > plan.jobs else ""
            yield f"{rule}: logs of {jobs} jobs, {plan.jobs} are planned{more}"
