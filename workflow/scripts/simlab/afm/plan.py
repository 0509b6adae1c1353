"""What the DAG needs to know of an AFM data set: molecules, samples, shards, targets, cost."""

import glob
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from simlab.afm.aux_options import channel_names
from simlab.afm.config import GRID_FIELDS, MODEL_CO
from simlab.afm.errors import AfmConfigError
from simlab.afm.requirements import grid_points
from simlab.core.config import REPOSITORY, shown, user_path
from simlab.core.errors import ConfigError, SimlabError
from simlab.core.plan import SNAKEMAKE_MB, Estimate, Step, limit_minutes
from simlab.core.sharding import shard_names

SECONDS_PER_ITEM = 0.14
"""CPU seconds per sample of the published example; `make benchmark` prints the line to put here."""

SEED_POSITIONS = 128 * 128 * 19
GRID_SECONDS = 1.0
"""CPU seconds of the potential and density of one molecule."""
CHECKED_SAMPLES = 4
"""Samples that the checks simulate again."""
WRITTEN_PER_SECOND = 300e6
"""Bytes of images and descriptors that are read and written again in a CPU second."""
BASE_MB = 260
MAX_JOB_MB = 65536
HISTOGRAM_BINS = 4096
MAX_MOLECULES_NAMED = 3
MAX_STEM = 200
"""Bytes of a molecule's name; file names end at 255, and ours add to it."""


