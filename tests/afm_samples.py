"""Samples for the trainer of any force field; importable by worker processes."""

import os
import time

import numpy as np
from afm_reference import molecule

from simlab.afm.densities import ElectronDensity, HartreePotential
from simlab.afm.rotations import rotation_matrix

ROTATIONS = [np.eye(3), rotation_matrix((0, 0, 1), np.pi), rotation_matrix((1, 1, 0), 0.4)]


class Molecules:
    """Numbered samples of shipped molecules, with grids of the stated shape if any."""

    def __init__(self, names, shape=None, fail_at=None, die_at=None, delay=0.0):
        self.names, self.shape = list(names), shape
        self.fail_at, self.die_at, self.delay = fail_at, die_at, delay

    def __len__(self):
        return len(self.names)

    def __getitem__(self, k):
        if k == self.fail_at:
            raise FileNotFoundError(f"no grid of sample {k}")
        if k == self.die_at:
            os._exit(7)
        time.sleep(self.delay)
        xyzs, Zs, qs = molecule(self.names[k])
        sample = {"xyzs": xyzs, "Zs": Zs, "qs": qs, "rot": ROTATIONS[k % len(ROTATIONS)]}
        if self.shape is not None:
            low, high = xyzs.min(axis=0) - 3, xyzs.max(axis=0) + 3
            lvec = np.vstack([low, np.diag(high - low)])
            rng = np.random.default_rng(k)
            sample["qs"] = HartreePotential(rng.normal(size=self.shape) * 0.01, lvec)
            sample["rho_sample"] = ElectronDensity(rng.random(self.shape), lvec)
        return sample

    def __iter__(self):
        return (self[k] for k in range(len(self)))


class Unnumbered:
    """The same samples as a plain iterable without length."""

    def __init__(self, samples):
        self.samples = samples

    def __iter__(self):
        return iter(self.samples)


class Counting:
    """Numbered samples that leave a file for each one made."""

    def __init__(self, folder):
        self.folder = folder

    def __len__(self):
        return 50

    def __getitem__(self, k):
        (self.folder / str(k)).touch()
        return {"xyzs": np.zeros((2, 3))}
