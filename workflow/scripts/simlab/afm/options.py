"""Options of the commands as a data set's configuration."""

import glob
from pathlib import Path
from typing import Annotated

import typer

from simlab.afm.config import DatasetConfig
from simlab.afm.errors import AfmConfigError
from simlab.core.config import parse_config

TIP_PRESETS = {
    "CO": {"iZPP": 8, "QZs": [0.1, 0, -0.1, 0], "Qs": [-10, 20, -10, 0]},
    "Xe": {"iZPP": 54, "QZs": [0, 0, 0, 0], "Qs": [0.3, 0, 0, 0]},
    "Cl": {"iZPP": 17, "QZs": [0, 0, 0, 0], "Qs": [-0.3, 0, 0, 0]},
}
"""Point-charge models of common tips."""

Molecules = Annotated[list[Path], typer.Argument(help="xyz files")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Folder of the batches")]
Tips = Annotated[
    list[str] | None,
    typer.Option("--tip", help="CO, Xe, Cl or Z:Qs:QZs, each with commas; repeatable"),
]
Descriptors = Annotated[
    list[str] | None,
    typer.Option("--descriptor", help="Name of an image descriptor; repeatable"),
]
ScanDim = Annotated[
    tuple[int, int, int], typer.Option("--scan-dim", help="Tip positions along x, y, z")
]
ScanWindow = Annotated[
    tuple[float, float, float, float, float, float],
    typer.Option("--scan-window", help="x0 y0 z0 x1 y1 z1 of the tip positions, Å"),
]
BatchSize = Annotated[int, typer.Option("--batch-size", help="Samples of a batch")]
Delta = Annotated[float, typer.Option("--delta", help="Half width of the random distance, Å")]
MaxTilt = Annotated[float, typer.Option("--max-tilt", help="Largest random tilt of the probe, Å")]
DfSteps = Annotated[int, typer.Option("--df-steps", help="Tip positions of one oscillation")]
Charges = Annotated[str, typer.Option("--charges", help="check, ignore or trust")]
PixPerAngstrome = Annotated[
    float, typer.Option("--pix-per-angstrome", help="Force-field grid points per Å")
]
Seed = Annotated[int, typer.Option("--seed", help="Of all random draws")]
Threads = Annotated[int, typer.Option("--threads", min=1, help="Threads of a sample")]
Backend = Annotated[str, typer.Option("--backend", help="numba, opencl or auto")]
Relax = Annotated[str, typer.Option("--relax", help="newton or fire")]
Plot = Annotated[bool, typer.Option("--plot", help="Also draw batch_{ib}.png")]


def tip_of(text):
    """A tip's configuration from `CO`, `Xe`, `Cl` or `Z:Qs:QZs` (lists with commas, up to four)."""
    if text in TIP_PRESETS:
        return {"name": text, **TIP_PRESETS[text]}
    parts = text.split(":")
    try:
        if len(parts) != 3:
            raise ValueError
        element, charges, heights = parts
        lists = [[float(value) for value in part.split(",")] for part in (charges, heights)]
    except ValueError:
        lists = [[], []]
    if len(lists[0]) != len(lists[1]) or not 1 <= len(lists[0]) <= 4:
        raise AfmConfigError(
            f"afm: --tip: {text!r}; expected {', '.join(TIP_PRESETS)} or Z:Qs:QZs with up to four "
            "charges and as many heights, such as 8:-10,20,-10:0.1,0,-0.1"
        )
    Qs, QZs = ([*values, 0, 0, 0][:4] for values in lists)
    return {"name": f"tip-{element}", "iZPP": element, "Qs": Qs, "QZs": QZs}


def tips_of(texts):
    """Configurations of tips; a name that comes again gets a number."""
    tips, seen = [], {}
    for text in texts or ["CO"]:
        tip = tip_of(text)
        seen[tip["name"]] = number = seen.get(tip["name"], 0) + 1
        tips.append(tip if number == 1 else {**tip, "name": f"{tip['name']}.{number}"})
    return tips


def molecules_of(paths):
    """Files as the globs of a configuration, so that brackets in a name mean themselves."""
    for path in paths:
        if not path.is_file():
            raise AfmConfigError(f"afm: {path}: no such file; expected an xyz file")
    return [glob.escape(str(path)) for path in paths]


def dataset_of(mapping):
    """The DatasetConfig of a mapping without its None values; errors name configuration keys."""
    return parse_config(DatasetConfig, _without_none(mapping), "options")


def _without_none(value):
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return value


def simulator_of(scan_dim, scan_window, df_steps):
    """The simulator section of options."""
    return {
        "scan_dim": list(scan_dim),
        "scan_window": [list(scan_window[:3]), list(scan_window[3:])],
        "df_steps": df_steps,
    }
