"""Random draws from numpy's generators and, for parity with the original tool, RandomState."""

import numpy as np

from simlab.core.errors import ConfigError
from simlab.core.random import check_seed, generator

MAX_LEGACY_SEED = 2**32 - 1


def stream(seed, name, index=0, legacy_seed=None):
    """Generator of item `index` of the stream `name`, or `RandomState(legacy_seed)` if given.

    Errors: TypeError or ConfigError for a seed that is no whole number >= 0.
    """
    if legacy_seed is None:
        return generator(seed, name, index)
    check_seed(legacy_seed, "legacy_seed")
    if legacy_seed > MAX_LEGACY_SEED:
        raise ConfigError(f"legacy_seed is {legacy_seed}, it must be <= {MAX_LEGACY_SEED}")
    return np.random.RandomState(int(legacy_seed))


def integers(rng, low, high, size=None):
    """Whole numbers in [low, high): `Generator.integers` or `RandomState.randint`."""
    draw = rng.randint if isinstance(rng, np.random.RandomState) else rng.integers
    return draw(low, high, size)
