"""Which simulations train and which test: by simulation, so that no cosmology is in both."""

import random

import numpy as np

from simlab.core.splits import REST, SPLITS, Unit, deal


def train_test_split(total_sims, test_frac=0.1, seed=1993):
    """(train, test): ascending lists of simulation numbers 0..total_sims-1.

    The first int(test_frac * total_sims) numbers of a shuffled list are the test set; the product
    is truncated in floating point (int(0.29 * 100) is 28), as in published splits. Adding or
    leaving out simulations at the end of a run does not change it.
    """
    numbers = list(range(total_sims))
    random.Random(seed).shuffle(numbers)
    labels = deal(numbers, {"test": int(test_frac * total_sims), "train": REST})
    train, test = (np.flatnonzero(labels == SPLITS.index(name)) for name in ("train", "test"))
    return train.tolist(), test.tolist()


def unit_of(spec):
    """The Unit of a data set; `spec` is its whole configuration."""
    return Unit("simulation", "sim", spec["seed"])
