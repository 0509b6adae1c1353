"""Checks C6, C7, C9 and C13: the pixels of samples that are read again."""

import math

import numpy as np

from simlab.core.checks import Check, skip
from simlab.halo.check_case import Counted, Watching, Worst
from simlab.halo.statistics import denormalize, log_mass, maps_of, normalize, normalize_sample

NEEDED_FOR_MEAN = 20
ROUND_TRIP = 1e-5
STANDARD_ERRORS = 5.0
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
        stats = self.case.stats
        done = normalize_sample(sample, stats)
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
        return self.worst.row("C6", "normalize and back, training reader against inference")


class StatisticsFiles(Watching):
    """C7: statistics files that agree with each other and with the pixels."""

    def __init__(self, case):
        super().__init__(case)
        self.wrong = Counted()
        for text in case.stats_problems:
            self.wrong.see(True, text)
        self.again = {}
        self.of_haloes = {}

    def see_record(self, record):
        """Collect the mean of each training halo, for the standard errors."""
        if record["split"] != "train":
            return
        for entry in record["samples"]:
            key = (record["sim"], entry["halo_idx"])
            for channel, part in entry["moments"].items():
                self.of_haloes.setdefault(channel, {}).setdefault(key, []).append(
                    float.fromhex(part[1])
                )

    def see_sample(self, name, record, entry, sample):
        """Compute the mean of each map again."""
        if record["split"] != "train":
            return
        key = (record["sim"], entry["halo_idx"])
        for channel, values in maps_of(sample, self.case.dataset.maps.scales):
            mean = float(np.mean(log_mass(values)))
            self.again.setdefault(channel, {}).setdefault(key, []).append(mean)

    def row(self):
        """C7."""
        for channel, haloes in self.again.items():
            means = [np.mean(values) for values in self.of_haloes.get(channel, {}).values()]
            if len(means) < 2:
                continue
            error = abs(np.mean([np.mean(v) for v in haloes.values()]) - self._stored(channel))
            allowed = STANDARD_ERRORS * np.std(means) / math.sqrt(len(haloes))
            self.wrong.see(
                error > allowed + 1e-9, f"{channel}: mean off by {error:.3g}, {allowed:.3g} allowed"
            )
        return self.wrong.row("C7", "statistics files among each other and against pixels")

    def _stored(self, channel):
        stats = self.case.stats
        names = {"dark_matter": "dm_mag_mean", "gas": "gas_mag_mean", "stellar": "star_mag_mean"}
        if channel.startswith("large_scale_"):
            scales = [f"large_scale_{scale:g}" for scale in self.case.dataset.maps.scales[1:]]
            return float(stats["large_scale_mean"][scales.index(channel)])
        return float(stats[names.get(channel, "condition_mean")])


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
