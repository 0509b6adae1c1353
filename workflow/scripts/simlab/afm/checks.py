"""Consistency checks of an AFM data set, one function an id or a family of ids."""

import math
from collections import Counter

import numpy as np

from simlab.afm import flags as bits
from simlab.afm.physics_checks import check_direct, check_regenerated
from simlab.afm.placement import counted_atoms
from simlab.afm.species import getAtomsREA, loadSpecies
from simlab.core.checks import Check, skip

FAILED_FRACTION = 0.01
PLACEMENT = 1e-4
SURFACE_TOLERANCE = 1e-4
FRACTION_TOLERANCE = 1e-5
FLAG_BOUNDS = {
    "df_limit": (bits.LARGE_DF, 0.01),
    "inside_window": (bits.OUTSIDE_WINDOW, 0.5),
    "inside_box": (bits.LEFT_BOX, 0.0),
    "unconverged": (bits.UNCONVERGED, 0.05),
}
"""Check -> (bit, largest fraction of samples that may have it)."""
FEW_POINTS = 1e-3
"""Fraction of the points of a sample that may be unconverged: close to the atoms single points lie
where the probe changes between two stable places."""
MANY = 500
ENOUGH = 20


def run_checks(case):
    """All checks of a `check_case.Case`, as a list of Check."""
    return [
        check_finite(case),
        check_failed(case),
        check_shapes(case),
        check_permutation(case),
        *check_ranges(case),
        check_placement(case),
        check_draws(case),
        check_tilt(case),
        check_attraction(case),
        *check_flags(case),
        check_duplicates(case),
        check_regenerated(case),
        check_direct(case),
        check_normalization(case),
    ]


def check_finite(case):
    """No value that is not finite, but in samples that are marked as failed."""
    found = np.where(case.measured.failed, 0, case.measured.not_finite)
    total = int(found.sum())
    return Check(
        "afm.finite",
        "values that are not finite in images and descriptors",
        total,
        0,
        "",
        total == 0,
        case.measured.worst(found) if total else None,
    )


def check_failed(case):
    """Samples that could not be simulated."""
    failed = case.measured.failed
    count = int(failed.sum())
    bound = 0
    if case.dataset.on_error == "flag":
        bound = FAILED_FRACTION * len(failed)
    return Check(
        "afm.failed_samples",
        "samples that could not be simulated",
        count,
        bound,
        "",
        count <= bound,
        case.measured.worst(failed) if count else None,
    )


def check_shapes(case):
    """Every array has the shape and type that the configuration says."""
    misfits = case.measured.misfits
    named = f", first {misfits[0][0]}: {misfits[0][1]}" if misfits else ""
    return Check(
        "afm.shapes",
        f"arrays of the shards with another shape or type than configured{named}",
        len(misfits),
        0,
        "",
        not misfits,
    )


def check_permutation(case):
    """Every planned sample is there once, and no orientation of a molecule twice."""
    measured, plan = case.measured, case.plan
    counts = Counter(measured.sample_id.tolist())
    wrong = [number for number in range(case.n_samples) if counts[number] != 1]
    wrong += [number for number in counts if not 0 <= number < case.n_samples]
    small = measured.small
    pairs = Counter(zip(small["mol_id"].tolist(), small["rot_id"].tolist(), strict=True))
    double = sum(count - 1 for count in pairs.values())
    unplanned = 0
    if not wrong:
        rows = measured.sample_id
        for key in ("mol_id", "rot_id", "split"):
            unplanned += int(np.count_nonzero(small[key] != plan[key][rows]))
    total = len(wrong) + double + unplanned
    return Check(
        "afm.permutation",
        "samples missing, double or not as planned; orientations of a molecule given twice",
        total,
        0,
        "",
        total == 0,
        wrong[0] if wrong else None,
    )


