"""What the DAG needs to know of a halo data set: simulations, split, shards, targets, cost."""

import functools
import math
from importlib.util import find_spec

from simlab.core.config import user_path
from simlab.core.errors import ConfigError, SimlabError
from simlab.core.plan import SNAKEMAKE_MB, Estimate, Step
from simlab.halo import costs, expectation, layout, memory
from simlab.halo.costs import (
    chunk_size,
    is_synthetic,
    particles,
    sample_bytes,
    shards_per_simulation,
    simulations,
)
from simlab.halo.errors import MissingColumnError
from simlab.halo.names import SPECIES, record_file
from simlab.halo.parameters import ParameterTable
from simlab.halo.splits import train_test_split

WIDEST = 2**15
"""Pixels of a map of the box that a check can make; it takes 27 GB."""
LISTED = 4
"""Simulations named in a message."""


def folder(name):
    """Folder of data set `name`, relative to the working directory."""
    return f"results/halo/{name}"


def splits(dataset):
    """{simulation: train or test} of the simulations that are processed."""
    options = dataset.simulations
    _, test = train_test_split(options.total, options.test_fraction, dataset.seed)
    test = set(test)
    return {sim: "test" if sim in test else "train" for sim in simulations(dataset)}


def records(dataset):
    """Shard records of a data set, relative to its folder."""
    shards = range(shards_per_simulation(dataset))
    return [record_file(split, sim, s) for sim, split in splits(dataset).items() for s in shards]


def simulation_files(dataset, sim="{sim}"):
    """{DMO, Hydro, FOF: files} of a synthetic pair, relative to the folder of the data set.

    `sim` is a number, or the wildcard that a rule has in its place.
    """
    source = dataset.source
    roots = {part: f"inputs/{part}/{source.set}_{sim}" for part in ("DMO", "Hydro", "FOF")}
    names = source.snapshot, source.naming
    files = {
        "DMO": layout.snapshot_files(roots["DMO"], names[0], source.dmo_chunks, names[1]),
        "Hydro": layout.snapshot_files(roots["Hydro"], names[0], source.hydro_chunks, names[1]),
        "FOF": [layout.catalog_file(roots["FOF"], *names)],
    }
    return {part: [path.as_posix() for path in paths] for part, paths in files.items()}


def input_files(name, dataset, sim):
    """(DMO, hydro, catalog): the first file of each of a simulation.

    Errors: SnapshotError, CatalogError where files of the user are not there.
    """
    source = dataset.source
    if is_synthetic(dataset):
        files = simulation_files(dataset, sim)
        return tuple(f"{folder(name)}/{files[part][0]}" for part in ("DMO", "Hydro", "FOF"))
    bases = source.nbody_base, source.hydro_base, source.fof_nbody_base
    return _located(bases, source.set, sim, source.snapshot, source.catalog_format)


def shard_inputs(name, dataset, split_of, split, sim, shard):
    """{dmo, hydro, catalog: first file} of one shard of samples, from the words of its record.

    Parameters
    ----------
    split_of : dict
        Of `splits`.
    split, sim, shard : str

    Errors: ConfigError for a record that the data set does not have; to make it would remove the
    samples that belong there.
    """
    there = split_of.get(int(sim)) == split
    if not there or int(shard) >= shards_per_simulation(dataset):
        where = split_of.get(int(sim), "neither train nor test")
        raise ConfigError(
            f"{folder(name)}/{record_file(split, sim, shard)}: no file of this data set; sim {sim} "
            f"is in {where}, with {shards_per_simulation(dataset)} shards a simulation"
        )
    return dict(zip(("dmo", "hydro", "catalog"), input_files(name, dataset, int(sim)), strict=True))


@functools.cache
def _located(bases, set_name, sim, snapshot, catalog_format):
    """`input_files` of the user; asked for several times while a DAG is built."""
    *runs, catalogs = map(user_path, bases)
    found = [layout.first_snapshot_file(base, set_name, sim, snapshot) for base in runs]
    found.append(layout.first_catalog_file(catalogs, set_name, sim, snapshot, catalog_format))
    return tuple(map(str, found))


def parameter_table(name, dataset):
    """Table that the samples take their parameters from."""
    if is_synthetic(dataset):
        return f"{folder(name)}/inputs/params.csv"
    return str(user_path(dataset.parameters.file))


def parameters_of(table, dataset, sim):
    """(values, names) of the chosen parameters of a simulation, from its ParameterTable."""
    options = dataset.parameters
    return table.values(sim, options.columns, dataset.source.set, options.overrides)


