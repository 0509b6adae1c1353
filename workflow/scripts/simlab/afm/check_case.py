"""A data set as the checks see it: its configuration, its files, and one pass over its samples."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simlab.afm.channels import channels_of
from simlab.afm.files.shards import Shard
from simlab.afm.flags import FAILED
from simlab.afm.production import afmulator_of, aux_maps_of


@dataclass
class Case:
    """What the checks are made on.

    Attributes
    ----------
    dataset : DatasetConfig
    molecules : list of files.molecules.Molecule
    plan : mapping
        Arrays of plan.npz.
    shards : list of path
    per_shard : int
    statistics : mapping
        `statistics.concatenate` of all `.stats.npz`.
    first_statistics : mapping
        The `.stats.npz` of shard 0.
    normalization : mapping
        Content of normalization.json.
    grids : callable or None
        Name of a molecule -> its grids.
    """

    dataset: object
    molecules: list
    plan: dict
    shards: list
    per_shard: int
    statistics: dict
    first_statistics: dict
    normalization: dict
    grids: object = None

    @cached_property
    def aux_maps(self):
        """The descriptors of the configuration."""
        return aux_maps_of(self.dataset, afmulator_of(self.dataset))

    @cached_property
    def elements(self):
        """Atomic numbers that occur."""
        return np.unique(np.concatenate([molecule.Z for molecule in self.molecules]))

    @cached_property
    def channels(self):
        """Channels of the arrays."""
        return channels_of(self.dataset, self.aux_maps, self.elements)

    @cached_property
    def measured(self):
        """`Measured` of all samples, in one pass over the shards."""
        return measure(self)

    @property
    def n_samples(self):
        """Samples of the plan."""
        return len(self.plan["mol_id"])

    def ceilings(self, channel):
        """Largest possible value of a channel of each sample, (N,), where atoms decide; or None."""
        by_channel = dict(
            zip(
                self.channels.descriptors,
                (aux for aux in self.aux_maps for _ in range(aux.n_channels)),
                strict=True,
            )
        )
        ceiling = getattr(by_channel[channel], "ceiling", None)
        if ceiling is None:
            return None
        return np.array([ceiling(mol[:, :3], mol[:, 4]) for mol in self.measured.mols])


@dataclass
class Measured:
    """What one pass over all samples finds; one row a sample, in file order.

    Attributes
    ----------
    small : dict
        The small arrays of all shards, joined.
    mols : list of (n, 5) float64
    not_finite : (N,) int64
        Values of images and descriptors that are not finite.
    low, high : (N, n_channels) float64
        Range of each descriptor channel.
    first_slice : (N,) float64
        Mean of the highest image of the first tip, Hz.
    digests : list of str
        SHA-256 of the images.
    misfits : list of (str, str)
        (shard, key) of arrays of another shape or type than the configuration says.
    """

    small: dict
    mols: list
    not_finite: np.ndarray
    low: np.ndarray
    high: np.ndarray
    first_slice: np.ndarray
    digests: list
    misfits: list

    @property
    def sample_id(self):
        """Sample ids, (N,)."""
        return self.small["sample_id"]

    @property
    def failed(self):
        """Samples that could not be simulated, (N,) bool."""
        return (self.small["flags"] & FAILED) > 0

    def worst(self, values):
        """Id of the sample with the largest of `values` (N,), None without samples."""
        if len(values) == 0:
            return None
        return int(self.sample_id[int(np.argmax(values))])


def expected_layout(case, count):
    """{key: (shape, dtype)} of the arrays of a shard with `count` samples."""
    dataset, channels = case.dataset, case.channels
    width, height, _ = dataset.simulator.scan_dim
    n_tip = len(channels.tips)
    return {
        "afm": ((count, n_tip, width, height, channels.depth), "float32"),
        "desc": ((count, len(channels.descriptors), width, height), "float32"),
        "mol/ptr": ((count + 1,), "int64"),
        "scan_window": ((count, n_tip, 2, 3), "float64"),
        "distAbove": ((count, n_tip), "float64"),
        "tipR0": ((count, n_tip, 3), "float64"),
        "df_steps": ((count, n_tip), "int32"),
        "sample_id": ((count,), "int64"),
        "mol_id": ((count,), "int32"),
        "rot_id": ((count,), "int32"),
        "split": ((count,), "int8"),
        "rot": ((count, 3, 3), "float64"),
        "flags": ((count,), "uint32"),
        "n_fallback": ((count,), "int32"),
        "n_unconverged": ((count,), "int32"),
    }


def measure(case):
    """One pass over the shards of a Case: Measured."""
    parts, mols, digests, misfits = [], [], [], []
    tables = {"not_finite": [], "low": [], "high": [], "first_slice": []}
    for number, path in enumerate(case.shards):
        with Shard(path) as shard:
            count = max(0, min(case.per_shard, case.n_samples - number * case.per_shard))
            for key, (shape, dtype) in expected_layout(case, count).items():
                found = shard.file.get(key)
                if found is None or found.shape != shape or str(found.dtype) != dtype:
                    misfits.append((f"shard_{number:05d}.h5", key))
            parts.append(shard.small())
            for position in range(len(shard)):
                images = shard.array("afm", position)
                maps = shard.array("desc", position)
                mols.append(shard.molecule(position))
                digests.append(hashlib.sha256(images.tobytes()).hexdigest())
                bad = np.count_nonzero(~np.isfinite(images))
                tables["not_finite"].append(bad + np.count_nonzero(~np.isfinite(maps)))
                flat = maps.reshape(len(maps), -1).astype(np.float64)
                tables["low"].append(flat.min(axis=1))
                tables["high"].append(flat.max(axis=1))
                tables["first_slice"].append(images[0, :, :, 0].mean(dtype=np.float64))
    small = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    arrays = {key: np.array(values) for key, values in tables.items()}
    return Measured(small=small, mols=mols, digests=digests, misfits=misfits, **arrays)
