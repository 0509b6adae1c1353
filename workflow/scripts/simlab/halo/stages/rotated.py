"""Rotated samples that are there: how they were made, so that their particles can be projected."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simlab.core.config import parse_config
from simlab.core.errors import ConfigError
from simlab.core.files import npz_headers, read_npz
from simlab.halo.config import ExecutionConfig, MapsConfig
from simlab.halo.errors import SampleError
from simlab.halo.files.records import read_record
from simlab.halo.names import is_record
from simlab.halo.stages.large_scale import (
    USUAL_SCALES,
    center_of,
    check_inputs,
    project_views,
)
from simlab.halo.views import view


@dataclass(frozen=True)
class Origin:
    """How samples were made, where no record tells it; None = the usual.

    Attributes
    ----------
    seed : int
        Of rotations that neither sample nor record holds.
    rotation_scheme, mode : str or None
    """

    seed: int
    rotation_scheme: str | None = None
    mode: str | None = None


class RotatedSamples:
    """Route B: samples `sim_{s}_halo_{h}_rot_{r}.npz` of one simulation and their DMO particles.

    The rotation is the sample's rot_matrix, else the one in the shard record beside the sample,
    else that of the key (seed, sim, group_index, rot). Scales, depth, mode, backend and chunks are
    the record's, too. All is checked here but the condition maps, which `write` compares.

    Parameters
    ----------
    todo : list
        Of `samples_to_do` with ROTATED, not empty.
    sim : int
    snapshot : Snapshot
    catalog : dict
        Kept haloes, of `load_halo_catalog`.
    options : LargeScaleOptions
    origin : Origin
    """

    def __init__(self, todo, sim, snapshot, catalog, options, origin):
        record = _Records(todo[0][0].parent)
        for option in ("rotation_scheme", "mode"):
            _require_told(option, getattr(origin, option), record.common)
        self.snapshot, self.catalog = snapshot, catalog
        self.scheme = origin.rotation_scheme or record.common.get("rotation_scheme", "so3")
        usual = ExecutionConfig().chunk_particles
        self.chunk_particles = record.common.get("chunk_particles", usual)
        self.maps = self._maps(record.common, _resolution(todo, options), options, origin)
        check_inputs(snapshot, record.common.get("fingerprints"), self.maps.box_size, catalog)
        self.views = [
            self._view(path, halo, sim, int(match["rot"]), record.rotations, origin.seed)
            for path, halo, match in todo
        ]

    def write(self):
        """Write the samples; SampleError for one whose condition the particles do not give."""
        project_views(self.views, self.snapshot, self.maps, chunk_particles=self.chunk_particles)

    def _maps(self, record, resolution, options, origin):
        box_size = record.get("box_size", self.snapshot.box_size)
        finest, *wider = record.get("scales") or (self.snapshot.box_size / 8, *USUAL_SCALES)
        mapping = {
            "box_size": box_size,
            "resolution": resolution,
            "scales": [finest, *(options.scales or wider)],
            "depth": record.get("depth"),
            "mode": origin.mode or record.get("mode", "exact"),
            "cic_backend": record.get("cic_backend", "numba"),
        }
        try:
            return parse_config(MapsConfig, mapping)
        except ConfigError as error:
            problem = " ".join(str(error).splitlines()[1].split())
            raise ConfigError(f"--scales: {problem}") from None

    def _view(self, path, halo, sim, rot, rotations, seed):
        keys = npz_headers(path).keys() & {"rot_matrix", "halo_center"}
        sample = read_npz(path, keys)
        rotation = sample.get("rot_matrix", rotations.get(path.name))
        if rotation is None:
            group = int(self.catalog["group_index"][halo])
            rotation, _ = view(seed, sim, halo, group, rot, scheme=self.scheme)
        return path, center_of(sample, halo, self.catalog), np.asarray(rotation, np.float64)


def _resolution(todo, options):
    """Side of the samples' maps, px; they must agree with each other and with --target_res."""
    first = None
    for path, _, _ in todo:
        shape, _ = npz_headers(path).get("condition", ((), None))
        if len(shape) != 2 or shape[0] != shape[1]:
            raise SampleError(f"{path}: no square map condition")
        if options.resolution not in (None, shape[0]):
            raise ConfigError(
                f"--target_res: {path}: condition is {shape[0]} px wide, expected "
                f"{options.resolution}: pixels would hold other masses"
            )
        first = first or shape[0]
        if shape[0] != first:
            raise SampleError(f"{path}: condition is {shape[0]} px wide, others are {first}")
    return first


def _require_told(option, given, record):
    told = record.get(option)
    if given is not None and told not in (None, given):
        raise ConfigError(f"--{option} is {given}, the samples' record says {told}")


class _Records:
    """What the shard records in a folder tell of the samples beside them."""

    def __init__(self, folder):
        self.common, self.rotations = {}, {}
        for path in filter(is_record, sorted(folder.glob("shard_*.json"))):
            self.common = read_record(path)
            for entry in self.common["samples"]:
                self.rotations[Path(entry["file"]).name] = entry["rot_matrix"]
