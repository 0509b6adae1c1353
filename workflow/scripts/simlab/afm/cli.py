"""`simlab afm`: what the original scripts and programs offer, and a few around their files."""

from pathlib import Path
from typing import Annotated

import typer

from simlab.afm.cli_simulate import SimulateCommand, simulate
from simlab.afm.options import (
    Backend,
    BatchSize,
    Charges,
    Delta,
    Descriptors,
    DfSteps,
    MaxTilt,
    Molecules,
    Output,
    PixPerAngstrome,
    Plot,
    Relax,
    ScanDim,
    ScanWindow,
    Seed,
    Threads,
    Tips,
    dataset_of,
    molecules_of,
    simulator_of,
    tips_of,
)
from simlab.core.errors import SimlabError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={
        "token_normalize_func": lambda token: token.replace("_", "-"),
        "help_option_names": ["-h", "--help"],
    },
)
app.command("simulate", cls=SimulateCommand)(simulate)


@app.command("generate")
def generate(
    molecules: Molecules,
    output: Output,
    batch_size: BatchSize = 20,
    dist_above: Annotated[
        float, typer.Option("--dist-above", help="From the scan's top to the molecule, Å")
    ] = 4.5,
    tip: Tips = None,
    rotations: Annotated[int, typer.Option("--rotations", help="Directions on the sphere")] = 100,
    n_best: Annotated[
        int, typer.Option("--n-best", help="Directions kept of each molecule, by entropy")
    ] = 30,
    no_shuffle: Annotated[bool, typer.Option("--no-shuffle", help="Keep the order")] = False,
    delta: Delta = 0.2,
    max_tilt: MaxTilt = 0.3,
    scan_dim: ScanDim = (128, 128, 19),
    scan_window: ScanWindow = (2, 2, 5, 18, 18, 6.9),
    pix_per_angstrome: PixPerAngstrome = 10,
    df_steps: DfSteps = 10,
    descriptor: Descriptors = None,
    charges: Charges = "check",
    seed: Seed = 0,
    rng: Annotated[
        str, typer.Option("--rng", help="philox, or legacy: drawn as the original script")
    ] = "philox",
    relax: Relax = "newton",
    backend: Backend = "numba",
    threads: Threads = 1,
    plot: Plot = False,
):
    """Batches of image stacks and descriptors of molecules, as batch_{ib}.npz."""
    dataset = dataset_of(
        {
            "seed": seed,
            "molecules": molecules_of(molecules),
            "charges": charges,
            "simulator": {
                **simulator_of(scan_dim, scan_window, df_steps),
                "pixPerAngstrome": pix_per_angstrome,
            },
            "aux_maps": descriptor,
            "tips": tips_of(tip),
            "batch_size": batch_size,
            "distAbove": dist_above,
            "augment": {"rotations": rotations, "n_best": n_best, "shuffle": not no_shuffle},
            "randomize": {"distance": delta, "tilt": max_tilt},
            "relax": relax,
            "backend": _backend(backend),
        }
    )
    _require_choice("--rng", rng, ("philox", "legacy"))
    _generate(dataset, output, rng, plot, threads)


@app.command("generate-general")
def generate_general(
    molecules: Molecules,
    output: Output,
    sim_type: Annotated[
        str, typer.Option("--sim-type", help="LJ, LJ+PC, LJ+Hartree or FDBM")
    ] = "LJ+PC",
    potential: Annotated[
        str | None,
        typer.Option("--potential", help="Hartree potentials; {molecule} = name of the xyz file"),
    ] = None,
    density: Annotated[
        str | None, typer.Option("--density", help="Electron densities; {molecule} as above")
    ] = None,
    potential_scale: Annotated[
        float, typer.Option("--potential-scale", help="Factor to volts")
    ] = -1.0,
    model_grids: Annotated[
        bool, typer.Option("--model-grids", help="Gaussian model densities in place of files")
    ] = False,
    tip: Tips = None,
    tip_multipole: Annotated[
        str | None,
        typer.Option("--tip-multipole", help="Tip density (LJ+Hartree) such as dz2=-0.1,s=0.02"),
    ] = None,
    tip_density: Annotated[
        str | None,
        typer.Option("--tip-density", help="File, or model_co: charges (LJ+Hartree), e (FDBM)"),
    ] = None,
    tip_delta_density: Annotated[
        str | None,
        typer.Option("--tip-delta-density", help="File, or model_co: change of electron density"),
    ] = None,
    a_pauli: Annotated[
        float | None,
        typer.Option("--A-pauli", help="Scale of the Pauli overlap, with FDBM (default: 12)"),
    ] = None,
    b_pauli: Annotated[
        float | None, typer.Option("--B-pauli", help="Its exponent (default: 1.2)")
    ] = None,
    density_cutoff: Annotated[
        float | None, typer.Option("--density-cutoff", help="Largest density, e/Å³")
    ] = None,
    rot180: Annotated[
        bool, typer.Option("--rot180", help="Also each molecule turned by 180 degrees about z")
    ] = False,
    batch_size: BatchSize = 20,
    dist_above: Annotated[
        float, typer.Option("--dist-above", help="From the molecule to the scan's bottom, Å")
    ] = 2.6,
    delta: Delta = 0.2,
    max_tilt: MaxTilt = 0.3,
    scan_dim: ScanDim = (128, 128, 19),
    scan_window: ScanWindow = (0, 0, 0, 16, 16, 1.9),
    pix_per_angstrome: PixPerAngstrome = 10,
    df_steps: DfSteps = 10,
    descriptor: Descriptors = None,
    charges: Charges = "check",
    seed: Seed = 0,
    relax: Relax = "newton",
    backend: Backend = "numba",
    threads: Threads = 1,
    plot: Plot = False,
):
    """Batches under any force field; scan windows are put over molecules as they lie."""
    grids = None
    if model_grids:
        grids = {"source": "model"}
    elif potential is not None:
        grids = {
            "source": "files",
            "potential": potential,
            "density": density,
            "potential_scale": potential_scale,
        }
    own = {
        "multipole": _multipole(tip_multipole),
        "tip_density": tip_density,
        "tip_delta_density": tip_delta_density,
    }
    dataset = dataset_of(
        {
            "seed": seed,
            "molecules": molecules_of(molecules),
            "charges": charges,
            "generator": "general",
            "rotations": ["identity", *(["rot180"] if rot180 else [])],
            "sim_type": sim_type,
            "grids": grids,
            "simulator": {
                **simulator_of(scan_dim, scan_window, df_steps),
                "pixPerAngstrome": pix_per_angstrome,
                **_pauli(sim_type, a_pauli, b_pauli),
            },
            "aux_maps": descriptor,
            "tips": [{**one, **{k: v for k, v in own.items() if v}} for one in tips_of(tip)],
            "batch_size": batch_size,
            "distAbove": dist_above,
            "density_cutoff": density_cutoff,
            "randomize": {"distance": delta, "tilt": max_tilt},
            "relax": relax,
            "backend": _backend(backend),
        }
    )
    _generate(dataset, output, "philox", plot, threads)


