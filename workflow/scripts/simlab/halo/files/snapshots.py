"""Particles of Gadget and AREPO snapshots, whole or streamed.

| in the file | becomes |
|---|---|
| `PartType{t}/Coordinates` floats (N, 3), code length | (N, 3) float32, comoving Mpc/h, in [0, L) |
| `PartType{t}/Masses` floats (N,), code mass | (N,) float32, Msun/h |
| `Header.MassTable[t]` where `Masses` are missing | (N,) float64 view of one number, Msun/h |

A position is converted and wrapped into [0, L) in float64 and rounded once; what rounds to L
becomes 0. Types that were not asked for are never opened.
"""

from contextlib import contextmanager

import numpy as np

from simlab.core.errors import ConfigError
from simlab.halo.errors import SnapshotError
from simlab.halo.files.columns import read_masses, read_positions, read_positive
from simlab.halo.files.hdf5 import dataset, open_hdf5
from simlab.halo.files.headers import (
    DARK_MATTER,
    GAS,
    STARS,
    Snapshot,
    check_pair,
    open_snapshot,
)

__all__ = [
    "Snapshot",
    "check_pair",
    "fingerprint",
    "iter_particles",
    "load_dmo_particles",
    "load_hydro_particles",
    "open_snapshot",
]

WIND = "GFM_StellarFormationTime"
MAPPED = (GAS, DARK_MATTER, STARS)


def load_dmo_particles(nbody_path, snapnum=90, *, dtype=np.float32, allow_missing_chunks=False):
    """Dark matter of a DMO run: positions (N, 3) `dtype`, Mpc/h; masses (N,), Msun/h."""
    snapshot = open_snapshot(nbody_path, snapnum, allow_missing_chunks=allow_missing_chunks)
    return _load(snapshot, DARK_MATTER, dtype)


def load_hydro_particles(
    hydro_path, snapnum=90, *, dtype=np.float32, exclude_wind=False, allow_missing_chunks=False
):
    """Dark matter, gas and stars of a hydrodynamic run.

    Returns (dm_pos, dm_mass, gas_pos, gas_mass, star_pos, star_mass): positions (N, 3) `dtype`,
    Mpc/h; masses (N,), Msun/h. A species without particles has the shapes (0, 3) and (0,).
    `exclude_wind` leaves out type 4 with GFM_StellarFormationTime <= 0, wind-phase gas of TNG.
    """
    snapshot = open_snapshot(hydro_path, snapnum, allow_missing_chunks=allow_missing_chunks)
    arrays = []
    for kind in (DARK_MATTER, GAS, STARS):
        arrays += _load(snapshot, kind, dtype, exclude_wind)
    return tuple(arrays)


def iter_particles(
    path,
    particle_type,
    snapnum=90,
    *,
    chunk_particles=2**22,
    dtype=np.float32,
    exclude_wind=False,
    allow_missing_chunks=False,
):
    """Particles of one type in file order, at most `chunk_particles` rows at a time.

    `path` is what `open_snapshot` takes, or a Snapshot. Yields pairs (positions (n, 3) `dtype`,
    masses (n,)), never empty ones; a pair never spans two files. The layout of all files is
    checked before the first pair.
    """
    if chunk_particles < 1:
        raise ConfigError(f"chunk_particles is {chunk_particles}, expected an integer >= 1")
    snapshot = path
    if not isinstance(path, Snapshot):
        snapshot = open_snapshot(path, snapnum, allow_missing_chunks=allow_missing_chunks)
    readers = _readers(snapshot, particle_type, dtype, exclude_wind)
    return _pieces(readers, int(chunk_particles))


def _pieces(readers, chunk_particles):
    for reader in readers:
        with reader.open():
            for start in range(0, reader.count, chunk_particles):
                positions, masses = reader.read(start, min(start + chunk_particles, reader.count))
                if len(positions):
                    yield positions, masses


def _load(snapshot, kind, dtype, exclude_wind=False):
    """All particles of one type, read into arrays that are allocated once."""
    readers = _readers(snapshot, kind, dtype, exclude_wind)
    count = sum(reader.count for reader in readers)
    positions = np.empty((count, 3), dtype)
    uniform = not any(reader.has_masses for reader in readers)
    masses = None if uniform else np.empty(count, np.float32)
    end = 0
    for reader in readers:
        with reader.open():
            start, end = end, end + reader.count
            part, weights = reader.read(0, reader.count, positions[start:end])
            end = start + len(part)
            if masses is not None:
                masses[start:end] = weights
    if masses is None:
        return positions[:end], _uniform(snapshot.mass_table[kind], end)
    return positions[:end], masses[:end]


