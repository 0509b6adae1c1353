"""Rule afm_shard: the samples of a shard, their statistics and marks."""

import logging
from pathlib import Path

import numpy as np

from simlab.afm.channels import channels_of, stacked_images, stacked_maps
from simlab.afm.errors import AfmPhysicsError
from simlab.afm.files.molecules import read_molecules
from simlab.afm.files.shards import ShardWriter
from simlab.afm.flags import FAILED, flags_of_geometry, flags_of_sample, not_finite
from simlab.afm.placement import counted_atoms, place_molecule, place_window
from simlab.afm.production import oriented, trainer_of
from simlab.afm.rotations import rotate_about
from simlab.afm.species import getAtomsREA, loadSpecies
from simlab.afm.specs import dataset_from, published_spec
from simlab.afm.statistics import SampleStatistics
from simlab.afm.trainer_base import Sample
from simlab.core.errors import SimlabError
from simlab.core.files import read_npz, write_npz
from simlab.core.progress import progress
from simlab.core.provenance import package_versions

logger = logging.getLogger("simlab.afm")

EXCLUDED = 3


def write_shard(spec, plan_npz, molecules_npz, grids, samples, h5, stats, *, code):
    """Simulate samples [first, last) = `samples` into `h5` and `stats`.

    Parameters
    ----------
    spec : dict
        `dataset` of `specs.shard_spec`.
    plan_npz, molecules_npz : path
    grids : list of path
        Grid files, one a molecule; empty without grids.
    samples : (int, int)
    h5, stats : path
    code : str
        Digest of the code.
    """
    dataset = dataset_from(spec)
    molecules = read_molecules(molecules_npz)
    first, last = samples
    rows = {key: values[first:last] for key, values in read_npz(plan_npz).items()}
    trainer = trainer_of(dataset, molecules, rows, sample_offset=first, grids=grid_reader(grids))
    channels = channels_of(dataset, trainer.aux_maps, elements_of(molecules))
    width, height = dataset.simulator.scan_dim[:2]
    statistics = SampleStatistics(channels.df, channels.axes, channels.floors)
    with ShardWriter(
        h5,
        first,
        rows,
        {
            "afm": (len(channels.tips), width, height, channels.depth),
            "desc": (len(channels.descriptors), width, height),
        },
        compression=dataset.compression,
        attributes=attributes_of(spec, dataset, channels, trainer, code),
    ) as shard:
        simulated = simulate_rows(trainer, dataset, molecules, rows)
        for position, (sample, flags) in enumerate(
            progress(simulated, last - first, "simulating samples")
        ):
            images, maps = sample.X, stacked_maps(sample.Y)
            shard.write(images, maps, sample.mol, record_of(sample, flags))
            statistics.push(
                stacked_images(images),
                maps,
                split=int(rows["split"][position]),
                excluded=bool(flags & FAILED),
                numbers=sample.mol[:, 4],
                draws=(sample.distAbove[0], *sample.tipR0[0, :2]),
            )
        write_npz(stats, statistics.arrays(first))


def attributes_of(spec, dataset, channels, trainer, code):
    """Root attributes of a shard.

    `amplitude` and `z_mean` are those of the configured oscillation, also where
    `randomize.df_steps` gives each sample its own.
    """
    return {
        "spec": published_spec(spec),
        "seed": dataset.seed,
        "code": code,
        "versions": package_versions(),
        "backend": dataset.backend,
        "device": trainer.afmulator.scanner.engine.description["device"],
        "desc_channels": channels.descriptors,
        "tips": published_spec(spec)["tips"],
        "dz": dataset.simulator.dz,
        "amplitude": trainer.afmulator.amplitude,
        "z_mean": channels.z_mean,
    }


