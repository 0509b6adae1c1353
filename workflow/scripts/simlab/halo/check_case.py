"""What the consistency checks share: the data set as its files tell it, and ways to count."""

import math
from dataclasses import dataclass, field

from simlab.core.checks import Check
from simlab.core.random import generator
from simlab.halo.splits import train_test_split

STREAM = "halo.checks"
CELLS_END = "\x1f"
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
    columns : list of str
        Of index.csv.
    index : dict
        id -> cells of its row of index.csv, joined by CELLS_END.
    listed_twice : list of str
        ids that index.csv has more than once.
    shapes : callable
        file -> {key: shape}, from the header of a sample.
    split : dict
        Content of split.json.
    stats : dict or None
        Constants that readers get, of `load_normalization_stats`; None if they cannot be read.
    stats_files : dict
        name -> content of the statistics files and normalization.json, as far as readable.
    stats_problems : list of str
        Why the others are not.
    table_row : callable
        sim -> (names, values) of the parameter table.
    cosmology : callable
        sim -> {Omega0, OmegaBaryon, HubbleParam: value} of the table, as far as it has them and
        no override replaces them.
    inference_scales : tuple
        Scales that inference takes by default.
    """

    dataset: object
    spec_hash: str
    masl: dict
    live_masl: object
    columns: list
    index: dict
    listed_twice: list
    shapes: object
    split: dict
    stats: object
    stats_files: dict
    stats_problems: list
    table_row: object
    cosmology: object
    inference_scales: tuple
    samples: dict = field(init=False)
    """id -> (file, split) of index.csv."""
    training: set = field(init=False)
    """Simulations that the configuration draws for training."""
    chosen: set = field(init=False)
    pictured: set = field(init=False)

    def __post_init__(self):
        file, split = self.columns.index("file"), self.columns.index("split")
        self.samples = {}
        for name in self.index:
            cells = self.row_of(name)
            self.samples[name] = cells[file], cells[split]
        options = self.dataset.simulations
        train, _ = train_test_split(options.total, options.test_fraction, self.dataset.seed)
        self.training = set(train)
        ids = sorted(self.samples)
        order = generator(self.dataset.seed, STREAM, 3).permutation(len(ids))
        count = max(FEW, math.ceil(SHARE * len(ids)))
        self.chosen = {ids[i] for i in order[:count]}
        self.pictured = {ids[i] for i in order[: max(count, PICTURES)]}

    def row_of(self, name):
        """Cells of the row of a sample of index.csv, None if it has none."""
        return self.index[name].split(CELLS_END) if name in self.index else None


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
