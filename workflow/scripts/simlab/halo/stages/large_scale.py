"""large_scale of samples that have none, or other scales: from maps or from the snapshot."""

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simlab.core.config import parse_config
from simlab.core.files import npz_headers, read_npz, write_json
from simlab.core.progress import progress
from simlab.halo.config import MapsConfig
from simlab.halo.cutouts import extract_inference_cutouts
from simlab.halo.errors import SampleError
from simlab.halo.files.records import read_record
from simlab.halo.files.samples import DOCUMENTED, store_sample
from simlab.halo.files.snapshots import iter_particles, open_snapshot
from simlab.halo.names import is_record
from simlab.halo.planes import AXES
from simlab.halo.projection import project_multiscale
from simlab.halo.streaming import prefetched
from simlab.halo.views import view

KEY = "large_scale"
ALIGNED = re.compile(r"halo_(?P<halo>\d+)_(?P<plane>xy|xz|yz)\.npz")
ROTATED = re.compile(r"sim_(?P<sim>\d+)_halo_(?P<halo>\d+)_rot_(?P<rot>\d+)\.npz")
USUAL_SCALES = (12.5, 25.0, 50.0)
USUAL_RESOLUTION = 128
PASS_VIEWS = 200
"""Views whose maps are held in memory at a time."""

logger = logging.getLogger("simlab.halo")


@dataclass
class Counts:
    """What happened to the samples of a folder."""

    written: int = 0
    skipped: int = 0

    def __iadd__(self, other):
        self.written += other.written
        self.skipped += other.skipped
        return self


def renew_large_scale(spec, record_json, dmo, json, *, threads=1):
    """Rule halo_large_scale: project the DMO particles again for the samples of a shard record.

    Parameters
    ----------
    spec : dict
        Of `specs.samples_spec`.
    record_json, dmo : path
        Shard record; snapshot of the DMO run.
    json : path
        List of what was written.
    """
    maps = parse_config(MapsConfig, spec["maps"])
    record = read_record(record_json)
    folder = Path(record_json).parents[2]
    centers = {halo["halo_idx"]: halo["center"] for halo in record["haloes"]}
    views = [
        (folder / entry["file"], centers[entry["halo_idx"]], np.array(entry["rot_matrix"]))
        for entry in record["samples"]
    ]
    lenient = spec["source"].get("allow_missing_chunks", False)
    project_views(
        views,
        open_snapshot(dmo, allow_missing_chunks=lenient),
        maps,
        chunk_particles=spec["execution"]["chunk_particles"],
        threads=threads,
    )
    write_json(
        json,
        {
            "format": 1,
            "scales": list(maps.scales[1:]),
            "files": [entry["file"] for entry in record["samples"]],
        },
    )


def project_views(views, snapshot, maps, *, chunk_particles, threads=None):
    """Write large_scale of rotated samples from the particles of their DMO run.

    Parameters
    ----------
    views : list of (path, center (3,), rotation (3, 3))
    snapshot : Snapshot
    maps : MapsConfig
        Its scales but the first are written.
    """
    for first in progress(range(0, len(views), PASS_VIEWS), None, "passes over the particles"):
        part = views[first : first + PASS_VIEWS]
        chunks = iter_particles(snapshot, 1, chunk_particles=chunk_particles)
        found = project_multiscale(
            prefetched(chunks),
            np.array([center for _, center, _ in part]),
            np.array([rotation for *_, rotation in part])[:, None],
            box_size=snapshot.box_size,
            target_resolution=maps.resolution,
            scales=maps.scales,
            depth=maps.depth,
            threads=threads,
            chunk_particles=chunk_particles,
            mode=maps.mode,
            cic_backend=maps.cic_backend,
        )
        for (path, _, _), fields in zip(part, found[:, 0], strict=True):
            replace_large_scale(path, read_npz(path), fields[1:])


def replace_large_scale(path, sample, values):
    """Write `sample` again with large_scale = `values`; all other arrays stay as they are."""
    sample = {**sample, KEY: values.astype(np.float32)}
    first = [key for key in DOCUMENTED if key in sample]
    keys = [*first, *(key for key in sample if key not in first)]
    store_sample(path, {key: sample[key] for key in keys})


