"""What the consistency checks share: the data set as its files tell it, and ways to count."""

import math
from dataclasses import dataclass, field

from simlab.core.checks import Check
from simlab.core.random import generator

STREAM = "halo.checks"
FEW, SHARE, PICTURES = 10, 0.01, 2000
"""Samples that are read again: at least, as a share; and for the mean picture."""


@dataclass
class Case:
    """A data set as its files tell it.

    Attributes
    ----------
    dataset : DatasetConfig
    spec_hash : str
        Of the configuration.
    masl : dict
        CIC map made by MASL: pos, w, L, field.
    live_masl : callable or None
    samples : dict
        id -> (file, split) of index.csv.
    shapes : callable
        file -> {key: shape}, from the header of a sample.
    split : dict
        Content of split.json.
    stats : dict
        Constants that readers get, of `load_normalization_stats`.
    stats_problems : list of str
        Differences between the three statistics files, normalization.json and the data set.
    table_row : callable
        sim -> (names, values) of the parameter table.
    inference_scales : tuple
        Scales that inference takes by default.
    """

    dataset: object
    spec_hash: str
    masl: dict
    live_masl: object
    samples: dict
    shapes: object
    split: dict
    stats: dict
    stats_problems: list
    table_row: object
    inference_scales: tuple
    chosen: set = field(init=False)
    pictured: set = field(init=False)

    def __post_init__(self):
        ids = sorted(self.samples)
        order = generator(self.dataset.seed, STREAM, 3).permutation(len(ids))
        count = max(FEW, math.ceil(SHARE * len(ids)))
        self.chosen = {ids[i] for i in order[:count]}
        self.pictured = {ids[i] for i in order[: max(count, PICTURES)]}


class Worst:
    """The largest of several errors, each in units of its tolerance."""

    def __init__(self):
        self.value, self.sample, self.count = 0.0, None, 0

    def see(self, error, tolerance, sample=None):
        """Count an error."""
        self.count += 1
        ratio = float(error) / tolerance
        if not ratio <= self.value:  # also if undefined
            self.value, self.sample = ratio if math.isfinite(ratio) else math.inf, sample

    def row(self, check_id, what, tolerance_text="1 = tolerance"):
        """The check."""
        value = self.value if math.isfinite(self.value) else 1e300
        text = f"{what}; {tolerance_text}"
        return Check(check_id, text, value, 1.0, "tolerance", self.value <= 1, self.sample)


class Counted:
    """Numbers of things that are wrong, with the first of them."""

    def __init__(self):
        self.count, self.first, self.sample = 0, "", None

    def see(self, wrong, text, sample=None):
        """Count one if `wrong`."""
        if wrong:
            self.first = self.first or text
            self.sample = self.sample or sample
            self.count += 1

    def row(self, check_id, what):
        """The check."""
        what += f": {self.first}" if self.count else ""
        return Check(check_id, what, self.count, 0, "differences", not self.count, self.sample)


class Watching:
    """A check that records and samples pass by."""

    sees_all = False
    """Whether it sees all samples that are read again, not only the chosen ones."""

    def __init__(self, case):
        self.case = case

    def see_record(self, record):
        """Look at a shard record."""

    def see_sample(self, name, record, entry, sample):
        """Look at a sample that was read again."""
