"""Options of the halo commands: originals' spellings, and the configuration they amount to."""

import math
import os
import sys

import typer
from typer.core import TyperCommand

from simlab.core.errors import ConfigError, SimlabError

KEYS = {
    "seed": "seed",
    "rotations.number": "num_rotations",
    "rotations.scheme": "rotation_scheme",
    "simulations": "start_sim, --end_sim, --total_sims",
    "simulations.total": "total_sims",
    "simulations.start": "start_sim",
    "simulations.end": "end_sim",
    "simulations.test_fraction": "test_frac",
    "haloes.mass_threshold": "mass_threshold",
    "haloes.max_per_simulation": "max_haloes",
    "maps": "resolution, --box_size, --scales",
    "maps.resolution": "resolution",
    "maps.box_size": "box_size",
    "maps.scales": "scales",
    "maps.mode": "mode",
    "parameters.file": "param_file",
    "parameters.columns": "params",
    "execution.shards_per_simulation": "n_shards",
    "execution.memory_gb": "memory_gb",
    "source.n_grid": "n_grid",
    "source.hydro_chunks": "hydro_chunks",
    "source.parameters": "parameters",
    "source.nbody_base": "nbody_base",
    "source.hydro_base": "hydro_base",
    "source.fof_nbody_base": "fof_nbody_base",
    "source.set": "sim_set",
    "source.snapshot": "snapnum",
}
"""Configuration key: the option that sets it."""


class Variadic(TyperCommand):
    """A command whose option --scales takes several values in a row, as the originals' do."""

    def parse_args(self, ctx, args):
        """Repeat --scales before each of its values."""
        expanded, inside = [], False
        for arg in args:
            if arg == "--scales":
                inside = True
            elif inside and _is_number(arg):
                expanded += ["--scales", arg]
            else:
                inside = False
                expanded.append(arg)
        return super().parse_args(ctx, expanded)


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def refuse(text):
    """Say what is wrong with the command line, and end with 2."""
    print(f"Error: {text}", file=sys.stderr)
    raise typer.Exit(2)


def source_of(bases, synthetic, n_grid, flags):
    """Mapping of the key source; neither folders nor --synthetic is an error.

    Parameters
    ----------
    bases : dict
        {option: path or None} of the folders of simulations.
    synthetic : bool
    n_grid : int or None
        Only of synthetic simulations.
    flags : dict
        {option: bool} that only tell how simulations are read.
    """
    given = [name for name, path in bases.items() if path is not None]
    if synthetic:
        others = given + [name for name, value in flags.items() if value]
        if others:
            refuse(f"--{others[0]} and --synthetic exclude each other")
        return {"kind": "synthetic", **({} if n_grid is None else {"n_grid": n_grid})}
    missing = [name for name in bases if name not in given]
    if missing:
        names = ", ".join(f"--{name}" for name in missing)
        refuse(f"{names} missing: folders of simulations, or --synthetic to make simulations")
    if n_grid is not None:
        refuse("--n_grid is of no effect without --synthetic")
    require_folders(**bases)
    return {"kind": "camels", **{name: str(path) for name, path in bases.items()}, **flags}


def require_route(of_snapshots, of_maps, from_snapshot):
    """Refuse a route of add-large-scale without its input, and options of the other route.

    Parameters
    ----------
    of_snapshots, of_maps : dict
        {option: value or None}; the first of each is the input.
    """
    what, others = (of_snapshots, of_maps) if from_snapshot else (of_maps, of_snapshots)
    word = "with" if from_snapshot else "without"
    needed, value = next(iter(what.items()))
    if value is None:
        refuse(f"--{needed} is needed {word} --from_snapshot")
    useless = [name for name, value in others.items() if value is not None]
    if useless:
        refuse(f"--{useless[0]} is of no effect {word} --from_snapshot")


def require_lengths(**options):
    """Refuse the first option with a value that is not finite and > 0; None is no value."""
    for option, values in options.items():
        for value in values or ():
            if value is not None and not 0 < value < math.inf:
                refuse(f"--{option} is {value:g}, expected a finite number > 0")
            if value is not None and option == "target_res" and value % 2:
                refuse(f"--{option} is {value}, expected an even number")


def require_choice(option, value, choices):
    """Refuse a value that is none of the choices; None is no value."""
    if value is not None and value not in choices:
        refuse(f"--{option} is {value!r}, expected {' or '.join(choices)}")


def dataset_of(mapping):
    """The DatasetConfig of a command line; what cannot be used is named by its option."""
    from simlab.core.config import parse_config
    from simlab.halo import plan
    from simlab.halo.config import DatasetConfig

    try:
        dataset = parse_config(DatasetConfig, mapping)
    except ConfigError as error:
        refuse(_with_option(str(error).splitlines()[1].strip()))
    problems = plan.problems(dataset, each_simulation=False)
    if problems:
        refuse(_with_option(" ".join(problems[0].split())))
    if not plan.is_synthetic(dataset):
        _require_some_simulation(dataset)
    return dataset


def _require_some_simulation(dataset):
    """Refuse folders in which none of the simulations is; single ones may fail later."""
    from simlab.halo import plan

    problem = None
    for sim in plan.simulations(dataset):
        try:
            plan.input_files("", dataset, sim)
            return
        except SimlabError as error:
            problem = problem or error
    refuse(f"--nbody_base, --hydro_base, --fof_nbody_base: no simulation is complete: {problem}")


def require_writable(option, path):
    """Refuse a folder that can neither be written into nor be made."""
    there = next(p for p in (path, *path.absolute().parents) if p.exists())
    if not there.is_dir():
        refuse(f"--{option}: {there} is not a folder")
    if not os.access(there, os.W_OK):
        refuse(f"--{option}: no permission to write into {there}")


def require_folders(**folders):
    """Refuse the first path that is given and is not a folder."""
    for option, path in folders.items():
        if path is not None and not path.is_dir():
            refuse(f"--{option}: {path} is not a folder")


def _with_option(problem):
    """A problem `key: text` with the option in place of the key."""
    key, _, text = problem.partition(": ")
    text = text.split(" (found {")[0].replace("allow_legacy: true", "--allow_legacy")
    named = [name for name in KEYS if "." in name and text.startswith(name)]
    if named:
        name = max(named, key=len)
        return f"--{KEYS[name]}: {text.removeprefix(name).lstrip(': ')}"
    known = [name for name in KEYS if key == name or key.startswith(f"{name}.")]
    return f"--{KEYS[max(known, key=len)]}: {text}" if known else problem
