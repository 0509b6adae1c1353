"""Rule lensing_parameters: the table of rows, drawn or taken from the user."""

import warnings
from pathlib import Path

from simlab.lensing.errors import LensingWarning
from simlab.lensing.files.tables import write_table
from simlab.lensing.parameters import draw_rows, drawn_columns, with_files_published
from simlab.lensing.rows import INPUT_COLUMNS, finite_row, read_rows
from simlab.lensing.settings import SimulationSettings
from simlab.lensing.specs import dataset_from
from simlab.lensing.validation import require_no_problems, validate_rows


def write_parameters(spec, csv, *, table=None, folder="."):
    """Write parameters.csv.

    Parameters
    ----------
    spec : dict
        `specs.parameters_spec`.
    csv : path
    table : path, optional
        The user's rows; drawn ones without it.
    folder : path
        That pictures named in the rows are relative to.

    Raises
    ------
    RowsError
        A line for every problem of the table; nothing is written.

    Returns
    -------
    list of str
        What looks like a mistake in the rows.
    """
    dataset = dataset_from(spec)
    settings = dataset.settings()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", LensingWarning)
        if table is None:
            rows, columns = with_files_published(draw_rows(dataset)), drawn_columns(dataset)
            require_valid(rows, settings, "drawn rows", folder)
        else:
            rows = read_rows(table, settings.chi_column)
            require_valid(rows, settings, table, folder)
            rows = [completed(row, settings) for row in rows]
            columns = columns_of_table(rows)
    write_table(csv, columns, rows)
    return [str(warning.message) for warning in caught]


def require_valid(rows, settings, where, folder):
    """RowsError with a line for every problem of the rows."""
    where = Path(where).name if Path(where).is_absolute() else where
    problems = validate_rows(rows, where=where, folder=folder, settings=settings)
    require_no_problems(problems, where)


def completed(row, settings: SimulationSettings):
    """A row of a user's table with what it leaves to defaults."""
    row = finite_row(row)
    if row.get("nterms") in (None, ""):
        row["nterms"] = settings.nterms
    if row.get("chi_percent") in (None, "") and settings.chi_column == "ignore":
        row["chi_percent"] = 100.0
    return row


def columns_of_table(rows):
    """Our columns first, in our order, where any row has them; then the user's others."""
    there = {column: None for row in rows for column in row}
    ours = [column for column in INPUT_COLUMNS if column in there]
    return [*ours, *(column for column in there if column not in ours)]
