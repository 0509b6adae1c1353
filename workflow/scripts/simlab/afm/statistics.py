"""Normalization statistics of image stacks and descriptors, merged exactly.

A channel is an image of a tip (tip x slice), then a descriptor channel. Every sample keeps its
own moments; percentiles come from histograms on fixed axes.
"""

from dataclasses import dataclass

import numpy as np

from simlab.afm.errors import AfmInputError
from simlab.core.splits import SPLITS
from simlab.core.statistics import RunningMoments, histogram_percentile

BINS = 4096
SMALL = 0.01
"""Value, in its unit, at which the asinh axis changes from linear to logarithmic."""
LARGE = 20000.0
"""Largest value on the asinh axis over SMALL: 200 Hz."""
MOMENTS = ("n", "mean", "m2", "min", "max")
TRAIN = SPLITS.index("train")
DRAW_BINS = 20
Z_SLOTS = 119


@dataclass(frozen=True)
class Axis:
    """Histogram axis of a channel: linear on [low, high], or symmetric and logarithmic.

    The latter is u = asinh(v / 0.01) / asinh(20000), bin floor((u + 1) / 2 * 4096). What lies
    outside goes to the end bins.
    """

    low: float | None = None
    high: float | None = None

    @property
    def linear(self):
        """Whether the axis is linear."""
        return self.low is not None

    def bins(self, values):
        """Bin of each value, and how many values lie outside the axis."""
        values = np.asarray(values, np.float64)
        if self.linear:
            scaled = (values - self.low) / (self.high - self.low)
        else:
            scaled = (np.arcsinh(values / SMALL) / np.arcsinh(LARGE) + 1) / 2
        outside = int(np.count_nonzero((scaled < 0) | (scaled > 1)))
        return np.clip((scaled * BINS).astype(np.int64), 0, BINS - 1), outside

    @property
    def edges(self):
        """Edges of the bins, (4097,) float64."""
        if self.linear:
            return np.linspace(self.low, self.high, BINS + 1)
        scaled = np.linspace(-1, 1, BINS + 1)
        return SMALL * np.sinh(scaled * np.arcsinh(LARGE))


def axis_of(bounds):
    """Axis of a channel whose values lie in `bounds` = (low, high); infinite ones: asinh axis."""
    low, high = bounds
    return Axis(low, high) if np.isfinite(low) and np.isfinite(high) else Axis()


class SampleStatistics:
    """Moments and histograms of the samples of a shard.

    Parameters
    ----------
    df_channels : int
        Images of a sample, tips times slices.
    axes : list of Axis
        Of the descriptor channels.
    floors : list of float
        Background value of the descriptor channels.
    """

    def __init__(self, df_channels, axes, floors):
        self._axes = [Axis()] * df_channels + list(axes)
        self._floors, self._df_channels = list(floors), df_channels
        self._rows = {name: [] for name in MOMENTS}
        self._background, self._samples = [], []
        self._histogram = np.zeros((len(self._axes), BINS), np.int64)
        self._outside = np.zeros(len(self._axes), np.int64)

    def push(self, images, maps, *, split, excluded, numbers, draws):
        """Add a sample.

        Parameters
        ----------
        images : (df_channels, nx, ny)
        maps : (n_desc, nx, ny)
        split : int
        excluded : bool
            A sample that could not be computed: kept in the tables, counted nowhere.
        numbers : (n,) int
            Atomic numbers.
        draws : (3,) float
            distAbove, tilt x, tilt y of the first tip.
        """
        channels = [*images, *maps]
        rows = np.zeros((len(self._axes), len(MOMENTS)))
        counted = split == TRAIN and not excluded
        background = np.zeros(len(self._floors), np.int64)
        if not excluded:
            for number, (values, axis) in enumerate(zip(channels, self._axes, strict=True)):
                rows[number] = moments(values)
                if counted:
                    bins, outside = axis.bins(values.ravel())
                    self._histogram[number] += np.bincount(bins, minlength=BINS)
                    self._outside[number] += outside
            for number, floor in enumerate(self._floors):
                background[number] = np.count_nonzero(maps[number] == np.float32(floor))
        for name, column in zip(MOMENTS, rows.T, strict=True):
            self._rows[name].append(column)
        self._background.append(background)
        kept = 3 if excluded else split
        numbers = np.bincount(np.asarray(numbers, np.int64), minlength=Z_SLOTS)
        self._samples.append((kept, numbers, np.asarray(draws, np.float64)))

    def arrays(self, first):
        """The content of a `.stats.npz`; `first` is the sample id of the first sample."""
        count = len(self._samples)
        return {
            "sample_id": np.arange(first, first + count, dtype=np.int64),
            "split": np.array([sample[0] for sample in self._samples], np.int8),
            **{name: np.array(self._rows[name]) for name in MOMENTS},
            "background": np.array(self._background, np.int64).reshape(count, len(self._floors)),
            "Z": np.array([sample[1] for sample in self._samples], np.int32),
            "draws": np.array([sample[2] for sample in self._samples]),
            "histogram": self._histogram,
            "outside": self._outside,
        }


