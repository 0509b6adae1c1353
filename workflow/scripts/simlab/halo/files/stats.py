"""The three statistics files `{dark_matter,gas,stellar}_normalization_stats.npz`.

Scalars are f8 () unless stated; all of log10(x + 1), x in Msun/h per fine pixel.

| file | keys |
|---|---|
| dark_matter | dm_mag_mean, dm_mag_std, condition_mean, condition_std, large_scale_mean (S-1,), large_scale_std (S-1,) |
| gas | gas_mag_mean, gas_mag_std |
| stellar | star_mag_mean, star_mag_std, occupied_fraction, occupied_mean, occupied_std |
| all | epsilon, count i8 (pixels), n_samples i8, min, max, spec_hash U64, param_names U(P), schema_version i8, condition_source U, condition_given (2,), per_scale bool |

The last three say which constants readers apply to condition and large_scale. Files of the original
pipeline hold only `*_mag_mean`, `*_mag_std` and epsilon: those constants can be read and applied.
"""  # noqa: E501

from pathlib import Path

import numpy as np

from simlab.core.errors import InputFileError, MissingKeyError, SimlabError
from simlab.core.files import read_npz, write_npz
from simlab.halo.errors import StatisticsError
from simlab.halo.names import SPECIES
from simlab.halo.statistics import (
    EPSILON,
    PREFIXES,
    handed_out,
    large_scale_channels,
)

SCHEMA_VERSION = 1
SUFFIX = "_normalization_stats.npz"
FILES = tuple(f"{species}{SUFFIX}" for species in SPECIES)
GIVEN = "given"
READER = {"condition_source": "condition", "per_scale": False}
"""Which constants readers apply unless the configuration says otherwise."""
ADDED = ("condition_mean", "condition_std", "large_scale_mean", "large_scale_std")
"""Constants that the original pipeline's files lack."""


def write_stats(prefix, fields, occupied, *, n_samples, spec_hash, param_names, scales, reader):
    """Write the three files; `prefix` is a folder, or the first letters of their paths.

    Parameters
    ----------
    fields, occupied : dict
        Of `SampleMoments`.
    reader : dict
        condition_source and per_scale of the configuration.
    """
    large = [fields[channel] for channel in large_scale_channels(scales)]
    extra = {
        SPECIES[0]: {
            "condition_mean": fields["condition"]["mean"],
            "condition_std": fields["condition"]["std"],
            "large_scale_mean": np.array([values["mean"] for values in large], np.float64),
            "large_scale_std": np.array([values["std"] for values in large], np.float64),
        },
        SPECIES[2]: {f"occupied_{key}": value for key, value in occupied.items()},
    }
    source = reader["condition_source"]
    given = isinstance(source, dict)
    for species, key, file in zip(SPECIES, PREFIXES, FILES, strict=True):
        values = fields[species]
        arrays = {
            f"{key}_mag_mean": np.float64(values["mean"]),
            f"{key}_mag_std": np.float64(values["std"]),
            "epsilon": np.float64(EPSILON),
            **{name: np.float64(value) for name, value in extra.get(species, {}).items()},
            "count": np.int64(values["count"]),
            "n_samples": np.int64(n_samples),
            "min": np.float64(values["min"]),
            "max": np.float64(values["max"]),
            "spec_hash": np.array(spec_hash, "U64"),
            "param_names": np.array(list(param_names), "U"),
            "schema_version": np.int64(SCHEMA_VERSION),
            "condition_source": np.array(GIVEN if given else source),
            "condition_given": np.array([source["mean"], source["std"]] if given else [0.0, 0.0]),
            "per_scale": np.bool_(reader["per_scale"]),
        }
        write_npz(stats_path(prefix, file), arrays)


def stats_path(prefix, file):
    """Path of a statistics file below a folder, or with the prefix before its name."""
    prefix = str(prefix)
    folder = prefix.endswith("/") or Path(prefix).is_dir()
    return Path(prefix) / file if folder else Path(f"{prefix}{file}")


def read_stats(prefix):
    """{species: dict of arrays} of the three files."""
    return {
        species: _checked(stats_path(prefix, file), key)
        for species, key, file in zip(SPECIES, PREFIXES, FILES, strict=True)
    }


def _checked(path, prefix):
    """Arrays of one file; its mean and standard deviation are there, and all numbers finite."""
    arrays = read_npz(path)
    needed = [f"{prefix}_mag_mean", f"{prefix}_mag_std"]
    missing = [key for key in needed if key not in arrays]
    if missing:
        raise MissingKeyError(f"{path}: no array {', '.join(missing)}; found {list(arrays)}")
    for key, array in arrays.items():
        number = array.dtype.kind in "biuf"
        if (
            key in needed and not (number and array.shape == ())
        ) or array.dtype.kind not in "biufU":
            raise InputFileError(
                f"{path}: {key} is {array.dtype} of shape {array.shape}, expected a number"
            )
        if number and not np.isfinite(array).all():
            place = np.argwhere(~np.isfinite(array))[0].tolist()
            name = f"{key}{place}" if place else key
            raise StatisticsError(
                f"{path}: {name} is {array[tuple(place)]}, expected finite numbers"
            )
    return arrays


def reader_of(prefix):
    """{condition_source, per_scale} that statistics files name, or None where they name none."""
    try:
        arrays = read_stats(prefix)[SPECIES[0]]
        return _reader({key: _plain(value) for key, value in arrays.items()})
    except (SimlabError, KeyError):
        return None


class Constants(dict):
    """Constants by name; asking for one that the files lack is a StatisticsError."""

    def __init__(self, place, values):
        super().__init__(values)
        self._place = place

    def __missing__(self, key):
        lacking = ", ".join(name for name in ADDED if name not in self)
        why = f": the statistics files hold no {lacking}" if lacking else ""
        raise StatisticsError(f"{self._place}: no constants {key}{why}")


def load_normalization_stats(dir):
    """The constants of a data set.

    Parameters
    ----------
    dir : path or str
        Folder, or first letters of the paths, of the three files.

    Returns
    -------
    dict
        dm_mag_mean, dm_mag_std, gas_mag_mean, ... and the other numbers of the three files as
        floats and arrays, and `condition`, `large_scale`: the (mean, std) pairs to apply. Where
        a key is in all three files (count, min, max, n_samples), that of dark_matter is returned.
        Of files without the additions (see above) `condition` and `large_scale` are missing; who
        asks for them gets a StatisticsError.
    """
    merged = {}
    for arrays in reversed(read_stats(dir).values()):
        merged |= {key: _plain(value) for key, value in arrays.items()}
    if all(key in merged for key in ADDED):
        reader = _reader(merged) if "condition_source" in merged else READER
        merged |= handed_out(merged, reader["per_scale"], reader["condition_source"])
    return Constants(dir, merged)


def _reader(constants):
    source = constants["condition_source"]
    if source == GIVEN:
        mean, std = constants["condition_given"]
        source = {"mean": float(mean), "std": float(std)}
    return {"condition_source": source, "per_scale": bool(constants["per_scale"])}


def _plain(value):
    return value.item() if value.shape == () else value
