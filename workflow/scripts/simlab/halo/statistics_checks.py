"""Check C7: the constants are those of the training samples."""

import math

import numpy as np

from simlab.core.errors import SimlabError
from simlab.halo.check_case import Counted, Watching
from simlab.halo.files.records import parts_from
from simlab.halo.files.stats import FILES, GIVEN
from simlab.halo.names import SPECIES
from simlab.halo.statistics import (
    EPSILON,
    PREFIXES,
    TrainingMoments,
    large_scale_channels,
    log_mass,
    maps_of,
)

SUMMARY = "normalization.json"
STANDARD_ERRORS = 5.0


class StatisticsFiles(Watching):
    """C7: statistics files that hold what the records and the pixels tell."""

    def __init__(self, case):
        super().__init__(case)
        self.wrong = Counted()
        for text in case.stats_problems:
            self.wrong.see(True, text)
        self.training = TrainingMoments(case.dataset.maps.scales)
        self.again = {}
        self.of_haloes = {}

    def see_record(self, record):
        """Collect moments of the training samples, and their means halo by halo."""
        if record["sim"] not in self.case.training:
            return
        parts = [parts_from(entry["moments"]) for entry in record["samples"]]
        unknown = {channel for part in parts for channel in part} - set(self.training.parts)
        if unknown:
            self.wrong.see(True, f"sim {record['sim']} has moments of {', '.join(sorted(unknown))}")
            return
        self.training.add_simulation(record, parts)
        for entry, part in zip(record["samples"], parts, strict=True):
            key = (record["sim"], entry["halo_idx"])
            for channel, (_, mean, *_) in part.items():
                self.of_haloes.setdefault(channel, {}).setdefault(key, []).append(mean)

    def see_sample(self, name, record, entry, sample):
        """Compute the mean of each map again."""
        if record["sim"] not in self.case.training:
            return
        key = (record["sim"], entry["halo_idx"])
        for channel, values in maps_of(sample, self.case.dataset.maps.scales):
            mean = float(np.mean(log_mass(values)))
            self.again.setdefault(channel, {}).setdefault(key, []).append(mean)

    def row(self):
        """C7."""
        try:
            content = self.training.normalization(self.case.spec_hash)
            expected = self._files(content) | {SUMMARY: content}
        except SimlabError as error:
            self.wrong.see(True, f"constants cannot be computed again: {error}")
        else:
            self._compare_files(expected)
            self._compare_pixels(content["fields"])
        return self.wrong.row("C7", "statistics files against all records and pixels read again")

    def _files(self, content):
        """{statistics file: {key: value}} that belong to `content` of normalization.json."""
        reader = self.case.dataset.normalization.model_dump(mode="json")
        source = reader["condition_source"]
        given = isinstance(source, dict)
        common = {
            "epsilon": EPSILON,
            "n_samples": content["n_samples"],
            "spec_hash": content["spec_hash"],
            "param_names": content["param_names"],
            "condition_source": GIVEN if given else source,
            "per_scale": reader["per_scale"],
        }
        if given:
            common["condition_given"] = [source["mean"], source["std"]]
        fields, scales = content["fields"], self.case.dataset.maps.scales
        files = {}
        for file, species, prefix in zip(FILES, SPECIES, PREFIXES, strict=True):
            own = fields[species]
            files[file] = common | {key: own[key] for key in ("min", "max", "count")}
            files[file] |= {f"{prefix}_mag_{key}": own[key] for key in ("mean", "std")}
        for key in ("mean", "std"):
            large = [fields[channel][key] for channel in large_scale_channels(scales)]
            files[FILES[0]] |= {
                f"condition_{key}": fields["condition"][key],
                f"large_scale_{key}": large,
            }
        occupied = self.training.occupied()
        files[FILES[2]] |= {f"occupied_{key}": value for key, value in occupied.items()}
        return files

    def _compare_files(self, expected):
        for file, content in expected.items():
            if file not in self.case.stats_files:
                continue  # its problem is counted already
            found = flat(self.case.stats_files[file])
            for place, value in flat(content).items():
                different = place not in found or found[place] != value
                self.wrong.see(different, f"{file}: {place} is not that of the records")

    def _compare_pixels(self, fields):
        for channel, haloes in self.again.items():
            mean = np.mean([np.mean(values) for values in haloes.values()])
            error = abs(mean - fields[channel]["mean"])
            allowed = STANDARD_ERRORS * standard_error(
                list(self.of_haloes.get(channel, {}).values()), [len(v) for v in haloes.values()]
            )
            self.wrong.see(
                error > allowed + 1e-9, f"{channel}: mean off by {error:.3g}, {allowed:.3g} allowed"
            )


def standard_error(all_means, drawn):
    """Standard error of the mean over some haloes of the means over some of their views.

    sqrt(B / H + W sum_h (1 / n_h) / H^2), with the variances B of haloes, of the means over all
    their views, and W of views about the mean of their halo. Both are those of all training
    samples, so that few haloes that happen to be alike do not pretend to tell the mean exactly.

    Parameters
    ----------
    all_means : list of lists of float
        Means of the views of every halo.
    drawn : list of int
        Numbers n_h of views of the H haloes that are looked at.
    """
    haloes = [np.mean(values) for values in all_means]
    between = np.var(haloes) if haloes else 0.0
    views = [x - center for values, center in zip(all_means, haloes, strict=True) for x in values]
    within = np.mean(np.square(views)) if views else 0.0
    count = len(drawn)
    return math.sqrt(between / count + within * sum(1 / n for n in drawn) / count**2)


def flat(content, place=""):
    """{dotted path: value} of nested dicts; lists and tuples are values, as lists."""
    found = {}
    for key, value in content.items():
        if isinstance(value, dict):
            found |= flat(value, f"{place}{key}.")
        else:
            found[f"{place}{key}"] = list(value) if isinstance(value, tuple) else value
    return found
