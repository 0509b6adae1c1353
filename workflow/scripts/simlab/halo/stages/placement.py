"""Where the samples of a shard lie, and what must not lie there."""

from dataclasses import dataclass
from pathlib import Path

from simlab.core.files import sha256_of
from simlab.halo.names import record_file, sample_file, sim_folder


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


def remove_strangers(place, named):
    """Delete samples of this shard's haloes that are not `named`: other settings made them."""
    folder = place.folder / sim_folder(place.split, place.sim)
    for path in folder.glob(f"sim_{place.sim}_halo_*_rot_*.npz"):
        halo_idx = path.stem.split("_")[3]
        own = halo_idx.isdigit() and int(halo_idx) % place.n_shards == place.shard
        if own and path.relative_to(place.folder).as_posix() not in named:
            path.unlink()


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
    folder = place.record.parent
    if folder.is_dir():
        for part in folder.glob(".*.part"):
            part.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()
