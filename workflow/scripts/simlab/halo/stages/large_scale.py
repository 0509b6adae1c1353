"""large_scale of samples that have none, or other scales: from maps or from the snapshot."""

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simlab.core.config import parse_config
from simlab.core.errors import ConfigError
from simlab.core.files import npz_headers, read_npz, write_json
from simlab.core.progress import progress
from simlab.halo.config import MapsConfig
from simlab.halo.cutouts import COMMENSURATE, SCALES, cutout_size, extract_inference_cutouts
from simlab.halo.errors import SampleError
from simlab.halo.files.records import read_record
from simlab.halo.files.samples import DOCUMENTED, store_sample
from simlab.halo.files.snapshots import (
    check_pair,
    fingerprint,
    iter_particles,
    open_snapshot,
)
from simlab.halo.memory import views_per_pass
from simlab.halo.planes import AXES
from simlab.halo.projection import project_multiscale
from simlab.halo.streaming import prefetched

KEY = "large_scale"
ALIGNED = re.compile(r"halo_(?P<halo>\d+)_(?P<plane>xy|xz|yz)\.npz")
ROTATED = re.compile(r"sim_(?P<sim>\d+)_halo_(?P<halo>\d+)_rot_(?P<rot>\d+)\.npz")
USUAL_SCALES = SCALES[1:]
USUAL_RESOLUTION = 128
SAME = 1e-3
"""Of the maximum: up to here two condition maps are one, apart from rounding."""

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


def renew_large_scale(spec, record_json, dmo, json, *, threads=1, memory_mb=4000):
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
    snapshot = open_snapshot(dmo, allow_missing_chunks=lenient)
    check_inputs(snapshot, record["fingerprints"], maps.box_size)
    project_views(
        views,
        snapshot,
        maps,
        chunk_particles=spec["execution"]["chunk_particles"],
        threads=threads,
        memory_mb=memory_mb,
    )
    write_json(
        json,
        {
            "format": 1,
            "scales": list(maps.scales[1:]),
            "files": [entry["file"] for entry in record["samples"]],
        },
    )


def check_inputs(snapshot, fingerprints, box_size, catalog=None):
    """Refuse particles that are not those of a shard record, or of another box.

    Parameters
    ----------
    snapshot : Snapshot
    fingerprints : dict or None
        Of the record.
    box_size : float
        Mpc/h
    catalog : dict, optional
        Of `load_halo_catalog`.
    """
    check_pair(snapshot, snapshot, catalog, box_size=box_size)
    if fingerprints is not None and fingerprints["dmo"] != fingerprint(snapshot):
        raise SampleError(
            f"{snapshot.files[0]}: not the snapshot that the samples were made of (their shard "
            "record holds another fingerprint)"
        )


def project_views(views, snapshot, maps, *, chunk_particles, threads=None, memory_mb=4000):
    """Write large_scale of rotated samples from the particles of their DMO run.

    Parameters
    ----------
    views : list of (path, center (3,), rotation (3, 3))
    snapshot : Snapshot
    maps : MapsConfig
        Its scales but the first are written; the map of the first must be the sample's condition.

    Errors: SampleError for the first sample whose condition these particles do not give; samples
    of the same pass are not written.
    """
    chunk = min(chunk_particles, snapshot.counts[1])
    size = views_per_pass(maps, chunk, memory_mb, threads or 1)
    for first in progress(range(0, len(views), size), None, "passes over the particles"):
        part = views[first : first + size]
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
        )[:, 0]
        for (path, _, _), fields in zip(part, found, strict=True):
            _require_same(path, read_npz(path, ["condition"])["condition"], fields[0], snapshot)
        for (path, _, _), fields in zip(part, found, strict=True):
            replace_large_scale(path, read_npz(path), fields[1:])


def _require_same(path, condition, found, snapshot):
    same = condition.shape == found.shape and (
        np.abs(condition - found.astype(np.float64)).max() <= SAME * condition.max()
    )
    if not same:
        raise SampleError(
            f"{path}: condition is not what {snapshot.files[0]} gives: it was made of another "
            "simulation, center or depth, or with a rotation of another seed or scheme"
        )


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

    @property
    def sides(self):
        """Sides of the maps, Mpc/h."""
        return self.scales or (self.region,)


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


def map_files(todo, maps_folder, sim):
    """{plane: path} of the maps that the samples of a simulation need."""
    return {
        match["plane"]: Path(maps_folder) / f"projections_{match['plane']}_{sim}.npz"
        for _, _, match in todo
    }


def check_aligned(todo, maps_folder, sim, catalog, options):
    """Refuse what `aligned_large_scale` cannot do, before anything is written.

    Errors: ConfigError naming an option for maps without room for it; those of the files.
    """
    box_size = catalog["box_size"]
    if todo and box_size is None:
        raise SampleError(f"{catalog['path']}: tells no size of the box")
    option = "scales" if options.scales else "large_region_size"
    resolution = options.resolution or USUAL_RESOLUTION
    for path in map_files(todo, maps_folder, sim).values():
        shape, _ = npz_headers(path).get("dm", ((), None))
        if len(shape) != 2 or shape[0] != shape[1] or not shape[0]:
            raise SampleError(f"{path}: no square map dm")
        for side in options.sides:
            if side > box_size * (1 + COMMENSURATE):
                raise ConfigError(
                    f"--{option}: {side:g} Mpc/h is larger than the box, {box_size:g} Mpc/h"
                )
            pixels = cutout_size(side, box_size, shape[0])
            if pixels < resolution or pixels % resolution:
                raise ConfigError(
                    f"--{option}, --target_res: a cutout of {pixels} pixels ({side:g} Mpc/h) of "
                    f"{path} is not a multiple of {resolution}"
                )


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
    files = map_files(todo, maps_folder, sim)
    fields = {plane: read_npz(path, ["dm"])["dm"] for plane, path in files.items()}
    for path, halo, match in todo:
        sample = read_npz(path)
        cuts = extract_inference_cutouts(
            fields[match["plane"]],
            center_of(sample, halo, catalog),
            catalog["box_size"],
            axis=AXES[match["plane"]],
            target_resolution=options.resolution or USUAL_RESOLUTION,
            scales=options.sides,
        )
        replace_large_scale(path, sample, cuts if options.scales else cuts[0])


def center_of(sample, halo, catalog):
    """Center (3,) of a sample, Mpc/h: its own, else that of the catalog."""
    return np.asarray(sample.get("halo_center", catalog["pos"][halo]), np.float64)