def check_ranges(case):
    """Every descriptor channel stays in its closed range."""
    measured, good = case.measured, ~case.measured.failed
    for number, name in enumerate(case.channels.descriptors):
        low, high = case.channels.ranges[number]
        ceiling = case.ceilings(name)
        highest = np.full(len(good), high) if ceiling is None else ceiling
        below = np.where(good, low - measured.low[:, number], 0)
        above = np.where(good, measured.high[:, number] - highest, 0)
        outside = np.nan_to_num(np.maximum(np.maximum(below, above), 0), posinf=0)
        largest = float(outside.max(initial=0))
        bound = SURFACE_TOLERANCE if low < 0 else FRACTION_TOLERANCE
        upper = f"{high:g}" if ceiling is None else "what its bonds allow"
        yield Check(
            f"afm.range.{name}",
            f"distance of {name} from its range [{low:g}, {upper}]",
            largest,
            bound,
            "",
            largest <= bound,
            measured.worst(outside) if largest > bound else None,
        )


def check_placement(case):
    """The first atom to be touched lies at its height, the atoms under the middle of the scan."""
    dataset, measured = case.dataset, case.measured
    table = loadSpecies()
    off = np.zeros(len(measured.mols))
    for k, mol in enumerate(measured.mols):
        if measured.failed[k]:
            continue
        numbers = mol[:, 4].astype(np.int64)
        counted = counted_atoms(numbers, dataset.ignore_elements)
        center = mol[counted, :2].mean(axis=0)
        for t, tip in enumerate(dataset.tips):
            if dataset.generator == "inverse" and t < len(dataset.tips) - 1:
                continue  # the molecule is stored as it lay for the last tip
            window = measured.small["scan_window"][k, t]
            radii = getAtomsREA(tip.iZPP, numbers, table)[:, 0]
            touching = (mol[:, 2] + radii)[counted].max()
            distance = measured.small["distAbove"][k, t]
            end = window[1, 2] if dataset.reference == "top" else window[0, 2]
            middle = window[:, :2].mean(axis=0)
            off[k] = max(off[k], abs(end - distance - touching), np.abs(middle - center).max())
    largest = float(off.max(initial=0))
    return Check(
        "afm.placement",
        f"distance between scan ({dataset.reference}) and molecule against distAbove; middle of "
        "the atoms against middle of the scan",
        largest,
        PLACEMENT,
        "Å",
        largest <= PLACEMENT,
        measured.worst(off),
    )


def check_draws(case):
    """Distances and tilts were drawn from where the configuration says."""
    dataset, measured = case.dataset, case.measured
    distance = measured.small["distAbove"] - dataset.distAbove
    beyond = np.abs(distance).max(axis=1) - dataset.randomize.distance
    if dataset.randomize.tilt > 0:
        tilt = np.hypot(*np.moveaxis(measured.small["tipR0"][..., :2], -1, 0))
        beyond = np.maximum(beyond, tilt.max(axis=1) - dataset.randomize.tilt)
    else:
        fixed = measured.small["tipR0"][..., :2] - np.array(dataset.simulator.tipR0[:2])
        beyond = np.maximum(beyond, np.abs(fixed).max(axis=(1, 2)))
    beyond = np.where(measured.failed | (beyond < 1e-12), 0, beyond)
    largest = float(beyond.max(initial=0))
    return Check(
        "afm.draws",
        "distance of distAbove and tilt from the ranges they are drawn from",
        largest,
        0,
        "Å",
        largest == 0,
        measured.worst(beyond) if largest else None,
    )


def check_tilt(case):
    """Tilts are uniform in the disk: tilt^2/max^2 is uniform in [0, 1] (Kolmogorov-Smirnov)."""
    largest, good = case.dataset.randomize.tilt, ~case.measured.failed
    if largest == 0:
        return skip("afm.tilt_uniform", "the tilt is not randomized")
    if good.sum() < MANY:
        return skip("afm.tilt_uniform", f"{good.sum()} samples, {MANY} are needed")
    from scipy.stats import kstest

    tilt = case.measured.small["tipR0"][good, 0, :2]
    p = float(kstest((tilt**2).sum(axis=1) / largest**2, "uniform").pvalue)
    return Check(
        "afm.tilt_uniform",
        "probability of such tilts if they are uniform in the disk; at least the bound",
        p,
        1e-4,
        "",
        p > 1e-4,
    )


