"""Tables of rows: CSV as users have it, CSV and Parquet as we write it.

A table is a list of column names and a list of mappings from column to cell. Cells read are text,
without the blanks and quotes around them; an empty cell is "". Cells written are text, integers and
finite floats (as `repr`, so that they read back exactly); None and "" are empty cells.
"""

import csv
import io
import math

import numpy as np

from simlab.core.files import atomic_path, open_input, write_csv
from simlab.lensing.errors import LensingConfigError, MissingRowsError, RowsError

QUOTES = "\"'"
SEPARATORS = ";\t|"
"""What other programs put between columns."""
SHOWN = 40


def read_table(path):
    """(columns, rows) of a CSV file: list of str, list of {column: text}.

    Parameters
    ----------
    path : path
        UTF-8 text with a header line.

    Raises
    ------
    RowsError
        Not UTF-8 or not CSV, no header, a column twice, a line with other than the header's
        number of cells, no rows. MissingRowsError if there is no such file.
    """
    try:
        with open_input(path, "table") as stream:
            content = stream.read()
    except FileNotFoundError as error:
        raise MissingRowsError(str(error)) from None
    if b"\0" in content:
        raise RowsError(f"{path}: not UTF-8 text (byte {content.index(0)} is NUL)")
    try:
        lines = csv.reader(io.StringIO(content.decode("utf-8-sig")), skipinitialspace=True)
        table = [(lines.line_num, [_bare(cell) for cell in line]) for line in lines]
    except UnicodeDecodeError as error:
        raise RowsError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except csv.Error as error:
        raise RowsError(f"{path}: line {lines.line_num}: not CSV ({error})") from None
    table = [(number, cells) for number, cells in table if any(cells)]
    if not table:
        raise RowsError(f"{path}: empty, a header line is expected")
    columns = table[0][1]
    other = next((mark for mark in SEPARATORS if mark in columns[0]), None)
    if len(columns) == 1 and other is not None:
        raise RowsError(
            f"{path}: the header is one column {columns[0][:SHOWN]!r}, separated by {other!r}; "
            "commas are expected between columns"
        )
    if len(set(columns)) < len(columns) or "" in columns:
        what = next(name for name in columns if columns.count(name) > 1 or not name)
        raise RowsError(f"{path}: column {what!r} is there twice, or has no name")
    for number, cells in table[1:]:
        if len(cells) != len(columns):
            raise RowsError(
                f"{path}: line {number} has {len(cells)} cells, the header has {len(columns)}"
            )
    if len(table) == 1:
        raise RowsError(f"{path}: no rows")
    return columns, [dict(zip(columns, cells, strict=True)) for _, cells in table[1:]]


def _bare(cell):
    cell = cell.strip()
    while len(cell) > 1 and cell[0] == cell[-1] and cell[0] in QUOTES:
        cell = cell[1:-1].strip()
    return cell


def write_table(path, columns, rows):
    """Write a CSV file; a column that a row lacks is an empty cell.

    Raises RowsError for a number that is not finite.
    """
    write_csv(path, columns, _cells(path, columns, rows))


def _cells(path, columns, rows):
    for number, row in enumerate(rows, start=1):
        cells = [row.get(column) for column in columns]
        for column, cell in zip(columns, cells, strict=True):
            if isinstance(cell, float | np.floating) and not math.isfinite(cell):
                raise RowsError(f"{path}: row {number}, {column}: {cell} is not a finite number")
        yield ["" if cell is None else cell for cell in cells]


def write_parquet(path, columns, rows):
    """Write a Parquet file; columns of numbers are int64 or double, with nulls for empty cells.

    Raises LensingConfigError where pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise LensingConfigError(
            "Parquet tables need the package pyarrow: install it, or write csv"
        ) from None
    cells = list(_cells(path, columns, rows))
    data = {
        column: [None if cell == "" else cell for cell in values]
        for column, values in zip(columns, zip(*cells, strict=True), strict=True)
    }
    with atomic_path(path) as part:
        parquet.write_table(pyarrow.table(data), part)
