"""Rule lensing_tables: the tables of the whole data set from those of its shards."""

from contextlib import ExitStack

from simlab.core.files import write_csv
from simlab.core.splits import SPLITS
from simlab.lensing.files.streams import header_of, rows_of_tables, table_writer
from simlab.lensing.recovery import OUTCOME_COLUMNS, learned
from simlab.lensing.roulette import COLUMN
from simlab.lensing.rows import id_of
from simlab.lensing.splits import split_of
from simlab.lensing.status import EXCLUDED

FIRST = ("id", "file", "position", "split", "index", "status")


def write_tables(spec, shard_size, tables, csv, index, splits):
    """Write roulette.csv, index.csv and the lists of rows of each split.

    Parameters
    ----------
    spec : dict
        `specs.tables_spec`.
    shard_size : int
        Rows of a shard.
    tables : list of path
        Roulette tables of the shards, in order.
    csv, index : path
    splits : mapping
        train, val, test -> path.
    """
    columns = header_of(tables[0])
    split = split_of(spec["counts"], sum(spec["counts"]), spec["seed"])
    varying = varying_columns(tables, columns)
    entries = []
    with ExitStack() as stack:
        append = stack.enter_context(table_writer(csv, columns))
        listed = learned(columns) if spec["variables"] == "ml" else columns
        lists = [stack.enter_context(table_writer(splits[s], listed)) for s in SPLITS[:3]]
        for number, row in enumerate(rows_of_tables(tables)):
            append(row)
            name = SPLITS[split[number]]
            if row["status"] in EXCLUDED:
                name = "excluded"
            else:
                lists[split[number]](row)
            shard, position = divmod(number, shard_size)
            entries.append(
                (
                    id_of(row),
                    f"images/{shard:05d}.h5",
                    position,
                    name,
                    number + 1,
                    row["status"],
                    *(row[column] for column in varying),
                )
            )
    write_csv(index, [*FIRST, *varying], entries)


def varying_columns(tables, columns):
    """Input columns that do not hold the same text in all rows."""
    candidates = [
        column
        for column in columns
        if column not in (*OUTCOME_COLUMNS, *FIRST, "filename") and not COLUMN.fullmatch(column)
    ]
    first, varying = None, set()
    for row in rows_of_tables(tables):
        first = first or row
        varying.update(c for c in candidates if c not in varying and row[c] != first[c])
        if len(varying) == len(candidates):
            break
    return [column for column in candidates if column in varying]
