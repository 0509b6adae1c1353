"""Samples of finished data sets, for training loops; reads HDF5 only, knows no simulator."""

from collections import OrderedDict
from pathlib import Path

from simlab.afm.errors import AfmMissingFileError
from simlab.afm.files.shards import Shard
from simlab.afm.flags import FAILED
from simlab.core.errors import ConfigError
from simlab.core.splits import ALIASES, SPLITS


class AfmDataset:
    """The samples of one shard, or of all shards of a data set, in order.

    `len(dataset)` counts them, `dataset[i]` is `(afm, desc, mol)` of sample i: float32
    (n_tip, nx, ny, nz') in Hz, float32 (n_channels, nx, ny), float64 (n, 5) with x, y, z (Å),
    charge (e) and atomic number. Iterating goes through the shards. Of the files the last
    `KEPT` that were read stay open, also in worker processes.

    Attributes
    ----------
    channels : list of str
        Names of the descriptor channels.
    tips : list of str
    """

    KEPT = 8

    def __init__(self, paths, rows=None):
        self._paths = [Path(path) for path in paths]
        self._open = OrderedDict()
        self._rows = self._places() if rows is None else rows
        attributes = self._shard(0).attributes
        self.channels = attributes["desc_channels"]
        self.tips = [tip["name"] for tip in attributes["tips"]]

    def _places(self):
        counts = [len(self._shard(number)) for number in range(len(self._paths))]
        return [(number, k) for number, count in enumerate(counts) for k in range(count)]

    def _shard(self, number):
        if number in self._open:
            self._open.move_to_end(number)
        else:
            self._open[number] = Shard(self._paths[number])
            while len(self._open) > self.KEPT:
                self._open.popitem(last=False)[1].close()
        return self._open[number]

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, index):
        shard, position = self._rows[index]
        shard = self._shard(shard)
        return shard.array("afm", position), shard.array("desc", position), shard.molecule(position)

    def __iter__(self):
        return (self[k] for k in range(len(self)))

    def __getstate__(self):
        # File handles stay in the process that opened them.
        return {**self.__dict__, "_open": OrderedDict()}

    def split(self, name):
        """The samples of one split: train, val (or validation) or test, without failed ones."""
        name = ALIASES.get(name, name)
        if name not in SPLITS[:3]:
            raise ConfigError(f"split {name!r} is unknown, known: {', '.join(SPLITS[:3])}")
        rows = [row for row in self._rows if self._split_of(*row) == name]
        return AfmDataset(self._paths, rows)

    def _split_of(self, shard, position):
        shard = self._shard(shard)
        if int(shard.array("flags", position)) & FAILED:
            return SPLITS[3]
        return SPLITS[int(shard.array("split", position))]

    def close(self):
        """Close all files."""
        for shard in self._open.values():
            shard.close()
        self._open.clear()


def load_dataset(path):
    """AfmDataset of a shard, or of the shards of a data set's folder or its folder `shards`.

    Raises AfmMissingFileError where there is none.
    """
    path = Path(path)
    paths = [path]
    if path.is_dir():
        paths = sorted((path / "shards").glob("shard_*.h5")) or sorted(path.glob("shard_*.h5"))
    if not paths or not paths[0].is_file():
        raise AfmMissingFileError(
            f"afm: {path}: no shards; expected a shard_*.h5 file or the folder of a data set"
        )
    return AfmDataset(paths)
