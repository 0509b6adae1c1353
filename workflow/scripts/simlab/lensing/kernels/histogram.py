"""Histogram of asinh(v)."""

import math

import numba
import numpy as np


@numba.njit(cache=True, error_model="numpy", nogil=True)
def count_asinh(values, low, high, counts):
    """Count `values` (n,) float64 into equal bins of asinh(v) over low .. high, in place.

    Values beyond the limits go to the outermost bins. `counts` (B,) int64.
    """
    bins = counts.shape[0]
    scale = bins / (high - low)
    zero = min(int(-low * scale), bins - 1)
    zeros = 0
    for value in values:
        if value == 0.0:
            zeros += 1
            continue
        place = int((math.asinh(value) - low) * scale)
        counts[min(max(place, 0), bins - 1)] += 1
    counts[zero] += zeros


def warm():
    """Compile the kernel."""
    count_asinh(np.zeros(1), -1.0, 1.0, np.zeros(2, np.int64))
