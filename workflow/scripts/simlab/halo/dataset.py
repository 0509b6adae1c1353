"""Reading samples for training, and constants from samples that are already there."""

from pathlib import Path

import numpy as np

from simlab.core.errors import ConfigError
from simlab.core.files import read_csv, write_json, write_npz
from simlab.core.inputs import shown
from simlab.core.progress import progress
from simlab.core.random import generator
from simlab.halo.cells import finite_number
from simlab.halo.cutouts import SCALES
from simlab.halo.errors import SampleError, StatisticsError
from simlab.halo.files.records import read_record
from simlab.halo.files.samples import read_sample
from simlab.halo.files.stats import (
    READER,
    load_normalization_stats,
    reader_of,
    stats_path,
    write_stats,
)
from simlab.halo.index_rows import COLUMNS
from simlab.halo.names import SPECIES, is_record
from simlab.halo.statistics import (
    SampleMoments,
    doubts,
    log_mass,
    normalization,
    normalize_sample,
    sample_moments,
)

QUANTILES = 1001


def iter_samples(index_csv, stats=None, split=None):
    """Samples of a data set in the order of its index, as dicts of numpy arrays.

    Parameters
    ----------
    index_csv : path
    stats : dict, optional
        Of `load_normalization_stats`: maps are normalized (float32), otherwise mass (Msun/h).
    split : str, optional
        train or test; None = both.
    """
    for entry in index_entries(index_csv, split):
        sample = read_sample(Path(index_csv).parent / entry["file"])
        sample["id"] = entry["id"]
        yield normalize_sample(sample, stats) if stats else sample


def index_entries(index_csv, split=None):
    """Rows of index.csv as dicts of text."""
    if split not in (None, "train", "test"):
        raise ConfigError(f"split is {split!r}, expected train or test")
    header, rows = read_csv(index_csv)
    missing = {"id", "file", "split", "halo_mass"} - set(header)
    if missing:
        raise SampleError(f"{index_csv}: no column {', '.join(sorted(missing))}")
    entries = [dict(zip(header, row, strict=True)) for row in rows]
    for line, entry in enumerate(entries, start=2):
        if finite_number(entry["halo_mass"]) is None:
            raise SampleError(
                f"{index_csv}: line {line}: halo_mass is {shown(entry['halo_mass'])}, expected a "
                "finite number"
            )
    return [entry for entry in entries if split in (None, entry["split"])]


def compute_normalization_stats(
    index_csv,
    out_dir,
    *,
    max_files=None,
    seed=0,
    fit_quantile=False,
    quantile_subsample=100_000,
    reader=None,
):
    """Compute the constants again from the training samples that an index lists.

    Parameters are named as in the shard record beside the first sample, without records as the
    columns of the index, and param_0, param_1, ... where it has no columns for them.

    Parameters
    ----------
    index_csv : path
    out_dir : path or str
        Folder, or first letters of the paths, of the files.
    max_files : int, optional
        Read only so many samples, drawn with stream `halo.normalization`; n_samples tells.
    seed : int
    fit_quantile : bool
        Write `stellar_quantiles.npz` too: quantiles of log10(x + 1) of the star pixels and the
        normal scores they are mapped on.
    quantile_subsample : int
        Pixels drawn for it in all, at most; each sample contributes the same share.
    reader : dict, optional
        condition_source and per_scale, recorded for readers. Default: those of the files that are
        replaced, else of those beside the index.

    Returns
    -------
    dict, the content of normalization.json
    """
    index_csv = Path(index_csv)
    entries = index_entries(index_csv, "train")
    if not entries:
        raise StatisticsError(f"{index_csv}: no training samples")
    used = _drawn(entries, max_files, seed)
    scales, digest, names = _specification(index_csv.parent / entries[0]["file"])
    moments, pixels = SampleMoments(scales), []
    params, masses = {}, {}
    for number, entry in enumerate(progress(used, len(used), "reading samples")):
        sample = read_sample(index_csv.parent / entry["file"], scales=scales)
        moments.add(sample_moments(sample, scales))
        params[entry.get("sim", entry["id"])] = sample["params"]
        masses[(entry.get("sim"), entry.get("halo_idx"), entry["halo_mass"])] = float(
            entry["halo_mass"]
        )
        if fit_quantile:
            share = _share(quantile_subsample, number, len(used))
            pixels.append(_some_pixels(sample["target"][2], share, seed, number))
    fields = moments.fields()
    if names is None:
        names = _names(entries[0], len(sample["params"]))
    write_stats(
        out_dir,
        fields,
        moments.occupied(),
        n_samples=moments.n_samples,
        spec_hash=digest,
        param_names=names,
        scales=scales,
        reader=reader or reader_of(out_dir) or reader_of(index_csv.parent) or READER,
    )
    if fit_quantile:
        write_npz(stats_path(out_dir, "stellar_quantiles.npz"), _quantiles(pixels))
    summary = normalization(
        fields, moments.n_samples, digest, list(params.values()), names, list(masses.values())
    )
    summary["drawn"] = {"max_files": max_files, "seed": seed} if len(used) < len(entries) else None
    write_json(stats_path(out_dir, "normalization.json"), summary)
    return summary


