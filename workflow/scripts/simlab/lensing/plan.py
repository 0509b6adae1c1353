"""What the DAG needs to know of a lensing data set: rows, shards, targets, cost."""

import functools
import math
from pathlib import Path

from simlab.core.config import user_path
from simlab.core.errors import SimlabError
from simlab.core.files import read_csv
from simlab.core.plan import SHARD_BYTES, SNAKEMAKE_MB, Estimate, Step, items_per_shard
from simlab.core.sharding import shard_names, shard_range
from simlab.core.splits import SPLITS
from simlab.lensing.config import FORMULA

SECONDS_PER_ITEM = 0.0067
"""CPU seconds per ray-traced SIE picture of 512 x 512 px, centered, amplitudes of order 5
written; `make benchmark` prints the line to put here."""

REFERENCE_PIXELS = 512 * 512
SECONDS_PER_TERM = 3e-6
"""CPU seconds per amplitude, 512 x 512 pixels and drawing of a roulette picture."""
COLOR_SOURCES = ("Triangle", "Image", "t")
BYTES_PER_PIXEL = 0.9
"""Of a compressed float32 picture."""
BYTES_PER_ROW = 8000
"""Of a row and its amplitudes, as a mapping of columns."""
SECONDS_PER_PIXEL = 1.5e-7
"""CPU seconds of comparing two pictures, a pixel."""
BYTES_READ_PER_SECOND = 100e6
"""Bytes of pictures that checks and comparisons unpack in a CPU second."""
SETS = ("images", "roulette_images", "resim")
"""Shard sets that can be compared."""


