"""What a data set will cost, told before anything runs."""

import heapq
import math
from dataclasses import dataclass

SNAKEMAKE_MB = 300  # what Snakemake itself takes in a job of a cluster: two processes
START_SECONDS = 2.5
"""CPU seconds of a job before it begins to work: Python, imports, compiled kernels read.

That of a job on this machine; one of a cluster takes 6 to 7, since it plans the workflow again.
"""
SHARD_BYTES = 1 << 30
"""Size of a file up to which shards grow by themselves."""
TIME_LIMIT_MINUTES = 24 * 60
"""Time limit of a cluster's queue that plans assume where none is given."""
SHORT_SECONDS = 60
"""Work below which the start of a cluster's job, 7 to 20 seconds, is more than a tenth of it."""


@dataclass(frozen=True)
class Step:
    """The jobs of one rule for one data set; they wait for those of the step before.

    Attributes
    ----------
    rule : str
    jobs : int
    cpu_seconds : float
        Of one job, without its start.
    megabytes : float
        Memory that the rule asks for at its first attempt, MB; 0 where it does not matter.
    minutes : float
        Time limit that the rule asks for at its first attempt; 0 for a job of seconds.
    size_key : str
        Configuration key that cuts the work into these jobs.
    largest : float
        How many times larger that key can make them: parts of one thing, limits of a file.
    """

    rule: str
    jobs: int = 1
    cpu_seconds: float = 0.0
    megabytes: float = 0.0
    minutes: float = 0.0
    size_key: str = ""
    largest: float = math.inf

    @property
    def growth(self):
        """How many times larger its key can make the jobs, and there is work for."""
        return int(min(self.largest, self.jobs)) if self.size_key else 1


@dataclass(frozen=True)
class Estimate:
    """Size and cost of one data set.

    Attributes
    ----------
    domain, dataset : str
    samples, shards : int
        `shards`: jobs that the samples are cut into.
    bytes : int
        Published output.
    steps : tuple of Step
    details : str
        What else the users of the domain count.
    notes : tuple of str
        What will go wrong, or leave a split without samples.
    """

    domain: str
    dataset: str
    samples: int
    shards: int
    bytes: int
    steps: tuple[Step, ...]
    details: str = ""
    notes: tuple[str, ...] = ()

    @property
    def jobs(self):
        """Number of jobs."""
        return sum(step.jobs for step in self.steps)

    @property
    def cpu_seconds(self):
        """CPU seconds of all jobs, on the machine of the domain's SECONDS_PER_ITEM."""
        return sum(step.jobs * (step.cpu_seconds + START_SECONDS) for step in self.steps)

    @property
    def peak_mb(self):
        """Largest memory of one job, MB."""
        return max((step.megabytes for step in self.steps), default=0.0)


def makespan(estimates, slots):
    """Seconds until `slots` jobs at a time, one CPU each, have done the steps of all data sets.

    Jobs start in the order in which they become ready. Waiting in a queue is not in it.
    """
    free = [0.0] * slots
    ready = [(0.0, number, 0) for number, e in enumerate(estimates) if e.steps]
    end = 0.0
    while ready:
        start, number, index = heapq.heappop(ready)
        steps = estimates[number].steps
        last = start
        for _ in range(steps[index].jobs):
            begin = max(heapq.heappop(free), start)
            done = begin + START_SECONDS + steps[index].cpu_seconds
            heapq.heappush(free, done)
            last = max(last, done)
        end = max(end, last)
        if index + 1 < len(steps):
            heapq.heappush(ready, (last, number, index + 1))
    return end


def plan_report(estimates, slots, time_limit=TIME_LIMIT_MINUTES):
    """Table of the estimates with their sum, their notes, and those on unsuitable job lengths.

    `time_limit`: minutes that the site gives a job.
    """
    notes = [f"{e.domain}.datasets.{e.dataset}: {note}" for e in estimates for note in e.notes]
    notes += [note for e in estimates for note in job_length_notes(e, time_limit)]
    return "\n".join([plan_table(estimates, slots), *notes])