@app.command("descriptors")
def descriptors(
    molecule: Annotated[Path, typer.Argument(help="xyz file")],
    output: Annotated[Path, typer.Option("-o", "--output", help="npz or png file")],
    descriptor: Descriptors = None,
    scan_dim: Annotated[
        tuple[int, int], typer.Option("--scan-dim", help="Pixels along x and y")
    ] = (128, 128),
    scan_window: Annotated[
        tuple[float, float, float, float],
        typer.Option("--scan-window", help="x0 y0 x1 y1 around the middle of the atoms, Å"),
    ] = (-8, -8, 8, 8),
    charges: Charges = "check",
):
    """Image descriptors of one molecule as it lies, with its middle in the middle of the map."""
    from simlab.afm.runs import write_descriptors

    names = descriptor or ["vdwSpheres", "AtomicDisks", "Bonds", "AtomRfunc"]
    shown = write_descriptors(molecule, output, names, scan_dim, scan_window, charges)
    print(f"Wrote {output}: {', '.join(shown)}")


@app.command("convert")
def convert(
    file: Annotated[Path, typer.Argument(help="cube, xsf or npz file")],
    output: Annotated[Path, typer.Option("-o", "--output", help="npz file")],
    quantity: Annotated[
        str, typer.Option("--quantity", help="potential (to V) or density (to e/Å³)")
    ] = "potential",
    scale: Annotated[
        float,
        typer.Option(
            "--scale", help="Factor on top of the units; -1 for the potential energy of an electron"
        ),
    ] = 1.0,
):
    """Grid file as npz, which is read many times faster."""
    from simlab.afm.runs import convert_grid

    _require_choice("--quantity", quantity, ("potential", "density"))
    shape = convert_grid(file, output, quantity, scale)
    print(f"Wrote {output}: {quantity} {' x '.join(map(str, shape))}")


@app.command("inspect")
def inspect(shard: Annotated[Path, typer.Argument(help="shard_*.h5 file")]):
    """What a shard holds: arrays, marks, samples that stand out."""
    from simlab.afm.runs import contents

    print("\n".join(contents(shard)))


@app.command("export")
def export(
    shards: Annotated[list[Path], typer.Argument(help="shard_*.h5 files, in order")],
    output: Output,
    batch_size: BatchSize = 20,
):
    """Samples of shards as batch_{ib}.npz."""
    from simlab.afm.runs import export_batches

    if batch_size < 1:
        raise SimlabError(f"--batch-size is {batch_size}, expected at least 1")
    for path in export_batches(shards, output, batch_size):
        print(f"Wrote {path}")


def _generate(dataset, output, rng, plot, threads):
    import numba

    from simlab.afm.runs import generate as run

    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    for path, count, marked in run(dataset, output, rng=rng, pictures=plot):
        print(f"Wrote {path}: {count} samples", flush=True)
        for text in marked:
            print(f"  marked {text}")


def _backend(name):
    _require_choice("--backend", name, ("numba", "opencl", "auto"))
    if name != "auto":
        return name
    from simlab.afm.scanning import engine

    return engine("auto").description["backend"]


def _pauli(sim_type, scale, exponent):
    """Pauli overlap of options; the usual values of CO where FDBM is asked for without them."""
    if sim_type == "FDBM":
        scale = 12.0 if scale is None else scale
        exponent = 1.2 if exponent is None else exponent
    return {"A_pauli": scale, "B_pauli": exponent}


def _multipole(text):
    if text is None:
        return None
    try:
        pairs = [part.split("=") for part in text.split(",")]
        return {name.strip(): float(value) for name, value in pairs}
    except ValueError:
        raise SimlabError(
            f"--tip-multipole is {text!r}, expected name=charge with commas, such as dz2=-0.1"
        ) from None


def _require_choice(option, value, allowed):
    if value not in allowed:
        raise SimlabError(f"{option} is {value!r}, expected {' or '.join(allowed)}")
