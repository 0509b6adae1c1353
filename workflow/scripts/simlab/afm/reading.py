"""What a sample of an AFM data set is, and how networks get it."""

import json

import numpy as np

from simlab.core.errors import InputFileError
from simlab.core.inputs import shown
from simlab.core.normalization import Linear, number_of, read_statistics, standard
from simlab.core.samples import OpenFile, SampleFiles

OPTIONS = ()
MOLECULE = "mol"


class ShardFiles(SampleFiles):
    """Shards of samples; `mol` (n, 5) float64 is x, y, z (Å), charge (e), atomic number."""

    ragged = (MOLECULE,)

    def open(self, path):
        """A shard and the molecules of its samples."""
        if self.arrays is None:
            return OpenShard(path, None, True)
        names = tuple(name for name in self.arrays if name != MOLECULE)
        return OpenShard(path, names, MOLECULE in self.arrays)

    def attributes(self, file):
        """Root attributes of a shard, as a dict."""
        with self._lock:
            return dict(self.opened(file).file.attrs)


class OpenShard(OpenFile):
    """An open shard."""

    def __init__(self, path, names, with_molecules):
        super().__init__(path, names)
        self._atoms = None
        if with_molecules:
            from simlab.afm.files.shards import Shard

            with Shard(path) as shard:  # which checks that the two arrays belong together
                self._atoms, self._ptr = shard.array("mol/data"), shard.array("mol/ptr")

    def read(self, positions):
        """Samples at `positions`, a list."""
        samples = super().read(positions)
        if self._atoms is not None:
            for sample, k in zip(samples, positions, strict=True):
                sample[MOLECULE] = self._atoms[self._ptr[k] : self._ptr[k + 1]].copy()
        return samples


def sources(folder, index, arrays=None):
    """(Index, SampleFiles) of the image stacks of a data set, one a row."""
    return index, ShardFiles(folder, arrays)


def normalizer(dataset):
    """Images by mean and standard deviation of tip and slice, descriptors by those of a channel."""
    path, content = read_statistics(dataset.folder)
    if len(dataset.index) == 0:
        raise InputFileError(f"{dataset.folder / 'index.csv'}: no sample to normalize")
    file = dataset.index[0]["file"]
    tips = [tip["name"] for tip in _listed(dataset, file, "tips")]
    channels = _listed(dataset, file, "desc_channels")
    slices = range(len(_slices(path, content, tips[0])))
    images = {
        what: np.array(
            [[number_of(path, content, "afm", tip, k, what) for k in slices] for tip in tips]
        )[:, None, None, :]
        for what in ("mean", "std")
    }
    maps = {
        what: np.array([number_of(path, content, "desc", name, what) for name in channels])
        for what in ("mean", "std")
    }
    return Linear(
        {
            "afm": standard(images["mean"], images["std"]),
            "desc": standard(maps["mean"][:, None, None], maps["std"][:, None, None]),
        }
    )


def _slices(path, content, tip):
    images = content.get("afm")
    if not isinstance(images, dict) or not isinstance(images.get(tip), list):
        raise InputFileError(f"{path}: afm.{tip}: not there, expected statistics of each slice")
    return images[tip]


def _listed(dataset, file, name):
    text = ShardFiles(dataset.folder, ()).attributes(file).get(name)
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        raise InputFileError(
            f"{dataset.folder / file}: attribute {name} is {shown(text)}, expected a list"
        ) from None
