"""Gaussian filter of fields."""

import numpy as np

from simlab.calcium.errors import SpecError
from simlab.calcium.kernels import filters as kernels

MODES = {"reflect": 0, "nearest": 1}


def gaussian_filter(field, sigma, mode):
    """Separable Gaussian filter with a kernel of radius int(4 sigma + 0.5), normalized to sum 1.

    Parameters
    ----------
    field : (H, W) array
        Filtered in float64.
    sigma : float
        Pixels, >= 0.
    mode : "reflect", "nearest" or "zero"
        What lies beyond the edges: the mirrored field, edge samples repeated; the edge samples;
        nothing.

    Returns
    -------
    (H, W) float64
    """
    field = np.ascontiguousarray(field, np.float64)
    if mode == "zero":
        reach = int(4.0 * sigma + 0.5)
        inner = tuple(slice(reach, reach + n) for n in field.shape)
        return kernels.gaussian_filter(np.pad(field, reach), sigma, MODES["nearest"])[inner]
    if mode not in MODES:
        raise SpecError(f"mode of a Gaussian filter is {mode!r}; reflect, nearest or zero")
    return kernels.gaussian_filter(field, sigma, MODES[mode])
