"""Where the samples of a shard lie, and what must not lie there."""

import fcntl
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from simlab.core.errors import SimlabError
from simlab.core.files import sha256_of
from simlab.halo.errors import BusyError
from simlab.halo.files.records import read_record
from simlab.halo.names import record_file, sample_file, sim_folder

SIDES = {"train": "test", "test": "train"}
OF_SHARD = re.compile(
    r"\.{0,2}shard_(?P<shard>\d{5})(\.large_scale|\.progress)?\.json(\..*\.part)?"
)
"""Names of a shard's record and lists, and of what a killed job was writing of them."""


@dataclass(frozen=True)
class Place:
    """Where the samples of a shard go.

    Attributes
    ----------
    folder : Path
        Of the data set.
    split : str
    sim, shard, n_shards : int
    """

    folder: Path
    split: str
    sim: int
    shard: int
    n_shards: int

    @property
    def record(self):
        """Path of the shard record."""
        return self.folder / record_file(self.split, self.sim, self.shard)

    @property
    def progress(self):
        """Path of the list of haloes that are done."""
        return self.record.with_name(f".shard_{self.shard:05d}.progress.json")

    def sample(self, halo_idx, rot):
        """File of a sample, relative to the data set."""
        return sample_file(self.split, self.sim, halo_idx, rot)


@contextmanager
def only_worker(place):
    """Keep other processes from making the same shard; BusyError if one does.

    The lock goes with its process, however that ends.
    """
    path = place.record.with_name(f".shard_{place.shard:05d}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = open(path, "w")  # noqa: SIM115 - closed below, after the file is gone
    except OSError as error:
        raise SimlabError(f"cannot write {path}: {error.strerror}") from None
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held = path.exists() and os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except BlockingIOError:
        held = False
    if not held:
        stream.close()
        raise BusyError(f"{place.record}: another process is making it")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        stream.close()


def remove_strangers(place, named):
    """Delete samples of this shard's haloes that are not `named`: other settings made them.

    What killed runs were writing goes, too.
    """
    folder = place.folder / sim_folder(place.split, place.sim)
    for path in folder.glob(f"sim_{place.sim}_halo_*_rot_*.npz"):
        if _is_own(place, path) and path.relative_to(place.folder).as_posix() not in named:
            path.unlink()
    for path in folder.glob(f".sim_{place.sim}_halo_*_rot_*.npz.*.part"):
        if _is_own(place, path):
            path.unlink(missing_ok=True)
    for kept in (place.record, place.progress):
        for path in folder.glob(f".{kept.name}.*.part"):
            path.unlink(missing_ok=True)


def _is_own(place, path):
    """Whether a sample, or a part of one, is of a halo of this shard."""
    halo_idx = path.name.split("_")[3]
    return halo_idx.isdigit() and int(halo_idx) % place.n_shards == place.shard


def remove_other_layouts(place):
    """Delete what is left of the simulation in the other split and of shards that are no more."""
    here, sim = place.record.parent, place.sim
    elsewhere = place.folder / sim_folder(SIDES[place.split], sim)
    for name in (f"sim_{sim}_halo_*_rot_*.npz", f".sim_{sim}_halo_*_rot_*.npz.*.part"):
        for path in elsewhere.glob(name):
            path.unlink(missing_ok=True)
    for folder, first in ((here, place.n_shards), (elsewhere, 0)):
        # records may be gone while their lists are not
        for path in folder.glob("*shard_*.json*"):
            match = OF_SHARD.fullmatch(path.name)
            if match and int(match["shard"]) >= first:
                path.unlink(missing_ok=True)
    _remove_if_empty(elsewhere)


def is_whole(place, digest):
    """Whether a record of the specification `digest` is there with all its samples intact."""
    try:
        record = read_record(place.record)
    except SimlabError:
        return False
    return record["spec_hash"] == digest and all(
        is_intact(place.folder, entry) for entry in record["samples"]
    )


def is_intact(folder, entry):
    """Whether the file of a sample entry is there with the bytes it was written with."""
    path = folder / entry["file"]
    return (
        path.is_file()
        and path.stat().st_size == entry["bytes"]
        and sha256_of(path) == entry["sha256"]
    )


def discard(place):
    """Delete what a failed run has left of a shard."""
    remove_strangers(place, set())
    place.progress.unlink(missing_ok=True)
    place.record.unlink(missing_ok=True)
    _remove_if_empty(place.record.parent)


def _remove_if_empty(folder):
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