def user_files(dataset):
    """{configuration key: path} of the files of the user that are read."""
    if is_synthetic(dataset) and dataset.source.parameters == "sobol":
        return {}
    return {"parameters.file": user_path(dataset.parameters.file)}


def problems(dataset, each_simulation=True):
    """What makes a data set impossible, as texts; found without opening a snapshot.

    `each_simulation`: files of the user must be there for all simulations.
    """
    missing = [
        f"{key}: file not found: {path}"
        for key, path in user_files(dataset).items()
        if not path.is_file()
    ]
    found = missing or _table_problems(dataset)
    if not is_synthetic(dataset):
        found += _folder_problems(dataset, each_simulation)
    if dataset.maps.cic_backend == "masl" and find_spec("MAS_library") is None:
        found.append("maps.cic_backend: masl needs Pylians, which is not installed: make pylians")
    limit = dataset.execution.memory_gb
    too_little = memory.problem(dataset.maps, chunk_size(dataset), limit)
    return [*found, too_little] if too_little else found


def _folder_problems(dataset, each_simulation):
    source = dataset.source
    bases = ("nbody_base", "hydro_base", "fof_nbody_base")
    missing = [
        f"source.{key}: folder not found: {user_path(getattr(source, key))}"
        for key in bases
        if not user_path(getattr(source, key)).is_dir()
    ]
    if missing or not each_simulation:
        return missing
    wrong = []
    for sim in simulations(dataset):
        try:
            input_files("", dataset, sim)
        except SimlabError as error:
            wrong.append(str(error))
    more = len(wrong) - LISTED
    rest = [f"source: and {more} more simulations like these"] if more > 0 else []
    return wrong[:LISTED] + rest


def _table_problems(dataset):
    if not user_files(dataset):
        return []
    try:
        table = ParameterTable(user_path(dataset.parameters.file))
        for sim in simulations(dataset):
            parameters_of(table, dataset, sim)
    except MissingColumnError as error:
        return [f"parameters.{error.key}: {error}"]
    except SimlabError as error:
        return [f"parameters.file: {error}"]
    return []


def published(dataset):
    """Published files of a data set but samples and manifest, relative to its folder."""
    files = ["inputs/params.csv"] if is_synthetic(dataset) else []
    if is_synthetic(dataset):
        for sim in simulations(dataset):
            files += [file for part in simulation_files(dataset, sim).values() for file in part]
    files += records(dataset)
    files += [f"{species}_normalization_stats.npz" for species in SPECIES]
    return [
        *files,
        "index.csv",
        "split.json",
        "normalization.json",
        "statistics.html",
        "checks.json",
        "checks.html",
        "preview.png",
    ]


def targets(name, dataset):
    """Paths of all published files of data set `name` that are targets, the manifest included."""
    return [f"{folder(name)}/{file}" for file in [*published(dataset), "manifest.json"]]


def steps(dataset, counts):
    """Steps of one data set with `counts` haloes in its simulations, in the order they wait."""
    shards, simulated = shards_per_simulation(dataset), len(counts)
    synthetic = []
    if is_synthetic(dataset):
        seconds = particles(dataset) * costs.SECONDS_PER_SIMULATION
        limits = _asked(costs.simulation_megabytes(dataset)), costs.simulation_minutes(dataset)
        synthetic = [
            Step("halo_parameters"),
            Step("halo_simulation", simulated, seconds, *limits),
        ]
    each = sum(costs.samples_seconds(dataset, count) for count in counts) / (simulated * shards)
    limits = _asked(costs.samples_megabytes(dataset)), costs.samples_minutes(dataset)
    key = "execution.shards_per_simulation"
    made, gathering = sum(counts) * dataset.rotations.number, costs.gathering_megabytes(dataset)
    normalizing = costs.normalization_seconds(dataset, made), _asked(gathering)
    checking = costs.checks_seconds(dataset, made), _asked(gathering)
    return (
        *synthetic,
        Step("halo_samples", simulated * shards, each, *limits, key, largest=shards),
        Step("halo_index"),
        Step("halo_normalization", 1, *normalizing, costs.normalization_minutes(dataset)),
        Step("halo_checks", 1, *checking, costs.checks_minutes(dataset)),
        Step("halo_preview", 1, 0, 1500, 20),
        Step("halo_manifest"),
    )