def simulate_rows(trainer, dataset, molecules, rows):
    """(Sample, flags) of every row; with `on_error: flag` a failed one holds NaN.

    A sample with a value that is not finite is one that cannot be simulated: AfmPhysicsError.
    """
    periodic = dataset.simulator.periodic_axes
    if dataset.on_error == "fail":
        for k, sample in enumerate(trainer.simulate(0, len(rows["mol_id"]))):
            check_finite(sample, trainer.sample_offset + k)
            yield sample, flags_of_sample(sample, periodic)
        return
    for k in range(len(rows["mol_id"])):
        try:
            [sample] = trainer.simulate(k, k + 1)
            check_finite(sample, trainer.sample_offset + k)
            flags = flags_of_sample(sample, periodic)
        except SimlabError as error:
            number = trainer.sample_offset + k
            logger.warning("sample %d cannot be simulated and is flagged: %s", number, error)
            sample = failed_sample(trainer, dataset, molecules, rows, k)
            flags = FAILED | flags_of_geometry(sample.mol, sample.scan_windows, periodic)
        yield sample, flags


def check_finite(sample, number):
    """Raise AfmPhysicsError unless all images and descriptors of sample `number` are finite."""
    found = not_finite(sample)
    if found:
        raise AfmPhysicsError(
            f"afm: sample {number}: {found} values of images and descriptors are not finite, "
            f"{sample.n_unconverged} points of the probe did not converge; expected finite ones: "
            "see distAbove, tipStiffness, the tip and the geometry, or on_error: flag"
        )


def failed_sample(trainer, dataset, molecules, rows, k):
    """A Sample full of NaN in the place of row `k`; placed as without random draws."""
    simulator, tips = dataset.simulator, dataset.tips
    width, height, _ = simulator.scan_dim
    planes = [
        np.full((width, height, *([aux.n_channels] if aux.numbered else [])), np.nan, np.float32)
        for aux in trainer.aux_maps
    ]
    mol, windows = _placed(dataset, molecules[rows["mol_id"][k]], rows["rot"][k])
    x, y, length = simulator.tipR0
    return Sample(
        X=np.full((len(tips), width, height, simulator.depth), np.nan, np.float32),
        Y=planes,
        mol=mol,
        scan_windows=windows,
        distAbove=np.full(len(tips), float(dataset.distAbove)),
        tipR0=np.array([[x, y, tip.tipR0z or length] for tip in tips], np.float64),
        df_steps=np.full(len(tips), simulator.steps, np.int32),
        n_fallback=0,
        n_unconverged=0,
        left_box=False,
        height_missed=False,
    )


def _placed(dataset, molecule, rot):
    """Rows (n, 5) as placed for the last tip, and the scan windows (n_tip, 2, 3)."""
    window = np.array(dataset.simulator.scan_window, np.float64)
    counted = counted_atoms(molecule.Z, dataset.ignore_elements)
    table = loadSpecies()
    radii = [getAtomsREA(tip.iZPP, molecule.Z, table)[:, 0] for tip in dataset.tips]
    where = (dataset.distAbove, dataset.reference, counted)
    mol = oriented(molecule, rot, dataset.sim_type == "LJ+PC")
    if dataset.generator == "inverse":
        mol[:, :3] = place_molecule(mol[:, :3], radii[-1], window, *where)
        return mol, np.tile(window, (len(radii), 1, 1))
    mol[:, :3] = rotate_about(molecule.xyz, rot)
    return mol, np.array([place_window(mol[:, :3], radius, window, *where) for radius in radii])


def record_of(sample, flags):
    """The small arrays of a sample as a shard keeps them."""
    return {
        "scan_window": sample.scan_windows,
        "distAbove": sample.distAbove,
        "tipR0": sample.tipR0,
        "df_steps": sample.df_steps,
        "flags": flags,
        "n_fallback": sample.n_fallback,
        "n_unconverged": sample.n_unconverged,
    }


def grid_reader(paths):
    """Name of a molecule -> its grids, from files named after the molecules; None for none."""
    if not paths:
        return None
    by_name = {Path(path).stem: path for path in paths}
    return lambda name: read_npz(by_name[name])


def elements_of(molecules):
    """Atomic numbers of all atoms of all molecules, each once."""
    return np.unique(np.concatenate([molecule.Z for molecule in molecules]))
