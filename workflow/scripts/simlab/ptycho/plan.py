"""What the DAG needs to know of a ptychography data set: sizes, shards, targets, cost."""

import math
from dataclasses import dataclass

from simlab.core.config import user_path
from simlab.core.errors import ConfigError, InputFileError, SimlabError
from simlab.core.plan import SNAKEMAKE_MB, Estimate, Step, items_per_shard, limit_minutes
from simlab.core.sharding import shard_names
from simlab.ptycho.feasibility import simulation_problems, stage1_problems
from simlab.ptycho.headers import array_shape, coordinate_layout

SECONDS_PER_ITEM = {64: 4.7e-05, 128: 0.00018}
"""CPU seconds per frame by probe side; `make benchmark` prints the line to put here."""

POWER_SHARE = 0.1
"""Of the seconds of a frame, those of the power pass."""
WRITTEN_PER_SECOND = 300e6
"""Bytes of patterns that are read, packed and written again in a CPU second."""
BASE_MB = 500
SHARD_PIXELS = 1 << 28
PATCHES_LIMIT_BYTES = 2 << 30
STATISTICS_BYTES = 11 * 8 + 256 * 4
"""Of a frame in `shards/*.statistics.npz`, next to its N/2 rings."""
COPY_LIMIT_BYTES = 2 << 30
"""Frames and patches up to which `merge: auto` copies the shards (`files.published`)."""
GATHERED_SHARDS = 1000
"""Shards above which their power is gathered in one file before the scale is found.

Snakemake looks through all inputs of the scale's job for every shard that asks for the scale.
"""


@dataclass(frozen=True)
class Geometry:
    """Sizes of a data set: probe side N, object shape (H, W), objects K, frames M."""

    N: int
    shape: tuple[int, int]
    objects: int
    frames: int
    per_shard: int

    @property
    def shards(self):
        """Names of the shards."""
        return shard_names(self.frames, self.per_shard)


def geometry(dataset):
    """Geometry of a data set, from its configuration and the headers of the user's files."""
    side = probe_side(dataset.probe)
    return sizes_of(dataset, side, *object_shape(dataset.object, side))


def sizes_of(dataset, side, shape, objects):
    """Geometry of the simulation of `objects` objects (H, W) = `shape` with a probe (side, side).

    Errors: as of `frame_count`.
    """
    frames = frame_count(dataset.scan, shape, side, objects)
    return Geometry(side, shape, objects, frames, frames_per_shard(dataset, side))


def frames_per_shard(dataset, side):
    """Frames of a shard: as given, else by time and by the size of its file."""
    if dataset.frames_per_shard is not None:
        return dataset.frames_per_shard
    by_time = items_per_shard(dataset.target_seconds, seconds_per_frame(side))
    return min(by_time, largest_shard(side))


