"""Which keys of a data set fit each other, and the force-field grids that follow from them."""

import math

from simlab.afm.boxes import GRID_SIZES, PADDING
from simlab.afm.species import element_table, symbol_of


def problems_of(dataset):
    """What is wrong with the keys of a data set together, as texts that name them."""
    return [
        *_force_field(dataset),
        *_without_effect(dataset),
        *_tips(dataset),
        *_descriptors(dataset),
        *_randomized(dataset),
        *_sizes(dataset),
    ]


def _force_field(dataset):
    on_grids = dataset.sim_type in ("LJ+Hartree", "FDBM")
    if dataset.generator == "inverse" and on_grids:
        yield f"sim_type: {dataset.sim_type} needs generator: general"
    if on_grids and dataset.grids is None:
        yield f"grids is needed by sim_type: {dataset.sim_type}"
    if not on_grids and dataset.grids is not None:
        yield f"grids has no meaning with sim_type: {dataset.sim_type}"
    from_files = dataset.grids is not None and dataset.grids.source == "files"
    if dataset.sim_type == "FDBM" and from_files and dataset.grids.density is None:
        yield "grids.density is needed by sim_type: FDBM"
    if dataset.density_cutoff is not None and dataset.sim_type != "FDBM":
        yield f"density_cutoff has no meaning with sim_type: {dataset.sim_type}"
    images, lattice = dataset.simulator.npbc, dataset.simulator.sample_lvec
    if lattice is not None and abs(_determinant(lattice)) < 1e-9:
        yield "simulator.sample_lvec spans no volume"
    if any(images) and lattice is None and not on_grids:
        yield "simulator.npbc needs simulator.sample_lvec"


DENSITY_KEYS = ("A_pauli", "B_pauli", "fdbm_vdw_type", "d3_params", "lj_vdw_damp")


def _without_effect(dataset):
    """Keys that were given and would change nothing."""
    kind = dataset.sim_type
    if kind != "FDBM":
        for key in DENSITY_KEYS:
            if _changed(dataset.simulator, key):
                yield f"simulator.{key} has no meaning with sim_type: {kind}"
    elif dataset.simulator.fdbm_vdw_type == "D3":
        if _changed(dataset.simulator, "lj_vdw_damp"):
            yield "simulator.lj_vdw_damp has no meaning with fdbm_vdw_type: D3"
        for key in ("R", "eps"):
            if getattr(dataset.randomize, key):
                yield f"randomize.{key} has no meaning with fdbm_vdw_type: D3"
    elif _changed(dataset.simulator, "d3_params"):
        yield "simulator.d3_params has no meaning with fdbm_vdw_type: LJ"
    if kind != "LJ+Hartree" and _changed(dataset.simulator, "sigma"):
        yield f"simulator.sigma has no meaning with sim_type: {kind}"


def _changed(section, key):
    return getattr(section, key) != type(section).model_fields[key].get_default()


def _determinant(rows):
    (a, b, c), (d, e, f), (g, h, i) = rows
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def _tips(dataset):
    names = [tip.name for tip in dataset.tips]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"tips: the name {name} is given twice"
    for number, tip in enumerate(dataset.tips):
        given = [
            key
            for key in ("multipole", "tip_density", "tip_delta_density")
            if getattr(tip, key) is not None
        ]
        where = f"tips.{number}"
        if dataset.sim_type == "FDBM":
            if "multipole" in given:
                yield f"{where}.multipole has no meaning with sim_type: FDBM"
            if "tip_density" not in given:
                yield f"{where}.tip_density is needed by sim_type: FDBM"
            elif tip.tip_density != "model_co" and "tip_delta_density" not in given:
                yield f"{where}.tip_delta_density is needed by sim_type: FDBM"
        elif dataset.sim_type == "LJ+Hartree":
            if len(given) > 1:
                yield f"{where}: {' and '.join(given)} exclude each other with LJ+Hartree"
            if tip.tip_density == "model_co":
                yield (
                    f"{where}.tip_density: model_co holds electrons; with LJ+Hartree use "
                    "tip_delta_density: model_co"
                )
        elif given:
            yield f"{where}.{given[0]} has no meaning with sim_type: {dataset.sim_type}"
        if dataset.strict and element_table().placeholder[tip.iZPP - 1]:
            yield (
                f"{where}.iZPP: {symbol_of(tip.iZPP)} has arbitrary Lennard-Jones parameters "
                "(2 Å, 10 meV), which strict: true refuses"
            )
        length = tip.tipR0z or dataset.simulator.tipR0[2]
        if math.hypot(*dataset.simulator.tipR0[:2]) >= length:
            yield f"{where}.tipR0z is {length:g}, the tilt of simulator.tipR0 is not smaller"
        if dataset.randomize.tilt >= length:
            yield (
                f"randomize.tilt is {dataset.randomize.tilt:g}, it must be smaller than the length "
                f"of the probe, {length:g} Å"
            )


def _descriptors(dataset):
    names = [entry.name for entry in dataset.aux_maps]
    if dataset.sim_type == "LJ":
        for name in ("ESMap", "ESMapConstant"):
            if name in names:
                yield f"aux_maps: {name} needs charges, sim_type is LJ"
    if dataset.sim_type in ("LJ+Hartree", "FDBM") and "ESMap" in names:
        yield f"aux_maps: ESMap needs point charges, sim_type is {dataset.sim_type}"


def _randomized(dataset):
    steps, simulator = dataset.randomize.df_steps, dataset.simulator
    if steps is not None and dataset.generator == "inverse":
        yield "randomize.df_steps needs generator: general"
    if steps is not None and simulator.df_weights == "exact":
        yield "randomize.df_steps needs simulator.df_weights: simple"
    if dataset.randomize.q and dataset.sim_type in ("LJ", "LJ+Hartree", "FDBM"):
        yield f"randomize.q has no meaning with sim_type: {dataset.sim_type}"
    if dataset.distAbove <= dataset.randomize.distance:
        yield "randomize.distance must be smaller than distAbove"


def _sizes(dataset):
    per_shard = dataset.samples_per_shard
    if per_shard != "auto" and (per_shard < 1 or per_shard % dataset.batch_size):
        yield (
            f"samples_per_shard is {per_shard}, it must be a multiple of batch_size "
            f"({dataset.batch_size})"
        )
    for axis, points in zip("xyz", grid_points(dataset), strict=True):
        if points > GRID_SIZES[-1]:
            yield (
                f"simulator: the force-field grid needs {points} points along {axis}, at most "
                f"{GRID_SIZES[-1]} are possible: lower pixPerAngstrome or the scan window"
            )


def grid_points(dataset):
    """Points of the force-field grid along x, y, z: the next size of GRID_SIZES that fits."""
    simulator = dataset.simulator
    size = list(simulator.size)
    if dataset.randomize.df_steps is not None:
        extra = dataset.randomize.df_steps[1] - simulator.steps
        size[2] += max(0, extra) * simulator.dz
    needed = [
        round(simulator.pixPerAngstrome * (length + 2 * padding))
        for length, padding in zip(size, PADDING, strict=True)
    ]
    return tuple(next((n for n in GRID_SIZES if n >= count), count) for count in needed)
