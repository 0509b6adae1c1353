"""Effects beyond the original program: saturation, pauses, hot pixels, lost frames."""

import numpy as np

from simlab.core.random import generator


def saturated_emission(C, gains, f0, saturation):
    """What saturating indicators emit instead of their calcium signal.

    Parameters
    ----------
    C : float64 (n, T)
        Linear traces, gain * (f0 + calcium).
    gains : float64 (n,)
        Brightness of each cell, > 0.
    f0 : float
        Baseline.
    saturation : Saturation
        hill and half of the curve half x^hill / (x^hill + half^hill), x = max(C/gain - f0, 0);
        for hill 1 its slope at small x is 1.

    Returns
    -------
    float64 (n, T)
        gain * (f0 + curve).
    """
    gains = np.asarray(gains, np.float64)[:, np.newaxis]
    x = np.maximum(C / gains - f0, 0.0)
    with np.errstate(divide="ignore", over="ignore"):  # no signal gives infinity, and no share
        share = 1.0 / (1.0 + (saturation.half / x) ** saturation.hill)
    return gains * (f0 + saturation.half * share)


def exposure(segments, n_frames):
    """Factor of photons_per_unit in each frame, float64 (n_frames,): 1 before the first segment.

    segments: list of Segment by ascending start_frame; each rules from there to the next one.
    """
    factor = np.ones(n_frames)
    for segment in segments:
        factor[segment.start_frame :] = segment.exposure
    return factor


def hot_pixels(seed, shape, hot, largest):
    """Counts that each pixel has too many, uint16 (H, W).

    A share `hot.fraction` of the pixels counts floor(x) more, x exponential with mean
    `hot.level_adu`; stream "calcium.hot_pixels" of `seed`. No extra exceeds `largest`, the largest
    count of the sensor, beyond which no pixel shows it.
    """
    rng = generator(seed, "calcium.hot_pixels", 0)
    mask = rng.random(shape) < hot.fraction
    extra = np.floor(rng.exponential(hot.level_adu, shape))
    return np.where(mask, np.minimum(extra, largest), 0).astype(np.uint16)


def add_hot_pixels(counts, extra, largest):
    """Add the extra counts of hot pixels (H, W) to `counts` (F, H, W) in place, up to `largest`."""
    room = largest - counts.astype(np.int32)
    counts += np.minimum(extra, room).astype(counts.dtype)


def dropped_frames(seed, n_frames, dropped):
    """Which frames the recorder lost, bool (n_frames,); frame 0 never.

    A share `dropped.fraction`; stream "calcium.dropped_frames" of `seed`.
    """
    lost = generator(seed, "calcium.dropped_frames", 0).random(n_frames) < dropped.fraction
    lost[:1] = False
    return lost
