"""Check C10: the two runs of a simulation are one pair."""

import numpy as np

from simlab.core.checks import skip
from simlab.halo.check_case import Watching, Worst
from simlab.halo.names import id_of

PAIR_MASS = 0.01
PAIR_HEADERS = 1e-6
BLOCKS = 8
"""Blocks along a map whose masses are compared."""
LEAST_CORRELATION = 0.5
"""Runs of one pair have 0.97 and more, runs of other initial conditions about 0."""


class Pairing(Watching):
    """C10: box, cosmology, mass and matter of the two runs."""

    sees_all = True

    def __init__(self, case):
        super().__init__(case)
        self.worst = Worst()
        self.incomplete = set()
        self.correlations = {}
        """{simulation: [(id, correlation) of its samples]}"""

    def see_record(self, record):
        """Compare box, cosmology and mass of the two runs and the catalog."""
        name = id_of(record["samples"][0]["file"]) if record["samples"] else None
        for key in ("box_sizes", "omega0"):
            told = [value for value in record[key].values() if value is not None]
            for value in told[1:]:
                self.worst.see(abs(value / told[0] - 1), PAIR_HEADERS, name)
        side = self.case.dataset.maps.box_size
        self.worst.see(abs(record["box_sizes"]["dmo"] / side - 1), PAIR_HEADERS, name)
        if any(record["missing_chunks"].values()):
            self.incomplete.add(record["sim"])
            return
        masses = record["masses"]
        total = masses["hydro_dm"] + masses["gas"] + masses["stars"]
        self.worst.see(abs(total / masses["dmo"] - 1), PAIR_MASS, name)

    def see_sample(self, name, record, entry, sample):
        """Compare where the matter of the two runs is."""
        if record["sim"] in self.incomplete:
            return
        found = correlation(sample["condition"], np.sum(sample["target"], axis=0, dtype=np.float64))
        if found is not None:
            self.correlations.setdefault(record["sim"], []).append((name, found))

    def row(self):
        """C10."""
        what = "box and Omega0 of both runs and the catalog, total mass of the runs"
        means = [np.mean([value for _, value in found]) for found in self.correlations.values()]
        for found, mean in zip(self.correlations.values(), means, strict=True):
            worst = min(found, key=lambda one: one[1])[0]
            self.worst.see(1 - mean, 1 - LEAST_CORRELATION, worst)
        if means:
            what += (
                f"; correlation of condition and target in {BLOCKS} x {BLOCKS} blocks, mean of a "
                f"simulation {min(means):.3f} or more, at least {LEAST_CORRELATION:g} needed"
            )
        if self.incomplete:
            what += f" (mass skipped in {len(self.incomplete)} simulations with missing chunks)"
        if not self.worst.count:
            return skip("C10", "there are no shard records")
        return self.worst.row("C10", what)


def correlation(a, b):
    """Pearson's coefficient of the masses of two maps (res, res) in blocks.

    None where both maps are even, 0 where one is.
    """
    a, b = _block_means(a), _block_means(b)
    deviations = a - a.mean(), b - b.mean()
    squares = [float(np.sum(d * d)) for d in deviations]
    if not all(squares):
        return 0.0 if any(squares) else None
    return float(np.sum(deviations[0] * deviations[1]) / np.sqrt(squares[0] * squares[1]))


def _block_means(field):
    """Means (BLOCKS, BLOCKS) over blocks that differ by one pixel in size at most."""
    edges = np.linspace(0, len(field), BLOCKS + 1).astype(int)
    sums = np.add.reduceat(field.astype(np.float64), edges[:-1], axis=0)
    sums = np.add.reduceat(sums, edges[:-1], axis=1)
    return sums / np.outer(np.diff(edges), np.diff(edges))