def _uniform(mass, count):
    """`count` equal masses without memory: a read-only view of stride 0."""
    return np.broadcast_to(np.float64(mass), (count,))


def _readers(snapshot, kind, dtype, exclude_wind):
    """One reader a file that holds particles of the type; each file's layout is checked here."""
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise ConfigError(f"dtype is {dtype}, allowed: float32, float64")
    readers = []
    for path, counts in zip(snapshot.files, snapshot.file_counts, strict=True):
        if counts[kind]:
            reader = _Reader(snapshot, path, kind, counts[kind], dtype, exclude_wind)
            with reader.open():
                readers.append(reader)
    return readers


class _Reader:
    """Particles of one type in one file; its datasets are found, and read, inside `open`."""

    def __init__(self, snapshot, path, kind, count, dtype, exclude_wind):
        self.path, self.kind, self.count, self.dtype = path, kind, count, dtype
        self.exclude_wind = exclude_wind and kind == STARS
        self.has_masses = False
        self._snapshot = snapshot

    @contextmanager
    def open(self):
        """Open the file and check that it holds what the header announces."""
        with open_hdf5(self.path, SnapshotError) as file:
            group = self._group(file)
            self._positions = dataset(group, "Coordinates", (self.count, 3), SnapshotError)
            self._masses = self._births = None
            if self.has_masses:
                self._masses = dataset(group, "Masses", (self.count,), SnapshotError)
            if self.exclude_wind:
                self._births = dataset(group, WIND, (self.count,), SnapshotError)
            yield

    def _group(self, file):
        name, table = f"PartType{self.kind}", self._snapshot.mass_table[self.kind]
        if name not in file:
            raise SnapshotError(
                f"{self.path}: no group {name}, NumPart_ThisFile announces {self.count} particles"
            )
        group = file[name]
        if "Coordinates" not in group:
            raise SnapshotError(f"{self.path}: no {name}/Coordinates; found {', '.join(group)}")
        self.has_masses = "Masses" in group
        if not self.has_masses and table == 0:
            raise SnapshotError(
                f"{self.path}: no mass for {name}: MassTable[{self.kind}] is 0 and there is no "
                f"{name}/Masses"
            )
        if self.exclude_wind and WIND not in group:
            raise SnapshotError(
                f"{self.path}: no {name}/{WIND}, by which exclude_wind tells stars from wind"
            )
        return group

    def ends(self):
        """First and last position as they are stored."""
        return self._positions[0].tolist(), self._positions[-1].tolist()

    def read(self, start, stop, out=None):
        """Positions and masses of rows start..stop; positions in `out` if that is given."""
        snapshot = self._snapshot
        positions = np.empty((stop - start, 3), self.dtype) if out is None else out
        read_positions(
            self._positions, start, stop, positions, snapshot.length_factor, snapshot.box_size
        )
        masses = _uniform(snapshot.mass_table[self.kind], stop - start)
        if self._masses is not None:
            masses = read_masses(self._masses, start, stop, snapshot.mass_factor)
        if self._births is None:
            return positions, masses
        stars = read_positive(self._births, start, stop)
        kept = np.count_nonzero(stars)
        positions[:kept] = positions[stars]
        return positions[:kept], masses[:kept] if self._masses is None else masses[stars]


def fingerprint(snapshot):
    """What tells a snapshot from another without reading it, one dict a file.

    Keys: file (name), bytes, counts (6,), box_size Mpc/h, mass_table (6,) Msun/h, and first and
    last: {type: stored coordinates} of gas, dark matter and stars.
    """
    entries = []
    for path, counts in zip(snapshot.files, snapshot.file_counts, strict=True):
        entry = {
            "file": path.name,
            "bytes": path.stat().st_size,
            "counts": list(counts),
            "box_size": snapshot.box_size,
            "mass_table": list(snapshot.mass_table),
            "first": {},
            "last": {},
        }
        for kind in MAPPED:
            if not counts[kind]:
                continue
            reader = _Reader(snapshot, path, kind, counts[kind], np.dtype(np.float64), False)
            with reader.open():
                entry["first"][str(kind)], entry["last"][str(kind)] = reader.ends()
        entries.append(entry)
    return entries
