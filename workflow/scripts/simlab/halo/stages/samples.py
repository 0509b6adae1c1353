"""Rule halo_samples: all views of the haloes of one shard of one simulation, and their record.

The work can be killed at any time. Finished haloes are named in a progress file beside the record;
the next run takes over those whose files, inputs and specification are still the same.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simlab.core.errors import SimlabError
from simlab.core.files import sha256_of
from simlab.core.progress import progress
from simlab.core.provenance import package_versions
from simlab.halo.files.catalogs import load_halo_catalog, places_in_box
from simlab.halo.files.plausible import check_catalog, check_places
from simlab.halo.files.records import hex_parts, read_record, write_record
from simlab.halo.files.samples import write_sample
from simlab.halo.files.snapshots import (
    check_pair,
    fingerprint,
    iter_particles,
    open_snapshot,
)
from simlab.halo.memory import views_per_pass
from simlab.halo.parameters import ParameterTable, out_of_range
from simlab.halo.projection import project_multiscale
from simlab.halo.specs import dataset_from, spec_hash
from simlab.halo.stages.finished import FinishedHaloes
from simlab.halo.stages.placement import (
    is_intact,
    only_worker,
    remove_other_layouts,
    remove_strangers,
)
from simlab.halo.statistics import sample_moments
from simlab.halo.streaming import prefetched
from simlab.halo.views import view

SPECIES = {"dmo": 1, "hydro_dm": 1, "gas": 0, "stars": 4}
"""Particle type of each species, in the DMO or the hydrodynamic run."""


@dataclass(frozen=True)
class Inputs:
    """Files of one simulation: first or only file of each, and the table of parameters."""

    dmo: Path
    hydro: Path
    catalog: Path
    table: Path


def write_shard(spec, inputs, place, *, code, threads=1, memory_mb=4000, fresh=False):
    """Write the samples of a shard that are not there yet, then its record.

    Parameters
    ----------
    spec : dict
        Of `specs.samples_spec`.
    inputs : Inputs
    place : Place
    code : str
        Code digest.
    threads : int
    memory_mb : float
        Limits how many views are made in one pass over the particles; changes no result.
    fresh : bool
        Make everything again.

    Returns
    -------
    bool, whether there was anything to do

    Errors: BusyError if another process is making the shard.
    """
    job = _Job(spec, inputs, place, code)
    with only_worker(place):
        return _write_missing(job, threads, memory_mb, fresh)


def _write_missing(job, threads, memory_mb, fresh):
    place = job.place
    remove_other_layouts(place)
    if not fresh and job.is_complete():
        return False
    done = {} if fresh else job.finished_haloes()
    number = job.dataset.rotations.number
    todo = [(h, rot) for h in job.haloes if h["halo_idx"] not in done for rot in range(number)]
    per_pass = job.views_per_pass(memory_mb, threads)
    weights, partial = _Weights(), {}
    for first in range(0, len(todo), per_pass):
        job.make(todo[first : first + per_pass], threads, weights, done, partial)
    samples = [entry for halo in job.haloes for entry in done[halo["halo_idx"]]]
    masses = weights.totals(job)
    write_record(
        place.record,
        {
            **job.header(),
            "masses": masses,
            "samples": samples,
        },
    )
    remove_strangers(place, {entry["file"] for entry in samples})
    place.progress.unlink(missing_ok=True)
    return True


class _Job:
    """The simulation behind a shard, opened and checked."""

    def __init__(self, spec, inputs, place, code):
        self.spec, self.inputs, self.place, self.code = spec, inputs, place, code
        self.dataset = dataset_from(spec)
        source = self.dataset.source
        self.lenient = {"allow_missing_chunks": getattr(source, "allow_missing_chunks", False)}
        self.exclude_wind = getattr(source, "exclude_wind", False)
        units = getattr(source, "catalog_units", None)
        self.dmo = open_snapshot(inputs.dmo, **self.lenient)
        self.hydro = open_snapshot(inputs.hydro, **self.lenient)
        self.catalog = load_halo_catalog(
            inputs.catalog,
            self.dataset.haloes.mass_threshold,
            units=units.model_dump() if units else None,
            **self.lenient,
        )
        check_pair(self.dmo, self.hydro, self.catalog, box_size=self.dataset.maps.box_size)
        options = self.dataset.parameters
        self.params, self.names = ParameterTable(inputs.table).values(
            place.sim, options.columns, source.set, options.overrides
        )
        self.warnings = [
            f"{name} is {value:g}, outside [{low:g}, {high:g}]"
            for name, value, low, high in out_of_range(self.params, self.names)
        ]
        self.haloes = self._haloes()
        self.fingerprints = {
            "dmo": fingerprint(self.dmo),
            "hydro": fingerprint(self.hydro),
            "catalog": self.catalog["fingerprint"],
        }
        check_catalog(self.catalog, self.dmo.box_size, self.dmo.omega0)
        for run in ("dmo", "hydro"):
            check_places(getattr(self, run), self.fingerprints[run])
        self.finished = FinishedHaloes(place.progress, self._identity())

    def _haloes(self):
        kept = len(self.catalog["mass"])
        most = self.dataset.haloes.max_per_simulation
        centers = places_in_box(self.catalog, self.dmo.box_size)
        return [
            {
                "halo_idx": i,
                "group_index": int(self.catalog["group_index"][i]),
                "mass": float(self.catalog["mass"][i]),
                "center": centers[i].tolist(),
                "r200": float(self.catalog["r200"][i]),
            }
            for i in range(min(kept, most) if most else kept)
            if i % self.place.n_shards == self.place.shard
        ]

    def header(self):
        """The part of the shard record that is known before any map."""
        maps, place = self.dataset.maps, self.place
        return {
            **self._identity(),
            "dataset": place.folder.resolve().name,
            "sim": place.sim,
            "shard": place.shard,
            "n_shards": place.n_shards,
            "split": place.split,
            "versions": package_versions(),
            "missing_chunks": {
                "dmo": list(self.dmo.missing_chunks),
                "hydro": list(self.hydro.missing_chunks),
                "catalog": list(self.catalog["missing_chunks"]),
            },
            "omega0": {
                "dmo": self.dmo.omega0,
                "hydro": self.hydro.omega0,
                "catalog": self.catalog["omega0"],
            },
            "cosmology": {"OmegaBaryon": self.hydro.omega_baryon, "HubbleParam": self.dmo.hubble},
            "param_names": list(self.names),
            "box_size": self.dmo.box_size,
            "box_sizes": {
                "dmo": self.dmo.box_size,
                "hydro": self.hydro.box_size,
                "catalog": self.catalog["box_size"],
            },
            "mode": maps.mode,
            "cic_backend": maps.cic_backend,
            "chunk_particles": self.dataset.execution.chunk_particles,
            "npix": maps.npix,
            "resolution": maps.resolution,
            "simulations": self.dataset.simulations.model_dump(
                mode="json", include={"total", "test_fraction"}
            ),
            "scales": list(maps.scales),
            "depth": maps.depth,
            "rotation_scheme": self.dataset.rotations.scheme,
            "seed": self.dataset.seed,
            "warnings": self.warnings,
        }

    def particles(self, species):
        """Chunks (positions, masses) of a species, read one ahead."""
        snapshot = self.dmo if species == "dmo" else self.hydro
        return prefetched(
            iter_particles(
                snapshot,
                SPECIES[species],
                chunk_particles=self.dataset.execution.chunk_particles,
                exclude_wind=self.exclude_wind and species == "stars",
            )
        )

    def views_per_pass(self, memory_mb, threads):
        """Views that fit the memory beside the chunks, which are no larger than a species."""
        species = max(*self.dmo.counts, *self.hydro.counts)
        chunk = min(self.dataset.execution.chunk_particles, species)
        return views_per_pass(self.dataset.maps, chunk, memory_mb, threads)

    def make(self, views, threads, weights, done, partial):
        """Write the samples of `views`, pairs (halo, rot) in order.

        Entries go to `partial` {halo_idx: entries}; those of a halo whose rotations are all there
        to `done` and the progress file.
        """
        drawn = [self._view(*one) for one in views]
        centers = np.array([halo["center"] for halo, _ in views])
        rotations = np.array([rotation for rotation, _ in drawn])[:, None]
        maps = self._project(centers, rotations, threads, weights)
        counted = progress(views, len(views), f"sim {self.place.sim}: writing samples")
        for i, (halo, rot) in enumerate(counted):
            number, own = halo["halo_idx"], {key: m[i, 0] for key, m in maps.items()}
            entries = partial.setdefault(number, [])
            entries.append(self._write(halo, rot, *drawn[i], own))
            if len(entries) == self.dataset.rotations.number:
                self.finished.add(number, entries, done)
                done[number] = partial.pop(number)

    def _view(self, halo, rot):
        options = self.dataset.rotations
        return view(
            self.dataset.seed,
            self.place.sim,
            halo["halo_idx"],
            halo["group_index"],
            rot,
            scheme=options.scheme,
            identity=options.first_is_identity and rot == 0,
        )

    def _project(self, centers, rotations, threads, weights):
        maps = self.dataset.maps
        found = {}
        for species in SPECIES:
            scales = maps.scales if species == "dmo" else maps.scales[:1]
            found[species] = project_multiscale(
                weights.of(species, self.particles(species)),
                centers,
                rotations,
                box_size=self.dmo.box_size,
                target_resolution=maps.resolution,
                scales=scales,
                depth=maps.depth,
                threads=threads,
                chunk_particles=self.dataset.execution.chunk_particles,
                mode=maps.mode,
                cic_backend=maps.cic_backend,
            )
        return found

    def _write(self, halo, rot, rotation, key, maps):
        file = self.place.sample(halo["halo_idx"], rot)
        sample = {
            "condition": maps["dmo"][0],
            "target": np.stack([maps[species][0] for species in ("hydro_dm", "gas", "stars")]),
            "large_scale": maps["dmo"][1:],
            "params": np.asarray(self.params, np.float64),
            "halo_mass": np.float64(halo["mass"]),
            "halo_center": np.array(halo["center"], np.float64),
        }
        if self.dataset.output.provenance:
            sample["rot_matrix"] = rotation
            sample["seed_key"] = np.array(key, np.int64)
            sample["group_index"] = np.int64(halo["group_index"])
        path = self.place.folder / file
        write_sample(path, sample)
        return {
            "file": file,
            "halo_idx": halo["halo_idx"],
            "rot": rot,
            "rot_matrix": rotation.tolist(),
            "seed_key": [int(value) for value in key],
            "sha256": sha256_of(path),
            "bytes": path.stat().st_size,
            "sum_condition": _sum(sample["condition"]),
            "sum_target": [_sum(field) for field in sample["target"]],
            "sum_large_scale": [_sum(field) for field in sample["large_scale"]],
            "moments": hex_parts(sample_moments(sample, self.dataset.maps.scales)),
        }

    def _identity(self):
        """What the samples are made of, as it stands in the record."""
        return {
            "spec_hash": spec_hash(self.spec),
            "code": self.code,
            "fingerprints": self.fingerprints,
            "params": [float(value) for value in self.params],
            "haloes": self.haloes,
            "n_groups": int(self.catalog["n_groups"]),
            "n_kept": len(self.catalog["mass"]),
        }

    def is_complete(self):
        """Whether the record is there, made of the same inputs, with all its samples intact."""
        try:
            record = read_record(self.place.record)
        except SimlabError:
            return False
        same = all(record[key] == value for key, value in self._identity().items())
        entries = record["samples"]
        wanted = len(self.haloes) * self.dataset.rotations.number
        return (
            same
            and record["n_shards"] == self.place.n_shards
            and len(entries) == wanted
            and all(is_intact(self.place.folder, entry) for entry in entries)
        )

    def finished_haloes(self):
        """{halo_idx: sample entries} of the haloes that an earlier run finished, all intact."""
        wanted = {halo["halo_idx"] for halo in self.haloes}
        return {
            halo_idx: entries
            for halo_idx, entries in self.finished.read().items()
            if halo_idx in wanted
            and len(entries) == self.dataset.rotations.number
            and all(is_intact(self.place.folder, entry) for entry in entries)
        }


class _Weights:
    """Total mass of each species, summed while its particles stream by."""

    def __init__(self):
        self._totals = {}

    def of(self, species, chunks):
        """`chunks` unchanged; afterwards the total of `species` is known."""
        sums = []
        for positions, masses in chunks:
            sums.append(float(np.sum(masses, dtype=np.float64)))
            yield positions, masses
        self._totals[species] = math.fsum(sums)

    def totals(self, job):
        """{species: mass, Msun/h}; species that no pass has read are read now."""
        for species in SPECIES:
            if species not in self._totals:
                for _ in self.of(species, job.particles(species)):
                    pass
        return self._totals


def _sum(field):
    return float(np.sum(field, dtype=np.float64))
