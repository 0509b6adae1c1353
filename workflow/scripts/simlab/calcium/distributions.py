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
    counted = _having(contents, lambda content: content["bit_depth"] is not None)
    panels = [*_counts(counted), *_means(counted), *_fluctuations(contents)]
    without = len(rows) - sum(map(len, counted.values()))
    if not without:
        return panels, ["From all pixels of all frames of all recordings."]
    return panels, [
        "From all pixels of all frames of the recordings with a sensor.",
        f"{without} of {len(rows)} recordings have no sensor, they are in no panel but that of "
        "their fluctuation.",
    ]


def _having(contents, wanted):
    """The contents of each split that are wanted; without splits that have none."""
    found = {split: list(filter(wanted, parts)) for split, parts in contents.items()}
    return {split: parts for split, parts in found.items() if parts}


def _counts(contents):
    depths = sorted({content["bit_depth"] for parts in contents.values() for content in parts})
    for depth in depths:
        alike = _having(contents, lambda content, depth=depth: content["bit_depth"] == depth)
        histograms = {split: sum(map(whole_histogram, parts)) for split, parts in alike.items()}
        edges, counts = rebinned(np.arange(2**depth + 1) - 0.5, histograms)
        title = "movie" if len(depths) == 1 else f"movie, {depth} bits"
        yield Histogram(title, "counts of a pixel", edges, counts, "pixels", log_counts=True)


def _means(contents):
    clean = {
        split: np.array([mean for content in parts for mean in content["clean"]["frame_means"]])
        for split, parts in contents.items()
    }
    clean = {split: means for split, means in clean.items() if means.size}
    if clean:
        label = "mean intensity of a frame (1)"
        yield value_histogram("before digitization", label, clean, what="frames", bins=30)


def _fluctuations(contents):
    known = _having(contents, lambda content: content["temporal_std_mean"] is not None)
    for title, unit, sensor in (
        ("fluctuation", "counts", True),
        ("fluctuation, no sensor", "1", False),
    ):
        alike = _having(
            known, lambda content, sensor=sensor: (content["bit_depth"] is not None) == sensor
        )
        spread = {
            split: np.array([content["temporal_std_mean"] for content in parts])
            for split, parts in alike.items()
        }
        if spread:
            label = f"standard deviation over time, mean of the pixels ({unit})"
            yield value_histogram(title, label, spread, what="recordings", bins=20)
