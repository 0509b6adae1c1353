"""`simlab ptycho`: the commands of the original tools, and a few around their files."""

from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from simlab.core.config import parse_config, user_path
from simlab.core.errors import ConfigError, InputFileError, SimlabError
from simlab.ptycho.config import MAX_LEGACY_SEED, GroupingConfig, Stage1Config, small_object
from simlab.ptycho.options import (
    Option,
    SimulationOptions,
    dataset_of,
    file_values,
    with_simulation_options,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"token_normalize_func": lambda token: token.replace("_", "-")},
)


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
    from simlab.ptycho.runs import simulate_doses

    start = time.perf_counter()
    stage1 = read_input(input_file, allow_small_object=True)
    shape = stage1["objectGuess"].shape[-2:]
    small = small_object(shape, stage1["probeGuess"].shape[-1])
    if small and not options.allow_small_object:
        raise InputFileError(f"{input_file}: {small[0]} (--allow-small-object accepts it)")
    dataset = dataset_of(options, shape)
    outputs = {dataset.detector.nphotons if d is None else d: path for d, path in outputs.items()}

    def finish(output):
        _group(output, dataset)
        if options.visualize:
            _visualize(output, input_file)

    done = simulate_doses(dataset, stage1, outputs, _run_of(options), finish)
    for output, summary in zip(outputs.values(), done, strict=True):
        print(
            f"Wrote {output}: {summary.frames} frames {summary.side}x{summary.side}, "
            f"{time.perf_counter() - start:.1f} s, mean counts {summary.mean_counts:.6g}"
        )


def _group(output, dataset):
    """Write the grouped files that the workflow would write of `dataset`, beside `output`."""
    from simlab.ptycho import plan, specs
    from simlab.ptycho.stages.groups import write_groups

    for gridsize in plan.group_sizes(dataset):
        write_groups(specs.groups_spec(dataset, gridsize), output, grouped_name(output, gridsize))


def grouped_name(file, gridsize):
    """Path of the grouped file of a data set file, beside it."""
    return file.with_name(f"{file.stem}_grouped_g{gridsize}.npz")


def _require_npz(path):
    if path.suffix != ".npz":
        raise ConfigError(f"{path}: output files of this command end in .npz")


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
    object_size: Annotated[int | None, Option(help="px (default: 3.5 x probe)")] = None,
    phase: Annotated[str | None, Option(help="zero, tanh, tanh_fixed or source")] = None,
):
    """Make a synthetic object and probe, then simulate them (both stages)."""
    from simlab.ptycho.runs import workplace

    seed = file_values(options).get("seed", 42) if options.seed is None else options.seed
    stage1 = output_dir / "synthetic_input.npz"
    with workplace(stage1) as folder:
        made = folder / stage1.name
        _write_input(
            {
                "seed": seed,
                "object": {"kind": object_type, "size": object_size, "phase": phase},
                "probe": {"N": probe_size},
            },
            made,
            allow_small_object=options.allow_small_object,
        )
        _simulate(made, {None: output_dir / "simulated_data.npz"}, options)
        made.replace(stage1)


@app.command("input")
def make_input(
    output_file: Annotated[Path, Option(help="Stage-1 npz")],
    kind: Annotated[str | None, Option(help="Kind of the object (default: lines)")] = None,
    size: Annotated[int | None, Option(help="Side of the object, px")] = None,
    probe_kind: Annotated[
        str | None, Option(help="default, gaussian, fzp or zernike (default: default)")
    ] = None,
    probe_size: Annotated[int | None, Option(help="Side of the probe, px (default: 64)")] = None,
    probe_scale: Annotated[float | None, Option(help="Of the default probe (default: 0.7)")] = None,
    seed: Annotated[int, Option(help="Seed of object and probe")] = 42,
    phase: Annotated[str | None, Option(help="zero, tanh, tanh_fixed or source")] = None,
    legacy_seed: Annotated[
        int | None, Option(help="Draw the object as the original tool does")
    ] = None,
    object_file: Annotated[Path | None, Option(help="Take the object from this file")] = None,
    object_key: Annotated[str | None, Option(help="Its array (default: objectGuess)")] = None,
    probe_file: Annotated[Path | None, Option(help="Take the probe from this file")] = None,
    probe_key: Annotated[str | None, Option(help="Its array (default: probeGuess)")] = None,
    image: Annotated[Path | None, Option(help="Photograph of kind testimg")] = None,
):
    """Write a stage-1 file: object and probe, built in or from files."""
    _require_npz(output_file)
    sample = {"kind": kind, "size": size, "phase": phase, "legacy_seed": legacy_seed}
    probe = {"kind": probe_kind, "N": probe_size, "scale": probe_scale}
    for section, name, file, key, built_in in (
        (sample, "object", object_file, object_key, {"--kind": kind}),
        (probe, "probe", probe_file, probe_key, {"--probe-kind": probe_kind}),
    ):
        needless = built_in if file else {f"--{name}-key": key}
        for option, value in needless.items():
            if value is not None:
                raise ConfigError(
                    f"{option} {value}: {'needless with' if file else 'needs'} --{name}-file"
                )
        if file:
            section |= {"kind": "file", "file": str(file), "key": key}
    if image:
        sample["params"] = {"image": str(image)}
    given = {
        name: {key: value for key, value in section.items() if value is not None}
        for name, section in (("object", sample), ("probe", probe))
    }
    _write_input({"seed": seed, **given}, output_file)
    print(f"Wrote {output_file}")


