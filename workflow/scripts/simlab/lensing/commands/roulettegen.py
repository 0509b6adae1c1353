"""`simlab lensing roulettegen`: pictures from roulette amplitudes alone."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from simlab.lensing.commands.arguments import (
    Actual,
    Compat,
    Config,
    CropSize,
    Dataset,
    ImageSize,
    Luminosity,
    MaskRadius,
    MaskScale,
    MaxCount,
    RefLines,
    Rows,
    Sampling,
    SecondSigma,
    SersicIndex,
    Shard,
    Sigma,
    SourceRotation,
    SubPoints,
    Threads,
)


def roulettegen(
    csvfile: Annotated[
        Path, typer.Option("-i", "--csvfile", help="Table with amplitude columns, CSV")
    ],
    config: Config = None,
    dataset: Dataset = None,
    out: Shard = None,
    directory: Annotated[
        Path | None, typer.Option("-D", "--directory", help="Folder of PNG files")
    ] = None,
    nterms: Annotated[
        int | None, typer.Option("-n", "--nterms", min=1, max=200, help="Order of the series")
    ] = None,
    rows: Rows = None,
    maxcount: MaxCount = None,
    imagesize: ImageSize = None,
    cropsize: CropSize = None,
    drawmode: Annotated[
        Literal["xi", "centre", "origin"],
        typer.Option(
            "--drawmode",
            help="xi: as the picture; centre: about the reference point; origin: moved from there",
        ),
    ] = "xi",
    mask: Annotated[
        Literal["none", "disc", "region"] | None,
        typer.Option("--mask", help="region: estimated from the amplitudes (default none)"),
    ] = None,
    maskscale: MaskScale = None,
    maskradius: MaskRadius = None,
    source: Annotated[
        str | None, typer.Option("-S", "--source", help="Source model, in place of the table's")
    ] = None,
    sigma: Sigma = None,
    sigma2: SecondSigma = None,
    theta: SourceRotation = None,
    n_sersic: SersicIndex = None,
    luminosity: Luminosity = None,
    reflines: RefLines = False,
    actual: Actual = False,
    sampling: Sampling = None,
    supersample: SubPoints = None,
    amplitude_units: Annotated[
        Literal["angular", "lens"] | None,
        typer.Option("--amplitude-units", help="Of the table, where chi is not 100 %"),
    ] = None,
    compat: Compat = None,
    threads: Threads = None,
):
    """Draw pictures from the amplitudes of a table; nothing else is known of the lens."""
    if out is None and directory is None:
        raise typer.BadParameter("one of --out and --directory is needed")
    from simlab.lensing import runs
    from simlab.lensing.commands.arguments import row_range
    from simlab.lensing.regeneration import read_amplitude_rows, regeneration_of

    runs.use_threads(threads)
    changes = {
        "imagesize": imagesize,
        "cropsize": cropsize,
        "mask": mask,
        "maskscale": maskscale,
        "maskradius": maskradius,
        "sampling": sampling,
        "supersample": supersample,
        "amplitude_units": amplitude_units,
        "compat": compat,
    }
    given = {
        "source": source,
        "sigma": sigma,
        "sigma2": sigma2,
        "theta": theta,
        "n_sersic": n_sersic,
        "luminosity": luminosity,
    }
    settings, _ = runs.settings_of(config, dataset, changes)
    given = {column: value for column, value in given.items() if value is not None}
    table = read_amplitude_rows(csvfile, settings, given)
    first, stop = row_range(rows, len(table))
    stop = stop if maxcount is None else min(stop, first + maxcount)
    if first >= stop:
        raise typer.BadParameter(f"--rows {rows}: none of the {len(table)} rows")
    regeneration = regeneration_of(
        table[first:stop],
        settings,
        first=first,
        folder=csvfile.parent,
        order=nterms,
        drawmode=drawmode,
    )
    if out is not None:
        runs.write_regenerated_shard(out, regeneration)
    if directory is not None:
        runs.write_regenerated_pngs(directory, regeneration, reflines=reflines, actual=actual)
    print(f"{stop - first} rows drawn")


def register(app):
    """Add the command to `app`."""
    app.command("roulettegen")(roulettegen)
