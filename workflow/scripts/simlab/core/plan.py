"""What a data set will cost, told before anything runs."""

from dataclasses import dataclass

SNAKEMAKE_MB = 300  # what Snakemake itself takes in a job of a cluster: two processes


@dataclass(frozen=True)
class Estimate:
    """Size and cost of one data set.

    Attributes
    ----------
    domain, dataset : str
    samples, jobs : int
    bytes : int
        Published output.
    cpu_seconds : float
        On the machine of the domain's SECONDS_PER_ITEM.
    peak_mb : float
        Largest memory of one job.
    details : str
        What else the users of the domain count.
    """

    domain: str
    dataset: str
    samples: int
    jobs: int
    bytes: int
    cpu_seconds: float
    peak_mb: float
    details: str = ""


def plan_table(estimates):
    """The estimates and their sum as a table of text."""
    header = ("domain", "data set", "samples", "jobs", "output", "CPU hours", "peak MB", "")
    rows = [
        (
            e.domain,
            e.dataset,
            f"{e.samples:,}",
            f"{e.jobs:,}",
            human_bytes(e.bytes),
            f"{e.cpu_seconds / 3600:.3f}",
            f"{e.peak_mb:.0f}",
            e.details,
        )
        for e in estimates
    ]
    rows.append(
        (
            "total",
            f"{len(estimates)}",
            f"{sum(e.samples for e in estimates):,}",
            f"{sum(e.jobs for e in estimates):,}",
            human_bytes(sum(e.bytes for e in estimates)),
            f"{sum(e.cpu_seconds for e in estimates) / 3600:.3f}",
            f"{max((e.peak_mb for e in estimates), default=0):.0f}",
            "",
        )
    )
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = []
    for row in [header, *rows]:
        left = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(row[2:-1], widths[2:-1], strict=True)]
        lines.append("  ".join([*left, *right, row[-1]]).rstrip())
    return "\n".join(lines)


def human_bytes(size):
    """`size` bytes with a binary unit."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
