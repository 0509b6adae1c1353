"""`simlab ptycho`: the commands of the original tools, and a few around their files."""

import functools
import inspect
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, get_type_hints

import typer

from simlab.core.config import parse_config
from simlab.core.errors import ConfigError, InputFileError
from simlab.core.files import read_yaml
from simlab.ptycho.config import DatasetConfig

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"token_normalize_func": lambda token: token.replace("_", "-")},
)


def Option(*names, help, **settings):
    return typer.Option(*names, help=help, **settings)


@dataclass
class SimulationOptions:
    """Options that `simulate`, `lines` and `doses` share; None = configuration file or default."""

    n_images: Annotated[int | None, Option(help="Patterns [default: 500]")] = None
    n_photons: Annotated[float | None, Option(help="Mean photons per pattern [default: 1e9]")] = (
        None
    )
    gridsize: Annotated[
        int, Option(help="> 1: also write {stem}_grouped_g{gridsize}.npz", min=1)
    ] = 1
    buffer: Annotated[float | None, Option(help="Distance from the edge, px [default: N//2]")] = (
        None
    )
    seed: Annotated[int | None, Option(help="Seed of positions and noise [default: 42]")] = None
    visualize: Annotated[bool, Option("--visualize", help="Write a PNG beside the output")] = False
    layout: Annotated[str | None, Option(help="Scan layout [default: uniform_random]")] = None
    jitter: Annotated[float | None, Option(help="Position error, px")] = None
    positions_file: Annotated[Path | None, Option(help="Scan positions: npz, h5, csv")] = None
    legacy_seed: Annotated[int | None, Option(help="Draw positions as the peer does")] = None
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
        Path | None, Option(help="Cache folder [default: .artifacts/synthetic_helpers/cache]")
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


def dataset_of(options, shape, side):
    """The DatasetConfig of options: command line over configuration file over defaults.

    `shape` (H, W) and `side` N of the input decide the default buffer N//2; one that is too large
    is clamped with a warning, as the original does.
    """
    from simlab.ptycho.scans import effective_buffer

    path = options.simulation_config
    values = read_yaml(path) if path else {}
    for section in ("object", "probe"):
        if section in values and set(values[section]) - {"modes"}:
            raise ConfigError(f"{path}: {section} comes from the input file, leave it out")
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
    }
    for keys, value in chosen.items():
        if value is not None:
            _set(values, keys, value)
    scan = values.setdefault("scan", {})
    if scan.get("layout") not in ("file", "grid_groups"):
        scan.setdefault("n_images", 500)
    if scan.get("buffer") is not None:
        scan["buffer"] = effective_buffer(float(scan["buffer"]), shape)
    _set(values, ("object", "kind"), "file")
    _set(values, ("object", "file"), "input.npz")
    _set(values, ("probe", "kind"), "file")
    _set(values, ("probe", "file"), "input.npz")
    return parse_config(DatasetConfig, values, str(path) if path else "options")


def _set(mapping, keys, value):
    for key in keys[:-1]:
        mapping = mapping.setdefault(key, {})
    mapping[keys[-1]] = value


def resolved_backend(name):
    """`name`, with auto replaced by opencl where there is a usable device."""
    if name != "auto":
        return name
    from simlab.ptycho.kernels.opencl import auto_backend

    return auto_backend()


def _run_of(options):
    from simlab.ptycho.runs import Run

    return Run(
        threads=options.threads,
        batch=options.batch,
        allow_small_object=options.allow_small_object,
        force=options.force,
        use_cache=not options.no_cache,
        cache_dir=options.cache_dir,
    )


def _simulate(input_file, outputs, options):
    """Simulate at every dose of `outputs` {photons or None: path} and print a line for each."""
    import time

    from simlab.ptycho.files.inputs import read_input
    from simlab.ptycho.runs import sweep_doses

    start = time.perf_counter()
    stage1 = read_input(input_file, allow_small_object=options.allow_small_object)
    shape, side = stage1["objectGuess"].shape[-2:], stage1["probeGuess"].shape[-1]
    dataset = dataset_of(options, shape, side)
    doses = {dataset.detector.nphotons if d is None else d: path for d, path in outputs.items()}
    done = sweep_doses(dataset, input_file, doses, _run_of(options))
    for output, summary in zip(doses.values(), done, strict=True):
        if options.gridsize > 1:
            _group(output, options.gridsize, dataset)
        if options.visualize:
            _visualize(output, input_file)
        print(
            f"Wrote {output}: {summary.frames} frames {summary.side}x{summary.side}, "
            f"{time.perf_counter() - start:.1f} s, mean counts {summary.mean_counts:.6g}"
        )


def _group(output, gridsize, dataset):
    from simlab.ptycho.config import GroupingConfig
    from simlab.ptycho.stages.groups import write_groups

    own = dataset.grouping.model_dump() if dataset.grouping else {}
    own |= {"gridsize": gridsize, "K": max(own.get("K", 4), gridsize**2)}
    grouping = parse_config(GroupingConfig, own, "grouping").model_dump()
    target = output.with_name(f"{output.stem}_grouped_g{gridsize}.npz")
    write_groups({"seed": dataset.seed, "gridsize": gridsize, "grouping": grouping}, output, target)


