"""Random streams that belong to a seed, a name and an index, never to a process."""

import zlib

from numpy.random import Generator, Philox, SeedSequence


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
    return SeedSequence(entropy=seed, spawn_key=(zlib.crc32(stream.encode()), *index))
