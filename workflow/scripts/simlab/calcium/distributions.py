"""Panels of the distributions page: counts of the movies, brightness of their frames."""

from pathlib import Path

import numpy as np

from simlab.calcium.statistics import whole_histogram
from simlab.core.distributions import Histogram, rebinned, value_histogram
from simlab.core.files import read_csv, read_json

SKIPPED = ("seed",)


def outputs(folder, splits):
    """(panels, notes) of the data set in `folder`; `splits`: (n,) split number of every recording.

    They are from the statistics of whole movies, which need no recording to be kept.
    """
    folder = Path(folder)
    header, rows = read_csv(folder / "index.csv")
    key, split = header.index("id"), header.index("split")
    contents = {}
    for row in rows:
        content = read_json(folder / "statistics" / f"{row[key]}.json")
        contents.setdefault(row[split], []).append(content)
    panels = [*_counts(contents), *_means(contents)]
    return panels, ["From all pixels of all frames of all recordings."]


def _counts(contents):
    histograms = {
        split: sum(whole_histogram(content) for content in parts)
        for split, parts in contents.items()
        if all(content["bit_depth"] is not None for content in parts)
    }
    if len({len(counts) for counts in histograms.values()}) != 1:
        return  # without a sensor, or with several, there is no common axis
    edges = np.arange(len(next(iter(histograms.values()))) + 1) - 0.5
    edges, counts = rebinned(edges, histograms)
    yield Histogram("movie", "counts of a pixel", edges, counts, "pixels", log_counts=True)


def _means(contents):
    clean = {
        split: np.array([mean for content in parts for mean in content["clean"]["frame_means"]])
        for split, parts in contents.items()
        if all(content["clean"] for content in parts)
    }
    clean = {split: means for split, means in clean.items() if means.size}
    if clean:
        label = "mean intensity of a frame (1)"
        yield value_histogram("before digitization", label, clean, what="frames", bins=30)
    spread = {
        split: np.array([content["temporal_std_mean"] for content in parts])
        for split, parts in contents.items()
        if all(content["temporal_std_mean"] is not None for content in parts)
    }
    if spread:
        label = "standard deviation over time, mean of the pixels (counts)"
        yield value_histogram("fluctuation", label, spread, what="recordings", bins=20)
