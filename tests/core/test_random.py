"""Random streams belong to (seed, name, index) alone."""

import zlib

import numpy as np
from numpy.random import Generator, Philox, SeedSequence

from simlab.core.random import generator


def test_the_stream_is_philox_keyed_by_seed_name_and_index():
    key = (zlib.crc32(b"ptycho.object"), 7)
    expected = Generator(Philox(SeedSequence(entropy=3, spawn_key=key))).random(4)
    np.testing.assert_array_equal(generator(3, "ptycho.object", 7).random(4), expected)


def test_seed_name_and_index_each_give_another_stream():
    first = generator(1, "ptycho.object", 0).random()
    others = [(2, "ptycho.object", 0), (1, "ptycho.probe", 0), (1, "ptycho.object", 1)]
    assert all(generator(*key).random() != first for key in others)


def test_global_generators_are_not_touched():
    before = np.random.get_state()[1].copy()
    generator(1, "ptycho.object", 0).random(100)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
