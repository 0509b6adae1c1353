"""Statistics of movies, exact and independent of how a movie was cut into parts."""

from fractions import Fraction

import numpy as np

from simlab.core.errors import PhysicsError
from simlab.core.statistics import RunningMoments

FORMAT = 1
PERCENTILES = {
    "p01": Fraction(1, 1000),
    "p1": Fraction(1, 100),
    "p50": Fraction(1, 2),
    "p99": Fraction(99, 100),
    "p999": Fraction(999, 1000),
}
"""Share of the values that lie at or below each percentile."""


def frame_moments(frames):
    """Moments of every frame, float64 (n, 5): count, mean, m2, min, max; two passes in float64."""
    rows = np.empty((len(frames), 5))
    for row, frame in zip(rows, frames, strict=True):
        values = frame.ravel().astype(np.float64)
        mean = values.mean()
        row[:] = values.size, mean, np.square(values - mean).sum(), values.min(), values.max()
    return rows


def pixel_sums(frames):
    """Sum and sum of squares of integer `frames` (n, H, W) in every pixel: uint64 (H, W) each."""
    total = frames.sum(axis=0, dtype=np.uint64)
    squares = np.zeros(frames.shape[1:], np.uint64)
    for frame in frames:
        # counts have at most 16 bits: their squares fit 32
        squares += np.multiply(frame, frame, dtype=np.uint32)
    return total, squares


class MovieStatistics:
    """Statistics of one movie whose frames come in order, in pieces of any length.

    Parameters
    ----------
    shape : (height, width)
    dtype : numpy dtype of the movie
    bit_depth : int or None
        Of the sensor; None for a movie without sensor, whose values are real numbers.
    """

    def __init__(self, shape, dtype, bit_depth):
        self.shape, self.dtype, self.bit_depth = tuple(shape), np.dtype(dtype), bit_depth
        self.n_frames = 0
        self._frame_means, self._clean, self._moments = [], [], []
        if bit_depth is None:
            self._sums = np.zeros((2, *self.shape))
        else:
            self._histogram = np.zeros(2**bit_depth, np.uint64)
            self._sums = np.zeros((2, *self.shape), np.uint64)

    def push(self, frames, clean=None, sums=None):
        """Add frames.

        Parameters
        ----------
        frames : (n, height, width)
        clean : float64 (n, 5), optional
            `frame_moments` of the movie before digitization.
        sums : two uint64 (height, width), optional
            `pixel_sums` of `frames`, where known.
        """
        if self.bit_depth is None:
            for frame in frames.astype(np.float64):
                self._sums += frame, np.square(frame)
            rows = frame_moments(frames)
            self._moments.extend(rows)
            self._frame_means.extend(rows[:, 1])
        else:
            for frame in frames:
                counted = np.bincount(frame.ravel(), minlength=len(self._histogram))
                if len(counted) > len(self._histogram):
                    raise PhysicsError(
                        f"a count of {len(counted) - 1} is above {2**self.bit_depth - 1}, the "
                        f"largest of {self.bit_depth} bits"
                    )
                self._histogram += counted.astype(np.uint64)
                self._frame_means.append(int(frame.sum(dtype=np.int64)) / frame.size)
            self._sums += pixel_sums(frames) if sums is None else sums
        if clean is not None:
            self._clean.extend(clean)
        self.n_frames += len(frames)

    def content(self, key):
        """The content of statistics/{key}.json."""
        return {
            "format": FORMAT,
            "keys": [key],
            "n_frames": self.n_frames,
            "shape": list(self.shape),
            "dtype": str(self.dtype),
            "bit_depth": self.bit_depth,
            **self._values(),
            "frame_mean_min": min(self._frame_means, default=None),
            "frame_mean_max": max(self._frame_means, default=None),
            "temporal_std_mean": self._temporal_std_mean(),
            "clean": self._clean_content(),
        }

    def _values(self):
        if self.bit_depth is not None:
            return summary_of_counts(self._histogram)
        return {**_moments_content(self._moments), **_NO_HISTOGRAM}

    def _temporal_std_mean(self):
        """Mean over the pixels of the population standard deviation over frames."""
        if self.n_frames == 0:
            return None
        mean = self._sums[0] / self.n_frames
        variance = np.maximum(self._sums[1] / self.n_frames - mean**2, 0)
        return float(np.sqrt(variance).mean())

    def _clean_content(self):
        if self.bit_depth is None:
            return None
        frame_means = [float(row[1]) for row in self._clean]
        return {**_moments_content(self._clean), "frame_means": frame_means}


_NO_HISTOGRAM = {
    **dict.fromkeys(PERCENTILES),
    "saturated_fraction": None,
    "zero_fraction": None,
    "histogram": None,
}


