"""Panels of the distributions page: measurement, dose, radial profile, object."""

from functools import partial
from pathlib import Path

import numpy as np

from simlab.core.distributions import (
    Curve,
    Histogram,
    bins_of,
    by_split,
    counted,
    published,
    rebinned,
    value_histogram,
)
from simlab.core.errors import InputFileError
from simlab.core.files import npz_headers, read_json, read_npz
from simlab.ptycho.histogram import histogram_edges

SKIPPED = ()
MEASUREMENTS = {
    "normalized_amplitude": "normalized amplitude, sqrt(counts)/s",
    "count_amplitude": "amplitude, sqrt(counts)",
    "count_intensity": "counts",
    "intensity": "normalized intensity, counts/s²",
}
KEYS = ("histogram", "counts_sum", "zeros", "radial")


def outputs(folder, splits):
    """(panels, notes) of the data set in `folder`; `splits`: (M,) split number of every frame."""
    folder = Path(folder)
    paths = published(folder, "shards/", ".statistics.npz")
    if paths is None:
        paths = sorted((folder / "shards").glob("*.statistics.npz"))
    found = sum(npz_headers(path)["zeros"][0][0] for path in paths)
    if found != len(splits):
        raise InputFileError(
            f"{folder / 'shards'}: statistics of {found} frames, index.csv has {len(splits)}; "
            "expected shards of one run, make the data set again"
        )
    frames = _Frames(splits, (read_npz(path, KEYS) for path in paths))
    side = read_npz(folder / "input.npz", ["probeGuess"])["probeGuess"].shape[-1]
    measurement = read_json(folder / "normalization.json")["measurement_domain"]
    zeros = frames.zeros / (len(splits) * side**2)
    panels = [
        _measurement(frames.histograms, MEASUREMENTS[measurement]),
        _dose(np.concatenate(frames.counts), splits),
        Curve(
            "radial profile",
            "distance from zero frequency (px)",
            "mean counts",
            np.arange(side // 2) + 0.5,
            frames.profiles(),
            log_y=True,
        ),
        *_object(read_npz(folder / "input.npz", ["objectGuess"])["objectGuess"]),
    ]
    return panels, [
        "From all patterns; the object as a whole.",
        f"{100 * zeros:.3g} % of the pixels of the patterns are 0, which the panel of the "
        "measurement leaves out.",
    ]


class _Frames:
    """Sums over the frames of each split, shard by shard; their counts one by one."""

    def __init__(self, splits, parts):
        self.histograms, self.zeros, self.counts = {}, 0, []
        self._profiles, self._numbers, first = {}, {}, 0
        for part in parts:
            here = splits[first : first + len(part["zeros"])]
            first += len(here)
            self.zeros += int(part["zeros"].sum())
            self.counts.append(part["counts_sum"])
            _add(self.histograms, by_split(here, partial(_sum, part["histogram"][:, 1:], np.int64)))
            _add(self._profiles, by_split(here, partial(_sum, part["radial"], np.float64)))
            _add(self._numbers, by_split(here, np.count_nonzero))

    def profiles(self):
        """{split: mean radial profile}."""
        return {split: total / self._numbers[split] for split, total in self._profiles.items()}


def _sum(values, dtype, mask):
    return values[mask].sum(axis=0, dtype=dtype)


def _add(totals, parts):
    for split, part in parts.items():
        totals[split] = totals[split] + part if split in totals else part


def _measurement(histograms, label):
    edges, counts = rebinned(histogram_edges(), histograms)
    return Histogram("measurement above 0", label, edges, counts, "pixels", "log", log_counts=True)


def _dose(sums, splits):
    edges, scale = bins_of(sums)
    counts = counted(sums, splits, edges)
    return Histogram("counts of a pattern", "counts", edges, counts, "patterns", scale)


def _object(values):
    amplitude = value_histogram("object amplitude", "amplitude (1)", {"object": np.abs(values)})
    phase = value_histogram("object phase", "phase (rad)", {"object": np.angle(values)})
    return amplitude, phase
