"""Normalization: z = (log10(x + 1) - mean) / std of mass maps, and its constants.

x is mass per pixel of the full-box fine grid, Msun/h. The constants are mean and standard deviation
of the population of all pixels of all training samples.
"""

import math
from array import array

import numpy as np

from simlab.core.statistics import RunningMoments
from simlab.halo.errors import StatisticsError
from simlab.halo.names import OCCUPIED, SPECIES, channels, input_channels

UNIT = "Msun/h per (L/npix)^2"
EPSILON = 1e-8
"""Stored beside the constants, as in published files; it is not part of z."""
MEAN_RANGE = (-1.0, 12.0)
STD_RANGE = (0.05, 5.0)


def log_mass(field):
    """log10(x + 1) in float64 of a mass map x >= 0, Msun/h.

    Errors: StatisticsError for negative or undefined values, with their number.
    """
    x = np.asarray(field, np.float64)
    bad = int(np.count_nonzero(~(x >= 0)))
    if bad:
        raise StatisticsError(f"{bad} of {x.size} values are negative or not a number")
    return np.log10(x + 1.0)


def normalize(field, mean, std):
    """z = (log10(x + 1) - mean) / std, evaluated in float64, returned as float32.

    Errors: StatisticsError for x < 0 or NaN, or a std that is not finite and > 0.
    """
    mean, std = _constants(mean, std)
    return ((log_mass(field) - mean) / std).astype(np.float32)


def denormalize(z, mean, std):
    """x = 10^(z std + mean) - 1 in float64, clipped at 0; the inverse of `normalize`."""
    mean, std = _constants(mean, std)
    return np.maximum(10.0 ** (np.asarray(z, np.float64) * std + mean) - 1.0, 0.0)


def _constants(mean, std):
    mean, std = np.asarray(mean, np.float64), np.asarray(std, np.float64)
    if not (np.isfinite(std).all() and (std > 0).all() and np.isfinite(mean).all()):
        raise StatisticsError(f"mean {mean} and std {std}: expected finite values and std > 0")
    return mean, std


def normalize_sample(maps, stats):
    """`maps` with condition, large_scale and target normalized; other entries unchanged.

    Training (`iter_samples`) and inference call this one function; arrays may be missing.

    Parameters
    ----------
    maps : dict
        condition (res, res), large_scale (S-1, res, res), target (3, res, res), Msun/h.
    stats : dict
        Of `load_normalization_stats`.

    Raises
    ------
    StatisticsError
        For another number of larger scales than the constants are of.
    """
    if "large_scale" in maps:
        _require_scales(np.shape(maps["large_scale"]), len(stats["large_scale"][0]))
    return {
        name: normalize(values, *map_constants(stats, name)) if name in MAPS else values
        for name, values in maps.items()
    }


def _require_scales(shape, known):
    """Errors: StatisticsError for maps (..., S-1, res, res) of other than `known` scales."""
    found = shape[-3] if len(shape) > 2 else 1
    if found != known:
        raise StatisticsError(
            f"large_scale holds {found} scales, the constants are of {known}; cut the maps at the "
            "scales of the data set (maps.scales in its configuration)"
        )


def map_constants(stats, name):
    """(mean, std) of condition, large_scale or target, which broadcast against its last axes."""
    if name == "condition":
        return stats["condition"]
    if name == "large_scale":
        return tuple(np.asarray(values)[..., None, None] for values in stats["large_scale"])
    return tuple(
        np.array([stats[f"{key}_mag_{what}"] for key in PREFIXES])[:, None, None]
        for what in ("mean", "std")
    )


MAPS = ("condition", "large_scale", "target")
"""Arrays of a sample that are mass maps."""
PREFIXES = ("dm", "gas", "star")
"""First words of the keys of the three statistics files, in the order of SPECIES."""


def maps_of(sample, scales):
    """(channel, map) of every map of a sample."""
    maps = [sample["condition"], *sample["large_scale"], *sample["target"]]
    return list(zip(channels(scales), maps, strict=True))


def sample_moments(sample, scales):
    """{channel: (n, mean, m2, min, max)} of log10(x + 1) of a sample, and of its star pixels > 0.

    The occupied star pixels are left out where there are none.
    """
    parts = {}
    for channel, field in maps_of(sample, scales):
        logs = log_mass(field)
        parts[channel] = _part(logs)
        if channel == SPECIES[2] and (field > 0).any():
            parts[OCCUPIED] = _part(logs[field > 0])
    return parts


def _part(values):
    moments = RunningMoments()
    moments.push(np.sort(values))
    return moments.to_dict()["parts"][0]


