"""Normalization statistics: totals over the training frames that do not depend on the shards.

Per-frame values are computed with the frames (`forward.Block.statistics`) or from arrays of one's
own (`frame_statistics`); totals over frames are exactly rounded sums in frame order.
"""

import math

import numpy as np

from simlab.core.errors import SimlabError
from simlab.core.statistics import histogram_percentile
from simlab.ptycho.histogram import (
    BINS,
    full_scale,
    histogram_bins,
    histogram_edges,
    radial_rings,
)

PERCENTILES = {"p0_1": 0.1, "p1": 1.0, "p50": 50.0, "p99": 99.0, "p99_9": 99.9}
FORMAT = 1
FROM_REPORT = ("n_outside", "mean_nearest_distance", "linear_overlap")


def frame_statistics(stored, counts, patches=None, saturation=None):
    """Per-frame statistics of a stack of frames.

    Parameters
    ----------
    stored : (M, N, N)
        Measurement as stored.
    counts : (M, N, N)
        The same frames as counts.
    patches : (M, N, N) complex, optional
        Ground truth; without it patch_max is nan.
    saturation : float, optional
        Largest count; without it no pixel is saturated.

    Returns
    -------
    dict of arrays of length M
        sum, sum_sq, min, max (of the stored values), zeros, saturated (pixels), counts_sum,
        counts_sum_sq, patch_max, radial (M, N//2) mean counts in rings, histogram (M, 256).
    """
    frames, side = stored.shape[0], stored.shape[-1]
    values = np.asarray(stored, np.float64).reshape(frames, -1)
    events = np.asarray(counts, np.float64).reshape(frames, -1)
    rings = radial_rings(side).ravel()
    ring_pixels = np.bincount(rings)[: side // 2]
    bins = histogram_bins(values)
    limit = np.inf if saturation is None else saturation
    largest = np.full(frames, np.nan)
    if patches is not None:
        largest = np.abs(np.asarray(patches, np.complex128)).reshape(frames, -1).max(axis=1)
    return {
        "sum": values.sum(axis=1),
        "sum_sq": (values**2).sum(axis=1),
        "min": values.min(axis=1),
        "max": values.max(axis=1),
        "zeros": (values == 0).sum(axis=1),
        "saturated": (events >= limit).sum(axis=1),
        "counts_sum": events.sum(axis=1),
        "counts_sum_sq": (events**2).sum(axis=1),
        "patch_max": largest,
        "radial": np.array(
            [np.bincount(rings, frame)[: side // 2] / ring_pixels for frame in events]
        ),
        "histogram": np.array([np.bincount(row, minlength=BINS) for row in bins], np.int32),
    }


def concatenate(parts):
    """Per-frame statistics of consecutive shards as those of all their frames."""
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def observed_norm(counts_sum, frame_scale, nphotons):
    """norm_Y_I = sqrt(nphotons / mean_j sum A_j^2) of the recorded normalized amplitudes A.

    Parameters
    ----------
    counts_sum : (M,) float64
        Counts of every frame.
    frame_scale : float or (M,) float64
        s or s_j: A = sqrt(counts)/s.
    nphotons : float
    """
    total = np.asarray(counts_sum, np.float64) / np.square(frame_scale)
    mean = math.fsum(total.tolist()) / len(total)
    return math.sqrt(nphotons / mean) if mean > 0 else math.inf


def merge(frames, selected, side):
    """Totals over the `selected` frames (bool, (M,)) of per-frame statistics.

    Returns the JSON-able mapping of normalization.json's keys that follow from the frames alone.
    """
    chosen = {key: values[selected] for key, values in frames.items() if key != "histogram"}
    n = int(np.count_nonzero(selected))
    if n == 0:
        raise SimlabError("statistics: no training frames")
    pixels = side * side

    def mean_of(values):
        return math.fsum(np.asarray(values, np.float64).tolist()) / n

    mean_sum_sq = mean_of(chosen["sum_sq"])
    mean = mean_of(chosen["sum"]) / pixels
    # sum (A - mean)^2 = sum A^2 - n mean^2 cancels only where std << mean; frames are far from it
    variance = max(0.0, mean_sum_sq / pixels - mean**2)
    histogram = _selected_sum(frames["histogram"], selected)
    edges = np.concatenate([[0.0], histogram_edges()])
    counts = chosen["counts_sum"]
    mean_counts_sq = mean_of(chosen["counts_sum_sq"])
    return {
        "n": n,
        "n_samples": n,
        "n_total": len(frames["sum"]),
        "N": side,
        "diff3d": {
            "min": float(chosen["min"].min()),
            "max": float(chosen["max"].max()),
            "mean": mean,
            "std": math.sqrt(variance),
            "mean_frame_max": mean_of(chosen["max"]),
            "zero_fraction": int(chosen["zeros"].sum()) / (n * pixels),
            **{
                name: _percentile(histogram, edges, percent)
                for name, percent in PERCENTILES.items()
            },
        },
        "mean_sum_sq": mean_sum_sq,
        "x_full_scale": full_scale(side, mean_sum_sq),
        "mean_measured_intensity": mean_of(counts) / pixels,
        "rms_input_scale": full_scale(side, mean_counts_sq),
        "mean_counts": mean_of(counts),
        "min_counts": float(counts.min()),
        "max_counts": float(counts.max()),
        "saturated_frame_fraction": int(np.count_nonzero(chosen["saturated"])) / n,
        "norm_Y_I_patch": mean_of(chosen["patch_max"]),
        "radial_mean_counts": [mean_of(ring) for ring in chosen["radial"].T],
    }


def _selected_sum(rows, selected, block=4096):
    """Sum of the selected rows, int64, without a copy of them all."""
    total = np.zeros(rows.shape[1], np.int64)
    for first in range(0, len(rows), block):
        part = slice(first, first + block)
        total += rows[part][selected[part]].sum(axis=0, dtype=np.int64)
    return total


def _percentile(histogram, edges, percent):
    value = histogram_percentile(histogram, edges, percent)
    return value if value > edges[1] else 0.0  # bin 0 holds zeros, not a range


def normalization(measurement, objects, side, positions, report, scales, splits, frames):
    """Content of normalization.json.

    Parameters
    ----------
    measurement : str
        Measurement domain.
    objects : complex64 (H, W) or (K, H, W)
    side : int
    positions, report, scales : dict
        Content of positions.npz, positions.json, scale.json.
    splits : (M,) str
    frames : dict
        Per-frame statistics of all frames in order, and `frame_scale`.
    """
    train = splits == "train"
    return {
        "format": FORMAT,
        "split": "train",
        "measurement_domain": measurement,
        "nphotons": scales["nphotons"],
        "intensity_scale": scales["intensity_scale"],
        "norm_Y_I": observed_norm(frames["counts_sum"], frames["frame_scale"], scales["nphotons"]),
        **merge(frames, train, side),
        "object": object_statistics(
            objects,
            positions["xcoords"],
            positions["ycoords"],
            positions["object_index"],
            train,
            side,
        ),
        **{key: report[key] for key in FROM_REPORT},
    }


def object_statistics(objects, x, y, object_index, selected, side):
    """Amplitude and phase of the objects over the bounding box of the selected patches.

    Parameters
    ----------
    objects : complex64 (H, W) or (K, H, W)
    x, y, object_index, selected : (M,)
    side : int
        Patch side N, px; boxes are clipped to the object.
    """
    stack = objects if objects.ndim == 3 else objects[None]
    boxes = []
    for number, one in enumerate(stack):
        here = selected & (object_index == number)
        if not here.any():
            continue
        rows = _patch_range(y[here], side, one.shape[0])
        columns = _patch_range(x[here], side, one.shape[1])
        boxes.append(one[rows, columns].astype(np.complex128).ravel())
    values = np.concatenate(boxes) if boxes else np.empty(0, np.complex128)
    if values.size == 0:
        return {"amplitude": None, "phase": None}
    return {"amplitude": _summary(np.abs(values)), "phase": _summary(np.angle(values))}


def _patch_range(centers, side, extent):
    first = math.floor(centers.min()) - side // 2
    last = math.ceil(centers.max()) - side // 2 + side
    return slice(max(0, first), max(0, min(extent, last)))


def _summary(values):
    return {
        "min": float(values.min()),
        "max": float(values.max()),
        "mean": float(values.mean()),
        "std": float(values.std()),
    }
