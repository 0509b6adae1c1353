"""Shards: contiguous ranges of the items of a data set, named by five digits."""

from simlab.core.errors import ConfigError

MAX_SHARDS = 100_000


def shard_names(n_items, per_shard):
    """Names of the shards that hold `n_items` items, `per_shard` in each but the last."""
    count = -(-n_items // per_shard)
    if count > MAX_SHARDS:
        raise ConfigError(
            f"{n_items} items at {per_shard} a shard are {count} shards, "
            f"at most {MAX_SHARDS} are possible: take more items a shard"
        )
    return [f"{i:05d}" for i in range(count)]


def shard_range(name, n_items, per_shard):
    """Half-open range (first, last) of the items in shard `name`."""
    first = int(name) * per_shard
    if first >= n_items:
        raise ConfigError(f"shard {name} lies beyond the last of {n_items} items")
    return first, min(first + per_shard, n_items)
