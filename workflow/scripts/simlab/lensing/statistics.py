"""Statistics of lensed pictures and roulette amplitudes over the training rows of a data set.

Pictures are summarized where they are made: each shard keeps one part (n, mean, m2, min, max) for
every training row and channel, and one histogram, so that the result does not depend on shards.
"""

import math

import numpy as np

from simlab.core.statistics import RunningMoments, histogram_percentile
from simlab.lensing.kernels.histogram import count_asinh

FORMAT = 1
BINS = 65536
LOW, HIGH = -13.0, 13.0
"""Limits of asinh(grey level) in the histogram."""
PERCENTILES = {"p0_1": 0.1, "p1": 1, "p50": 50, "p99": 99, "p99_9": 99.9}
SAFE_EXPONENT = 300
"""Columns of values beyond 2^300, or all below 2^-300, are scaled before they are squared."""
LARGEST_EXPONENT = 700
"""Largest x for which exp(x) and exp(-x) are ordinary numbers."""
MAD_TO_STD = 1.482602218505602
"""Standard deviation over median absolute deviation of a normal distribution."""


class PictureStatistics:
    """Statistics of the pictures of one shard.

    Parameters
    ----------
    channels : int
        1 or 3.
    """

    def __init__(self, channels):
        self.channels = channels
        self._rows, self._parts = [], []
        self._counts = np.zeros((channels, BINS), np.int64)

    def push(self, index, image):
        """Add the picture (H, W) or (H, W, 3) of row number `index` (from 1)."""
        planes = image[..., None] if image.ndim == 2 else image
        parts = []
        for channel in range(self.channels):
            moments, plane = RunningMoments(), np.ascontiguousarray(planes[..., channel])
            moments.push(plane)
            [part] = moments.to_dict()["parts"]
            parts.append(part)
            count_asinh(plane.ravel().astype(np.float64), LOW, HIGH, self._counts[channel])
        self._rows.append(index)
        self._parts.append(parts)

    def arrays(self):
        """What statistics/{shard}.npz holds: index (n,), parts (n, channels, 5), counts."""
        return {
            "index": np.array(self._rows, np.int64),
            "parts": np.array(self._parts, np.float64).reshape(-1, self.channels, 5),
            "counts": self._counts,
        }


def picture_summary(shards):
    """`images` of normalization.json: lists with one entry a channel.

    Parameters
    ----------
    shards : list of dict
        `PictureStatistics.arrays` of each shard.
    """
    counts = sum(shard["counts"] for shard in shards)
    edges = np.sinh(np.linspace(LOW, HIGH, BINS + 1))
    summary = {name: [] for name in ("mean", "std", "min", "max", *PERCENTILES)}
    for channel in range(counts.shape[0]):
        parts = [part for shard in shards for part in shard["parts"][:, channel].tolist()]
        moments = RunningMoments([(int(n), *rest) for n, *rest in parts])
        empty = not parts
        for name in ("mean", "std", "min", "max"):
            summary[name].append(None if empty else getattr(moments, name))
        for name, percent in PERCENTILES.items():
            value = None if empty else histogram_percentile(counts[channel], edges, percent)
            summary[name].append(value)
    return summary


SUMMARY = ("mean", "std", "min", "max", "median", "mad", "scale")


def summary_of(values):
    """Statistics of one column of finite numbers; all None without any.

    `scale` is a robust standard deviation, 1.4826 mad, or the standard deviation where more than
    half of the values are equal, or 1 where all are. A statistic that no float64 can hold is None.
    """
    if len(values) == 0 or not np.isfinite(values).all():
        return dict.fromkeys(SUMMARY)
    exponent = math.frexp(max(map(abs, values)))[1]
    if abs(exponent) <= SAFE_EXPONENT or not any(values):
        return _summary(values)
    # a power of two changes no digits, and squares of scaled values neither over- nor underflow
    scaled = _summary([math.ldexp(value, -exponent) for value in values])
    summary = {name: _unscaled(value, exponent) for name, value in scaled.items()}
    if scaled["std"] == 0 or summary["scale"] == 0:
        summary["scale"] = 1.0
    return summary


def _unscaled(value, exponent):
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return None


def _summary(values):
    moments = RunningMoments([(1, value, 0.0, value, value) for value in values])
    median = float(np.median(values))
    mad = float(np.median(np.abs(np.asarray(values) - median)))
    return {
        "mean": moments.mean,
        "std": moments.std,
        "min": moments.min,
        "max": moments.max,
        "median": median,
        "mad": mad,
        "scale": (MAD_TO_STD * mad) or moments.std or 1.0,
    }


def amplitude_summary(columns):
    """Name -> `summary_of` of its values; `columns` maps alpha[m][s], beta[m][s] to lists."""
    return {name: summary_of(values) for name, values in columns.items()}


def scaled_columns(columns, r0):
    """Dimensionless amplitudes gamma[m, s] r0^(m - 1) / m! of raw ones.

    Raw amplitudes fall by orders of magnitude with m; medians of these do not. They still spread as
    R^-m with the distance from the lens, between rows.

    Parameters
    ----------
    columns : mapping
        alpha[m][s], beta[m][s] -> list of float (px^(1 - m)).
    r0 : float
        Length, px.
    """
    return {name: _scaled(values, _exponent(name, r0)) for name, values in columns.items()}


def _scaled(values, exponent):
    if abs(exponent) <= LARGEST_EXPONENT:
        factor = math.exp(exponent)
        return [factor * value for value in values]
    half = math.exp(exponent / 2) if exponent < 2 * LARGEST_EXPONENT else math.inf
    return [half * value * half for value in values]


def _exponent(name, r0):
    order = int(name[name.index("[") + 1 : name.index("]")])
    return (order - 1) * math.log(r0) - math.lgamma(order + 1)


def normalization(shards, columns, radii, rows):
    """Content of normalization.json.

    Parameters
    ----------
    shards : list of dict
        `PictureStatistics.arrays` of each shard.
    columns : mapping
        alpha[m][s], beta[m][s] -> values over the training rows.
    radii : list of float
        Smallest radius of convergence of each training row, px.
    rows : mapping
        Split -> number of rows.
    """
    r0 = float(np.median(radii)) if len(radii) else None
    return {
        "format": FORMAT,
        "split": "train",
        "n_samples": rows["train"],
        "images": picture_summary(shards),
        "amplitudes": amplitude_summary(columns),
        "scaled": amplitude_summary(scaled_columns(columns, r0) if r0 else {}),
        "r0": r0,
        "rows": dict(rows),
    }
