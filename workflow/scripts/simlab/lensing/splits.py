"""Which rows train, validate and test."""

from simlab.core.random import generator
from simlab.core.splits import SPLITS, Unit, deal
from simlab.lensing.errors import LensingConfigError


def split_of(splits, size, seed):
    """Split of every row: int8 (size,), 0 training, 1 validation, 2 tests.

    Parameters
    ----------
    splits : Splits or DatasetConfig or (int, int, int)
        Fractions or numbers, as the configuration has them, or numbers of rows.
    size : int
    seed : int
        The permutation comes from the stream `lensing.split`: its first entries are the rows for
        training, the next ones for validation, the rest tests.
    """
    splits = getattr(splits, "splits", splits)
    counts = splits.counts(size) if hasattr(splits, "counts") else splits
    if sum(counts) != size:
        raise LensingConfigError(f"splits: {sum(counts)} rows are dealt, there are {size}")
    order = generator(seed, "lensing.split", 0).permutation(size)
    return deal(order, dict(zip(SPLITS[:3], counts, strict=True)))


def unit_of(spec):
    """The Unit of a data set; `spec` is its whole configuration."""
    return Unit("row", "index", spec["seed"])