def plan_table(estimates, slots):
    """The estimates and their sum as a table of text."""
    header = (
        *("domain", "data set", "samples", "shards", "jobs", "output", "MB a job", "CPU hours"),
        f"{slots} at a time",
        "",
    )
    rows = [(e.domain, e.dataset, *_cells([e], slots), e.details) for e in estimates]
    rows.append(("total", f"{len(estimates)}", *_cells(estimates, slots), ""))
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = []
    for row in [header, *rows]:
        left = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(row[2:-1], widths[2:-1], strict=True)]
        lines.append("  ".join([*left, *right, row[-1]]).rstrip())
    return "\n".join(lines)


def _cells(estimates, slots):
    return (
        f"{sum(e.samples for e in estimates):,}",
        f"{sum(e.shards for e in estimates):,}",
        f"{sum(e.jobs for e in estimates):,}",
        human_bytes(sum(e.bytes for e in estimates)),
        f"{max((e.peak_mb for e in estimates), default=0):.0f}",
        f"{sum(e.cpu_seconds for e in estimates) / 3600:.3f}",
        human_time(makespan(estimates, slots)),
    )


def job_length_notes(estimate, time_limit=TIME_LIMIT_MINUTES):
    """Lines on steps of many short jobs, and of jobs longer than they may be."""
    where = f"{estimate.domain}.datasets.{estimate.dataset}"
    yield from (f"{where}: {note}" for note in _short_jobs(estimate.steps))
    for step in estimate.steps:
        allowed = min(step.minutes or time_limit, time_limit)
        if step.cpu_seconds > 60 * allowed:
            yield (
                f"{where}: a job of {step.rule} works {human_time(step.cpu_seconds)}, over its "
                f"time limit of {human_time(60 * allowed)}"
                + (f"; let {step.size_key} make smaller ones" if step.size_key else "")
            )


def _short_jobs(steps):
    """A line for each key that can make short jobs longer, and one for all the others.

    Of the steps that a key cuts the longest counts: shorter ones grow with it.
    """
    several = [step for step in steps if step.jobs > 1]
    longest = {}
    for step in several:
        if step.growth > 1:
            known = longest.setdefault(step.size_key, step)
            longest[step.size_key] = max(known, step, key=lambda one: one.cpu_seconds)
    short = {key: step for key, step in longest.items() if step.cpu_seconds < SHORT_SECONDS}
    for key, step in short.items():
        larger = math.ceil(SHORT_SECONDS / max(step.cpu_seconds, 1e-3))
        yield (
            f"{step.jobs:,} jobs of {step.rule} work {step.cpu_seconds:.2g} s each, under a "
            f"minute; on a cluster let {key} make {min(larger, step.growth):,} times larger ones"
        )
    others = [
        step
        for step in several
        if step.cpu_seconds < SHORT_SECONDS and (step.growth == 1 or step.size_key not in short)
    ]
    if others:
        rules = ", ".join(dict.fromkeys(step.rule for step in others))
        yield (
            f"{sum(step.jobs for step in others):,} jobs of {rules} work under a minute each; "
            "on a cluster let several travel in a group (--group-components)"
        )


def limit_minutes(seconds, least):
    """Time limit of a job, minutes: four times the `seconds` expected, at least `least`."""
    return max(least, math.ceil(4 * seconds / 60))


def items_per_shard(target_seconds, seconds_per_item, bytes_per_item=0.0):
    """Items of a shard that takes `target_seconds` and whose file stays below SHARD_BYTES."""
    count = target_seconds / max(seconds_per_item, 1e-12)
    if bytes_per_item:
        count = min(count, SHARD_BYTES / bytes_per_item)
    return max(1, int(min(count, 2**53)))


def human_bytes(size):
    """`size` bytes with a binary unit."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def human_time(seconds):
    """`seconds` as hours:minutes:seconds."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
