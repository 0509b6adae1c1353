"""The histogram of recorded values: zeros, and bins equal in log2 from 2^-40 to 2^40."""

import functools
from decimal import Decimal, localcontext

import numpy as np

BINS = 256
OCTAVES = 40


@functools.cache
def histogram_edges():
    """Edges of the histogram bins 1..255, float64 (256,): 2^(-40 + 80 i/255), correctly rounded.

    Bin 0 counts zeros; values beyond the ends belong to the first and the last bin.
    """
    with localcontext() as context:
        context.prec = 40
        exponents = (Decimal(2 * OCTAVES * i) / (BINS - 1) for i in range(BINS))
        return np.array([float(Decimal(2) ** (e - OCTAVES)) for e in exponents])


def histogram_bins(values):
    """Bin 0..255 of each value >= 0, int64; an edge belongs to the bin above it."""
    inside = np.searchsorted(histogram_edges()[:-1], values, side="right").clip(1)
    return np.where(np.asarray(values) > 0, inside, 0)
