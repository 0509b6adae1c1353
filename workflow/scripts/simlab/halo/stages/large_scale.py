"""large_scale of samples that have none, or other scales: from maps or from the snapshot."""

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simlab.core.config import parse_config
from simlab.core.files import npz_headers, read_npz, write_json, write_npz
from simlab.core.progress import progress
from simlab.halo.config import MapsConfig
from simlab.halo.cutouts import extract_inference_cutouts
from simlab.halo.errors import SampleError
from simlab.halo.files.records import read_record
from simlab.halo.files.samples import DEFLATE, DOCUMENTED
from simlab.halo.files.snapshots import iter_particles, open_snapshot
from simlab.halo.names import is_record
from simlab.halo.planes import AXES
from simlab.halo.projection import project_multiscale
from simlab.halo.streaming import prefetched
from simlab.halo.views import view

KEY = "large_scale"
ALIGNED = re.compile(r"halo_(?P<halo>\d+)_(?P<plane>xy|xz|yz)\.npz")
ROTATED = re.compile(r"sim_(?P<sim>\d+)_halo_(?P<halo>\d+)_rot_(?P<rot>\d+)\.npz")
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
    write_npz(path, {key: sample[key] for key in keys}, DEFLATE)


def aligned_large_scale(folder, maps_folder, sim, catalog, box_size, options):
    """Route A: samples `halo_{i}_{plane}.npz` of one folder, from maps of the whole box.

    Parameters
    ----------
    folder : path
        `sim_{sim}` with the samples.
    maps_folder : path
        Holds `projections_{plane}_{sim}.npz` with key `dm` (npix, npix).
    catalog : dict
        Kept haloes, of `load_halo_catalog`.
    options : LargeScaleOptions
    """
    counts, fields, todo = Counts(), {}, []
    for path in sorted(Path(folder).glob("halo_*_*.npz")):
        match = ALIGNED.fullmatch(path.name)
        if match and _in_catalog(path, int(match["halo"]), catalog, counts):
            _require_free(path, npz_headers(path), options.overwrite)
            todo.append((path, int(match["halo"]), match["plane"]))
    for path, halo, plane in todo:
        if plane not in fields:
            source = Path(maps_folder) / f"projections_{plane}_{sim}.npz"
            fields[plane] = read_npz(source, ["dm"])["dm"]
        sample = read_npz(path)
        center = sample.get("halo_center", catalog["pos"][halo])
        cuts = extract_inference_cutouts(
            fields[plane],
            np.asarray(center, np.float64),
            box_size,
            axis=AXES[plane],
            target_resolution=options.resolution,
            scales=options.scales or (options.region,),
        )
        replace_large_scale(path, sample, cuts if options.scales else cuts[0])
        counts.written += 1
    return counts


def _in_catalog(path, halo, catalog, counts):
    kept = len(catalog["mass"])
    if halo < kept:
        return True
    logger.warning("%s: the catalog has %d haloes, skipped", path, kept)
    counts.skipped += 1
    return False


@dataclass(frozen=True)
class LargeScaleOptions:
    """What to store.

    Attributes
    ----------
    scales : tuple of float
        Sides, Mpc/h, stored as (S, res, res); empty: one map of side `region`, (res, res).
    region : float
        Mpc/h
    resolution : int
    overwrite : bool
    """

    scales: tuple
    region: float
    resolution: int
    overwrite: bool


def rotated_large_scale(folder, sim, snapshot, catalog, options, *, seed, finest, chunk_particles):
    """Route B: samples `sim_{s}_halo_{h}_rot_{r}.npz` of one folder, from the DMO particles.

    The rotation is the sample's rot_matrix, else that of the key (seed, sim, group_index, rot).
    `finest`: side of the condition, Mpc/h, which fixes the fine pixels.
    """
    counts, views = Counts(), []
    for path in sorted(Path(folder).glob("sim_*_halo_*_rot_*.npz")):
        match = ROTATED.fullmatch(path.name)
        if not match or int(match["sim"]) != sim:
            continue
        halo = int(match["halo"])
        if not _in_catalog(path, halo, catalog, counts):
            continue
        sample = read_npz(path)
        _require_free(path, sample, options.overwrite)
        center = np.asarray(sample.get("halo_center", catalog["pos"][halo]), np.float64)
        rotation = sample.get("rot_matrix")
        if rotation is None:
            group = int(catalog["group_index"][halo])
            rotation, _ = view(seed, sim, halo, group, int(match["rot"]))
        views.append((path, center, np.asarray(rotation, np.float64)))
    maps = parse_config(
        MapsConfig,
        {
            "box_size": snapshot.box_size,
            "resolution": options.resolution,
            "scales": [finest, *options.scales],
        },
        "scales",
    )
    project_views(views, snapshot, maps, chunk_particles=chunk_particles)
    counts.written += len(views)
    return counts


def _require_free(path, sample, overwrite):
    if KEY in sample and not overwrite:
        raise SampleError(f"{path}: has {KEY} already, --overwrite replaces it")


def finest_scale(folder, box_size):
    """Side of the condition maps, Mpc/h, from a shard record in `folder`, else an eighth box."""
    for path in filter(is_record, sorted(Path(folder).glob("shard_*.json"))):
        return read_record(path)["scales"][0]
    return box_size / 8
