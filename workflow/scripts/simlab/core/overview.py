"""The first page of the report: every data set with its samples, bytes, checks and costs."""

from collections import Counter
from pathlib import Path

import numpy as np

from simlab.core.costs import measured_costs, total
from simlab.core.dataset import read_index
from simlab.core.files import read_json
from simlab.core.plan import human_bytes
from simlab.core.splits import SPLITS
from simlab.core.tables import check_state, number_cell, table, write_page

HEADER = (
    *("domain", "data set", "samples", *SPLITS, "files", "bytes"),
    *("checks passed", "skipped", "CPU seconds", "CPU seconds planned"),
)
LEAD = (
    "What this campaign made. Files and bytes are those that the manifests name, the manifests "
    "besides. Checks that do not apply to a data set are skipped, each for a reason that stands "
    "on its page. CPU seconds as on the pages of costs."
)


def write_overview(path, folders, planned, logs):
    """Write the table of all data sets as a page.

    Parameters
    ----------
    path : path
    folders : list of path
        `results/<domain>/<dataset>`, finished.
    planned : list of (domain, dataset, CPU seconds)
    logs : path
        Folder of the logs, with Snakemake's measurements.
    """
    expected = {(domain, dataset): seconds for domain, dataset, seconds in planned}
    rows = [_counted(Path(folder), logs, expected) for folder in folders]
    sums = [sum(row[i] for row in rows) for i in range(2, len(HEADER))]
    rows.append(["all", f"{len(rows)} data sets", *sums])
    write_page(
        path,
        "Overview",
        table(HEADER, map(_shown, rows), numbers=range(2, len(HEADER)), total=True),
        lead=LEAD,
    )


def _counted(folder, logs, expected):
    """What HEADER names of one data set, its size in bytes."""
    domain, dataset = folder.parent.name, folder.name
    numbers = read_index(folder).split_numbers()
    splits = [int(np.count_nonzero(numbers == number)) for number in range(len(SPLITS))]
    files = read_json(folder / "manifest.json")["files"]
    states = Counter(check_state(row) for row in read_json(folder / "checks.json"))
    costs, _ = measured_costs(logs, domain, dataset)
    return [
        *(domain, dataset, len(numbers), *splits, len(files)),
        sum(entry["bytes"] for entry in files.values()),
        *(states["passed"], states["skipped"]),
        *(total(costs).cpu_seconds, expected[domain, dataset]),
    ]


def _shown(row):
    domain, dataset, *counts, size, passed, skipped, measured, planned = row
    numbers = *counts, human_bytes(size), passed, skipped, f"{measured:.1f}", f"{planned:.1f}"
    return (domain, dataset, *map(number_cell, numbers))