@dataclass(frozen=True)
class Sizes:
    """Molecules and samples of a data set.

    Attributes
    ----------
    files : tuple of str
        The xyz files in the order of the molecules.
    n_rot, samples, per_shard, batch_size : int
    """

    files: tuple
    n_rot: int
    samples: int
    per_shard: int
    batch_size: int

    @property
    def molecules(self):
        """Names of the molecules: stems of their files."""
        return [Path(file).stem for file in self.files]

    @property
    def shards(self):
        """Names of the shards."""
        return shard_names(self.samples, self.per_shard)

    @property
    def batches(self):
        """Number of exported batches."""
        return -(-self.samples // self.batch_size)

    def shard_of_batch(self, batch):
        """Name of the shard that holds batch number `batch`."""
        return f"{batch * self.batch_size // self.per_shard:05d}"


def sizes(dataset):
    """Sizes of a data set, from the configuration and the names of the files alone.

    Raises AfmConfigError for a glob that matches nothing and for two files of one name.
    """
    files = molecule_files(dataset.molecules)
    samples = len(files) * dataset.n_rotations
    if dataset.max_samples is not None:
        samples = min(samples, dataset.max_samples)
    return Sizes(files, dataset.n_rotations, samples, per_shard(dataset), dataset.batch_size)


def per_shard(dataset):
    """Samples of a shard."""
    if dataset.samples_per_shard != "auto":
        return dataset.samples_per_shard
    seconds = dataset.seconds_per_sample or seconds_per_sample(dataset)
    each = seconds * dataset.batch_size
    return dataset.batch_size * max(1, int(dataset.target_seconds / each))


def molecule_files(patterns):
    """The files that the globs match: globs in the order written, each one's matches sorted."""
    found = []
    for pattern in patterns:
        matches = _matches(pattern)
        if not matches:
            raise AfmConfigError(
                f"afm: molecules: {pattern!r} matches no file; expected at least one xyz file"
            )
        found += [match for match in matches if match not in found]
    stems = defaultdict(list)
    for file in found:
        stems[Path(file).stem].append(file)
    for stem, same in stems.items():
        if not stem.isprintable() or set("{}") & set(stem) or len(stem.encode()) > MAX_STEM:
            raise AfmConfigError(
                f"afm: molecules: {shown(stem)} cannot name the files of a molecule; expected at "
                f"most {MAX_STEM} bytes of printed characters without braces"
            )
        if len(same) > 1:
            raise AfmConfigError(
                f"afm: molecules: {' and '.join(same)} have the same name {stem!r}; "
                "expected one file a name"
            )
    return tuple(found)


def _matches(pattern):
    matches = sorted(file for file in glob.glob(pattern, recursive=True) if Path(file).is_file())
    if not matches and Path(pattern).parts[:1] == ("resources",):
        shipped = glob.glob(str(REPOSITORY / pattern), recursive=True)
        matches = sorted(file for file in shipped if Path(file).is_file())
    return matches


def needs_grids(dataset):
    """Whether the force field is made of potentials and densities on grids."""
    return dataset.sim_type in GRID_FIELDS


def grid_files(dataset, molecule):
    """The user's grid files of one molecule: {"potential": path, "density": path or absent}."""
    if dataset.grids is None or dataset.grids.source == "model":
        return {}
    grids = dataset.grids.model_dump()
    return files_of_molecule(grids, molecule, dataset.sim_type == "FDBM")


def files_of_molecule(grids, molecule, with_density):
    """The same of a mapping with the keys of `config.FileGrids`."""
    return {
        what: str(user_path(grids[what].replace("{molecule}", molecule)))
        for what in ("potential", *(["density"] if with_density else []))
    }


def tip_files(dataset):
    """Paths of the user's tip densities, without repetition."""
    named = [
        path
        for tip in dataset.tips
        for path in (tip.tip_density, tip.tip_delta_density)
        if path is not None and path != MODEL_CO
    ]
    return [str(user_path(path)) for path in dict.fromkeys(named)]


def problems(dataset):
    """What stands in the way of planning, as texts: globs, names, missing grid files, memory."""
    try:
        known = sizes(dataset)
        known.shards  # noqa: B018 - too many of them is an error
    except (ConfigError, SimlabError) as error:
        return [str(error)]
    found = [
        f"tips: the file {path} does not exist"
        for path in tip_files(dataset)
        if not Path(path).is_file()
    ]
    missing = [
        (what, path)
        for molecule in known.molecules
        for what, path in grid_files(dataset, molecule).items()
        if not Path(path).is_file()
    ]
    found += [
        f"grids.{what}: the file {path} does not exist"
        for what, path in missing[:MAX_MOLECULES_NAMED]
    ]
    if len(missing) > MAX_MOLECULES_NAMED:
        found.append(f"grids: {len(missing) - MAX_MOLECULES_NAMED} more files do not exist")
    megabytes = shard_megabytes(dataset)
    if megabytes > MAX_JOB_MB:
        found.append(
            f"simulator: a job needs about {megabytes} MiB, at most {MAX_JOB_MB} are planned: "
            "lower pixPerAngstrome, scan_dim or the scan window"
        )
    return found


def published(dataset, known):
    """Published files of a data set, relative to its folder; without the manifest."""
    files = ["molecules.npz", "molecules.csv", "plan.npz"]
    if needs_grids(dataset):
        files += [f"grids/{molecule}.npz" for molecule in known.molecules]
    for shard in known.shards:
        files += [f"shards/shard_{shard}.h5", f"shards/shard_{shard}.stats.npz"]
    if dataset.export == "batches":
        files += [f"batches/batch_{batch}.npz" for batch in range(known.batches)]
    return [
        *files,
        "index.csv",
        "normalization.json",
        "checks.json",
        "checks.html",
        "statistics.html",
        "preview.png",
    ]


def folder(name):
    """Folder of data set `name`."""
    return f"results/afm/{name}"


def grid_targets(name, dataset):
    """Paths of the grids of data set `name`, one a molecule; none without grids."""
    if not needs_grids(dataset):
        return []
    return [f"{folder(name)}/grids/{molecule}.npz" for molecule in sizes(dataset).molecules]


def targets(name, dataset):
    """Paths of all published files of data set `name`, the manifest included."""
    files = published(dataset, sizes(dataset))
    return [f"{folder(name)}/{file}" for file in [*files, "manifest.json"]]


def shard_megabytes(dataset):
    """Memory of a job that simulates, MiB: interpreter, batch of results, force-field grids."""
    simulator = dataset.simulator
    pixels = simulator.scan_dim[0] * simulator.scan_dim[1]
    one = 4 * pixels * (simulator.depth * len(dataset.tips) + len(channel_names(dataset.aux_maps)))
    margin, deeper = 2.0, 3.0
    region = 16.0
    for length, extra in zip(simulator.size, (margin, margin, deeper), strict=True):
        region *= simulator.pixPerAngstrome * (length + extra)
    whole = 0
    if needs_grids(dataset):
        n = grid_points(dataset)
        # potential, density, tip densities, their transforms and energies in single precision
        whole = 4 * n[0] * n[1] * n[2] * 12
    # a device computes all samples of a batch at once
    kept = dataset.batch_size * len(dataset.tips) if dataset.backend == "opencl" else 2
    return int(BASE_MB + (one * dataset.batch_size * 2 + region * kept + whole) / 2**20)


def shard_minutes(dataset, known):
    """Time limit of a job that simulates, minutes: four times what is expected, at least 15."""
    samples = min(known.per_shard, known.samples)
    return 15 + math.ceil(4 * samples * seconds_per_sample(dataset) / 60)


def seconds_per_sample(dataset):
    """CPU seconds of a sample, scaled by tip positions and tips from the published example."""
    x, y, z = dataset.simulator.scan_dim
    scale = x * y * z / SEED_POSITIONS * len(dataset.tips)
    whole = 0.0
    if needs_grids(dataset):
        n = grid_points(dataset)
        whole = 5e-7 * n[0] * n[1] * n[2] * len(dataset.tips)
    return SECONDS_PER_ITEM * scale + whole


def output_bytes(dataset, known):
    """Bytes of the published files, as if nothing could be compressed."""
    simulator = dataset.simulator
    pixels = simulator.scan_dim[0] * simulator.scan_dim[1]
    n_df, n_desc = simulator.depth * len(dataset.tips), len(channel_names(dataset.aux_maps))
    arrays = known.samples * 4 * pixels * (n_df + n_desc)
    statistics = (n_df + n_desc) * 8 * (HISTOGRAM_BINS * len(known.shards) + 5 * known.samples)
    grids = 0
    if needs_grids(dataset):
        n = grid_points(dataset)
        grids = 4 * n[0] * n[1] * n[2] * len(known.files) * (2 if dataset.sim_type == "FDBM" else 1)
    return arrays * (2 if dataset.export == "batches" else 1) + statistics + grids


def writing_seconds(dataset, known):
    """CPU seconds of reading and writing all published files once."""
    return output_bytes(dataset, known) / WRITTEN_PER_SECOND


def batch_seconds(dataset, known):
    """CPU seconds of exporting one batch."""
    return writing_seconds(dataset, known) / 2 / known.batches


def batch_minutes(dataset, known):
    """Time limit of a job that exports a batch, minutes."""
    return limit_minutes(batch_seconds(dataset, known), 20)


def checks_seconds(dataset, known):
    """CPU seconds of the job that reads all samples and simulates some of them again."""
    return CHECKED_SAMPLES * seconds_per_sample(dataset) + writing_seconds(dataset, known)


def checks_minutes(dataset, known):
    """Its time limit, minutes."""
    return limit_minutes(checks_seconds(dataset, known), 60)


def steps(dataset, known):
    """Steps of one data set, in the order in which they wait for each other."""
    each = min(known.per_shard, known.samples) * seconds_per_sample(dataset)
    one = shard_megabytes(dataset) + SNAKEMAKE_MB
    two = 2 * shard_megabytes(dataset) + SNAKEMAKE_MB
    shard = len(known.shards), each, two, shard_minutes(dataset, known)
    batch = known.batches, batch_seconds(dataset, known), one, batch_minutes(dataset, known)
    checking = checks_seconds(dataset, known), two, checks_minutes(dataset, known)
    return (
        Step("afm_molecules", 1, 0, 1000, 20),
        *[Step("afm_grids", len(known.files), GRID_SECONDS, 2000, 30)] * needs_grids(dataset),
        Step("afm_plan"),
        Step("afm_shard", *shard, "samples_per_shard"),
        *[Step("afm_batches", *batch)] * (dataset.export == "batches"),
        Step("afm_index"),
        Step("afm_normalization"),
        Step("afm_checks", 1, *checking),
        Step("afm_preview", 1, 0, 1000, 10),
        Step("afm_manifest", 1, writing_seconds(dataset, known) / 2),
    )


def estimate(name, dataset):
    """Estimate of data set `name`."""
    known = sizes(dataset)
    return Estimate(
        domain="afm",
        dataset=name,
        samples=known.samples,
        shards=len(known.shards),
        bytes=output_bytes(dataset, known),
        steps=steps(dataset, known),
        details=f"{len(known.files)} molecules x {known.n_rot} orientations",
    )