def validate_stats(prefix):
    """Read the statistics files again: warnings as texts; StatisticsError for what cannot be."""
    stats = load_normalization_stats(prefix)
    fields = {"condition": _pair(stats, "condition")}
    for species, key in zip(SPECIES, ("dm_mag", "gas_mag", "star_mag"), strict=True):
        fields[species] = _pair(stats, key)
    large = zip(stats["large_scale_mean"], stats["large_scale_std"], strict=True)
    for number, (mean, std) in enumerate(large):
        fields[f"large_scale[{number}]"] = {"mean": mean, "std": std}
    for name, values in fields.items():
        if not (np.isfinite(list(values.values())).all() and values["std"] > 0):
            raise StatisticsError(f"{prefix}: {name}: mean {values['mean']}, std {values['std']}")
    return doubts(fields)


def _pair(stats, key):
    return {"mean": stats[f"{key}_mean"], "std": stats[f"{key}_std"]}


def _drawn(entries, max_files, seed):
    if max_files is None or max_files >= len(entries):
        return entries
    if max_files < 1:
        raise ConfigError(f"max_files is {max_files}, expected at least 1")
    rng = generator(seed, "halo.normalization", 0)
    return [entries[i] for i in sorted(rng.choice(len(entries), max_files, replace=False))]


def _specification(sample):
    """(scales, specification hash, parameter names) of a shard record beside a sample.

    Without one: the usual scales, an empty hash and None.
    """
    for path in filter(is_record, sorted(sample.parent.glob("shard_*.json"))):
        record = read_record(path)
        return record["scales"], record["spec_hash"], record["param_names"]
    return list(SCALES), "", None


def _names(entry, count):
    """Names of `count` parameters: the columns of the index that are none of ours."""
    names = [column for column in entry if column not in COLUMNS]
    return names if len(names) == count else [f"param_{i}" for i in range(count)]


def _share(total, number, count):
    """Pixels of sample `number` of `count`, whose sum over all samples is `total`."""
    return total * (number + 1) // count - total * number // count


def _some_pixels(field, count, seed, number):
    logs = log_mass(field).ravel()
    if logs.size <= count:
        return logs
    rng = generator(seed, "halo.normalization", 1, number)
    return logs[rng.choice(logs.size, count, replace=False)]


def _quantiles(pixels):
    from scipy.special import ndtri

    levels = np.linspace(0.0, 1.0, QUANTILES)
    inside = np.clip(levels, 0.5 / QUANTILES, 1 - 0.5 / QUANTILES)
    return {
        "levels": levels,
        "quantiles": np.quantile(np.concatenate(pixels), levels),
        "normal_scores": ndtri(inside),
    }