def _visualize(output, input_file):
    from simlab.ptycho.figures import PRINT_DPI
    from simlab.ptycho.stages.preview import draw_preview

    picture = output.with_name(f"{output.stem}_visualization.png")
    draw_preview(output, input_file, picture, dpi=PRINT_DPI)


@app.command()
@with_simulation_options
def simulate(
    input_file: Annotated[Path, Option(help="Stage-1 npz or h5")],
    output_file: Annotated[Path, Option(help=".npz or .h5")],
    options: SimulationOptions,
):
    """Simulate diffraction patterns of the object and probe in a file (stage 2)."""
    _simulate(input_file, {None: output_file}, options)


@app.command()
@with_simulation_options
def doses(
    input_file: Annotated[Path, Option(help="Stage-1 npz or h5")],
    output_dir: Annotated[Path, Option(help="Folder of the files dose_{photons}.npz")],
    photons: Annotated[list[float], Option(help="Mean photons per pattern; repeat the option")],
    options: SimulationOptions,
    suffix: Annotated[str, Option(help=".npz or .h5")] = ".npz",
):
    """Simulate the same frames at several doses; positions and power are found once."""
    if options.n_photons is not None:
        raise ConfigError("--n-photons: the doses are given by --photons")
    outputs = {dose: output_dir / f"dose_{dose:g}{suffix}" for dose in photons}
    _simulate(input_file, outputs, options)


@app.command()
@with_simulation_options
def lines(
    output_dir: Annotated[Path, Option(help="Folder of synthetic_input.npz, simulated_data.npz")],
    options: SimulationOptions,
    probe_size: Annotated[int, Option(help="Side of the probe, px")] = 64,
    object_type: Annotated[str, Option(help="Kind of the object")] = "lines",
    object_size: Annotated[int | None, Option(help="px [default: 3.5 x probe]")] = None,
    phase: Annotated[str | None, Option(help="zero, tanh, tanh_fixed or source")] = None,
):
    """Make a synthetic object and probe, then simulate them (both stages)."""
    stage1 = output_dir / "synthetic_input.npz"
    _write_input(
        {
            "seed": 42 if options.seed is None else options.seed,
            "object": {"kind": object_type, "size": object_size, "phase": phase},
            "probe": {"N": probe_size},
        },
        stage1,
    )
    _simulate(stage1, {None: output_dir / "simulated_data.npz"}, options)


@app.command("input")
def make_input(
    output_file: Annotated[Path, Option(help="Stage-1 npz")],
    kind: Annotated[str, Option(help="Kind of the object")] = "lines",
    size: Annotated[int | None, Option(help="Side of the object, px")] = None,
    probe_kind: Annotated[str, Option(help="default, gaussian, fzp or zernike")] = "default",
    probe_size: Annotated[int | None, Option(help="Side of the probe, px")] = None,
    probe_scale: Annotated[float, Option(help="Scale of the default probe")] = 0.7,
    seed: Annotated[int, Option(help="Seed of object and probe")] = 42,
    phase: Annotated[str | None, Option(help="zero, tanh, tanh_fixed or source")] = None,
    legacy_seed: Annotated[int | None, Option(help="Draw the object as the peer does")] = None,
    object_file: Annotated[Path | None, Option(help="Take the object from this file")] = None,
    object_key: Annotated[str, Option(help="Array in the object file")] = "objectGuess",
    probe_file: Annotated[Path | None, Option(help="Take the probe from this file")] = None,
    probe_key: Annotated[str, Option(help="Array in the probe file")] = "probeGuess",
    image: Annotated[Path | None, Option(help="Photograph of kind testimg")] = None,
):
    """Write a stage-1 file: object and probe, built in or from files."""
    sample = {"kind": kind, "size": size, "phase": phase, "legacy_seed": legacy_seed}
    if image:
        sample["params"] = {"image": str(image)}
    if object_file:
        sample = {"kind": "file", "file": str(object_file), "key": object_key, "phase": phase}
    probe = {"kind": probe_kind, "N": probe_size or 64, "scale": probe_scale}
    if probe_file:
        probe = {"kind": "file", "file": str(probe_file), "key": probe_key, "N": probe_size}
    _write_input({"seed": seed, "object": sample, "probe": probe}, output_file)
    print(f"Wrote {output_file}")


def _write_input(values, path):
    from simlab.ptycho import plan
    from simlab.ptycho.files.inputs import read_object_source, read_probe_source
    from simlab.ptycho.runs import write_stage1

    dataset = parse_config(DatasetConfig, values, "options")
    problems = plan.problems(dataset)
    if problems:
        raise InputFileError("; ".join(problems))
    sources = (None, None)
    if dataset.object.kind == "file":
        sources = (read_object_source(Path(dataset.object.file), dataset.object.key)[0], None)
    if dataset.probe.kind == "file":
        probe = read_probe_source(Path(dataset.probe.file), dataset.probe.key)[0]
        sources = (sources[0], probe)
    record, _ = write_stage1(dataset, path, sources)
    for note in record["notes"]:
        print(f"Note: {note}")