def _moments_content(rows):
    """count, mean, m2, std, min, max of parts (count, mean, m2, min, max)."""
    if not len(rows):
        return {"count": 0, **dict.fromkeys(("mean", "m2", "std", "min", "max"))}
    moments = RunningMoments((int(row[0]), *map(float, row[1:])) for row in rows)
    return {name: getattr(moments, name) for name in ("count", "mean", "m2", "std", "min", "max")}


def summary_of_counts(histogram):
    """Summary of integer values from their histogram: exact sums, one division each.

    Parameters
    ----------
    histogram : uint64 (2^bit_depth,)
        Number of pixels with each count.

    Returns
    -------
    dict
        count, mean, m2 (sum of squared deviations), std, min, max, the percentiles (smallest
        count with so many values at or below it), saturated_fraction, zero_fraction, and
        `histogram` {start, counts} without the empty ends; null where nothing was counted.
    """
    numbers = [int(n) for n in histogram]
    count = sum(numbers)
    if count == 0:
        return {**_moments_content([]), **_NO_HISTOGRAM}
    total = sum(value * n for value, n in enumerate(numbers))
    squares = sum(value * value * n for value, n in enumerate(numbers))
    m2 = Fraction(squares * count - total * total, count)
    used = np.flatnonzero(histogram)
    low, high = int(used[0]), int(used[-1])
    return {
        "count": count,
        "mean": total / count,
        "m2": float(m2),
        "std": float(m2 / count) ** 0.5,
        "min": low,
        "max": high,
        **_percentiles(numbers, count),
        "saturated_fraction": numbers[-1] / count,
        "zero_fraction": numbers[0] / count,
        "histogram": {"start": low, "counts": numbers[low : high + 1]},
    }


def _percentiles(numbers, count):
    below = np.cumsum(np.array(numbers, object))
    return {
        name: int(np.argmax([n >= share * count for n in below]))
        for name, share in PERCENTILES.items()
    }


def whole_histogram(content):
    """Histogram uint64 (2^bit_depth,) of a statistics file; None for a movie without sensor."""
    if content["bit_depth"] is None:
        return None
    histogram = np.zeros(2 ** content["bit_depth"], np.uint64)
    trimmed = content["histogram"]
    if trimmed is not None:
        start = trimmed["start"]
        histogram[start : start + len(trimmed["counts"])] = trimmed["counts"]
    return histogram


def normalization(contents):
    """Merge statistics of the recordings of the training split into normalization.json.

    Parameters
    ----------
    contents : list of dict
        `MovieStatistics.content` of each recording, at least one.

    Raises
    ------
    PhysicsError
        For movies of different number types or bit depths.
    """
    contents = sorted(contents, key=lambda content: content["keys"])
    first = contents[0]
    for content in contents[1:]:
        for what in ("dtype", "bit_depth"):
            if content[what] != first[what]:
                raise PhysicsError(
                    f"calcium: {what} of {first['keys'][0]} is {first[what]}, of "
                    f"{content['keys'][0]} {content[what]}: they have no common statistics"
                )
    shapes = sorted({tuple(content["shape"]) for content in contents})
    return {
        "format": FORMAT,
        "keys": [key for content in contents for key in content["keys"]],
        "split": "train",
        "n_samples": len(contents),
        "n_frames": sum(content["n_frames"] for content in contents),
        "shape": [list(shape) for shape in shapes],
        "dtype": first["dtype"],
        "bit_depth": first["bit_depth"],
        **_merged_values(contents),
        "frame_mean_min": min(_known(contents, "frame_mean_min"), default=None),
        "frame_mean_max": max(_known(contents, "frame_mean_max"), default=None),
        "temporal_std_mean": _weighted(contents, "temporal_std_mean"),
        "clean": _merged_moments([content["clean"] for content in contents if content["clean"]])
        if first["bit_depth"] is not None
        else None,
    }


def _merged_values(contents):
    if contents[0]["bit_depth"] is None:
        return {**_merged_moments(contents), **_NO_HISTOGRAM}
    return summary_of_counts(sum(whole_histogram(content) for content in contents))


def _merged_moments(contents):
    names = ("count", "mean", "m2", "min", "max")
    return _moments_content([[c[name] for name in names] for c in contents if c["count"]])


def _known(contents, name):
    return [content[name] for content in contents if content[name] is not None]


def _weighted(contents, name):
    weights = [content["count"] for content in contents]
    if not sum(weights):
        return None
    parts = [Fraction(c[name]) * c["count"] for c in contents if c["count"]]
    return float(sum(parts) / sum(weights))