def check_attraction(case):
    """Far from the molecule the probe is attracted: the highest image is negative on average."""
    measured, good = case.measured, ~case.measured.failed
    if case.dataset.sim_type not in ("LJ", "LJ+PC"):
        return skip("afm.top_slice_attractive", f"sim_type is {case.dataset.sim_type}")
    if good.sum() < ENOUGH:
        return skip("afm.top_slice_attractive", f"{good.sum()} samples, {ENOUGH} are needed")
    fraction = float((measured.first_slice[good] < 0).mean())
    return Check(
        "afm.top_slice_attractive",
        "fraction of samples whose highest image is negative on average; at least the bound",
        fraction,
        0.9,
        "",
        fraction >= 0.9,
        measured.worst(np.where(good, measured.first_slice, -np.inf)),
    )


def check_flags(case):
    """Fractions of samples that are marked; as unconverged with more than FEW_POINTS only."""
    marked, good = case.measured.small["flags"], ~case.measured.failed
    points = len(case.dataset.tips) * math.prod(case.dataset.simulator.scan_dim)
    for name, (bit, bound) in FLAG_BOUNDS.items():
        has = good & ((marked & bit) > 0)
        text = bits.MEANINGS[bit]
        if bit == bits.UNCONVERGED:
            has &= case.measured.small["n_unconverged"] > FEW_POINTS * points
            text += f", at more than {100 * FEW_POINTS:g} % of its points"
        blind = int((has & ((marked & bits.NO_HEIGHT) > 0)).sum())
        if bit == bits.LEFT_BOX and blind:
            text += (
                f"; in {blind} of {has.sum()} it was a stroke of HeightMap or ESMap that found no "
                "surface: the molecule is too far below the scan, see distAbove"
            )
        fraction = float(has.sum() / max(1, good.sum()))
        yield Check(
            f"afm.{name}",
            f"fraction of samples marked: {text}",
            fraction,
            bound,
            "",
            fraction <= bound,
            case.measured.worst(has) if has.any() else None,
        )


def check_duplicates(case):
    """No two samples have the same images."""
    measured = case.measured
    seen, double = {}, []
    for sample, digest, failed in zip(
        measured.sample_id.tolist(), measured.digests, measured.failed, strict=True
    ):
        if failed:
            continue
        if digest in seen:
            double.append(sample)
        seen.setdefault(digest, sample)
    return Check(
        "afm.duplicates",
        "samples whose images another sample has, to the bit",
        len(double),
        0,
        "",
        not double,
        double[0] if double else None,
    )


def check_normalization(case):
    """Means in normalization.json against those of the rows of the first shard, or all tables."""
    from simlab.afm.files.shards import Shard
    from simlab.afm.statistics import TRAIN, channel_moments

    whole, first = case.statistics, case.first_statistics
    published = _published_means(case.normalization, case.channels)
    with Shard(case.shards[0]) as shard:
        rows = np.flatnonzero(first["split"] == TRAIN)
        direct = _row_means(shard, rows)
    single = len(case.shards) == 1
    train_first = np.flatnonzero(first["split"] == TRAIN)
    train = np.flatnonzero(whole["split"] == TRAIN)
    off = 0.0
    for number in range(len(published)):
        total = channel_moments(whole, train, number)
        scale = max(abs(total.mean), total.std, 1e-30)
        off = max(off, abs(published[number] - total.mean) / scale)
        if single:
            off = max(off, abs(published[number] - direct[number]) / scale)
        elif rows.size:
            part = channel_moments(first, train_first, number)
            off = max(off, abs(part.mean - direct[number]) / scale)
    return Check(
        "afm.normalization",
        "largest difference of a channel's mean from one computed of the images, of its scale",
        off,
        1e-9,
        "",
        off <= 1e-9,
    )


def _published_means(normalization, channels):
    means = [entry["mean"] for tip in channels.tips for entry in normalization["afm"][tip]]
    return means + [normalization["desc"][name]["mean"] for name in channels.descriptors]


def _row_means(shard, rows):
    """Mean of every channel over `rows` of an open shard, from sums of exactly rounded parts."""
    parts = []
    for row in rows:
        images, maps = shard.array("afm", int(row)), shard.array("desc", int(row))
        stacks = np.moveaxis(images, -1, 1).reshape(-1, images.shape[1] * images.shape[2])
        flat = np.concatenate([stacks, maps.reshape(len(maps), -1)]).astype(np.float64)
        parts.append(flat.mean(axis=1))
    return [math.fsum(column) / len(parts) for column in np.array(parts).T] if parts else []
