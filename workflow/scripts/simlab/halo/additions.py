"""Command add-large-scale: the stage over all simulations of a folder."""

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from simlab.core.progress import progress
from simlab.halo.errors import SampleError
from simlab.halo.files.catalogs import load_halo_catalog
from simlab.halo.files.snapshots import open_snapshot
from simlab.halo.layout import simulation_folder
from simlab.halo.stages.large_scale import (
    ALIGNED,
    ROTATED,
    Counts,
    LargeScaleOptions,
    aligned_large_scale,
    check_aligned,
    samples_to_do,
)
from simlab.halo.stages.rotated import Origin, RotatedSamples

SIM_FOLDER = re.compile(r"sim_(\d+)")


@dataclass(frozen=True)
class Addition:
    """What to add to which samples.

    Attributes
    ----------
    data_dir : Path
        Holds `sim_{id}/`, directly or below train/ and test/.
    catalogs : Path
        Folder of the halo catalogs.
    maps_folder, snapshots : Path or None
        Route A: projections of the box. Route B: DMO runs. One of them is None.
    set_name : str
    snapnum : int
    mass_threshold : float
        Msun/h
    origin : Origin
        Of rotated samples.
    options : LargeScaleOptions
    """

    data_dir: Path
    catalogs: Path
    maps_folder: Path | None
    snapshots: Path | None
    set_name: str
    snapnum: int
    mass_threshold: float
    origin: Origin
    options: LargeScaleOptions


def add_to_folders(addition, rank=0, size=1):
    """Add large_scale to the samples of this rank's simulations; how many were written, skipped.

    Samples and inputs of all of them are looked at before the first is written.

    Errors: ConfigError, naming the option, for lengths that fit no box or no pixels.
    """
    folders = simulation_folders(addition.data_dir)
    if not folders:
        raise SampleError(f"{addition.data_dir}: no folders sim_*, train/sim_* or test/sim_*")
    counts, work = Counts(), []
    pattern = ALIGNED if addition.snapshots is None else ROTATED
    for sim, folder in folders[rank::size]:
        catalog = load_halo_catalog(
            simulation_folder(addition.catalogs, addition.set_name, sim),
            addition.mass_threshold,
            snapnum=addition.snapnum,
        )
        todo = samples_to_do(folder, pattern, catalog, addition.options.overwrite, counts)
        if todo:
            work.append((_prepared(addition, sim, catalog, todo), len(todo)))
    for write, count in progress(work, len(work), "simulations"):
        write()
        counts.written += count
    return counts


def simulation_folders(data_dir):
    """[(number, path)] of the folders of simulations, ascending."""
    places = [path for base in ("", "train", "test") for path in (data_dir / base).glob("sim_*")]
    found = [(SIM_FOLDER.fullmatch(path.name), path) for path in places if path.is_dir()]
    return sorted((int(match[1]), path) for match, path in found if match)


def _prepared(addition, sim, catalog, todo):
    """Function that writes the samples of a simulation, all that can be checked being checked."""
    options = addition.options
    if addition.snapshots is None:
        check_aligned(todo, addition.maps_folder, sim, catalog, options)
        return partial(aligned_large_scale, todo, addition.maps_folder, sim, catalog, options)
    folder = simulation_folder(addition.snapshots, addition.set_name, sim)
    snapshot = open_snapshot(folder, addition.snapnum)
    return RotatedSamples(todo, sim, snapshot, catalog, options, addition.origin).write
