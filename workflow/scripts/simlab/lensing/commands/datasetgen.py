"""`simlab lensing datasetgen`: random rows, as a table that `datagen` reads."""

from pathlib import Path
from typing import Annotated, Literal

import typer

CHUNK = 1000


def datasetgen(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="Configuration, YAML or TOML")],
    output: Annotated[Path, typer.Argument(metavar="OUT.csv", help="Table to write")],
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Which of several data sets")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Seed, in place of the configuration's")
    ] = None,
    rows: Annotated[
        str | None, typer.Option("--rows", metavar="A:B", help="Only these rows, counted from 0")
    ] = None,
    size: Annotated[int | None, typer.Option("--size", min=1, help="Rows of the data set")] = None,
    form: Annotated[
        Literal["csv", "parquet"] | None,
        typer.Option("--format", help="Format of the table (default: by its name)"),
    ] = None,
):
    """Draw the rows of a data set and write them as a table."""
    from simlab.core.progress import progress
    from simlab.lensing.commands.arguments import row_range
    from simlab.lensing.config import load_config, with_changes
    from simlab.lensing.files.tables import write_parquet, write_table
    from simlab.lensing.parameters import draw_rows, drawn_columns, with_files_relative_to

    settings = with_changes(load_config(config, dataset), seed=seed, size=size)
    if settings.size is None:
        raise typer.BadParameter("the rows of this configuration are those of a table")
    start, stop = row_range(rows, settings.size)
    if start >= stop:
        raise typer.BadParameter(f"--rows {rows}: none of the {settings.size} rows")
    drawn = []
    for first in progress(range(start, stop, CHUNK), -(-(stop - start) // CHUNK), "drawing rows"):
        drawn += draw_rows(settings, first, min(first + CHUNK, stop))
    drawn = with_files_relative_to(drawn, output.parent)
    form = form or ("parquet" if output.suffix == ".parquet" else "csv")
    write = {"csv": write_table, "parquet": write_parquet}[form]
    write(output, drawn_columns(settings), drawn)
    print(f"Wrote {output}: {len(drawn)} rows")


def register(app):
    """Add the command to `app`."""
    app.command("datasetgen")(datasetgen)
