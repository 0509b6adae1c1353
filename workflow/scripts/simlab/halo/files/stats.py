"""The three statistics files `{dark_matter,gas,stellar}_normalization_stats.npz`.

Scalars are f8 () unless stated; all of log10(x + 1), x in Msun/h per fine pixel.

| file | keys |
|---|---|
| dark_matter | dm_mag_mean, dm_mag_std, condition_mean, condition_std, large_scale_mean (S-1,), large_scale_std (S-1,) |
| gas | gas_mag_mean, gas_mag_std |
| stellar | star_mag_mean, star_mag_std, occupied_fraction, occupied_mean, occupied_std |
| all | epsilon, count i8 (pixels), n_samples i8, min, max, spec_hash U64, param_names U(P), schema_version i8, condition_source U, condition_given (2,), per_scale bool |

The last three say which constants readers apply to condition and large_scale.
"""  # noqa: E501

from pathlib import Path

import numpy as np

from simlab.core.files import read_npz, write_npz
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
        species: read_npz(stats_path(prefix, file))
        for species, file in zip(SPECIES, FILES, strict=True)
    }


def load_normalization_stats(folder):
    """The constants of a data set.

    Returns
    -------
    dict
        dm_mag_mean, dm_mag_std, gas_mag_mean, ... and the other numbers of the three files as
        floats and arrays, and `condition`, `large_scale`: the (mean, std) pairs to apply. Where
        a key is in all three files (count, min, max, n_samples), that of dark_matter is returned.
    """
    merged = {}
    for arrays in reversed(read_stats(folder).values()):
        merged |= {key: _plain(value) for key, value in arrays.items()}
    source = merged["condition_source"]
    if source == GIVEN:
        mean, std = merged["condition_given"]
        source = {"mean": float(mean), "std": float(std)}
    return merged | handed_out(merged, merged["per_scale"], source)


def _plain(value):
    return value.item() if value.shape == () else value
