"""Random streams that belong to a seed, a name and an index, never to a process."""

import zlib
from numbers import Integral

from numpy.random import Generator, Philox, SeedSequence

from simlab.core.errors import ConfigError


def generator(seed, stream, *index):
    """Generator of one item of `stream` ("<domain>.<what>"), the same wherever it is computed.

    Parameters
    ----------
    seed : int >= 0
        Seed of the data set.
    stream : str
        What is drawn, for example "ptycho.positions".
    *index : int >= 0
        Global index of the item (several for nested items).

    Returns
    -------
    numpy.random.Generator
        Philox keyed by SeedSequence(entropy=seed, spawn_key=(crc32(stream), *index)).
    """
    return Generator(Philox(seed_sequence(seed, stream, *index)))


def seed_sequence(seed, stream, *index):
    """The SeedSequence behind `generator`, for kernels that key their own counters."""
    check_seed(seed)
    return SeedSequence(entropy=int(seed), spawn_key=(zlib.crc32(stream.encode()), *index))


def check_seed(seed, name="seed"):
    """TypeError unless `seed` is a whole number (no bool), ConfigError if it is negative."""
    if isinstance(seed, bool) or not isinstance(seed, Integral):
        raise TypeError(f"{name} is {seed!r}, a whole number is expected")
    if seed < 0:
        raise ConfigError(f"{name} is {seed}, it must be >= 0")