def moments(values):
    """(n, mean, m2, min, max) of an array as `RunningMoments` keeps them of a sample."""
    running = RunningMoments()
    running.push(values)
    return running.to_dict()["parts"][0]


def concatenate(parts):
    """One table of the `.stats.npz` of all shards, in sample order; histograms are added."""
    total = {
        name: np.concatenate([part[name] for part in parts])
        for name in ("sample_id", "split", *MOMENTS, "background", "Z", "draws")
    }
    total["histogram"] = sum(part["histogram"] for part in parts)
    total["outside"] = sum(part["outside"] for part in parts)
    return total


def normalization(table, tips, z_mean, channels, axes, *, split_text):
    """The content of normalization.json.

    Parameters
    ----------
    table : mapping
        As of `concatenate`.
    tips : list of str
    z_mean : (nz',) float
        Mean height of each image below the top of the scan, Å.
    channels : list of str
        Descriptor channels.
    axes : list of Axis
        Of the descriptor channels.
    split_text : str
        How the split was asked for, for the message.

    Raises
    ------
    AfmInputError
        If no sample is left to train with.
    """
    train = np.flatnonzero(table["split"] == TRAIN)
    if train.size == 0:
        raise AfmInputError(
            f"afm: the training split is empty: {len(table['split'])} samples, {split_text}; "
            "expected at least one training sample"
        )
    slices = len(z_mean)
    df_channels = len(tips) * slices
    axes = [Axis()] * df_channels + list(axes)
    summary = [_summary(table, train, number, axis) for number, axis in enumerate(axes)]
    afm = {
        tip: [
            {"slice": j, "z_mean": z_mean[j], **summary[number * slices + j]} for j in range(slices)
        ]
        for number, tip in enumerate(tips)
    }
    desc = {}
    for number, channel in enumerate(channels):
        values = summary[df_channels + number]
        pixels = table["background"][train, number].sum() / values["count"]
        desc[channel] = {**values, "background": float(pixels)}
    return {
        "format": 1,
        "split": "train",
        "n_samples": int(train.size),
        "afm": afm,
        "desc": desc,
        "histograms": _draws(table, train),
    }


def channel_moments(table, train, number):
    """RunningMoments of channel `number` over the samples `train`."""
    columns = [table[name][train, number].tolist() for name in MOMENTS]
    return RunningMoments(
        (int(n), mean, m2, low, high) for n, mean, m2, low, high in zip(*columns, strict=True)
    )


def _summary(table, train, number, axis):
    total = channel_moments(table, train, number)
    low, high = total.min, total.max
    percentiles = {
        key: min(max(histogram_percentile(table["histogram"][number], axis.edges, p), low), high)
        for key, p in (("p0_1", 0.1), ("p99_9", 99.9))
    }
    return {
        "count": total.count,
        "mean": total.mean,
        "std": total.std,
        "min": low,
        "max": high,
        **percentiles,
        "outside": int(table["outside"][number]),
    }


def _draws(table, train):
    atoms = table["Z"][train]
    n_atoms, counts = np.unique(atoms.sum(axis=1), return_counts=True)
    numbers = np.flatnonzero(atoms.sum(axis=0))
    distance, tilt_x, tilt_y = table["draws"][train].T
    return {
        "n_atoms": {str(n): int(c) for n, c in zip(n_atoms, counts, strict=True)},
        "Z": {str(z): int(atoms[:, z].sum()) for z in numbers},
        "distAbove": _counted(distance),
        "tilt": _counted(np.hypot(tilt_x, tilt_y)),
    }


def _counted(values):
    low, high = float(values.min()), float(values.max())
    counts, edges = np.histogram(values, DRAW_BINS, (low, high if high > low else low + 1e-9))
    return {"edges": edges.tolist(), "counts": counts.tolist()}
