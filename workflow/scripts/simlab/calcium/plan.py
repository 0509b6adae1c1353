"""What the DAG needs to know of a calcium data set: recordings, parts, shards, targets, cost."""

import functools
import math

from simlab.calcium.costs import (
    movie_bytes,
    scene_bytes,
    seconds_of,
    snapshot_bytes,
    whole_megabytes,
)
from simlab.calcium.feasibility import counts_as, recording_problems
from simlab.calcium.points import advice_on
from simlab.calcium.splits import advice_on_splits
from simlab.core.errors import SimlabError
from simlab.core.plan import SNAKEMAKE_MB, Estimate, Step, items_per_shard, limit_minutes
from simlab.core.random import generator
from simlab.core.sharding import shard_names, shard_range
from simlab.core.splits import SPLITS

MAX_SHOWN = 10
MANY_CELLS = 50_000
CUT_BYTES = 8
"""Counts, intensity and copies of a pixel while a sample is cut."""
READ_PER_SECOND = 2e8
"""Bytes of movies that are read, compared or copied in a CPU second."""
HASHED_PER_SECOND = 1e9
"""Bytes of files that the manifest hashes in a CPU second."""
PREVIEWED = 6
SUFFIXES = {"recordings": "h5", "statistics": "json", "specs": "json", "videos": "avi"}


def frames_per_part(dataset, spec):
    """Frames of a part, None where recordings are whole; auto: what takes `target_seconds`."""
    if dataset.frames_per_part != "auto":
        return dataset.frames_per_part
    if spec.extensions.sensor_noise == "sequential" or spec.output.save_intermediates:
        return None
    frames = spec.acquisition.n_frames
    return items_per_shard(dataset.target_seconds, seconds_of(spec) / frames)


def is_split(dataset, point):
    """Whether a recording is rendered in parts, by a job each."""
    spec = point.spec
    frames = frames_per_part(dataset, spec)
    if frames is None or not dataset.recordings or not spec.has_movie():
        return False
    return spec.acquisition.n_frames > frames


def parts(dataset, point):
    """Names of the parts of a recording that is rendered in parts."""
    return shard_names(point.spec.acquisition.n_frames, frames_per_part(dataset, point.spec))


def part_range(dataset, point, part):
    """Half-open range of the frames of a part."""
    frames = point.spec.acquisition.n_frames
    return shard_range(part, frames, frames_per_part(dataset, point.spec))


def by_key(dataset):
    """Key -> Point of every recording, ascending."""
    return dataset.expansion.by_key


def training_shards(dataset):
    """{split: names of its training shards}, for splits that have recordings."""
    if dataset.training is None:
        return {}
    return {
        split: shard_names(
            len(keys) * dataset.training.samples_per_recording,
            dataset.training.samples_per_shard,
        )
        for split in SPLITS[:3]
        if (keys := keys_of_split(dataset, split))
    }


def keys_of_split(dataset, split):
    """Keys of the recordings of a split, ascending."""
    return [point.key for point in dataset.expansion.points if point.split == split]


