"""Rule halo_index: one row a sample, and the split by simulation."""

from itertools import groupby

from simlab.core.files import write_csv, write_json
from simlab.halo.errors import SampleError
from simlab.halo.files.records import read_record
from simlab.halo.index_rows import COLUMNS, index_row
from simlab.halo.splits import train_test_split


def write_index(spec, records, csv, split_json):
    """Write index.csv, sorted by sim, halo_idx and rot, and split.json.

    Parameters
    ----------
    spec : dict
        Of `specs.index_spec`.
    records : list of paths
        All shard records of the data set.
    """
    opened = [_Ordered(path) for path in records]
    names = _common_names(opened)
    opened.sort(key=lambda record: record.sim)
    simulations = groupby(opened, key=lambda record: record.sim)
    write_csv(
        csv,
        [*COLUMNS, *names],
        (row for _, group in simulations for row in _rows(list(group))),
    )
    train, test = train_test_split(spec["total"], spec["test_fraction"], spec["seed"])
    write_json(
        split_json,
        {
            "seed": spec["seed"],
            "test_frac": spec["test_fraction"],
            "total_sims": spec["total"],
            "train": train,
            "test": test,
        },
    )


class _Ordered:
    """What sorting needs of a record; the record itself is read when its turn comes."""

    def __init__(self, path):
        record = read_record(path)
        self.path, self.sim = path, record["sim"]
        self.names = tuple(record["param_names"])


def _common_names(records):
    names = {record.names: record.path for record in records}
    if len(names) > 1:
        (first, path), (other, other_path) = list(names.items())[:2]
        raise SampleError(
            f"{other_path}: parameters {', '.join(other)} differ from those of {path}: "
            f"{', '.join(first)}"
        )
    return next(iter(names), ())


def _rows(group):
    """Rows of one simulation, from all its shards."""
    rows = []
    for ordered in group:
        record = read_record(ordered.path)
        haloes = {halo["halo_idx"]: halo for halo in record["haloes"]}
        for entry in record["samples"]:
            rows.append(index_row(record, haloes[entry["halo_idx"]], entry))
    return sorted(rows, key=lambda row: (row[5], row[7]))
