"""What statistics of frames share: histogram bins, rings of pixels, the scale of X_full.

The histogram counts zeros, and values in bins equal in log2 from 2^-40 to 2^40.
"""

import functools
import math
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


def radial_rings(side):
    """Ring floor(hypot(row - N//2, col - N//2)) of every pixel, int64 (N, N), N = `side`."""
    offset_sq = (np.arange(side) - side // 2) ** 2
    return np.sqrt(offset_sq[:, None] + offset_sq).astype(np.int64)


def full_scale(side, mean_sum_sq):
    """q = sqrt((N/2)^2 / mean sum of squares of a frame), N = `side`; infinite for dark frames."""
    return math.sqrt((side / 2) ** 2 / mean_sum_sq) if mean_sum_sq > 0 else math.inf
