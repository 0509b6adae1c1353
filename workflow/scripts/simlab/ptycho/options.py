"""Options that the simulating commands share, and the configuration they amount to."""

import functools
import inspect
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, get_type_hints

import typer

from simlab.core.config import parse_config
from simlab.core.errors import ConfigError
from simlab.core.yaml_files import read_yaml
from simlab.ptycho.config import DatasetConfig, GroupingConfig


def Option(*names, help, **settings):
    return typer.Option(*names, help=help, **settings)


@dataclass
class SimulationOptions:
    """Options that `simulate`, `lines` and `doses` share; None = configuration file or default."""

    n_images: Annotated[int | None, Option(help="Patterns (default: 500)")] = None
    n_photons: Annotated[float | None, Option(help="Mean photons per pattern (default: 1e9)")] = (
        None
    )
    gridsize: Annotated[
        int | None,
        Option(help="> 1: also write {stem}_grouped_g{gridsize}.npz (default: 1)", min=1),
    ] = None
    buffer: Annotated[float | None, Option(help="Distance from the edge, px (default: N//2)")] = (
        None
    )
    seed: Annotated[int | None, Option(help="Seed of positions and noise (default: 42)")] = None
    visualize: Annotated[bool, Option("--visualize", help="Write a PNG beside the output")] = False
    layout: Annotated[str | None, Option(help="Scan layout (default: uniform_random)")] = None
    jitter: Annotated[float | None, Option(help="Position error, px")] = None
    positions_file: Annotated[Path | None, Option(help="Scan positions: npz, h5, csv")] = None
    legacy_seed: Annotated[int | None, Option(help="Draw positions as the original tool does")] = (
        None
    )
    beamstop: Annotated[float | None, Option(help="Beamstop diameter, px")] = None
    no_poisson: Annotated[bool, Option("--no-poisson", help="Expectations, no noise")] = False
    measurement: Annotated[str | None, Option(help="What diff3d holds")] = None
    probe_modes: Annotated[int | None, Option(help="Incoherent probe modes")] = None
    subpixel: Annotated[str | None, Option(help="bilinear, fourier or nearest")] = None
    backend: Annotated[str | None, Option(help="numba, opencl or auto")] = None
    contract: Annotated[str | None, Option(help="legacy or canonical key names")] = None
    compression: Annotated[str | None, Option(help="auto, deflate, gzip, lzf or none")] = None
    threads: Annotated[int, Option(help="Never changes a bit", min=1)] = 1
    batch: Annotated[int | None, Option(help="Frames a block; never changes a bit", min=1)] = None
    allow_small_object: Annotated[
        bool, Option("--allow-small-object", help="Accept an object smaller than the probe")
    ] = False
    force: Annotated[bool, Option("--force", help="Replace an output of other parameters")] = False
    no_cache: Annotated[bool, Option("--no-cache", help="Neither read nor write the cache")] = False
    cache_dir: Annotated[
        Path | None, Option(help="Cache folder (default: .artifacts/synthetic_helpers/cache)")
    ] = None
    simulation_config: Annotated[
        Path | None, Option(help="YAML of one data set; options win over it")
    ] = None


def with_simulation_options(command):
    """Give `command` the fields of SimulationOptions as options, handed over as `options`."""
    hints = get_type_hints(SimulationOptions, include_extras=True)
    shared = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=hints[field.name],
        )
        for field in fields(SimulationOptions)
    ]
    own = [p for p in inspect.signature(command).parameters.values() if p.name != "options"]

    @functools.wraps(command)
    def wrapper(**values):
        options = SimulationOptions(**{p.name: values.pop(p.name) for p in shared})
        return command(**values, options=options)

    wrapper.__signature__ = inspect.Signature(
        [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + shared
    )
    wrapper.__annotations__ = {p.name: p.annotation for p in [*own, *shared]}
    return wrapper


def dataset_of(options, shape):
    """The DatasetConfig of options: command line over configuration file over defaults.

    `shape` (H, W) of the object decides the largest buffer; one that is too large is clamped with
    a warning, as the original does.
    """
    from simlab.ptycho.scans import effective_buffer

    path, values = options.simulation_config, file_values(options)
    for section in ("object", "probe"):
        given = values.get(section)
        if isinstance(given, dict) and set(given) - {"modes"}:
            raise ConfigError(f"{path}: {section} comes from the input file, leave it out")
    _refuse_unused(values, path)
    if options.positions_file and options.layout not in (None, "file"):
        raise ConfigError(f"--layout {options.layout}: --positions-file gives the positions")
    chosen = {
        ("seed",): options.seed,
        ("subpixel",): options.subpixel,
        ("backend",): resolved_backend(options.backend),
        ("scan", "n_images"): options.n_images,
        ("scan", "buffer"): options.buffer,
        ("scan", "layout"): "file" if options.positions_file else options.layout,
        ("scan", "file"): str(options.positions_file) if options.positions_file else None,
        ("scan", "jitter"): options.jitter,
        ("scan", "legacy_seed"): options.legacy_seed,
        ("detector", "nphotons"): options.n_photons,
        ("detector", "beamstop_diameter"): options.beamstop,
        ("detector", "poisson"): False if options.no_poisson else None,
        ("probe", "modes", "count"): options.probe_modes,
        ("output", "measurement"): options.measurement,
        ("output", "contract"): options.contract,
        ("output", "compression"): options.compression,
        ("object", "kind"): "file",
        ("object", "file"): "input.npz",
        ("probe", "kind"): "file",
        ("probe", "file"): "input.npz",
    }
    for keys, value in chosen.items():
        if value is not None:
            _set(values, keys, value, path)
    scan = values.setdefault("scan", {})
    if isinstance(scan, dict):
        if scan.get("layout") not in ("file", "grid_groups"):
            scan.setdefault("n_images", 500)
        buffer = _as_number(scan.get("buffer"))
        if buffer is not None:
            scan["buffer"] = effective_buffer(buffer, shape)
    if options.gridsize is not None:
        values["grouping"] = _grouping_of(options.gridsize, values.get("grouping"), path)
    return parse_config(DatasetConfig, values, str(path) if path else "options")


UNUSED = {
    ("split",): "`simlab ptycho split` splits a data set",
    ("splits",): "`simlab ptycho split` splits a data set",
    ("output", "npz"): "the suffix of the output file decides",
    ("output", "merge"): "a command writes one file",
}
"""Keys of a data set that commands cannot act on, and why."""


def _refuse_unused(values, path):
    for keys, reason in UNUSED.items():
        found = values
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        if found is not None:
            raise ConfigError(f"{path}: {'.'.join(keys)} has no meaning here: {reason}")


def _grouping_of(gridsize, given, path):
    """The section `grouping` with the `--gridsize` of the command line; None for 1."""
    if gridsize == 1:
        return None
    own = parse_config(GroupingConfig, {} if given is None else given, f"{path}: grouping")
    values = own.model_dump(mode="json")
    return values | {"gridsize": gridsize, "K": max(own.K, gridsize**2)}


def _as_number(value):
    """`value` as a float where it is a number, also as text; else None."""
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def file_values(options):
    """The mapping in the configuration file of the options, {} without one."""
    return read_yaml(options.simulation_config) if options.simulation_config else {}


def _set(mapping, keys, value, path):
    for key in keys[:-1]:
        inner = mapping.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{path}: {key} is {inner!r}, a mapping is expected")
        mapping = inner
    mapping[keys[-1]] = value


def resolved_backend(name):
    """`name`, with auto replaced by opencl where there is a usable device."""
    if name != "auto":
        return name
    from simlab.ptycho.kernels.opencl import auto_backend

    return auto_backend()
