"""`simlab lensing roulettegen`: pictures from roulette amplitudes alone."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def roulettegen(
    csvfile: Annotated[
        Path, typer.Option("-i", "--csvfile", help="Table with amplitude columns, CSV")
    ],
    out: Annotated[Path | None, typer.Option("--out", help="HDF5 shard of pictures")] = None,
    directory: Annotated[
        Path | None, typer.Option("-D", "--directory", help="Folder of PNG files")
    ] = None,
    nterms: Annotated[
        int | None, typer.Option("-n", "--nterms", min=1, max=200, help="Order of the series")
    ] = None,
    rows: Annotated[
        str | None, typer.Option("--rows", metavar="A:B", help="Only these rows, counted from 0")
    ] = None,
    maxcount: Annotated[
        int | None, typer.Option("--maxcount", min=1, help="At most so many rows")
    ] = None,
    imagesize: Annotated[
        int | None, typer.Option("-Z", "--imagesize", help="Side of the simulated picture, px")
    ] = None,
    cropsize: Annotated[
        int | None, typer.Option("-z", "--cropsize", help="Side of the delivered picture, px")
    ] = None,
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
    maskscale: Annotated[
        float | None, typer.Option("-O", "--maskscale", help="Factor to the masked region")
    ] = None,
    maskradius: Annotated[
        float | None, typer.Option("--maskradius", help="Draw inside this radius only, px")
    ] = None,
    source: Annotated[
        str | None, typer.Option("-S", "--source", help="Source model, in place of the table's")
    ] = None,
    sigma: Annotated[float | None, typer.Option("-s", "--sigma", help="Size, px")] = None,
    sigma2: Annotated[float | None, typer.Option("-2", "--sigma2", help="Second size, px")] = None,
    theta: Annotated[
        float | None, typer.Option("-t", "--theta", help="Rotation of the source, degrees")
    ] = None,
    n_sersic: Annotated[float | None, typer.Option("--n-sersic", help="Sersic index")] = None,
    luminosity: Annotated[
        float | None, typer.Option("--luminosity", help="Flux of Sersic sources, /1000")
    ] = None,
    reflines: Annotated[bool, typer.Option("-R", "--reflines", help="Axes, in PNG")] = False,
    actual: Annotated[bool, typer.Option("-a", "--actual", help="Also actual-...png")] = False,
    sampling: Annotated[
        Literal["analytic", "bilinear", "floor"] | None,
        typer.Option("--sampling", help="How the source is looked up"),
    ] = None,
    supersample: Annotated[
        int | None, typer.Option("--supersample", help="Sub-points along a pixel, odd")
    ] = None,
    amplitude_units: Annotated[
        Literal["angular", "lens"] | None,
        typer.Option("--amplitude-units", help="Of the table, where chi is not 100 %"),
    ] = None,
    compat: Annotated[
        bool | None, typer.Option("--compat", help="Pictures as the original program draws them")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads (default: one a CPU)")
    ] = None,
):
    """Draw pictures from the amplitudes of a table; nothing else is known of the lens."""
    if out is None and directory is None:
        raise typer.BadParameter("one of --out and --directory is needed")
    from simlab.lensing import runs
    from simlab.lensing.commands.arguments import row_range
    from simlab.lensing.regeneration import read_amplitude_rows, regeneration_of
    from simlab.lensing.settings import as_settings

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
    settings = as_settings({key: value for key, value in changes.items() if value is not None})
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
