"""What the DAG needs to know of a ptychography data set: sizes, shards, targets, cost."""

from dataclasses import dataclass

from simlab.core.config import user_path
from simlab.core.errors import InputFileError, SimlabError
from simlab.core.plan import Estimate
from simlab.core.sharding import shard_names
from simlab.ptycho.config import geometry_problems
from simlab.ptycho.headers import array_shape, row_count

SECONDS_PER_ITEM = {64: 4.7e-05, 128: 0.00018}
"""CPU seconds per frame by probe side; `make benchmark` prints the line to put here."""

SECONDS_PER_JOB = 2.5
BASE_MB = 500
SHARD_PIXELS = 1 << 28
PATCHES_LIMIT_BYTES = 2 << 30


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
    shape, objects = object_shape(dataset.object, side)
    frames = frame_count(dataset.scan, shape, side)
    per_shard = dataset.frames_per_shard or max(1, SHARD_PIXELS // side**2)
    return Geometry(side, shape, objects, frames, per_shard)


def probe_side(probe):
    """Side N of probe and patterns after the transform, px."""
    if probe.kind != "file":
        return probe.N
    shape = array_shape(user_path(probe.file), probe.key, "probe")
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


def frame_count(scan, shape, side):
    """Number of frames M of a data set."""
    if scan.layout == "grid_groups":
        options = scan.options
        region = side + (options["gridsize"] - 1) * options["offset"]
        groups = 1
        for extent in shape:
            groups *= max(0, (extent - region) // (options["outer_offset"] // 2) + 1)
        return groups * options["gridsize"] ** 2
    if scan.layout == "file":
        available = row_count(user_path(scan.file))
        if scan.n_images is not None and scan.n_images > available:
            raise InputFileError(
                f"scan.n_images is {scan.n_images}, but scan.file {scan.file} has {available} rows"
            )
        return scan.n_images or available
    return scan.n_images


def user_files(dataset):
    """{configuration key: path} of the files of the user that a data set reads."""
    named = {
        "object.file": dataset.object.file,
        "object.params.image": dataset.object.params.get("image"),
        "probe.file": dataset.probe.file,
        "scan.file": dataset.scan.file,
        "detector.mask_file": dataset.detector.mask_file,
    }
    return {key: user_path(path) for key, path in named.items() if path is not None}


def problems(dataset):
    """What makes a data set impossible, as texts; found without opening any data."""
    missing = [
        f"{key}: file not found: {path}"
        for key, path in user_files(dataset).items()
        if not path.is_file()
    ]
    if missing:
        return missing
    try:
        sizes = geometry(dataset)
    except SimlabError as error:
        return [str(error)]
    found = geometry_problems(dataset, sizes.shape, sizes.N)
    if sizes.N % 2 or not 16 <= sizes.N <= 1024:
        found.append(f"the probe's side is {sizes.N}, it must be even and 16..1024")
    if sizes.frames < sizes.objects:
        found.append(f"{sizes.objects} objects share {sizes.frames} frames, needs one each")
    return list(dict.fromkeys(found))


def stores_patches(dataset, sizes):
    """Whether the ground-truth patches of all frames are written."""
    if dataset.output.store_patches != "auto":
        return dataset.output.store_patches
    return sizes.frames * sizes.N**2 * 8 <= PATCHES_LIMIT_BYTES


def folder(name):
    """Folder of data set `name`, relative to the working directory."""
    return f"results/ptycho/{name}"


def published(dataset, sizes=None):
    """Published files of a data set but the manifest, relative to its folder."""
    sizes = sizes or geometry(dataset)
    stages = ("object", "probe", "input", "positions")
    files = [f"{stage}.{suffix}" for stage in stages for suffix in ("npz", "json")]
    files += [f"power/{shard}.npz" for shard in sizes.shards]
    files += [
        f"shards/{shard}{end}" for shard in sizes.shards for end in (".h5", ".statistics.npz")
    ]
    files += ["scale.json", "index.csv", "simulated.h5"]
    files += ["simulated.npz"] if dataset.output.npz else []
    files += [f"grouped_g{gridsize}.npz" for gridsize in group_sizes(dataset)]
    if dataset.split and dataset.split.files:
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


def shard_megabytes(sizes):
    """Memory of a simulating job, MB: interpreter, objects, blocks of frames."""
    objects = sizes.objects * sizes.shape[0] * sizes.shape[1] * 8 * 3
    blocks = 8 * 256 * 64**2 * 16
    return int(BASE_MB + (objects + blocks) / 1e6)


def estimate(name, dataset):
    """Estimate of data set `name`."""
    sizes = geometry(dataset)
    pixels = sizes.frames * sizes.N**2
    frame_bytes = 2 if dataset.output.counts_dtype == "uint16" else 4
    per_pixel = frame_bytes + (8 if stores_patches(dataset, sizes) else 0)
    copied = pixels * per_pixel <= PATCHES_LIMIT_BYTES
    copies = 1 + (dataset.output.merge == "copy" or copied) + dataset.output.npz
    jobs = 2 * len(sizes.shards) + len(published(dataset, sizes)) - len(sizes.shards) * 3 - 3
    work = sizes.frames * seconds_per_frame(sizes.N)
    return Estimate(
        domain="ptycho",
        dataset=name,
        samples=sizes.frames,
        jobs=jobs,
        bytes=pixels * per_pixel * copies + sizes.objects * sizes.shape[0] * sizes.shape[1] * 24,
        cpu_seconds=work + SECONDS_PER_JOB * jobs,
        peak_mb=shard_megabytes(sizes),
    )