@app.command()
def group(
    file: Annotated[Path, typer.Argument(help="Data set")],
    gridsize: Annotated[int, Option(help="Groups have gridsize^2 frames")] = 2,
    neighbors: Annotated[int, Option("--neighbors", "-K", help="Neighbors to draw from")] = 4,
    nsamples: Annotated[int | None, Option(help="Groups [default: one a frame]")] = None,
    neighbor_pool_size: Annotated[int | None, Option(help="Pool of oversampling")] = None,
    enable_oversampling: Annotated[bool, Option("--enable-oversampling", help="")] = False,
    legacy: Annotated[bool, Option("--legacy", help="Draw as the peer does")] = False,
    seed: Annotated[int, Option(help="Seed of the draws")] = 42,
    output: Annotated[
        Path | None, Option("-o", "--output", help="[default: {stem}_grouped_g{gridsize}.npz]")
    ] = None,
):
    """Group every frame with its neighbors."""
    from simlab.ptycho.config import GroupingConfig
    from simlab.ptycho.stages.groups import write_groups

    values = {
        "gridsize": gridsize,
        "K": neighbors,
        "nsamples": nsamples,
        "neighbor_pool_size": neighbor_pool_size,
        "enable_oversampling": enable_oversampling,
        "legacy": legacy,
    }
    grouping = parse_config(GroupingConfig, values, "options").model_dump()
    target = output or file.with_name(f"{file.stem}_grouped_g{gridsize}.npz")
    write_groups({"seed": seed, "gridsize": gridsize, "grouping": grouping}, file, target)
    print(f"Wrote {target}")


@app.command()
def split(
    file: Annotated[Path, typer.Argument(help="Data set")],
    axis: Annotated[str, Option(help="x or y")] = "y",
    fraction: Annotated[float, Option(help="Fraction of the frames for training")] = 0.5,
    gap: Annotated[float, Option(help="Width of the excluded strip, px")] = 0.0,
    output_dir: Annotated[
        Path | None, Option("-o", "--output", help="Folder [default: beside the file]")
    ] = None,
):
    """Write train.npz and test.npz, the frames on the two sides of a line."""
    from simlab.ptycho.stages.split import export_split_sides

    folder = output_dir or file.parent
    counts = export_split_sides(
        file, folder / "train.npz", folder / "test.npz", axis, fraction, gap
    )
    print(f"Wrote {folder / 'train.npz'}: {counts[0]} frames, {folder / 'test.npz'}: {counts[1]}")


@app.command()
def convert(
    file: Annotated[Path, typer.Argument(help="Data set")],
    output: Annotated[Path, typer.Argument(help="Converted file")],
    to: Annotated[str, Option(help="product, cxi, canonical or legacy")],
    pixel_size_m: Annotated[float | None, Option(help="Object pixel, m (product, cxi)")] = None,
    distance_m: Annotated[float, Option(help="Sample to detector, m (product)")] = 0.0,
    energy_ev: Annotated[float, Option(help="Photon energy, eV (product, cxi)")] = 0.0,
    exposure_s: Annotated[float, Option(help="Exposure time, s (product)")] = 0.0,
    name: Annotated[str, Option(help="Name in the product file")] = "",
    comments: Annotated[str, Option(help="Comments in the product file")] = "",
    assume: Annotated[
        str | None, Option(help="intensity: integer frames of old files are intensity")
    ] = None,
):
    """Write a data set in the layout of another program, or with other key names."""
    from simlab.ptycho.export import convert as convert_file

    convert_file(
        file,
        output,
        to,
        pixel_size_m=pixel_size_m,
        name=name,
        comments=comments,
        detector_object_distance_m=distance_m,
        probe_energy_ev=energy_ev,
        exposure_time_s=exposure_s,
        assume=assume,
    )
    print(f"Wrote {output}")


@app.command()
def show(file: Annotated[Path, typer.Argument(help="Data set")]):
    """Print one line per array, and the metadata."""
    from simlab.core.files import json_text
    from simlab.ptycho.files.readers import open_dataset

    with open_dataset(file) as data:
        for key in data.frames.keys:
            shape, dtype = data.frames.layout(key)
            print(f"{key}: {dtype} {shape}")
        for key, values in data.shared.items():
            shape = getattr(values, "shape", ())
            print(f"{key}: {values.dtype} {shape}" if shape else f"{key}: {float(values):g}")
        print(json_text(data.metadata), end="")


@app.command()
def validate(file: Annotated[Path, typer.Argument(help="Data set")]):
    """Check a file against the data contract; exit 1 and a line for each problem."""
    from simlab.ptycho.contract import validate_dataset

    problems = validate_dataset(file)
    if problems:
        count = f"{len(problems)} problem" + ("s" if len(problems) > 1 else "")
        raise InputFileError(f"{file}: {count}\n  " + "\n  ".join(problems))
    print(f"{file} fulfills the data contract")
