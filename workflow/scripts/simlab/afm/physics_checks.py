"""Checks that compute samples again: with the same code, and by exact sums in double precision."""

import functools
from typing import NamedTuple

import numpy as np

from simlab.afm.channels import stacked_maps
from simlab.afm.direct import atomic_forces, interpolation_errors, relaxed_forces
from simlab.afm.files.shards import Shard
from simlab.afm.flags import FAILED
from simlab.afm.forcefields import periodic_images
from simlab.afm.frequency import hertz_weights
from simlab.afm.placement import center_molecule, counted_atoms, lower_molecule
from simlab.afm.production import trainer_of
from simlab.afm.species import REA2LJ, getAtomsREA, loadSpecies
from simlab.core.checks import Check, skip
from simlab.core.random import generator

PIXELS = 64
OTHER_DEVICE = 0.05
"""Hz at the 99.9th percentile, where another kind of device computed the sample."""
TOP_BOUND, MEDIAN_BOUND = 0.02, 0.005
"""Hz: 99th percentile of the highest image, median of all images, at 10 grid points per Å."""
FIRE_FACTOR = 3.0
"""The reference relaxation stops earlier."""
REFERENCE_WEIGHT = float(np.abs(hertz_weights(0.1, 10, 30300, 1800)).sum())
"""Sum of |W| that both bounds are for, Hz per eV/Å."""
ALLOWED = 1.5
"""Difference over the estimated error of interpolation: the probe's place changes a little, too."""
MOST_RESTLESS = 0.1
"""Fraction of pixels whose exact probe may not come to rest in a sample that is judged."""


def chosen(case, number):
    """(position, x, y) of the sample of shard `number` that is computed again, and its pixels."""
    with Shard(case.shards[number]) as shard:
        rows = len(shard)
    rng = generator(case.dataset.seed, "afm.check", number)
    position = int(rng.integers(rows))
    width, height, _ = case.dataset.simulator.scan_dim
    return position, rng.integers(width, size=PIXELS), rng.integers(height, size=PIXELS)


def check_regenerated(case):
    """One sample of each shard, simulated again alone, is the same."""
    worst, where, exact = 0.0, None, True
    for number, path in enumerate(case.shards):
        position, _, _ = chosen(case, number)
        with Shard(path) as shard:
            if int(shard.array("flags", position)) & FAILED:
                continue
            sample = int(shard.array("sample_id", position))
            images, maps = shard.array("afm", position), shard.array("desc", position)
            device = shard.attributes["device"]
        rows = {key: values[sample : sample + 1] for key, values in case.plan.items()}
        trainer = trainer_of(
            case.dataset, case.molecules, rows, sample_offset=sample, grids=case.grids
        )
        [again] = trainer.simulate(0, 1)
        difference = np.abs(np.concatenate([(again.X - images).ravel()]))
        same_device = trainer.afmulator.scanner.engine.description["device"] == device
        if same_device:
            drawn = np.abs(stacked_maps(again.Y) - maps).max()
            largest = float(max(difference.max(), drawn))
        else:
            exact = False
            largest = float(np.percentile(difference, 99.9))
        if not largest <= worst:
            worst, where = largest, sample
    bound = 0.0 if exact else OTHER_DEVICE
    what = "largest difference of a sample simulated again, one of each shard"
    if not exact:
        what += "; 99.9th percentile, on another device"
    return Check("afm.regenerated", what, worst, bound, "Hz", worst <= bound, where)


def check_direct(case):
    """The same samples at 64 pixels against the relaxation on exact sums in double precision.

    The bounds hold for 10 grid points per Å and an oscillation of 10 steps of 0.1 Å of the default
    cantilever. They grow with the square of a coarser grid step and with the sum of |W| of the
    weights of the frequency shift, and are at least what linear interpolation on the grid may
    change: 1.5 times `direct.interpolation_errors`, summed with |W|, at the same percentile.

    Pixels at which the exact probe does not come to rest are left out and counted; a sample with
    more than a tenth of them is not judged. Images of heights around a jump of the exact probe to
    another stable place, and those below, are left out too.
    """
    dataset = case.dataset
    if dataset.sim_type not in ("LJ", "LJ+PC"):
        return skip("afm.direct", f"sim_type is {dataset.sim_type}")
    randomize = dataset.randomize
    if any((randomize.q, randomize.R, randomize.eps, randomize.alpha)):
        return skip("afm.direct", "the parameters of the atoms are randomized")
    ratio, where, judged, restless, skipped = 0.0, None, 0, 0, 0
    scale = max(1.0, 10 / dataset.simulator.pixPerAngstrome) ** 2
    scale *= FIRE_FACTOR if dataset.relax == "fire" else 1.0
    for number, path in enumerate(case.shards):
        position, x, y = chosen(case, number)
        with Shard(path) as shard:
            if int(shard.array("flags", position)) & FAILED:
                continue
            sample = int(shard.array("sample_id", position))
            images = shard.array("afm", position)[0][x, y]
            exact = direct_images(case, shard, position, x, y)
        restless += exact.restless
        if exact.restless > MOST_RESTLESS * PIXELS or not np.isfinite(exact.df[:, 0]).any():
            skipped += 1
            continue
        judged += 1
        found = _largest_ratio(images, exact, scale * exact.weight / REFERENCE_WEIGHT)
        if not found <= ratio:
            ratio, where = found, sample
    left_out = f"; {restless} pixels left out whose exact probe does not come to rest"
    left_out += f", {skipped} samples not judged for them" if skipped else ""
    if skipped and not judged:
        return skip("afm.direct", f"no sample can be judged{left_out}")
    return Check(
        "afm.direct",
        f"images against exact sums in double precision at {PIXELS} pixels of a sample of each "
        f"shard: 99th percentile of the highest image over {TOP_BOUND * scale:g} Hz, median of "
        f"all over {MEDIAN_BOUND * scale:g} Hz, the larger; both Hz times the sum of |weights| "
        f"over that of 10 steps of 0.1 Å, and at least what interpolation on the grid may change"
        f"{left_out if restless else ''}",
        ratio,
        1.0,
        "",
        ratio <= 1.0,
        where,
    )