def size_of(dataset):
    """Number of rows, those of the user's table where there is one."""
    if dataset.size is not None:
        return dataset.size
    path = user_path(dataset.simulator.parameters)
    return _rows_in(path, Path(path).stat().st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _rows_in(path, _changed):
    return len(read_csv(path)[1])


def shard_size(dataset):
    """Rows of a shard: as given, else by time and by the size of a file of pictures."""
    output = dataset.output
    if output.shard_size is not None:
        return output.shard_size
    return items_per_shard(output.target_seconds, seconds_per_row(dataset), _picture_bytes(dataset))


def shards(dataset):
    """Names of the shards of a data set."""
    return shard_names(size_of(dataset), shard_size(dataset))


def rows_of(dataset, shard):
    """Half-open range of the row numbers (from 0) of a shard."""
    return shard_range(shard, size_of(dataset), shard_size(dataset))


def sets_of(dataset):
    """Shard sets that a data set makes."""
    made = {
        "images": True,
        "roulette_images": dataset.output.roulette_images,
        "resim": dataset.output.resim,
    }
    return [name for name in SETS if made[name]]


def formulas_of(dataset):
    """(lens, order) of every formula file."""
    found = (FORMULA.fullmatch(text) for text in dataset.output.formulas)
    return [(match[1], int(match[2])) for match in found]


def published(dataset):
    """Published files and folders of a data set, relative to its folder; without the manifest."""
    names = shards(dataset)
    files = ["parameters.csv"]
    for name in names:
        files += [f"amplitudes/{name}.csv", f"statistics/{name}.npz"]
        files += [f"{kind}/{name}.h5" for kind in sets_of(dataset)]
        if dataset.output.png:
            files.append(f"png/{name}")
    files += [f"compare/{a}__{b}.{end}" for a, b in dataset.output.pairs for end in ("json", "csv")]
    files += [
        f"formulas/{lens}{order}.{end}"
        for lens, order in formulas_of(dataset)
        for end in ("txt", "json")
    ]
    files += [f"splits/{split}.csv" for split in SPLITS[:3]]
    return [
        *files,
        "roulette.csv",
        "index.csv",
        "normalization.json",
        "checks.json",
        "checks.html",
        "statistics.html",
        "preview.png",
    ]


def folder(name):
    """Folder of data set `name`."""
    return f"results/lensing/{name}"


def files_of(name, dataset, kind, suffix="h5"):
    """Paths of the files of one kind, a shard each; none if the data set does not make them."""
    if kind in SETS and kind not in sets_of(dataset):
        return []
    return [f"{folder(name)}/{kind}/{shard}.{suffix}" for shard in shards(dataset)]


def parameters_of(dataset):
    """Paths of the user's table of rows, none where rows are drawn."""
    table = dataset.simulator.parameters
    return [] if table is None else [user_path(table)]


def targets(name, dataset):
    """Paths of all published files of data set `name`, the manifest included."""
    return [f"{folder(name)}/{file}" for file in [*published(dataset), "manifest.json"]]


def problems(dataset):
    """What stands in the way of a data set: texts."""
    try:
        size = size_of(dataset)
        shards(dataset)
        dataset.splits.counts(size)
    except FileNotFoundError:
        return [f"simulator.parameters: file not found: {dataset.simulator.parameters}"]
    except SimlabError as error:
        return [str(error)]
    if size == 0:
        return [f"simulator.parameters: {dataset.simulator.parameters} has no rows"]
    picture = dataset.source.file
    if picture is not None and not Path(user_path(picture)).is_file():
        return [f"source.file: file not found: {picture}"]
    return []


def side_of(dataset):
    """Side of the delivered pictures, px."""
    simulator = dataset.simulator
    return min(simulator.imagesize, simulator.cropsize or simulator.imagesize)


def _channels(dataset):
    return 3 if any(mode in COLOR_SOURCES for mode in dataset.source.mode) else 1


def megabytes(dataset):
    """Memory of a job that works on one shard, MiB."""
    rows = min(shard_size(dataset), size_of(dataset))
    return math.ceil(400 + 1e-4 * _values(dataset) + 3e-3 * rows)


def _values(dataset):
    """Gray levels of one simulated picture."""
    return dataset.simulator.imagesize**2 * _channels(dataset)


def seconds_per_row(dataset):
    """CPU seconds of one row: drawn twice where it is centered."""
    simulator = dataset.simulator
    pixels = simulator.imagesize**2 / REFERENCE_PIXELS
    terms = (simulator.nterms + 1) * (simulator.nterms + 4) / 4
    roulette = any(model != "Raytrace" for model in simulator.model)
    drawing = SECONDS_PER_ITEM * pixels * simulator.supersample**2
    return drawing + roulette * SECONDS_PER_TERM * pixels * terms


def minutes(dataset):
    """Time limit of a job that works on one shard, minutes."""
    rows = min(size_of(dataset), shard_size(dataset))
    return 15 + math.ceil(8 * rows * seconds_per_row(dataset) / 60)


def _picture_bytes(dataset):
    return BYTES_PER_PIXEL * side_of(dataset) ** 2 * _channels(dataset)


def _output_bytes(dataset):
    output, terms = dataset.output, amplitudes_of(dataset)
    pictures = len(sets_of(dataset)) + output.actual + output.apparent + output.original
    return int(size_of(dataset) * (pictures * _picture_bytes(dataset) + 2 * 20 * terms + 1000))


def amplitudes_of(dataset):
    """Number of alpha, and of beta, of a row."""
    order = dataset.simulator.nterms
    return (order + 1) * (order + 4) // 2


def steps(dataset):
    """Steps of one data set, in the order in which they wait for each other."""
    count, output = len(shards(dataset)), dataset.output
    rows = min(size_of(dataset), shard_size(dataset))
    each, memory = rows * seconds_per_row(dataset), megabytes(dataset) + SNAKEMAKE_MB
    largest = SHARD_BYTES / (rows * _picture_bytes(dataset))
    drawing = count, each, memory, minutes(dataset), "output.shard_size", largest
    made = {
        "lensing_images": True,
        "lensing_roulette_images": output.roulette_images,
        "lensing_resimulations": output.resim,
    }
    compared = size_of(dataset) * SECONDS_PER_PIXEL * _values(dataset)
    pair = comparison_megabytes(dataset) + SNAKEMAKE_MB
    looked_at = comparison_minutes(dataset)
    reading = _output_bytes(dataset) / BYTES_READ_PER_SECOND
    whole = table_megabytes(dataset) + SNAKEMAKE_MB
    preview = preview_megabytes(dataset) + SNAKEMAKE_MB
    found = [
        Step("lensing_parameters", 1, 0, whole, 20),
        *(Step(rule, *drawing) for rule, asked in made.items() if asked),
    ]
    if output.png:
        found.append(Step("lensing_pngs", count, 0, pair, 20))
    found.append(Step("lensing_tables"))
    if output.pairs:
        found.append(Step("lensing_comparison", len(output.pairs), compared, pair, looked_at))
    if output.formulas:
        found.append(Step("lensing_formulas", len(output.formulas), 0, 1000, 20))
    return (
        *found,
        Step("lensing_normalization"),
        Step("lensing_checks", 1, reading, whole, looked_at),
        Step("lensing_preview", 1, 0, preview, 20),
        Step("lensing_manifest", 1, reading / 10),
    )


def estimate(name, dataset):
    """Estimate of data set `name`."""
    return Estimate(
        domain="lensing",
        dataset=name,
        samples=size_of(dataset),
        shards=len(shards(dataset)),
        bytes=_output_bytes(dataset),
        steps=steps(dataset),
        details=f"{side_of(dataset)} x {side_of(dataset)} px, order {dataset.simulator.nterms}",
        notes=advice_on(dataset),
    )


def advice_on(dataset):
    """What is probably not meant in a data set, in sentences."""
    told = [*dataset.settings().doubts]
    if not dataset.observation.is_off and any("resim" in pair for pair in dataset.output.pairs):
        told.append(
            "observation: pictures have PSF, sky and noise, re-simulations have none of them; "
            "comparisons of the two and the last column of preview.png show the telescope too"
        )
    return tuple(told)


def picture_folder(dataset):
    """Folder that pictures and potentials named in the rows are relative to."""
    table, picture = dataset.simulator.parameters, dataset.source.file
    if table is not None:
        return str(Path(user_path(table)).parent)
    if picture is None:
        return "."
    if Path(picture).is_absolute():
        return str(Path(picture).parent)
    return str(Path(user_path(picture)).parents[len(Path(picture).parts) - 1])


def table_megabytes(dataset):
    """Memory of a job that holds all rows and looks at one picture after the other, MiB."""
    return math.ceil(500 + 3e-5 * _values(dataset) + BYTES_PER_ROW * size_of(dataset) / 2**20)


def comparison_megabytes(dataset):
    """Memory of a job that compares pictures pair by pair, MiB."""
    return math.ceil(400 + 6e-5 * _values(dataset))


def preview_megabytes(dataset):
    """Memory of the job that draws the contact sheet, MiB."""
    return math.ceil(800 + 1.2e-4 * _values(dataset))


def comparison_minutes(dataset):
    """Time limit of a job that looks at all pictures, minutes."""
    seconds = size_of(dataset) * SECONDS_PER_PIXEL * _values(dataset)
    return 20 + math.ceil(8 * seconds / 60)
