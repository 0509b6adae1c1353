"""`simlab halo`: the commands of the original pipeline, with its option names."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from simlab.core.errors import ConfigError
from simlab.halo.options import (
    Variadic,
    dataset_of,
    refuse,
    require_choice,
    require_folders,
    require_lengths,
    require_route,
    require_writable,
    source_of,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"token_normalize_func": lambda token: token.replace("_", "-")},
)

Scales = Annotated[
    list[float] | None, typer.Option("--scales", help="Sides of the maps, Mpc/h; several values")
]


@app.command("process-simulations", cls=Variadic)
def process_simulations(
    output_base_root: Annotated[
        Path, typer.Option("--output_base_root", help="Folder of train_data_rotated_{resolution}/")
    ],
    resolution: Annotated[int, typer.Option("--resolution", help="Side of the maps, px")] = 128,
    total_sims: Annotated[
        int, typer.Option("--total_sims", help="Simulations the split is drawn from")
    ] = 1024,
    start_sim: Annotated[int, typer.Option("--start_sim", help="First simulation")] = 0,
    end_sim: Annotated[
        int | None, typer.Option("--end_sim", help="One past the last (default: total_sims)")
    ] = None,
    test_frac: Annotated[
        float, typer.Option("--test_frac", help="Share of test simulations")
    ] = 0.1,
    seed: Annotated[int, typer.Option("--seed", help="Split and rotations")] = 1993,
    num_rotations: Annotated[int, typer.Option("--num_rotations", help="Views of each halo")] = 10,
    hydro_base: Annotated[
        Path | None, typer.Option("--hydro_base", help="Hydrodynamic simulations")
    ] = None,
    nbody_base: Annotated[Path | None, typer.Option("--nbody_base", help="DMO simulations")] = None,
    fof_nbody_base: Annotated[
        Path | None, typer.Option("--fof_nbody_base", help="Catalogs of the DMO simulations")
    ] = None,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Make the simulations instead of reading them")
    ] = False,
    n_grid: Annotated[
        int | None,
        typer.Option("--n_grid", help="Particles along an axis, with --synthetic (default: 64)"),
    ] = None,
    param_file: Annotated[
        Path | None, typer.Option("--param_file", help="Parameters (default: the shipped table)")
    ] = None,
    mass_threshold: Annotated[
        float, typer.Option("--mass_threshold", help="M200c above this, Msun/h")
    ] = 1e13,
    box_size: Annotated[float, typer.Option("--box_size", help="Mpc/h")] = 50.0,
    scales: Scales = None,
    snapnum: Annotated[int, typer.Option("--snapnum", help="Number of the snapshot")] = 90,
    sim_set: Annotated[
        str, typer.Option("--sim_set", help="First part of the folder names")
    ] = "SB35",
    mode: Annotated[str, typer.Option("--mode", help="exact or faces")] = "exact",
    rotation_scheme: Annotated[
        str, typer.Option("--rotation_scheme", help="so3 or euler_legacy")
    ] = "so3",
    params: Annotated[
        str, typer.Option("--params", help="core15, sb35, cosmo5 or names with commas")
    ] = "core15",
    allow_legacy: Annotated[
        bool, typer.Option("--allow_legacy", help="Accept faces and euler_legacy")
    ] = False,
    max_haloes: Annotated[
        int | None, typer.Option("--max_haloes", help="Haloes of each simulation, at most")
    ] = None,
    cores: Annotated[int, typer.Option("--cores", min=1, help="Processes at a time")] = 1,
    n_shards: Annotated[int, typer.Option("--n_shards", help="Records a simulation")] = 1,
    shard: Annotated[
        int | None, typer.Option("--shard", help="Only this record (default: all)")
    ] = None,
    memory_gb: Annotated[float, typer.Option("--memory_gb", help="Memory of each process")] = 4.0,
    dry_run: Annotated[
        bool, typer.Option("--dry_run", help="Print sizes and cost; make nothing")
    ] = False,
    allow_missing_chunks: Annotated[
        bool, typer.Option("--allow_missing_chunks", help="Use incomplete snapshots")
    ] = False,
    exclude_wind: Annotated[
        bool, typer.Option("--exclude_wind", help="Leave out wind-phase gas among the stars")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", "--force", help="Make everything again (default: resume)")
    ] = False,
    rank: Annotated[int | None, typer.Option("--rank", help="Of this process")] = None,
    world_size: Annotated[int | None, typer.Option("--world_size", help="Processes")] = None,
):
    """Make the samples of many simulations; under mpirun or srun each rank takes its share."""
    bases = {"hydro_base": hydro_base, "nbody_base": nbody_base, "fof_nbody_base": fof_nbody_base}
    flags = {"allow_missing_chunks": allow_missing_chunks, "exclude_wind": exclude_wind}
    source = source_of(bases, synthetic, n_grid, flags)
    source |= {"set": sim_set, "snapshot": snapnum}
    columns = params if params in ("core15", "sb35", "cosmo5") else params.split(",")
    dataset = dataset_of(
        {
            "seed": seed,
            "source": source,
            "simulations": {
                "total": total_sims,
                "start": start_sim,
                "end": total_sims if end_sim is None else end_sim,
                "test_fraction": test_frac,
            },
            "haloes": {"mass_threshold": mass_threshold, "max_per_simulation": max_haloes},
            "rotations": {"number": num_rotations, "scheme": rotation_scheme},
            "maps": {"resolution": resolution, "box_size": box_size, "mode": mode}
            | ({"scales": scales} if scales else {}),
            "parameters": {"columns": columns} | ({"file": str(param_file)} if param_file else {}),
            "execution": {"shards_per_simulation": n_shards, "memory_gb": memory_gb},
            "allow_legacy": allow_legacy,
        }
    )
    if shard is not None and not 0 <= shard < n_shards:
        refuse(f"--shard is {shard}, expected 0 <= shard < n_shards ({n_shards})")
    folder = output_base_root / f"train_data_rotated_{resolution}"
    require_writable("output_base_root", folder)
    if dry_run:
        _print_plan(dataset, folder)
        return
    from simlab.halo.files.stats import reader_of
    from simlab.halo.ranks import rank_and_size
    from simlab.halo.runs import Run, process_simulations

    try:
        rank, size = rank_and_size(rank, world_size)
    except ConfigError as error:
        refuse(f"--rank, --world_size: {error}")
    shards = tuple(range(n_shards)) if shard is None else (shard,)
    run = Run(folder, rank, size, cores, shards, overwrite)
    reader = reader_of(f"{folder}/")  # new samples delete the files
    failed = process_simulations(dataset, run)
    if failed:
        raise typer.Exit(1)
    if size > 1 or shard is not None:
        print(f"rank {rank} of {size} done; afterwards: simlab halo index {folder}")
    else:
        _gather(folder, reader)


def _gather(folder, reader):
    from simlab.halo.runs import write_gathered

    records, made, total = write_gathered(folder, reader)
    print(
        f"Wrote {folder}: index.csv, statistics, {records} shard records of {made} simulations "
        f"of {total}"
    )


def _print_plan(dataset, folder):
    from simlab.core.plan import human_bytes
    from simlab.halo import plan

    cost = plan.estimate(folder.name, dataset)
    print(f"{folder}: {cost.details}")
    print(
        f"{cost.samples} samples, {human_bytes(cost.bytes)}, {plan.process_megabytes(dataset):.0f} "
        f"MB of memory a process, {cost.cpu_seconds / 3600:.2f} CPU hours"
    )
    for note in cost.notes:
        print(note)


@app.command("index")
def index(
    folder: Annotated[Path, typer.Argument(help="Folder with train/ and test/")],
):
    """Write index.csv, split.json and the statistics of a folder that several ranks filled."""
    from simlab.halo.files.stats import reader_of

    _gather(folder, reader_of(f"{folder}/"))


@app.command("add-large-scale", cls=Variadic)
def add_large_scale(
    data_dir: Annotated[Path, typer.Option("--data_dir", help="Folder with sim_{id}/ folders")],
    fof_nbody_base: Annotated[
        Path, typer.Option("--fof_nbody_base", help="Catalogs of the DMO simulations")
    ],
    projected_images_dir: Annotated[
        Path | None,
        typer.Option("--projected_images_dir", help="Maps projections_{plane}_{id}.npz"),
    ] = None,
    large_region_size: Annotated[
        float | None,
        typer.Option(
            "--large_region_size",
            help="Side of one map, Mpc/h, with --projected_images_dir (default: 12.5)",
        ),
    ] = None,
    target_res: Annotated[
        int | None,
        typer.Option(
            "--target_res", help="Side of the maps, px (default: 128; from snapshots: the sample's)"
        ),
    ] = None,
    scales: Scales = None,
    from_snapshot: Annotated[
        bool, typer.Option("--from_snapshot", help="Rotated samples, from the particles")
    ] = False,
    nbody_base: Annotated[
        Path | None, typer.Option("--nbody_base", help="DMO simulations, with --from_snapshot")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", "--force", help="Replace a large_scale that is there")
    ] = False,
    seed: Annotated[
        int, typer.Option("--seed", help="Of rotations that a sample does not hold")
    ] = 1993,
    rotation_scheme: Annotated[
        str | None,
        typer.Option(
            "--rotation_scheme",
            help="Of rotations that a sample does not hold (default: the record's, else so3)",
        ),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            "--mode", help="That of the samples, exact or faces (default: the record's, else exact)"
        ),
    ] = None,
    mass_threshold: Annotated[
        float, typer.Option("--mass_threshold", help="That of the samples, Msun/h")
    ] = 1e13,
    sim_set: Annotated[
        str, typer.Option("--sim_set", help="First part of the folder names")
    ] = "SB35",
    snapnum: Annotated[int, typer.Option("--snapnum", help="Number of the snapshot")] = 90,
    rank: Annotated[int | None, typer.Option("--rank", help="Of this process")] = None,
    world_size: Annotated[int | None, typer.Option("--world_size", help="Processes")] = None,
):
    """Add the surroundings, `large_scale`, to samples that are there."""
    require_route(
        {"nbody_base": nbody_base, "rotation_scheme": rotation_scheme, "mode": mode},
        {"projected_images_dir": projected_images_dir, "large_region_size": large_region_size},
        from_snapshot,
    )
    require_folders(
        data_dir=data_dir,
        fof_nbody_base=fof_nbody_base,
        nbody_base=nbody_base,
        projected_images_dir=projected_images_dir,
    )
    require_lengths(large_region_size=[large_region_size], scales=scales, target_res=[target_res])
    require_lengths(mass_threshold=[mass_threshold])
    require_choice("rotation_scheme", rotation_scheme, ("so3", "euler_legacy"))
    require_choice("mode", mode, ("exact", "faces"))
    from simlab.halo.additions import Addition, add_to_folders
    from simlab.halo.ranks import rank_and_size
    from simlab.halo.stages.large_scale import USUAL_SCALES, LargeScaleOptions
    from simlab.halo.stages.rotated import Origin

    try:
        rank, size = rank_and_size(rank, world_size)
    except ConfigError as error:
        refuse(f"--rank, --world_size: {error}")
    region = USUAL_SCALES[0] if large_region_size is None else large_region_size
    addition = Addition(
        data_dir=data_dir,
        catalogs=fof_nbody_base,
        maps_folder=projected_images_dir,
        snapshots=nbody_base,
        set_name=sim_set,
        snapnum=snapnum,
        mass_threshold=mass_threshold,
        origin=Origin(seed, rotation_scheme, mode),
        options=LargeScaleOptions(tuple(scales or ()), region, target_res, overwrite),
    )
    try:
        counts = add_to_folders(addition, rank, size)
    except ConfigError as error:
        refuse(error)
    print(
        f"{counts.written} samples written, {counts.skipped} skipped: no such halo in the catalog"
    )


@app.command("compute-normalization")
def compute_normalization(
    data_dir: Annotated[Path, typer.Option("--data_dir", "-d", help="Folder with index.csv")],
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Folder, or first letters of the paths")
    ] = None,
    max_files: Annotated[
        int | None, typer.Option("--max_files", min=1, help="Read only so many training samples")
    ] = None,
    fit_quantile: Annotated[
        bool, typer.Option("--fit_quantile", help="Write stellar_quantiles.npz too")
    ] = False,
    quantile_subsample: Annotated[
        int, typer.Option("--quantile_subsample", min=1, help="Pixels for it in all, at most")
    ] = 100_000,
    validate: Annotated[
        bool, typer.Option("--validate", help="Read the files again and judge them")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of the subsamples")] = 0,
):
    """Compute the normalization constants from the samples that an index lists."""
    from simlab.halo.dataset import compute_normalization_stats, validate_stats

    require_folders(data_dir=data_dir)
    target = f"{data_dir}/" if output is None else output
    summary = compute_normalization_stats(
        data_dir / "index.csv",
        target,
        max_files=max_files,
        seed=seed,
        fit_quantile=fit_quantile,
        quantile_subsample=quantile_subsample,
    )
    for name, values in summary["fields"].items():
        print(f"{name}: mean {values['mean']:.8f}, std {values['std']:.8f}")
    print(f"Wrote {target}*_normalization_stats.npz from {summary['n_samples']} samples")
    if validate:
        warnings = validate_stats(target)
        for warning in warnings:
            print(f"warning: {warning}", file=sys.stderr)
        print(f"Read again: {'usable, with doubts' if warnings else 'valid'}")


@app.command()
def synthesize(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of DMO/, Hydro/, FOF/")],
    n_sims: Annotated[int, typer.Option("--n_sims", "-n", min=1, help="Simulations")] = 1,
    n_grid: Annotated[int, typer.Option("--n_grid", help="Particles along an axis")] = 64,
    seed: Annotated[int, typer.Option("--seed", help="Of all random streams")] = 1993,
    hydro_chunks: Annotated[
        int, typer.Option("--hydro_chunks", help="Files of a hydro snapshot")
    ] = 3,
    parameters: Annotated[str, typer.Option("--parameters", help="table or sobol")] = "table",
    param_file: Annotated[
        Path | None, typer.Option("--param_file", help="Parameters (default: the shipped table)")
    ] = None,
):
    """Write paired simulations in the CAMELS layout, with their table params.csv."""
    from simlab.halo import plan, specs
    from simlab.halo.stages.parameters import write_parameters
    from simlab.halo.stages.simulation import write_pair

    dataset = dataset_of(
        {
            "seed": seed,
            "source": {
                "kind": "synthetic",
                "n_grid": n_grid,
                "hydro_chunks": hydro_chunks,
                "parameters": parameters,
            },
            "simulations": {"total": n_sims},
            "parameters": {"file": str(param_file)} if param_file else {},
        }
    )
    require_writable("output", output)
    table = output / "params.csv"
    source = next(iter(plan.user_files(dataset).values()), None)
    write_parameters(specs.parameters_spec(dataset), source, table)
    for sim in range(n_sims):
        write_pair(specs.simulation_spec(dataset), table, sim, output)
        print(f"Wrote {output}: simulation {sim}")


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="Snapshot, catalog, their folder, or a sample")],
    snapnum: Annotated[int, typer.Option("--snapnum", help="Number of the snapshot")] = 90,
):
    """Print what a file holds and in which units it is read."""
    from simlab.halo.listing import description

    print("\n".join(description(file, snapnum)))