def _largest_ratio(images, exact, scale):
    """The larger of both differences over its bound; infinite where an image is not finite."""
    if not np.isfinite(images).all():
        return np.inf
    there = np.isfinite(exact.df)
    off, top = np.abs(images - exact.df), there[:, 0]
    pairs = (
        (np.percentile(off[top, 0], 99), np.percentile(exact.errors[top, 0], 99), TOP_BOUND),
        (np.median(off[there]), np.median(exact.errors[there]), MEDIAN_BOUND),
    )
    return max(float(found / max(bound * scale, ALLOWED * error)) for found, error, bound in pairs)


class DirectImages(NamedTuple):
    """Frequency shifts of pixels by exact sums.

    Attributes
    ----------
    df : (m, nz') float64
        Hz; NaN where there is none.
    errors : (m, nz') float64
        What linear interpolation on the data set's grid may change, Hz.
    restless : int
        Pixels whose probe does not come to rest.
    weight : float
        Sum of |W|, Hz per eV/Å.
    """

    df: np.ndarray
    errors: np.ndarray
    restless: int
    weight: float


def direct_images(case, shard, position, x, y):
    """DirectImages of the first tip at pixels x, y (m,) of the sample at `position`."""
    dataset = case.dataset
    simulator, tip = dataset.simulator, dataset.tips[0]
    mol = shard.molecule(position)
    window = shard.array("scan_window", position)[0]
    distance = float(shard.array("distAbove", position)[0])
    tipR0 = shard.array("tipR0", position)[0]
    steps = int(shard.array("df_steps", position)[0])
    numbers = mol[:, 4].astype(np.int64)
    parameters = getAtomsREA(tip.iZPP, numbers, loadSpecies())
    atoms = mol[:, :3]
    if dataset.generator == "inverse":
        counted = counted_atoms(numbers, dataset.ignore_elements)
        atoms = center_molecule(atoms, window, counted)
        atoms = lower_molecule(
            atoms, parameters[:, 0], window, distance, dataset.reference, counted
        )
    charges = mol[:, 3] if dataset.sim_type == "LJ+PC" else np.zeros(len(mol))
    atoms, c6c12, charges = periodic_images(
        atoms, simulator.sample_lvec, simulator.npbc, REA2LJ(parameters), charges
    )
    field = functools.partial(
        atomic_forces, atoms=atoms, c6c12=c6c12, charges=charges, Qs=tip.Qs, QZs=tip.QZs
    )
    width, height, _ = simulator.scan_dim
    depth = simulator.depth
    weights = hertz_weights(
        simulator.dz,
        steps,
        simulator.f0Cantilever,
        simulator.kCantilever,
        simulator.df_weights,
        simulator.amplitude,
    )
    n_z = depth + len(weights) - 1
    xs = np.linspace(window[0, 0], window[1, 0], width)[x]
    ys = np.linspace(window[0, 1], window[1, 1], height)[y]
    anchors = np.column_stack([xs, ys, np.full(len(xs), window[1, 2])])
    stiffness = tip.tipStiffness or simulator.tipStiffness
    force, places, settled = relaxed_forces(anchors, simulator.dz, n_z, field, stiffness, tipR0)
    error = interpolation_errors(places, field, 1 / simulator.pixPerAngstrome)
    images, errors = (
        np.stack([values[:, j : j + len(factors)] @ factors for j in range(depth)], axis=1)
        for values, factors in ((force, weights), (error, np.abs(weights)))
    )
    return DirectImages(
        images, errors, int(np.count_nonzero(~settled)), float(np.abs(weights).sum())
    )