def largest_shard(side):
    """Frames of side `side` in the largest file of a shard."""
    return max(1, SHARD_PIXELS // side**2)


def probe_side(probe):
    """Side N of probe and patterns after the transform, px."""
    if probe.kind != "file":
        return probe.N
    shape = array_shape(user_path(probe.file), probe.key, "probe")
    if shape[-1] != shape[-2]:
        raise InputFileError(f"probe.file {probe.file}: shape {shape} is not square")
    if len(shape) == 3 and probe.modes.count > 1:
        raise ConfigError(
            f"probe.modes.count is {probe.modes.count}, but probe.file {probe.file} has "
            f"{shape[0]} modes itself"
        )
    side = probe.side_after(shape[-1])
    if probe.N not in (None, side):
        raise InputFileError(f"probe.N is {probe.N}, but probe.file {probe.file} gives {side}")
    return side


def object_shape(spec, side):
    """((H, W), K) of the objects of a data set whose probes have side `side`."""
    if spec.kind != "file":
        size = spec.size or int(3.5 * side)
        return (size, size), spec.count
    shape = array_shape(user_path(spec.file), spec.key, "object")
    return tuple(shape[-2:]), shape[0] if len(shape) == 3 else 1


def frame_count(scan, shape, side, objects):
    """Number of frames M of a data set.

    Without an object_index of its own, each row of a coordinate file is a frame, or with
    `order: coordinate-major` a frame of every object.

    Errors: ConfigError where the layout does not fit; those of the coordinate file.
    """
    available, indexed = None, False
    if scan.layout == "grid_groups":
        options = scan.options
        region = side + (options["gridsize"] - 1) * options["offset"]
        if min(shape) < region:
            raise ConfigError(
                f"scan.layout: grid_groups: the object {shape} is smaller than a solution region "
                f"of {region} px (N + (gridsize - 1) * offset)"
            )
        groups = 1
        for extent in shape:
            groups *= max(0, (extent - region) // (options["outer_offset"] // 2) + 1)
        return groups * options["gridsize"] ** 2
    if scan.layout == "file":
        rows, indexed = coordinate_layout(user_path(scan.file))
        shared = scan.order == "coordinate-major" and not indexed
        available = rows * objects if shared else rows
        if scan.n_images is not None and scan.n_images > available:
            each = f" for each of {objects} objects" if shared and objects > 1 else ""
            raise InputFileError(
                f"scan.n_images is {scan.n_images}, but scan.file {scan.file} has {rows} rows{each}"
            )
    frames = scan.n_images or available
    if scan.order == "coordinate-major" and not indexed and frames % objects:
        raise ConfigError(
            f"scan.order: coordinate-major needs scan.n_images ({frames}) to be a multiple of "
            f"the number of objects ({objects})"
        )
    return frames


def input_files(config):
    """{configuration key: path} of the files of the user that object and probe are read from."""
    return _paths(
        {
            "object.file": config.object.file,
            "object.params.image": config.object.params.get("image"),
            "probe.file": config.probe.file,
        }
    )


def user_files(dataset):
    """{configuration key: path} of the files of the user that a data set reads."""
    own = {"scan.file": dataset.scan.file, "detector.mask_file": dataset.detector.mask_file}
    return input_files(dataset) | _paths(own)


def _paths(named):
    return {key: user_path(path) for key, path in named.items() if path is not None}


def _missing(files):
    return [f"{key}: file not found: {path}" for key, path in files.items() if not path.is_file()]


def problems(dataset):
    """What makes a data set impossible, as texts; found without opening any data."""
    missing = _missing(user_files(dataset))
    if missing:
        return missing
    try:
        sizes = geometry(dataset)
        sizes.shards  # noqa: B018 - too many of them is an error
    except SimlabError as error:
        return [str(error)]
    found = stage1_problems(dataset, sizes.shape, sizes.N) + simulation_problems(dataset, sizes)
    return list(dict.fromkeys(found))


def input_problems(config, *, allow_small_object=False):
    """What makes object and probe of a Stage1Config impossible, as texts."""
    missing = _missing(input_files(config))
    if missing:
        return missing
    try:
        side = probe_side(config.probe)
        shape, _ = object_shape(config.object, side)
    except SimlabError as error:
        return [str(error)]
    return stage1_problems(config, shape, side, allow_small_object=allow_small_object)


def stores_patches(dataset, sizes):
    """Whether the ground-truth patches of all frames are written."""
    if dataset.output.store_patches != "auto":
        return dataset.output.store_patches
    return sizes.frames * sizes.N**2 * 8 <= PATCHES_LIMIT_BYTES


def gathers_power(sizes):
    """Whether the power of all shards becomes one file before the scale is found."""
    return len(sizes.shards) > GATHERED_SHARDS


def folder(name):
    """Folder of data set `name`, relative to the working directory."""
    return f"results/ptycho/{name}"


def power_files(name, sizes):
    """Files with the power of each shard."""
    return [f"{folder(name)}/power/{shard}.npz" for shard in sizes.shards]


def scale_inputs(name, sizes):
    """Files with the power of all shards: one where they are gathered."""
    return [f"{folder(name)}/power.npz"] if gathers_power(sizes) else power_files(name, sizes)


def published(dataset, sizes=None):
    """Published files of a data set but the manifest, relative to its folder."""
    sizes = sizes or geometry(dataset)
    stages = ("object", "probe", "input", "positions")
    files = [f"{stage}.{suffix}" for stage in stages for suffix in ("npz", "json")]
    files += [f"power/{shard}.npz" for shard in sizes.shards]
    files += ["power.npz"] if gathers_power(sizes) else []
    files += [
        f"shards/{shard}{end}" for shard in sizes.shards for end in (".h5", ".statistics.npz")
    ]
    files += ["scale.json", "index.csv", "simulated.h5"]
    files += ["simulated.npz"] if dataset.output.npz else []
    files += [f"grouped_g{gridsize}.npz" for gridsize in group_sizes(dataset)]
    if _has_split_files(dataset):
        files += ["train.npz", "test.npz"]
    return [
        *files,
        "normalization.json",
        "checks.json",
        "checks.html",
        "statistics.html",
        "preview.png",
    ]


def group_sizes(dataset):
    """Grid sizes of the grouped files of a data set."""
    sizes = [dataset.grouping.gridsize] if dataset.grouping else []
    if dataset.scan.layout == "grid_groups":
        sizes.append(dataset.scan.options["gridsize"])
    return list(dict.fromkeys(sizes))


def targets(name, dataset):
    """Paths of all published files of data set `name`, the manifest included."""
    return [f"{folder(name)}/{file}" for file in [*published(dataset), "manifest.json"]]


def seconds_per_frame(side):
    """CPU seconds per frame of side `side`, scaled by pixels from the nearest measured side."""
    nearest = min(SECONDS_PER_ITEM, key=lambda known: abs(known - side))
    return SECONDS_PER_ITEM[nearest] * side**2 / nearest**2


def object_megabytes(sizes):
    """Memory of the job that makes the objects, MB: `lines` blurs a canvas of twice the side."""
    pixels = sizes.shape[0] * sizes.shape[1]
    return int(2 * BASE_MB + (pixels * 160 + sizes.objects * pixels * 24) / 1e6)


def statistics_megabytes(sizes):
    """Memory of a job that holds the statistics of all frames, MB: mostly their histograms."""
    per_frame = 2 * 256 * 4 + 2 * sizes.N // 2 * 8 + 200
    return int(2 * BASE_MB + sizes.frames * per_frame / 1e6)


def shard_megabytes(sizes):
    """Memory of a simulating job, MB: interpreter, objects, blocks of frames."""
    objects = sizes.objects * sizes.shape[0] * sizes.shape[1] * 8 * 3
    blocks = 8 * 256 * 64**2 * 16
    return int(BASE_MB + (objects + blocks) / 1e6)


def shard_minutes(sizes):
    """Time limit of a job that works on one shard, minutes: four times what is expected, or 20."""
    frames = min(sizes.frames, sizes.per_shard)
    return 20 + math.ceil(4 * frames * seconds_per_frame(sizes.N) / 60)


def output_bytes(dataset, sizes):
    """Bytes of the published files of one data set; as if nothing could be compressed.

    Counted are the statistics, and the patterns, the ground truth and the objects of every file
    that holds them.
    """
    output, pixels = dataset.output, sizes.frames * sizes.N**2
    counts = output.measurement == "count_intensity" and dataset.detector.poisson
    pattern = 2 if counts and output.counts_dtype == "uint16" else 4
    frames = pixels * (pattern + 8 * stores_patches(dataset, sizes))
    copied = output.merge == "copy" or (output.merge == "auto" and frames <= COPY_LIMIT_BYTES)
    split = _has_split_files(dataset)
    grouped = [grouped_frames(dataset, sizes, gridsize) for gridsize in group_sizes(dataset)]
    # object.npz, input.npz, simulated.h5, and those that were asked for
    with_objects = 3 + output.npz + 2 * split + len(grouped)
    return (
        frames * (1 + copied + output.npz + split)
        + sizes.frames * (STATISTICS_BYTES + sizes.N // 2 * 8)
        + sum(grouped) * sizes.N**2 * (pattern + 4 + 8)
        + with_objects * sizes.objects * sizes.shape[0] * sizes.shape[1] * 8
    )


def grouped_frames(dataset, sizes, gridsize):
    """Frames in all groups of `grouped_g{gridsize}.npz`, repeated ones included."""
    grouping = dataset.grouping
    if grouping is None or grouping.gridsize != gridsize:
        return sizes.frames  # those of layout grid_groups
    groups = grouping.nsamples or sizes.frames
    return (groups if gridsize > 1 else min(groups, sizes.frames)) * gridsize**2


def _has_split_files(dataset):
    return dataset.split is not None and dataset.split.files


def copying_seconds(dataset, sizes):
    """CPU seconds of a job that reads or copies all frames once."""
    return output_bytes(dataset, sizes) / WRITTEN_PER_SECOND / 4


def copying_minutes(dataset, sizes):
    """Its time limit, minutes."""
    return limit_minutes(copying_seconds(dataset, sizes), 60)


def steps(dataset, sizes):
    """Steps of one data set, in the order in which they wait for each other."""
    shards, frames = len(sizes.shards), min(sizes.frames, sizes.per_shard)
    seconds, minutes = frames * seconds_per_frame(sizes.N), shard_minutes(sizes)
    cut = minutes, "frames_per_shard", largest_shard(sizes.N) / frames
    table, shard = statistics_megabytes(sizes), 2 * shard_megabytes(sizes)
    copying, copied = copying_seconds(dataset, sizes), copying_minutes(dataset, sizes)
    optional = [
        *[Step("ptycho_npz", 1, copying, 1000, copied)] * dataset.output.npz,
        *[Step("ptycho_groups", 1, copying, 4000, copied)] * len(group_sizes(dataset)),
        *[Step("ptycho_split", 1, copying, 1000, copied)] * _has_split_files(dataset),
    ]
    return (
        Step("ptycho_object", 1, 0, object_megabytes(sizes) + SNAKEMAKE_MB, 30),
        Step("ptycho_probe", 1, 0, 1000, 10),
        Step("ptycho_input"),
        Step("ptycho_positions", 1, 0, 1000, 10),
        Step("ptycho_power", shards, POWER_SHARE * seconds, 1000, *cut),
        *[Step("ptycho_gathering")] * gathers_power(sizes),
        Step("ptycho_scale"),
        Step("ptycho_diffraction", shards, (1 - POWER_SHARE) * seconds, shard + SNAKEMAKE_MB, *cut),
        Step("ptycho_index"),
        Step("ptycho_dataset", 1, copying, 1000, copied),
        *optional,
        Step("ptycho_normalization", 1, 0, table + SNAKEMAKE_MB, 30),
        Step("ptycho_checks", 1, copying, table + SNAKEMAKE_MB, copied),
        Step("ptycho_tables"),
        Step("ptycho_preview", 1, 0, 1500, 20),
        Step("ptycho_manifest", 1, copying),
    )


def estimate(name, dataset):
    """Estimate of data set `name`."""
    sizes = geometry(dataset)
    return Estimate(
        domain="ptycho",
        dataset=name,
        samples=sizes.frames,
        shards=len(sizes.shards),
        bytes=output_bytes(dataset, sizes),
        steps=steps(dataset, sizes),
    )
