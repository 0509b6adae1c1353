"""Rule lensing_normalization: statistics over the training rows."""

from array import array

from simlab.core.files import read_npz, write_json
from simlab.core.splits import SPLITS
from simlab.core.tables import write_statistics_table
from simlab.lensing.files.streams import header_of, rows_of_tables
from simlab.lensing.roulette import COLUMN
from simlab.lensing.splits import split_of
from simlab.lensing.statistics import normalization
from simlab.lensing.status import EXCLUDED

TRAIN = 0


def write_normalization(spec, statistics, table, json, html):
    """Write normalization.json and its page.

    Parameters
    ----------
    spec : dict
        `specs.tables_spec`.
    statistics : list of path
        `PictureStatistics.arrays` of the shards.
    table : path
        The whole roulette table.
    json, html : path
    """
    split = split_of(spec["counts"], sum(spec["counts"]), spec["seed"])
    columns = {name: array("d") for name in header_of(table) if COLUMN.fullmatch(name)}
    radii, rows = array("d"), dict.fromkeys(SPLITS, 0)
    for number, row in enumerate(rows_of_tables([table])):
        if row["status"] in EXCLUDED:
            rows["excluded"] += 1
            continue
        rows[SPLITS[split[number]]] += 1
        if split[number] != TRAIN:
            continue
        if row["r_conv"]:
            radii.append(float(row["r_conv"]))
        for name, values in columns.items():
            if row[name]:
                values.append(float(row[name]))
    content = normalization([read_npz(path) for path in statistics], columns, radii, rows)
    write_json(json, content)
    write_statistics_table(html, content)