def process_megabytes(dataset):
    """Memory of a process that makes simulations or samples, without Snakemake, MB."""
    views = math.ceil(costs.planned_haloes(dataset) * dataset.rotations.number)
    most = costs.samples_megabytes(dataset)
    needed = memory.peak_megabytes(dataset.maps, chunk_size(dataset), most, views)
    made = costs.simulation_megabytes(dataset) if is_synthetic(dataset) else 0
    return max(needed, made)


def _asked(megabytes):
    """Memory that a rule asks for where its work takes `megabytes`."""
    return megabytes + SNAKEMAKE_MB


def estimate(name, dataset):
    """Estimate of data set `name`.

    Haloes are counted from the catalogs where those are there, else expected after Sheth & Tormen
    (1999), which `details` calls estimated. `notes` tell what will go wrong.
    """
    found = expectation.count(dataset, _catalogs(name, dataset), _table(dataset))
    counts, counted = found.counts, found.counted
    haloes = sum(counts)
    samples = round(haloes * dataset.rotations.number)
    size = samples * (sample_bytes(dataset) + 2000)
    if is_synthetic(dataset):
        size += len(counts) * particles(dataset) * (12 + 24 + 28)
    kind = "counted" if counted else "estimated"
    return Estimate(
        domain="halo",
        dataset=name,
        samples=samples,
        shards=len(counts) * shards_per_simulation(dataset),
        bytes=size,
        steps=steps(dataset, counts),
        details=f"{len(counts)} simulations, {haloes:.0f} haloes ({kind})",
        notes=(
            *found.problems,
            *_without_samples(dataset, found),
            *_unresolved(dataset),
            *_too_wide(dataset),
        ),
    )


def _catalogs(name, dataset):
    """{simulation: catalog, None where it is not there}."""
    found = {}
    for sim in simulations(dataset):
        try:
            found[sim] = input_files(name, dataset, sim)[2]
        except SimlabError:
            found[sim] = None
    return found


def _table(dataset):
    """The ParameterTable of the user, None where parameters are drawn."""
    tabled = user_files(dataset)
    return ParameterTable(next(iter(tabled.values()))) if tabled else None


def _without_samples(dataset, found):
    """Texts on splits that will hold no sample."""
    options, threshold = dataset.simulations, dataset.haloes.mass_threshold
    if found.counted and found.heaviest is not None and not sum(found.counts):
        yield (
            f"no halo above haloes.mass_threshold {threshold:g} Msun/h: the heaviest has "
            f"{found.heaviest:.4g}"
        )
    elif sum(found.counts) < 0.5:
        yield f"no halo above haloes.mass_threshold {threshold:g} Msun/h is expected"
    _, test = train_test_split(options.total, options.test_fraction, dataset.seed)
    if options.test_fraction and not test:
        yield (
            f"no test simulation: simulations.test_fraction {options.test_fraction:g} of total "
            f"{options.total} is less than one"
        )
    sides = set(splits(dataset).values())
    if "train" not in sides:
        yield "no training simulation among those from simulations.start to end: no constants"


def _unresolved(dataset):
    """A text on a threshold below the mass of the lightest halo that a run can have."""
    threshold, least = dataset.haloes.mass_threshold, costs.resolved_mass(dataset)
    if threshold < least:
        yield (
            f"haloes.mass_threshold {threshold:g} Msun/h is below {costs.LEAST_PARTICLES} of "
            f"{round(particles(dataset) ** (1 / 3))}^3 particles in the box, {least:.2g}; memory "
            f"and time limits allow for {costs.haloes_allowed_for(dataset):,.0f} haloes a "
            "simulation"
        )


def _too_wide(dataset):
    """A text on maps of the whole box, which a check makes, that no machine holds."""
    maps = dataset.maps
    if maps.npix > WIDEST:
        yield (
            f"maps.box_size {maps.box_size:g} Mpc/h is {maps.npix} px of {maps.scales[0]:g}/"
            f"{maps.resolution} Mpc/h wide, and a check makes a map of the whole box; is the side "
            "in Mpc/h?"
        )


def simulation_layouts(datasets):
    """{suffix of a rule's name: (data sets, files with the wildcard sim)} of synthetic data sets.

    Data sets with the same file names share a rule; the usual names have the suffix "".
    """
    layouts = {}
    for name, dataset in datasets.items():
        if is_synthetic(dataset):
            parts = simulation_files(dataset).values()
            files = tuple(file for part in parts for file in part)
            layouts.setdefault(files, []).append(name)
    return {
        f"_{number}" if number else "": (names, files)
        for number, (files, names) in enumerate(layouts.items())
    }
