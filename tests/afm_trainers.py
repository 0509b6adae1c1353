"""Small simulators and trainers of the AFM tests."""

import random

import numpy as np
from afm_reference import paths

from simlab.afm.descriptors import AtomicDisks, AtomRfunc, Bonds, HeightMap, vdwSpheres
from simlab.afm.simulator import AFMulator
from simlab.afm.trainers import InverseAFMtrainer

CO = {"iZPPs": [8], "Qs": [[-10, 20, -10, 0]], "QZs": [[0.1, 0, -0.1, 0]]}
CO_XE = {
    "iZPPs": [8, 54],
    "Qs": [[-10, 20, -10, 0], [0.1, 0, 0, 0]],
    "QZs": [[0.1, 0, -0.1, 0], [0.3, 0, 0, 0]],
}


def small_afmulator(**options):
    """An AFMulator of 12 x 10 x 8 anchors over 8 x 7 x 0.8 Å."""
    arguments = {
        "pixPerAngstrome": 5,
        "scan_dim": (12, 10, 8),
        "scan_window": ((4, 4, 6), (12, 11, 6.8)),
        "df_steps": 4,
        "npbc": (0, 0, 0),
        "backend": "numba",
        **options,
    }
    return AFMulator(**arguments)


def seed_maps(afmulator):
    """The five descriptors of the seed over the scan of an AFMulator."""
    pixels = {
        "scan_dim": afmulator.scan_dim[:2],
        "scan_window": [corner[:2] for corner in afmulator.scan_window],
    }
    return [
        vdwSpheres(**pixels),
        AtomicDisks(**pixels),
        HeightMap(afmulator.scanner),
        Bonds(**pixels),
        AtomRfunc(**pixels),
    ]


class Randomized:
    """Callbacks of the seed, with a record of what was called and drawn."""

    def __init__(self, *args, **kwargs):
        self.calls, self.drawn = "", []
        super().__init__(*args, **kwargs)

    def on_batch_start(self):
        self.calls += "B"

    def on_sample_start(self):
        self.calls += "S"
        self.randomize_distance(0.2)
        self.randomize_tip(0.3)

    def on_afm_start(self):
        self.calls += "A"
        self.drawn.append([self.distAboveActive, *self.afmulator.tipR0])

    def on_afm_end(self):
        self.calls += "E"


class RandomizedInverse(Randomized, InverseAFMtrainer):
    """An InverseAFMtrainer with the callbacks of the seed."""


def small_trainer(kind=RandomizedInverse, names=("formic_acid", "g2_H2O", "bcb"), **options):
    """A trainer over a small AFMulator without descriptors."""
    afmulator = options.pop("afmulator", None) or small_afmulator()
    arguments = {"batch_size": 2, "distAbove": 4.0, **CO, **options}
    maps = arguments.pop("aux_maps", [])
    return kind(afmulator, maps, paths(*names), **arguments)


def seed_global_generators(seed):
    """Seed the generators of random and numpy, which `rng="legacy"` draws from."""
    random.seed(seed)
    np.random.seed(seed)


def equal_samples(first, second):
    """Whether two samples are the same in every bit."""
    return all(np.array_equal(a, b) for a, b in zip(_flat(first), _flat(second), strict=True))


def _flat(sample):
    return [*sample.Y, *(part for name, part in sample._asdict().items() if name != "Y")]