@dataclass(frozen=True)
class LargeScaleOptions:
    """What to store.

    Attributes
    ----------
    scales : tuple of float
        Sides, Mpc/h, stored as (S, res, res); empty: one map of side `region`, (res, res).
    region : float
        Mpc/h
    resolution : int or None
        None: 128, from snapshots that of the samples.
    overwrite : bool
    """

    scales: tuple
    region: float
    resolution: int | None
    overwrite: bool


def samples_to_do(folder, pattern, catalog, overwrite, counts):
    """[(path, halo, match)] of the samples of a folder; nothing is written.

    Samples of haloes beyond the catalog are counted as skipped. Errors: SampleError for the first
    that has a large_scale, unless `overwrite`.
    """
    todo, kept = [], len(catalog["mass"])
    for path in sorted(Path(folder).glob("*.npz")):
        match = pattern.fullmatch(path.name)
        if not match:
            continue
        if int(match["halo"]) >= kept:
            logger.warning("%s: the catalog has %d haloes, skipped", path, kept)
            counts.skipped += 1
            continue
        if not overwrite and KEY in npz_headers(path):
            raise SampleError(f"{path}: has {KEY} already, --overwrite replaces it")
        todo.append((path, int(match["halo"]), match))
    return todo


def aligned_large_scale(todo, maps_folder, sim, catalog, options):
    """Route A: samples `halo_{i}_{plane}.npz` of one simulation, from maps of the whole box.

    Parameters
    ----------
    todo : list
        Of `samples_to_do` with ALIGNED.
    maps_folder : path
        Holds `projections_{plane}_{sim}.npz` with key `dm` (npix, npix).
    catalog : dict
        Kept haloes, of `load_halo_catalog`.
    options : LargeScaleOptions
    """
    fields = {}
    for path, halo, match in todo:
        plane = match["plane"]
        if plane not in fields:
            source = Path(maps_folder) / f"projections_{plane}_{sim}.npz"
            fields[plane] = read_npz(source, ["dm"])["dm"]
        sample = read_npz(path)
        cuts = extract_inference_cutouts(
            fields[plane],
            _center(sample, halo, catalog),
            catalog["box_size"],
            axis=AXES[plane],
            target_resolution=options.resolution or USUAL_RESOLUTION,
            scales=options.scales or (options.region,),
        )
        replace_large_scale(path, sample, cuts if options.scales else cuts[0])


def rotated_large_scale(todo, sim, snapshot, catalog, options, *, seed, chunk_particles):
    """Route B: samples `sim_{s}_halo_{h}_rot_{r}.npz` of one simulation, from the DMO particles.

    The rotation is the sample's rot_matrix, else the one in the shard record beside the sample,
    else that of the key (seed, sim, group_index, rot). Scales and depth are the record's, too.
    """
    if not todo:
        return
    record = _Records(todo[0][0].parent)
    views, resolutions = [], {options.resolution} - {None}
    for path, halo, match in todo:
        sample = read_npz(path)
        resolutions.add(sample["condition"].shape[-1])
        if len(resolutions) > 1:
            raise SampleError(
                f"{path}: condition is {sample['condition'].shape[-1]} px wide, expected "
                f"{options.resolution or sorted(resolutions)}: pixels would hold other masses"
            )
        rotation = sample.get("rot_matrix", record.rotations.get(path.name))
        if rotation is None:
            group = int(catalog["group_index"][halo])
            rotation, _ = view(seed, sim, halo, group, int(match["rot"]))
        views.append((path, _center(sample, halo, catalog), np.asarray(rotation, np.float64)))
    finest, *wider = record.scales or (snapshot.box_size / 8, *USUAL_SCALES)
    maps = parse_config(
        MapsConfig,
        {
            "box_size": snapshot.box_size,
            "resolution": resolutions.pop(),
            "scales": [finest, *(options.scales or wider)],
            "depth": record.depth,
        },
        "scales",
    )
    project_views(views, snapshot, maps, chunk_particles=chunk_particles)


class _Records:
    """What the shard records in a folder tell of the samples beside them."""

    def __init__(self, folder):
        self.scales, self.depth, self.rotations = None, None, {}
        for path in filter(is_record, sorted(folder.glob("shard_*.json"))):
            record = read_record(path)
            self.scales, self.depth = record["scales"], record["depth"]
            for entry in record["samples"]:
                self.rotations[Path(entry["file"]).name] = entry["rot_matrix"]


def _center(sample, halo, catalog):
    return np.asarray(sample.get("halo_center", catalog["pos"][halo]), np.float64)