def training_samples(dataset, split, shard):
    """(key, sample of the recording) of every sample of a training shard, in order.

    The list of all samples of the split (key ascending, sample ascending) is permuted by the
    stream "calcium.order" of the data set, index = number of the split, and cut into shards.
    """
    keys = keys_of_split(dataset, split)
    each = dataset.training.samples_per_recording
    first, last = shard_range(shard, len(keys) * each, dataset.training.samples_per_shard)
    chosen = _order(dataset.seed, SPLITS.index(split), len(keys) * each)[first:last]
    return [(keys[k // each], int(k % each)) for k in chosen]


@functools.lru_cache(maxsize=8)
def _order(seed, split, count):
    return generator(seed, "calcium.order", split).permutation(count)


def published(dataset):
    """Published files of a data set, relative to its folder; without the manifest."""
    files = []
    for point in dataset.expansion.points:
        key = point.key
        files += [f"specs/{key}.json", f"statistics/{key}.json"]
        if dataset.recordings:
            files.append(f"recordings/{key}.h5")
        if is_split(dataset, point):
            files.append(f"scenes/{key}.h5")
        if dataset.video:
            files.append(f"videos/{key}.avi")
        files += [f"stages/{key}/{stage}.h5" for stage in dataset.stages]
    for split, shards in training_shards(dataset).items():
        files += [f"training/{split}-{shard}.h5" for shard in shards]
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
    return f"results/calcium/{name}"


def files_of(name, dataset, what):
    """Paths of the files of one kind, a recording each; none if the data set has none.

    `what` is recordings, statistics, specs or videos.
    """
    if (what == "recordings" and not dataset.recordings) or (
        what == "videos" and not dataset.video
    ):
        return []
    return [f"{folder(name)}/{what}/{key}.{SUFFIXES[what]}" for key in by_key(dataset)]


def scene_of(name, dataset, key):
    """Paths of the scene of a recording, none if it is not rendered in parts."""
    if not is_split(dataset, by_key(dataset)[key]):
        return []
    return [f"{folder(name)}/scenes/{key}.h5"]


def parts_of(name, dataset, key):
    """Paths of the parts of a recording in order, none if it is not rendered in parts."""
    point = by_key(dataset)[key]
    if not is_split(dataset, point):
        return []
    return [f"{folder(name)}/parts/{key}/{part}.h5" for part in parts(dataset, point)]


def recordings_of_shard(name, dataset, split, shard):
    """Paths of the recordings that a training shard is cut from."""
    return [f"{folder(name)}/recordings/{key}.h5" for key in _keys_of_shard(dataset, split, shard)]


def scenes_of_shard(name, dataset, split, shard):
    """Paths of the scenes of those recordings, where they are kept."""
    return [
        path
        for key in _keys_of_shard(dataset, split, shard)
        for path in scene_of(name, dataset, key)
    ]


def _keys_of_shard(dataset, split, shard):
    return sorted({key for key, _ in training_samples(dataset, split, shard)})


def previewed(name, dataset):
    """Paths of the recordings that the contact sheet shows; none where they are not kept."""
    return files_of(name, dataset, "recordings")[:PREVIEWED]


def targets(name, dataset):
    """Paths of all published files of data set `name`, the manifest included."""
    return [f"{folder(name)}/{file}" for file in [*published(dataset), "manifest.json"]]


def problems(dataset):
    """What stands in the way of planning, as texts."""
    expansion = dataset.expansion
    found = list(expansion.problems)
    found += [
        f"{point.key} ({', '.join(f'{k}={v}' for k, v in point.axes.items()) or 'base'}): {text}"
        for point in expansion.points
        for text in recording_problems(dataset, point)
    ]
    depths = sorted({counts_as(point.spec) for point in expansion.points})
    if len(depths) > 1:
        found.append(f"sweep: movies of {' and '.join(depths)}; expected one kind in a data set")
    sizes = sorted({point.spec.fov_shape for point in expansion.points})
    if dataset.training is not None and dataset.training.patch is None and len(sizes) > 1:
        shown = " and ".join(f"{height} x {width}" for height, width in sizes[:2])
        found.append(f"training.patch: null needs one frame size, found {shown} px; give a patch")
    try:
        for shards in training_shards(dataset).values():
            len(shards)
        for point in expansion.points:
            if is_split(dataset, point):
                parts(dataset, point)
    except SimlabError as error:
        found.append(str(error))
    if len(found) > MAX_SHOWN:
        found = [*found[:MAX_SHOWN], f"and {len(found) - MAX_SHOWN} more"]
    return found


def _training_bytes(dataset):
    training, total = dataset.training, 0
    if training is None:
        return 0
    for point in dataset.expansion.points:
        height, width = point.spec.fov_shape
        pixels = height * width if training.patch is None else training.patch**2
        size = movie_bytes(point.spec) // max(1, point.spec.acquisition.n_frames * height * width)
        each = training.frames * pixels * (size + 4 * training.clean)
        total += training.samples_per_recording * each
    return total


def largest_megabytes(dataset):
    """Memory of a job that looks at one recording after the other, MiB."""
    return max((point.megabytes for point in dataset.expansion.points), default=0)


def training_megabytes(dataset):
    """Memory of a job that cuts training samples one after the other, MiB."""
    frames = dataset.training.frames
    cut = max(math.prod(point.spec.fov_shape) for point in dataset.expansion.points)
    return largest_megabytes(dataset) + math.ceil(CUT_BYTES * frames * cut / 2**20)


def training_minutes(dataset):
    """Time limit of a job that cuts training samples, minutes."""
    slowest = max(
        seconds_of(p.spec) / p.spec.acquisition.n_frames for p in dataset.expansion.points
    )
    frames = dataset.training.samples_per_shard * dataset.training.frames
    return 20 + int(4 * frames * slowest / 60)


def _bytes_of(dataset, point):
    """Bytes of what is kept of one recording."""
    spec = point.spec
    movie, traces = movie_bytes(spec), spec.n_cells() * spec.acquisition.n_frames * 24
    frames = math.prod(spec.fov_shape) * spec.acquisition.n_frames
    size = (movie + traces + snapshot_bytes(spec)) * dataset.recordings + frames * dataset.video
    return size + scene_bytes(spec) * is_split(dataset, point) + 4 * frames * len(dataset.stages)


def _recorded_bytes(dataset):
    return sum(_bytes_of(dataset, point) for point in dataset.expansion.points)


def checks_seconds(dataset):
    """CPU seconds of the job that reads all movies."""
    return sum(movie_bytes(p.spec) for p in dataset.expansion.points) / READ_PER_SECOND


def checks_minutes(dataset):
    """Its time limit, minutes."""
    return limit_minutes(checks_seconds(dataset), 60)


def steps(dataset):
    """Steps of one data set, in the order in which they wait for each other.

    The recordings of a sweep are taken for equals of their mean.
    """
    points = dataset.expansion.points
    cut = [point for point in points if is_split(dataset, point)]
    whole = [point for point in points if not is_split(dataset, point)]
    found = [Step("calcium_index")]
    if whole:
        rule = "calcium_recording" if dataset.recordings else "calcium_statistics"
        found.append(Step(rule, len(whole), _mean_seconds(whole), *_limits(whole)))
    if cut:
        pieces = [len(parts(dataset, point)) for point in cut]
        rendered = len(cut) * _mean_seconds(cut) / sum(pieces)
        key = "frames_per_part"
        copied = sum(movie_bytes(p.spec) for p in cut) / READ_PER_SECOND / len(cut)
        found += [
            Step("calcium_scene", len(cut), 0, *_limits(cut)),
            Step("calcium_part", sum(pieces), rendered, *_limits(cut), key, max(pieces)),
            Step("calcium_recording", len(cut), copied, *_limits(cut)),
        ]
    if dataset.video:
        video = _limits(points, lambda p: 2 * p.megabytes)
        found.append(Step("calcium_video", len(points), _mean_seconds(points), *video))
    if dataset.stages:
        count = len(points) * len(dataset.stages)
        stage = _limits(points, lambda p: whole_megabytes(p.spec))
        found.append(Step("calcium_stage", count, _mean_seconds(points), *stage))
    memory = largest_megabytes(dataset) + SNAKEMAKE_MB
    checking = checks_seconds(dataset), memory, checks_minutes(dataset)
    hashing = (_training_bytes(dataset) + _recorded_bytes(dataset)) / HASHED_PER_SECOND
    return (
        *found,
        *_training_steps(dataset),
        Step("calcium_normalization"),
        Step("calcium_checks", 1, *checking),
        Step("calcium_preview", 1, 0, memory, 20),
        Step("calcium_manifest", 1, hashing),
    )


def _training_steps(dataset):
    shards = [len(names) for names in training_shards(dataset).values()]
    if not shards:
        return
    training = dataset.training
    work = _training_bytes(dataset) / READ_PER_SECOND + training.clean * sum(
        seconds_of(p.spec, training.samples_per_recording * training.frames)
        for p in dataset.expansion.points
    )
    limits = training_megabytes(dataset) + SNAKEMAKE_MB, training_minutes(dataset)
    key = "training.samples_per_shard"
    yield Step("calcium_training", sum(shards), work / sum(shards), *limits, key, max(shards))


def _mean_seconds(points):
    return sum(seconds_of(p.spec) for p in points) / max(1, len(points))


def _limits(points, megabytes=lambda point: point.megabytes):
    """(memory, minutes) that the most demanding of some recordings asks for."""
    memory = max((megabytes(point) for point in points), default=0)
    return memory + SNAKEMAKE_MB, max((point.minutes for point in points), default=0)


def estimate(name, dataset):
    """Estimate of data set `name`."""
    points = dataset.expansion.points
    cells = sum(point.spec.n_cells() for point in points)
    n_frames = sum(point.spec.acquisition.n_frames for point in points)
    pieces = [parts(dataset, p) if is_split(dataset, p) else [p] for p in points]
    return Estimate(
        domain="calcium",
        dataset=name,
        samples=len(points),
        shards=sum(len(piece) for piece in pieces),
        bytes=_recorded_bytes(dataset) + _training_bytes(dataset),
        steps=steps(dataset),
        details=f"{n_frames:,} frames, {cells:,} cells" + _many_cells(points),
        notes=(*advice_on(points), *advice_on_splits(points, dataset.splits)),
    )


def _many_cells(points):
    """A word on recordings that take very long."""
    most = max((point.spec.n_cells() for point in points), default=0)
    return f"; {most:,} cells in one recording take long" if most > MANY_CELLS else ""
