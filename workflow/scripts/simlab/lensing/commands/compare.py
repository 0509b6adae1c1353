"""`simlab lensing compare`: two pictures, or two sets of pictures."""

from pathlib import Path
from typing import Annotated

import typer

SHOWN = 20
DIFFERENT = 3


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="Folder of pictures, or image shard")],
    b: Annotated[Path, typer.Argument(metavar="B", help="The same to compare with")],
    files: Annotated[bool, typer.Option("-f", "--files", help="A and B are two pictures")] = False,
    masked: Annotated[
        bool, typer.Option("-m", "--masked", help="Also norms inside discs of 10, 20, ... px")
    ] = False,
    threshold: Annotated[
        float, typer.Option("-t", "--threshold", help="Smallest relnorm of a disc that is listed")
    ] = 0.001,
    diff_folder: Annotated[
        Path | None, typer.Option("-d", "--diffdir", help="Folder for difference pictures")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Statistics, .json or .csv")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("-O", "--report", help="Report, .html, .tex or .pdf")
    ] = None,
    fail_above: Annotated[
        float, typer.Option("--fail-above", min=0, help="Largest norm that counts as equal")
    ] = 0.0,
    bgr: Annotated[
        bool, typer.Option("--bgr", help="Count gray pictures as three equal channels")
    ] = False,
):
    """Compare pictures; exits with 3 if they differ, with 1 if some cannot be compared."""
    from simlab.lensing.comparison import compare_sets
    from simlab.lensing.errors import RowsError
    from simlab.lensing.files.comparison_reports import (
        summary_text,
        write_report,
        write_statistics,
    )

    if files:
        for path in (a, b):
            if path.is_dir():
                raise typer.BadParameter(f"{path} is a folder, --files takes two pictures")
    for path, allowed in ((output, (".json", ".csv")), (report, (".html", ".tex", ".pdf"))):
        if path is not None and path.suffix.lower() not in allowed:
            raise typer.BadParameter(f"{path}: the name must end in {' or '.join(allowed)}")
    result = compare_sets(
        a,
        b,
        masked=masked,
        threshold=threshold,
        bgr=bgr,
        fail_above=fail_above,
        diff_folder=diff_folder,
    )
    if output is not None:
        write_statistics(output, result)
    if report is not None:
        write_report(report, result, fail_above)
    for pair in result["pairs"][:SHOWN]:
        print(f"{pair['name']:32} norm {pair['norm']:12.6g}  relnorm {pair['relnorm']:12.6g}")
        for disc in pair.get("masked", ()):
            text = f"norm {disc['norm']:12.6g}  relnorm {disc['relnorm']:12.6g}"
            print(f"  inside {disc['radius']:4d} px {'':16} {text}")
    print(summary_text(result, fail_above))
    if result["errors"]:
        lines = "\n".join(f"  {text}" for text in result["errors"])
        raise RowsError(f"{a}, {b}: {len(result['errors'])} cannot be compared\n{lines}")
    if result["summary"]["n_bad"]:
        raise typer.Exit(DIFFERENT)


def register(app):
    """Add the command to `app`."""
    app.command("compare")(compare)
