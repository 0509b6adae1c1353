"""Shards cut a range without gaps or overlaps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlab.core.errors import ConfigError
from simlab.core.sharding import shard_names, shard_range


@given(st.integers(1, 5000), st.integers(1, 700))
def test_shards_hold_every_item_once(n_items, per_shard):
    ranges = [shard_range(s, n_items, per_shard) for s in shard_names(n_items, per_shard)]
    assert [i for first, last in ranges for i in range(first, last)] == list(range(n_items))


def test_names_have_five_digits():
    assert shard_names(5, 2) == ["00000", "00001", "00002"]


def test_more_shards_than_five_digits_are_refused():
    with pytest.raises(ConfigError, match="at most 100000"):
        shard_names(100_001, 1)


def test_a_shard_beyond_the_end_is_refused():
    with pytest.raises(ConfigError, match="beyond"):
        shard_range("00003", 5, 2)