def _write_input(values, path, *, allow_small_object=False):
    from simlab.ptycho import plan
    from simlab.ptycho.files.inputs import read_object_source, read_probe_source
    from simlab.ptycho.runs import write_stage1

    config = parse_config(Stage1Config, values, "options")
    problems = plan.input_problems(config, allow_small_object=allow_small_object)
    if problems:
        files = ", ".join(part.file for part in (config.object, config.probe) if part.file)
        where = f"{files}: " if files else ""
        raise InputFileError(where + "; ".join(p.removeprefix(where) for p in problems))
    sources, notes = [], []
    for part, read in ((config.object, read_object_source), (config.probe, read_probe_source)):
        array, more = read(user_path(part.file), part.key) if part.file else (None, [])
        sources.append(array)
        notes += more
    for record in write_stage1(config, path, sources):
        notes += record.get("notes", [])
    for note in notes:
        print(f"Note: {note}")


OPTION_NAMES = {
    "enable_oversampling=True": "--enable-oversampling",
    "a neighbor_pool_size": "a --neighbor-pool-size",
    "pixel_size_m is": "--pixel-size-m is",
    "assume='intensity'": "--assume intensity",
    "assume is": "--assume is",
    "train fraction of the split": "--fraction",
    "a train fraction of": "--fraction",
    "gap of the split": "--gap",
}
"""What messages of the library call arguments, and the options that set them."""


@contextmanager
def _options_named():
    """Errors of the library within the block name options instead of Python's arguments."""
    try:
        yield
    except SimlabError as error:
        text = str(error)
        for argument, option in OPTION_NAMES.items():
            text = text.replace(argument, option)
        if text == str(error):
            raise
        raise type(error)(text) from None


@app.command()
def group(
    file: Annotated[Path, typer.Argument(help="Data set")],
    gridsize: Annotated[int, Option(help="Groups have gridsize^2 frames")] = 2,
    neighbors: Annotated[int, Option("--neighbors", "-K", help="Neighbors to draw from")] = 4,
    nsamples: Annotated[int | None, Option(help="Groups (default: one a frame)")] = None,
    neighbor_pool_size: Annotated[int | None, Option(help="Pool of oversampling")] = None,
    enable_oversampling: Annotated[
        bool, Option("--enable-oversampling", help="Allow more groups than frames")
    ] = False,
    legacy: Annotated[bool, Option("--legacy", help="Draw as the original tool does")] = False,
    seed: Annotated[int, Option(help="Seed of the draws")] = 42,
    output: Annotated[
        Path | None,
        Option("-o", "--output", help="npz (default: {stem}_grouped_g{gridsize}.npz)"),
    ] = None,
):
    """Group every frame with its neighbors."""
    from simlab.ptycho.stages.groups import write_groups

    target = output or grouped_name(file, gridsize)
    _require_npz(target)
    if legacy and seed > MAX_LEGACY_SEED:
        raise ConfigError(f"--seed is {seed}, it must be <= {MAX_LEGACY_SEED} with --legacy")
    if neighbors < gridsize**2:
        raise ConfigError(f"--neighbors is {neighbors}, it must be >= gridsize^2 = {gridsize**2}")
    values = {
        "gridsize": gridsize,
        "K": neighbors,
        "nsamples": nsamples,
        "neighbor_pool_size": neighbor_pool_size,
        "enable_oversampling": enable_oversampling,
        "legacy": legacy,
    }
    with _options_named():
        grouping = parse_config(GroupingConfig, values, "options").model_dump()
        write_groups({"seed": seed, "gridsize": gridsize, "grouping": grouping}, file, target)
    print(f"Wrote {target}")


@app.command()
def split(
    file: Annotated[Path, typer.Argument(help="Data set")],
    axis: Annotated[str, Option(help="x or y")] = "y",
    fraction: Annotated[float, Option(help="Fraction of the frames for training")] = 0.5,
    gap: Annotated[float, Option(help="Width of the excluded strip, px")] = 0.0,
    output_dir: Annotated[
        Path | None, Option("-o", "--output", help="Folder (default: beside the file)")
    ] = None,
):
    """Write train.npz and test.npz, the frames on the two sides of a line."""
    from simlab.ptycho.runs import workplace
    from simlab.ptycho.stages.split import export_split_sides

    folder = output_dir or file.parent
    with _options_named(), workplace(folder / "train.npz") as made:
        names = ("train.npz", "test.npz")
        counts = export_split_sides(file, *(made / name for name in names), axis, fraction, gap)
        for name in names:
            (made / name).replace(folder / name)
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

    with _options_named():
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
    from simlab.ptycho.listing import arrays_in

    with open_dataset(file) as data:
        metadata = data.metadata
    for key, shape, dtype, value in arrays_in(file):
        print(f"{key}: {dtype} {shape}" if value is None else f"{key}: {value:g}")
    print(json_text(metadata), end="")


@app.command()
def validate(file: Annotated[Path, typer.Argument(help="Data set")]):
    """Check a file against the data contract; exit 1 and a line for each problem."""
    from simlab.ptycho.contract import validate_dataset

    problems = validate_dataset(file)
    if problems:
        count = f"{len(problems)} problem" + ("s" if len(problems) > 1 else "")
        raise InputFileError(f"{file}: {count}\n  " + "\n  ".join(problems))
    print(f"{file} fulfills the data contract")
