"""What the commands do beside printing: with the same functions as the rules."""

import logging
import random
from pathlib import Path

import numpy as np

from simlab.afm import plan, specs
from simlab.afm.aux_options import NEED_SCANNER
from simlab.afm.channels import channels_of, stacked_maps
from simlab.afm.errors import AfmConfigError, AfmInputError
from simlab.afm.files.grids import read_grid, write_grid
from simlab.afm.files.molecules import formula
from simlab.afm.files.shards import Shard
from simlab.afm.flags import FAILED, flags_of_sample, meanings
from simlab.afm.molecules import suspicions
from simlab.afm.production import trainer_of
from simlab.afm.rotations import sphereTangentSpace
from simlab.afm.sample_plan import plan_samples
from simlab.afm.stages.batches import save_batch
from simlab.afm.stages.grids import molecule_grids
from simlab.afm.stages.molecules import load_molecules, read_molecule
from simlab.afm.stages.samples import check_finite
from simlab.core.files import write_npz
from simlab.core.progress import progress

logger = logging.getLogger("simlab.afm")


def generate(dataset, folder, *, rng="philox", pictures=False):
    """Simulate a data set and write `batch_{ib}.npz` (and pictures) into `folder`.

    Yields (path, number of samples, texts of what was marked) of each batch when it is written.
    Raises AfmPhysicsError at a sample with values that are not finite.
    """
    sizes = plan.sizes(dataset)
    molecules, _ = load_molecules(specs.molecules_spec(dataset), sizes.files)
    trainer, count = _trainer(dataset, sizes, molecules, rng)
    samples = trainer.simulate(0, count)
    folder = Path(folder)
    for batch in progress(range(-(-count // dataset.batch_size)), None, "batches"):
        first, last = batch * dataset.batch_size, min((batch + 1) * dataset.batch_size, count)
        chosen = [next(samples) for _ in range(first, last)]
        for number, sample in enumerate(chosen, start=first):
            check_finite(sample, number)
        stacks = np.stack([sample.X for sample in chosen])
        maps = np.stack([stacked_maps(sample.Y) for sample in chosen])
        path = folder / f"batch_{batch}.npz"
        flags = [flags_of_sample(s, dataset.simulator.periodic_axes) for s in chosen]
        save_batch(path, stacks, maps, [sample.mol for sample in chosen], flags)
        if pictures:
            draw_batch(folder / f"batch_{batch}.png", dataset, chosen, trainer.aux_maps, first)
        yield path, last - first, marks(flags, first)


def _trainer(dataset, sizes, molecules, rng):
    if rng == "legacy":
        return _legacy_trainer(dataset, sizes, molecules)
    rows = plan_samples(specs.plan_spec(dataset, sizes), [molecule.xyz for molecule in molecules])
    grids = None
    if plan.needs_grids(dataset):
        by_name = {molecule.name: molecule for molecule in molecules}
        spec = specs.grids_spec(dataset)

        def grids(name):
            return molecule_grids(spec, by_name[name])

    return trainer_of(dataset, molecules, rows, grids=grids), sizes.samples


def _legacy_trainer(dataset, sizes, molecules):
    """Drawn from the global generators, as the original script: the order of calls decides."""
    random.seed(dataset.seed)
    np.random.seed(dataset.seed)  # noqa: NPY002 - the draws of the original script
    as_read = {
        "mol_id": np.arange(len(molecules)),
        "rot": np.tile(np.eye(3), (len(molecules), 1, 1)),
    }
    trainer = trainer_of(dataset, molecules, as_read, rng="legacy")
    augment = dataset.augment
    if augment.method == "entropy":
        trainer.augment_with_rotations_entropy(
            sphereTangentSpace(augment.rotations), augment.n_best
        )
    elif augment.method == "all":
        trainer.augment_with_rotations(sphereTangentSpace(augment.rotations))
    if augment.shuffle:
        trainer.shuffle_molecules()
    return trainer, sizes.samples


def marks(flags, first):
    """What is suspicious about samples with these marks; `first` is the number of the first."""
    found = []
    for number, bits in enumerate(flags, start=first):
        texts = meanings(bits)
        if texts:
            found.append(f"sample {number}: {'; '.join(texts)}")
    return found


def draw_batch(path, dataset, samples, aux_maps, first=0):
    """Contact sheet of the first samples of a batch, as the data set's preview has it."""
    from simlab.afm.figures import SHOWN, draw_samples

    channels = channels_of(dataset, aux_maps, np.concatenate([s.mol[:, 4] for s in samples]))
    rows = [
        {
            "label": f"sample {first + k}: {formula(sample.mol[:, 4].astype(int))}",
            "stacks": sample.X,
            "maps": stacked_maps(sample.Y),
            "mol": sample.mol,
            "windows": sample.scan_windows,
        }
        for k, sample in enumerate(samples[:SHOWN])
    ]
    draw_samples(
        path,
        rows,
        tips=channels.tips,
        z_mean=channels.z_mean,
        descriptors=channels.descriptors,
        title="frequency shift and descriptors",
    )


def export_batches(shards, folder, batch_size):
    """Write all samples of `shards`, in their order, as `batch_{ib}.npz`; yields the paths.

    Raises AfmInputError, before anything is written, unless all hold the same images and
    descriptors.
    """
    _check_alike(shards)
    samples = (sample for path in shards for sample in _samples_of(path))
    batch = 0
    chosen = []
    for sample in samples:
        chosen.append(sample)
        if len(chosen) == batch_size:
            yield _export(Path(folder) / f"batch_{batch}.npz", chosen)
            batch, chosen = batch + 1, []
    if chosen:
        yield _export(Path(folder) / f"batch_{batch}.npz", chosen)


def _check_alike(paths):
    first = None
    for path in paths:
        with Shard(path) as shard:
            found = [
                *(f"{key} {shard.file[key].shape[1:]}" for key in ("afm", "desc")),
                f"descriptors {', '.join(shard.attributes['desc_channels'])}",
                f"tips {', '.join(tip['name'] for tip in shard.attributes['tips'])}",
            ]
        first = first or found
        if found != first:
            raise AfmInputError(
                f"afm: {path}: samples of {'; '.join(found)}; expected those of {paths[0]}: "
                f"{'; '.join(first)}"
            )


def _samples_of(path):
    with Shard(path) as shard:
        for position in range(len(shard)):
            yield (
                shard.array("afm", position),
                shard.array("desc", position),
                shard.molecule(position),
                int(shard.array("flags", position)),
            )


def _export(path, samples):
    stacks, maps, mols, flags = zip(*samples, strict=True)
    save_batch(path, np.stack(stacks), np.stack(maps), list(mols), flags)
    return path


def contents(path):
    """Lines that tell what a shard holds: record, arrays, marks, samples that stand out."""
    with Shard(path) as shard:
        attributes = shard.attributes
        yield (
            f"{path}: {len(shard)} samples from {int(shard.array('sample_id', 0))}, tips "
            f"{', '.join(tip['name'] for tip in attributes['tips'])}, backend "
            f"{attributes['backend']} on {attributes['device']}, seed {attributes['seed']}"
        )
        for key in ("afm", "desc", "mol/data"):
            data = shard.file[key]
            yield f"  {key}: {data.dtype} {data.shape}, {attributes['units'].get(key, '')}"
        yield f"  descriptors: {', '.join(attributes['desc_channels'])}"
        flags, sample_id = shard.array("flags"), shard.array("sample_id")
        for bits in sorted(set(flags[flags > 0].tolist())):
            named = sample_id[flags == bits]
            yield f"  marked {'; '.join(meanings(bits))}: {len(named)}, first sample {named[0]}"
        if not flags.any():
            yield "  marked: none"
        good = np.flatnonzero((flags & FAILED) == 0)
        peaks = {k: float(np.abs(shard.array("afm", int(k))).max()) for k in good}
        for k in sorted(peaks, key=peaks.get, reverse=True)[:3]:
            yield f"  largest |df| {peaks[k]:.3g} Hz: sample {sample_id[k]}"


def write_descriptors(molecule, output, names, scan_dim, scan_window, charges):
    """Write descriptors of one xyz file as npz (arrays by name) or png; the channel names."""
    from simlab.afm.descriptors import AuxMaps
    from simlab.afm.figures import draw_maps

    form = Path(output).suffix
    if form not in (".npz", ".png"):
        raise AfmConfigError(f"afm: --output: {output}; expected a name ending in .npz or .png")
    x0, y0, x1, y1 = scan_window
    maps = [
        AuxMaps(name, {"scan_dim": scan_dim, "scan_window": ((x0, y0), (x1, y1))})
        for name in names
        if not _needs_scan(name)
    ]
    found = read_molecule(molecule, charges)
    for text in suspicions(found.xyz, found.Z, (np.inf, np.inf), found.q):
        logger.warning("afm: %s: %s", molecule, text)
    atoms = np.column_stack([found.xyz, found.q])
    atoms[:, :2] -= found.xyz[:, :2].mean(axis=0)
    channels = [name for aux_map in maps for name in aux_map.channel_names]
    planes = stacked_maps([aux_map(atoms, found.Z) for aux_map in maps])
    if form == ".npz":
        names = [name.replace("/", "_") for name in channels]
        arrays = dict(zip(names, planes, strict=True))
        write_npz(output, {**arrays, "scan_window": np.array(scan_window).reshape(2, 2)})
    else:
        draw_maps(output, planes, channels, scan_window, title=found.name)
    return channels


def _needs_scan(name):
    if name in NEED_SCANNER:
        raise AfmConfigError(
            f"afm: --descriptor: {name} needs the force field of a scan; expected one that is "
            "drawn from the atoms, or the command generate"
        )
    return False


def convert_grid(file, output, quantity, scale):
    """Write a grid file as npz (data, lvec, xyzs, Zs); its shape."""
    if Path(output).suffix != ".npz":
        raise AfmConfigError(f"afm: --output: {output}; expected a name ending in .npz")
    data, lvec, xyzs, numbers = read_grid(file, quantity=quantity, scale=scale)
    write_grid(output, data, lvec, xyzs, numbers)
    return data.shape