class SampleMoments:
    """Moments of every channel over the samples that were added, in any order."""

    def __init__(self, scales):
        self.scales = list(scales)
        self.parts = {channel: array("d") for channel in [*channels(scales), OCCUPIED]}
        self.n_samples = 0

    def add(self, parts):
        """Add one sample, as `sample_moments` returned it."""
        self.n_samples += 1
        for channel, part in parts.items():
            self.parts[channel].extend(part)

    def of(self, channel):
        """RunningMoments of one channel."""
        parts = np.reshape(self.parts[channel], (-1, 5)).tolist()
        return RunningMoments((int(n), *rest) for n, *rest in parts)

    def fields(self):
        """{channel: {mean, std, min, max, count}}; StatisticsError if one has no spread."""
        if not self.n_samples:
            raise StatisticsError("no training samples")
        found = {}
        for channel in channels(self.scales):
            moments = self.of(channel)
            values = {key: getattr(moments, key) for key in ("mean", "std", "min", "max", "count")}
            if not (math.isfinite(values["std"]) and values["std"] > 0):
                raise StatisticsError(
                    f"channel {channel}: std is {values['std']:g} over {self.n_samples} training "
                    "samples, it cannot be normalized"
                )
            found[channel] = values
        return found

    def occupied(self):
        """{fraction, mean, std} of the star pixels > 0."""
        moments, total = self.of(OCCUPIED), self.of(SPECIES[2]).count
        return {"fraction": moments.count / total, "mean": moments.mean, "std": moments.std}


class TrainingMoments(SampleMoments):
    """Those of the training samples, with the parameters and haloes of their simulations.

    Simulations without samples do not count.
    """

    def __init__(self, scales):
        super().__init__(scales)
        self.names, self.params, self.masses = [], {}, []

    def add_simulation(self, record, parts):
        """Add a shard record and what `sample_moments` returned for each of its samples."""
        for part in parts:
            self.add(part)
        if record["samples"]:
            self.names = record["param_names"]
            self.params[record["sim"]] = record["params"]
            self.masses += [halo["mass"] for halo in record["haloes"]]

    def normalization(self, spec_hash):
        """The content of normalization.json."""
        params = [self.params[sim] for sim in sorted(self.params)]
        return normalization(
            self.fields(), self.n_samples, spec_hash, params, self.names, self.masses
        )


def summary(values):
    """{mean, std, min, max} (population) of a list of numbers; their order changes no bit."""
    moments = RunningMoments()
    moments.push(np.sort(values))
    return {key: getattr(moments, key) for key in ("mean", "std", "min", "max")}


def normalization(fields, n_samples, spec_hash, params, param_names, halo_masses):
    """The content of normalization.json.

    Parameters
    ----------
    fields : dict
        Of `SampleMoments.fields`.
    params : (n_simulations, P) of the training simulations
    halo_masses : (n_haloes,) of the training haloes, Msun/h
    """
    columns = [summary(column) for column in np.asarray(params, np.float64).T]
    logs = summary(np.log10(halo_masses))
    return {
        "format": 1,
        "transform": "log10(x+1), z-score",
        "split": "train",
        "n_samples": n_samples,
        "spec_hash": spec_hash,
        "param_names": list(param_names),
        "fields": {name: {**values, "unit": UNIT} for name, values in fields.items()},
        "parameters": {
            key: [column[key] for column in columns] for key in ("mean", "std", "min", "max")
        },
        "halo_mass": {
            "log10_mean": logs["mean"],
            "log10_std": logs["std"],
            "min": min(halo_masses),
            "max": max(halo_masses),
        },
    }


def handed_out(constants, per_scale, condition_source):
    """(mean, std) pairs that readers apply to condition and to large_scale.

    Parameters
    ----------
    constants : dict
        condition_mean, condition_std, large_scale_mean (S-1,), large_scale_std (S-1,),
        dm_mag_mean, dm_mag_std.
    per_scale : bool
        large_scale by its own constants, else by those of the condition.
    condition_source : str or dict
        condition, dm_mag or {mean, std}.
    """
    if isinstance(condition_source, dict):
        condition = (condition_source["mean"], condition_source["std"])
    else:
        key = {"condition": "condition", "dm_mag": "dm_mag"}[condition_source]
        condition = (constants[f"{key}_mean"], constants[f"{key}_std"])
    scales = len(constants["large_scale_mean"])
    if per_scale:
        large = (constants["large_scale_mean"], constants["large_scale_std"])
    else:
        large = tuple(np.full(scales, value) for value in condition)
    return {"condition": condition, "large_scale": large}


def doubts(fields):
    """Warnings about constants that are unusual for mass maps, as texts."""
    found = []
    for name, values in fields.items():
        for key, (low, high) in (("mean", MEAN_RANGE), ("std", STD_RANGE)):
            if not low <= values[key] <= high:
                found.append(f"{name}: {key} {values[key]:g} is outside [{low:g}, {high:g}]")
    return found


def large_scale_channels(scales):
    """Channels of `large_scale`, in order."""
    return input_channels(scales)[1:]
