"""Checks C6, C9 and C13: the pixels of samples that are read again."""

import math

import numpy as np

from simlab.core.checks import Check, skip
from simlab.halo.check_case import Watching, Worst
from simlab.halo.errors import StatisticsError
from simlab.halo.statistics import denormalize, maps_of, normalize, normalize_sample

NEEDED_FOR_MEAN = 20
ROUND_TRIP = 1e-5
NESTING = 1e-6
SUMS = 1e-6
BOX_SHARE, MEAN_BOX_SHARE = (0.4, 2.0), (0.8, 1.25)


class Normalization(Watching):
    """C6: the way back, and one code path for training and inference."""

    def __init__(self, case):
        super().__init__(case)
        self.worst = Worst()

    def see_sample(self, name, record, entry, sample):
        """Normalize and undo it; compare the two readers."""
        if self.case.stats is None:
            return
        try:
            self._compare(name, sample)
        except StatisticsError:  # constants that nothing can be divided by
            self.worst.see(math.inf, ROUND_TRIP, name)

    def _compare(self, name, sample):
        done = normalize_sample(sample, self.case.stats)
        for x, z, constants in self._channels(sample, done):
            self.worst.see(not np.array_equal(z, normalize(x, *constants)), 0.5, name)
            back = denormalize(z, *constants)
            error = np.max(np.abs(back - x) / (np.asarray(x, np.float64) + 1.0))
            self.worst.see(error, ROUND_TRIP, name)

    def _channels(self, sample, done):
        stats = self.case.stats
        scales = self.case.dataset.maps.scales
        constants = [stats["condition"], *zip(*stats["large_scale"], strict=True)]
        constants += [
            (stats[f"{k}_mag_mean"], stats[f"{k}_mag_std"]) for k in ("dm", "gas", "star")
        ]
        fields = zip(maps_of(sample, scales), maps_of(done, scales), constants, strict=True)
        for (_, x), (_, z), pair in fields:
            yield x, z, pair

    def row(self):
        """C6."""
        if self.case.stats is None:
            return skip("C6", "the statistics files cannot be read, see C7")
        return self.worst.row("C6", "normalize and back, training reader against inference")


class Mass(Watching):
    """C9: nesting of the scales, sums, share of the box."""

    def __init__(self, case):
        super().__init__(case)
        self.worst = Worst()
        self.shares = []

    def see_sample(self, name, record, entry, sample):
        """Compare the maps with each other, their record and the box."""
        maps = [sample["condition"], *sample["large_scale"]]
        scales = self.case.dataset.maps.scales
        for i in range(len(maps) - 1):
            error = nesting_error(maps[i], maps[i + 1], scales[i + 1] / scales[i])
            if error is not None:
                self.worst.see(error, NESTING, name)
        for key in ("condition", "target", "large_scale"):
            fields = sample[key] if sample[key].ndim == 3 else [sample[key]]
            for values, total in zip(fields, np.atleast_1d(entry[f"sum_{key}"]), strict=True):
                found = float(np.sum(values, dtype=np.float64))
                self.worst.see(abs(found - total), SUMS * max(abs(total), 1e-300), name)
        if self._whole_box():
            factor = scales[-1] / scales[0]
            share = factor**2 * float(np.sum(maps[-1], dtype=np.float64)) / record["masses"]["dmo"]
            self.shares.append(share)
            self.worst.see(not BOX_SHARE[0] <= share <= BOX_SHARE[1], 0.5, name)

    def _whole_box(self):
        maps = self.case.dataset.maps
        whole = math.isclose(maps.scales[-1], maps.box_size, rel_tol=1e-9)
        return whole and maps.depth is None

    def row(self):
        """C9."""
        if len(self.shares) >= NEEDED_FOR_MEAN:
            mean = float(np.mean(self.shares))
            self.worst.see(not MEAN_BOX_SHARE[0] <= mean <= MEAN_BOX_SHARE[1], 0.5)
        share = f", mean share of the box {np.mean(self.shares):.3f}" if self.shares else ""
        return self.worst.row("C9", f"nested scales, sums of records{share}")


def nesting_error(fine, coarse, ratio):
    """Largest difference between a map and the next one over their common area, of its maximum.

    None where blocks of the two maps do not coincide. A map of `ratio` times the side has its
    central res/ratio pixels over the finer one.
    """
    res = fine.shape[-1]
    step = round(ratio)
    if abs(ratio - step) > 1e-9 or res % (2 * step):
        return None
    low = res // 2 - res // (2 * step)
    center = coarse[low : low + res // step, low : low + res // step].astype(np.float64)
    blocks = fine.astype(np.float64).reshape(res // step, step, res // step, step).mean((1, 3))
    return float(np.max(np.abs(center - blocks)) / max(np.max(blocks), 1e-300))


class Pictures(Watching):
    """C13: the haloes are in the middle."""

    sees_all = True

    def __init__(self, case):
        super().__init__(case)
        self.total, self.count = 0.0, 0

    def see_sample(self, name, record, entry, sample):
        """Add the condition map."""
        self.total = self.total + sample["condition"].astype(np.float64)
        self.count += 1

    def row(self):
        """C13."""
        if self.count < NEEDED_FOR_MEAN:
            return skip("C13", f"{self.count} samples, {NEEDED_FOR_MEAN} make a mean map")
        peak = np.unravel_index(np.argmax(self.total), self.total.shape)
        middle = self.total.shape[0] // 2
        distance = max(abs(int(i) - middle) for i in peak)
        what = f"peak of the mean condition map of {self.count} samples from the middle"
        return Check("C13", what, distance, 1, "px", distance <= 1)
