"""`simlab lensing datagen`: pictures and roulette amplitudes of many rows, or of one."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from typer.core import TyperCommand

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
    Version,
)

MASKS = ("none", "disc", "region")
COMPONENTS = 6
"""Turned reference points of --join in the original program."""

NOT_DRAWN = 3
"""Exit status of a run that drew nothing, and of a strict one that drew not everything well."""

SETTINGS = (
    *("sampled", "chi_column", "nterms", "imagesize", "cropsize", "centred", "mask", "maskscale"),
    *("maskradius", "solver", "reference", "sampling", "supersample", "bgcolour", "compat"),
    *("backend", "seed"),
)
"""Options that are keys of the settings."""

CELLS = {
    **{name: name for name in ("lens", "cluster", "model", "source", "lightprofile", "sourcefile")},
    **{name: name for name in ("x", "y", "phi", "sigma", "sigma2", "theta", "n_sersic")},
    **{name: name for name in ("luminosity", "einsteinradius", "orientation")},
    **{name: name for name in ("kappa_s", "r_s", "shear1", "shear2")},
    "ellipseratio": "ratio",
    "chi_percent": "chi",
}
"""Column -> option that fills its cells."""

ANNOTATIONS = ("showmask", "reflines", "criticalcurves", "annotate")
IN_FOLDER = ("secondary", "join", "family", "psiplot", "kappaplot", *ANNOTATIONS)
"""Options about pictures that a shard does not hold."""


class WithBareMask(TyperCommand):
    """A command whose option --mask may stand alone, which means --mask region."""

    def parse_args(self, ctx, args):
        """Give a bare -M or --mask its value."""
        filled = []
        for place, word in enumerate(args):
            filled.append(word)
            following = args[place + 1] if place + 1 < len(args) else ""
            if word in ("-M", "--mask") and following not in MASKS:
                filled.append("region")
        return super().parse_args(ctx, filled)


def datagen(
    context: typer.Context,
    csvfile: Annotated[
        Path | None, typer.Option("-i", "--csvfile", help="Table of rows; without it, one picture")
    ] = None,
    config: Config = None,
    dataset: Dataset = None,
    rnd: Annotated[
        bool, typer.Option("--rnd", help="Draw the rows of --config, into --csvfile if given")
    ] = False,
    rows: Rows = None,
    maxcount: MaxCount = None,
    directory: Annotated[
        Path | None, typer.Option("-D", "--directory", help="Folder of PNG files (default ./)")
    ] = None,
    out: Shard = None,
    outfile: Annotated[
        Path | None, typer.Option("-o", "--outfile", "--output", help="Roulette amplitudes, CSV")
    ] = None,
    mldata: Annotated[
        bool, typer.Option("--mldata", help="Only the columns that networks learn from")
    ] = False,
    lens: Annotated[
        str | None, typer.Option("-l", "--lens", help="SIS, PM, SIE, NFW, or a map (.npy, .h5)")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", help="KIND/x/y/g or SIE/x/y/g/f/orientation, joined by ;"),
    ] = None,
    model: Annotated[
        str | None, typer.Option("-L", "--model", help="Raytrace, Roulette, RouletteExact")
    ] = None,
    source: Annotated[
        str | None, typer.Option("-S", "--source", help="Source model, or a constellation")
    ] = None,
    lightprofile: Annotated[
        Literal["Gaussian", "Sersic"] | None,
        typer.Option("--lightprofile", help="Profile in place of the source's own"),
    ] = None,
    sourcefile: Annotated[
        str | None, typer.Option("--sourcefile", help="Picture of source Image")
    ] = None,
    sampled: Annotated[
        bool | None, typer.Option("-G", "--sampled", help="Sample the lens on the pixel grid")
    ] = None,
    x: Annotated[float | None, typer.Option("-x", "--x", help="Source, px")] = None,
    y: Annotated[float | None, typer.Option("-y", "--y", help="Source, px, up")] = None,
    phi: Annotated[
        float | None, typer.Option("-T", "--phi", help="Direction, degrees; x is the distance")
    ] = None,
    sigma: Sigma = None,
    sigma2: SecondSigma = None,
    theta: SourceRotation = None,
    n_sersic: SersicIndex = None,
    luminosity: Luminosity = None,
    einsteinradius: Annotated[
        float | None, typer.Option("-E", "--einsteinradius", help="Einstein radius, px")
    ] = None,
    ratio: Annotated[
        float | None, typer.Option("-r", "--ratio", help="Axis ratio of a SIE")
    ] = None,
    orientation: Annotated[
        float | None, typer.Option("--orientation", help="Orientation of a SIE, degrees")
    ] = None,
    kappa_s: Annotated[
        float | None, typer.Option("--kappa-s", help="Characteristic convergence of an NFW halo")
    ] = None,
    r_s: Annotated[
        float | None, typer.Option("--r-s", help="Scale radius of an NFW halo, px")
    ] = None,
    shear1: Annotated[
        float | None, typer.Option("--shear1", help="External shear beside the lens")
    ] = None,
    shear2: Annotated[
        float | None, typer.Option("--shear2", help="External shear, at 45 degrees")
    ] = None,
    chi: Annotated[
        float | None, typer.Option("-X", "--chi", help="Ratio of distances, percent")
    ] = None,
    chi_column: Annotated[
        Literal["ignore", "percent", "ratio"] | None,
        typer.Option("--chi-column", help="How a column chi is read"),
    ] = None,
    nterms: Annotated[
        int | None, typer.Option("-n", "--nterms", help="Order of the roulette series")
    ] = None,
    imagesize: ImageSize = None,
    cropsize: CropSize = None,
    centred: Annotated[
        bool | None,
        typer.Option(
            "-C", "--centred/--no-centred", help="Center the light or not (default: --config)"
        ),
    ] = None,
    reflines: RefLines = False,
    criticalcurves: Annotated[
        bool, typer.Option("--criticalcurves", help="Critical curves and caustics, in PNG")
    ] = False,
    annotate: Annotated[
        bool, typer.Option("--annotate", help="Centers, apparent position, region, in PNG")
    ] = False,
    mask: Annotated[
        Literal["none", "disc", "region"] | None,
        typer.Option("-M", "--mask", help="Where pictures are drawn; alone: region"),
    ] = None,
    showmask: Annotated[
        bool, typer.Option("-m", "--showmask", help="Outline of the mask, in PNG")
    ] = False,
    maskscale: MaskScale = None,
    maskradius: MaskRadius = None,
    solver: Annotated[
        Literal["exact", "peer"] | None,
        typer.Option("--solver", help="Apparent position: exact, or as the original program"),
    ] = None,
    amplitudes: Annotated[
        Path | None,
        typer.Option("-F", "--amplitudes", help="Formula file in place of the closed forms"),
    ] = None,
    actual: Actual = False,
    apparent: Annotated[
        bool, typer.Option("-A", "--apparent", help="Also apparent-...png")
    ] = False,
    original: Annotated[
        bool, typer.Option("-U", "--original", help="Also original-...png")
    ] = False,
    secondary: Annotated[
        bool, typer.Option("--secondary", help="Also secondary{k}-...png")
    ] = False,
    join: Annotated[bool, typer.Option("-J", "--join", help="Also join-...png")] = False,
    components: Annotated[
        int | None,
        typer.Option(
            "-c",
            "--components",
            min=1,
            help="Turned reference points of --join (default: all images; with --compat 6)",
        ),
    ] = None,
    family: Annotated[
        bool, typer.Option("-f", "--family", help="Also pictures about turned and scaled points")
    ] = False,
    psiplot: Annotated[
        bool, typer.Option("-P", "--psiplot", help="Also psi-....h5 and .svg")
    ] = False,
    kappaplot: Annotated[
        bool, typer.Option("-K", "--kappaplot", help="Also kappa-....h5 and .svg")
    ] = False,
    xireference: Annotated[
        bool | None,
        typer.Option(
            "--xireference/--no-xireference", help="Amplitudes at the apparent position, or center"
        ),
    ] = None,
    reference: Annotated[
        str | None, typer.Option("--reference", help="Of the amplitudes: centre, apparent or x,y")
    ] = None,
    name: Annotated[str, typer.Option("-N", "--name", help="Stem of a single picture")] = "test",
    sampling: Sampling = None,
    supersample: SubPoints = None,
    bgcolour: Annotated[
        float | None, typer.Option("--bgcolour", help="Smallest gray level")
    ] = None,
    compat: Compat = None,
    backend: Annotated[
        Literal["numba", "opencl", "auto"] | None, typer.Option("--backend", help="Who computes")
    ] = None,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Bad rows get status bad-parameters")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 3 unless every row is ok or clipped-edge")
    ] = False,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of draws, noise")] = None,
    threads: Threads = None,
    verbose: Annotated[bool, typer.Option("-v", help="Tell the settings")] = False,
    quiet: Annotated[bool, typer.Option("-q", help="Tell nothing but errors")] = False,
    version: Version = False,
):
    """Pictures and amplitudes of the rows of a table, or of one row given by options."""
    if rnd and config is None:
        raise typer.BadParameter("--rnd needs --config")
    if xireference is not None and reference is not None:
        raise typer.BadParameter("--reference and --xireference are the same, give one of them")
    if cluster is not None and lens not in (None, "Cluster"):
        raise typer.BadParameter(f"--cluster and --lens {lens}: give one of them")
    from simlab.lensing import runs
    from simlab.lensing.annotations import Annotations
    from simlab.lensing.commands.arguments import row_range, without_doubts

    if quiet:
        without_doubts(context)
    runs.use_threads(threads)
    options = context.params
    changes = {key: options[key] for key in SETTINGS}
    if xireference is not None:
        changes["reference"] = "apparent" if xireference else "centre"
    cells = {column: options[option] for column, option in CELLS.items()}
    given = {column: value for column, value in cells.items() if value is not None}
    settings, drawn = runs.settings_of(config, dataset, changes)
    if rnd and given:
        raise typer.BadParameter(f"--rnd draws the rows of --config, no {', '.join(given)}")
    table, folder, where = runs.rows_to_draw(drawn if rnd else None, csvfile, settings, given, name)
    batch = runs.checked_batch(
        table, settings, where=where, folder=folder, skip_bad=skip_bad_rows, formulas=amplitudes
    )
    first, stop = row_range(rows, len(table))
    stop = stop if maxcount is None else min(stop, first + maxcount)
    if first >= stop:
        raise typer.BadParameter(f"--rows {rows}: none of the {len(table)} rows")
    if directory is None and out is None:
        directory = Path()
    only_there = next((option for option in IN_FOLDER if options[option]), None)
    if directory is None and only_there is not None:
        raise typer.BadParameter(
            f"--{only_there} is for the pictures in --directory, not for --out"
        )
    if rnd and csvfile is not None:
        runs.write_drawn_rows(csvfile, drawn, table)
    if join and components is None and settings.compat:
        components = COMPONENTS
    maps = {"psi": psiplot, "kappa": kappaplot}
    products = runs.Products(
        folder=directory,
        shard=out,
        table=outfile,
        learned=mldata,
        extras=tuple(key for key in ("actual", "apparent", "original") if options[key]),
        secondary=secondary,
        join=join,
        family=family,
        components=components,
        maps=tuple(key for key, wanted in maps.items() if wanted),
        annotations=Annotations(**{key: options[key] for key in ANNOTATIONS}),
    )
    if verbose:
        print(settings.model_dump_json())
    counts = runs.generate(batch, first, stop, products)
    if not quiet:
        print(f"{stop - first} rows: {runs.summary(counts)}")
    if not runs.any_drawn(counts):
        raise typer.Exit(NOT_DRAWN)
    if strict and not runs.all_fine(counts):
        raise typer.Exit(NOT_DRAWN)


def register(app):
    """Add the command to `app`."""
    app.command("datagen", cls=WithBareMask)(datagen)
