"""The detector's pixels: which are valid, in which ring they lie, and bins of their values."""

import functools
import math

import numpy as np

from simlab.core.errors import ConfigError, InputFileError
from simlab.ptycho.histogram import histogram_edges, radial_rings
from simlab.ptycho.kernels import detection


def valid_pixels(side, detector, mask=None):
    """Mask and beamstop together: uint8 (N, N), 1 = valid, or None if every pixel is.

    The beamstop covers hypot(row - c, col - c) <= diameter/2 with c = N//2 (dc), the pixel of the
    zero frequency, or (N-1)/2 (geometric).

    Errors: InputFileError for a mask of another shape, or of 0 alone; ConfigError where mask and
    beamstop leave no pixel.
    """
    valid = np.ones((side, side), np.uint8)
    if mask is not None:
        mask = np.asarray(mask)
        if mask.shape != valid.shape:
            raise InputFileError(f"mask has shape {mask.shape}, the detector {valid.shape}")
        valid[mask == 0] = 0
        if not valid.any():
            raise InputFileError(f"mask hides all {side} x {side} pixels of the detector")
    elif detector.mask_file is not None:
        raise ConfigError("detector.mask_file: its array must be handed over as `mask`")
    if detector.beamstop_diameter > 0:
        center = side // 2 if detector.beamstop_center == "dc" else (side - 1) / 2
        distance_sq = (np.arange(side) - center) ** 2
        covered = distance_sq[:, None] + distance_sq <= (detector.beamstop_diameter / 2) ** 2
        valid[covered] = 0
        if not valid.any():
            which = "which" if mask is None else "which together with the mask"
            raise ConfigError(
                f"detector.beamstop_diameter is {detector.beamstop_diameter:g} px, {which} hides "
                f"all {side} x {side} pixels of the detector"
            )
    return None if valid.all() else valid


@functools.cache
def _histogram_tables():
    edges = histogram_edges()
    steps = np.arange(detection.FIRST_STEP, detection.FIRST_STEP + detection.STEPS + 1)
    ends = (steps.astype(np.uint64) << detection.STEP_BITS).view(np.float64)
    bins = np.searchsorted(edges[:-1], ends[:-1], side="right").clip(1)
    following = np.append(edges[1:-1], [math.inf, math.inf])[bins - 1]
    return bins.astype(np.uint8), np.where(following < ends[1:], following, math.inf)


@functools.lru_cache(maxsize=8)
def statistics_tables(side):
    """`detection.Tables` for frames of `side` px.

    Ring r holds the pixels with floor(hypot(row - N//2, col - N//2)) = r < N//2.
    """
    rings = radial_rings(side).clip(max=side // 2).astype(np.uint16)
    return detection.Tables(rings.ravel(), *_histogram_tables())
