"""Training pairs of finished data sets, for training loops; reads HDF5 only, knows no simulator."""

from collections import OrderedDict
from pathlib import Path

import h5py

from simlab.calcium.files.training import open_training
from simlab.core.errors import ConfigError, InputFileError, MissingFileError
from simlab.core.files import read_json
from simlab.core.hdf5 import read_values
from simlab.core.splits import ALIASES, SPLITS

ARRAYS = ("noisy", "clean")


class TrainingPairs:
    """The samples of one training shard, or of all shards of a split, in order.

    `len(pairs)` counts them; `pairs[i]` is `(noisy, clean)`: (t, h, w) counts in their own number
    type and float32 intensity, None where the shards have no clean movie. Of the files the last
    `KEPT` that were read stay open, also in worker processes.
    """

    KEPT = 8

    def __init__(self, paths):
        self._paths = [Path(path) for path in paths]
        self._open = OrderedDict()
        self._rows = []
        for number, path in enumerate(self._paths):
            with open_training(path) as file:
                self._rows += [(number, k) for k in range(len(file["index"]))]

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, index):
        number, position = self._rows[index]
        file = self._file(number)
        return tuple(read_values(file[name], position) if name in file else None for name in ARRAYS)

    def __iter__(self):
        return (self[k] for k in range(len(self)))

    def place(self, index):
        """Where a sample was cut: dict of key, sample, t0, y0, x0."""
        number, position = self._rows[index]
        row = self._file(number)["index"][position]
        return {"key": row["key"].decode(), **{k: int(row[k]) for k in row.dtype.names[1:]}}

    def units(self, index):
        """Truth of the recording of a sample: dict of arrays, the footprints as CSR parts.

        `expected_scale`, a float: counts per intensity, see `training.expected_scale`.
        """
        number, _ = self._rows[index]
        group = self._file(number)["units"][self.place(index)["key"]]
        arrays = {name: values[()] for name, values in group.items()}
        return arrays | {"expected_scale": float(group.attrs["expected_scale"])}

    def _file(self, number):
        if number in self._open:
            self._open.move_to_end(number)
        else:
            self._open[number] = h5py.File(self._paths[number], "r")
            while len(self._open) > self.KEPT:
                self._open.popitem(last=False)[1].close()
        return self._open[number]

    def __getstate__(self):
        # File handles stay in the process that opened them.
        return {**self.__dict__, "_open": OrderedDict()}

    def close(self):
        """Close all files."""
        for file in self._open.values():
            file.close()
        self._open.clear()


def shards_of(folder, split):
    """Shards of a split, in order: those of the manifest, so that none of an earlier run is one.

    Without a manifest all shards that lie there, if they belong together.
    """
    manifest = folder / "manifest.json"
    if manifest.exists():
        names = [name for name in read_json(manifest)["files"] if name.startswith("training/")]
        return [folder / name for name in sorted(names) if Path(name).name.startswith(f"{split}-")]
    paths = sorted((folder / "training").glob(f"{split}-*.h5"))
    made = set()
    for path in paths:
        with open_training(path) as file:
            made.add((file.attrs["spec"], int(file.attrs["shards"])))
    if len(made) > 1 or any(count != len(paths) for _, count in made):
        raise InputFileError(
            f"calcium: {folder}: the {len(paths)} training shards of split {split} are of "
            "different runs, or some are missing; finish the data set, its manifest.json names them"
        )
    return paths


def load_training(path, split="train"):
    """TrainingPairs of a shard, or of the shards of one split of a data set's folder.

    Raises MissingFileError where there is none, InputFileError where shards of different runs lie
    beside each other and no manifest tells which are meant.
    """
    path = Path(path)
    if not path.is_dir():
        return TrainingPairs([path])
    split = ALIASES.get(split, split)
    if split not in SPLITS[:3]:
        raise ConfigError(f"split {split!r} is unknown, known: {', '.join(SPLITS[:3])}")
    paths = shards_of(path, split)
    if not paths:
        raise MissingFileError(
            f"calcium: {path}: no training shards of split {split}; expected training/{split}-*.h5"
        )
    return TrainingPairs(paths)
