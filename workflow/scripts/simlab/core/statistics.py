"""Statistics that are exact, mergeable and independent of order and grouping."""

import math

import numpy as np

from simlab.core.errors import SimlabError


class RunningMoments:
    """Count, mean, population standard deviation and range of samples pushed one by one.

    One part (n, mean, m2, min, max) is kept for each pushed sample, computed in two passes in
    float64. The totals over the parts i are

        mean = fsum(n_i mean_i) / n,   m2 = fsum(m2_i) + fsum(n_i (mean_i - mean)^2),

    exactly rounded sums, which depend neither on the order nor on the grouping of the parts
    (Chan, Golub & LeVeque 1983 give the decomposition of m2).
    """

    def __init__(self, parts=()):
        self._parts = [tuple(part) for part in parts]

    def push(self, values):
        """Add one sample: an array of any shape of finite numbers, at least one."""
        values = np.asarray(values, np.float64).ravel()
        if values.size == 0:
            raise SimlabError("statistics: a sample without values cannot be counted")
        low, high = float(values.min()), float(values.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise SimlabError("statistics: a sample holds values that are not finite")
        mean = float(values.sum()) / values.size
        m2 = float(np.square(values - mean).sum())
        self._parts.append((values.size, mean, m2, low, high))

    def merge(self, other):
        """Add all samples of another RunningMoments."""
        self._parts.extend(other._parts)

    @property
    def count(self):
        """Number of values."""
        return sum(part[0] for part in self._parts)

    @property
    def mean(self):
        """Mean of all values."""
        self._require_values()
        return math.fsum(n * mean for n, mean, *_ in self._parts) / self.count

    @property
    def m2(self):
        """Sum of the squared deviations from the mean."""
        mean = self.mean
        within = math.fsum(part[2] for part in self._parts)
        return within + math.fsum(n * (part - mean) ** 2 for n, part, *_ in self._parts)

    @property
    def std(self):
        """Standard deviation of the population."""
        return math.sqrt(self.m2 / self.count)

    @property
    def min(self):
        """Smallest value."""
        self._require_values()
        return min(part[3] for part in self._parts)

    @property
    def max(self):
        """Largest value."""
        self._require_values()
        return max(part[4] for part in self._parts)

    def to_dict(self):
        """State as JSON can hold it; `from_dict` restores it exactly."""
        return {"parts": [list(part) for part in self._parts]}

    @classmethod
    def from_dict(cls, state):
        """The RunningMoments whose `to_dict` is `state`."""
        return cls(state["parts"])

    def _require_values(self):
        if not self._parts:
            raise SimlabError("statistics: no samples were counted")


def histogram_percentile(counts, edges, percent):
    """Value below which `percent` of the counted values lie, linear inside a bin.

    Parameters
    ----------
    counts : (B,) non-negative
    edges : (B+1,) increasing
    percent : float, 0..100
    """
    counts = np.asarray(counts, np.float64)
    below = np.concatenate([[0.0], np.cumsum(counts)])
    if below[-1] == 0:
        raise SimlabError("statistics: an empty histogram has no percentiles")
    target = percent / 100 * below[-1]
    bin_ = min(int(np.searchsorted(below, target, side="left")), len(counts)) - 1
    bin_ = max(bin_, int(np.flatnonzero(counts)[0]))
    inside = (target - below[bin_]) / counts[bin_] if counts[bin_] else 0.0
    return float(edges[bin_] + inside * (edges[bin_ + 1] - edges[bin_]))
