"""Arguments that several commands of the domain take."""

import re
import warnings
from pathlib import Path
from typing import Annotated, Literal

import typer

from simlab import __version__
from simlab.lensing.errors import LensingWarning

RANGE = re.compile(r"(-?\d*)(?::(-?\d*))?")

Shard = Annotated[Path | None, typer.Option("--out", help="HDF5 shard of pictures")]
Rows = Annotated[
    str | None, typer.Option("--rows", metavar="A:B", help="Only these rows, counted from 0")
]
MaxCount = Annotated[int | None, typer.Option("--maxcount", min=1, help="At most so many rows")]
ImageSize = Annotated[
    int | None, typer.Option("-Z", "--imagesize", help="Side of the simulated picture, px")
]
CropSize = Annotated[
    int | None, typer.Option("-z", "--cropsize", help="Side of the delivered picture, px")
]
MaskScale = Annotated[
    float | None, typer.Option("-O", "--maskscale", help="Factor to the masked region")
]
Sigma = Annotated[float | None, typer.Option("-s", "--sigma", help="Size, px")]
SecondSigma = Annotated[float | None, typer.Option("-2", "--sigma2", help="Second size, px")]
SourceRotation = Annotated[
    float | None, typer.Option("-t", "--theta", help="Rotation of the source, degrees")
]
SersicIndex = Annotated[float | None, typer.Option("--n-sersic", help="Sersic index")]
Luminosity = Annotated[
    float | None, typer.Option("--luminosity", help="Flux of Sersic sources, /1000")
]
RefLines = Annotated[bool, typer.Option("-R", "--reflines", help="Axes, in PNG")]
Actual = Annotated[bool, typer.Option("-a", "--actual", help="Also actual-...png")]
Sampling = Annotated[
    Literal["analytic", "bilinear", "floor"] | None,
    typer.Option("--sampling", help="How the source is looked up"),
]
SubPoints = Annotated[
    int | None, typer.Option("--supersample", help="Sub-points along a pixel, odd")
]
Compat = Annotated[
    bool | None, typer.Option("--compat", help="Pictures as the original program draws them")
]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads (default: one a CPU)")
]
Config = Annotated[
    Path | None, typer.Option("--config", "--toml", help="Configuration, YAML or TOML")
]
Dataset = Annotated[
    str | None, typer.Option("--dataset", help="Which of several data sets of --config")
]
MaskRadius = Annotated[
    float | None, typer.Option("--maskradius", help="Disc in place of the region, px")
]


def _show_version(asked):
    if asked:
        print(f"simlab {__version__}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_show_version, is_eager=True, help="Tell the version"),
]


def row_range(text, size):
    """(start, stop) of `A:B`, a Python slice of the row numbers from 0; None is all rows.

    A single number A is A:A+1. typer.BadParameter for anything else.
    """
    if text is None:
        return 0, size
    found = RANGE.fullmatch(text.strip())
    if not found or text.strip() in ("", "-"):
        raise typer.BadParameter(f"--rows {text!r}: expected A:B, as 0:500")
    try:
        first, last = (int(part) if part else None for part in (found[1], found[2] or ""))
    except ValueError:
        raise typer.BadParameter(f"--rows {text!r}: expected A:B, as 0:500") from None
    if found[2] is None:
        first = first + size if first < 0 else first
        last = first + 1
    start, stop, _ = slice(first, last).indices(size)
    return start, max(start, stop)


def without_doubts(context):
    """No LensingWarning is told until the command of this typer.Context ends."""
    context.with_resource(warnings.catch_warnings())
    warnings.simplefilter("ignore", LensingWarning)
