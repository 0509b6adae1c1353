"""Tables too long to be held in memory: read and written row by row."""

import csv
from contextlib import contextmanager

from simlab.core.errors import InputFileError
from simlab.core.files import atomic_path, open_input
from simlab.lensing.errors import RowsError


def header_of(path):
    """Column names of a table."""
    with _lines(path) as lines:
        return next(lines, [])


def rows_of_tables(paths):
    """Yield every row of several tables with the same columns, as {column: text}, in order."""
    columns = None
    for path in paths:
        with _lines(path) as lines:
            header = next(lines, [])
            if columns is not None and header != columns:
                raise RowsError(f"{path}: other columns than the tables before it")
            columns = header
            for number, cells in enumerate(lines, start=1):
                if len(cells) != len(columns):
                    raise RowsError(
                        f"{path}: row {number} has {len(cells)} cells, expected {len(columns)}"
                    )
                yield dict(zip(columns, cells, strict=True))


@contextmanager
def _lines(path):
    with open_input(path, "table") as stream:
        text = (line.decode("utf-8") for line in stream)
        try:
            yield csv.reader(text)
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputFileError(f"{path}: not a CSV table ({error})") from None


@contextmanager
def table_writer(path, columns):
    """A function that appends a row ({column: text}) to a new table of these columns."""
    with (
        atomic_path(path) as part,
        open(part, "w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        yield lambda row: writer.writerow([row[column] for column in columns])
