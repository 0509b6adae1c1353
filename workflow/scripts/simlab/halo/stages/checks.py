"""Rule halo_checks: C1 to C14, from records, index, statistics and samples read again."""

import inspect
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from simlab.core.checks import write_checks
from simlab.core.config import user_path
from simlab.core.files import npz_headers, read_csv, read_json, read_npz
from simlab.core.tables import write_checks_table
from simlab.halo import masl
from simlab.halo.check_case import Case
from simlab.halo.checks import run_checks
from simlab.halo.cutouts import extract_inference_cutouts
from simlab.halo.files.records import read_record
from simlab.halo.files.samples import read_sample
from simlab.halo.files.stats import load_normalization_stats, read_stats
from simlab.halo.names import SPECIES
from simlab.halo.parameters import ParameterTable
from simlab.halo.specs import dataset_from, samples_spec, spec_hash
from simlab.halo.statistics import PREFIXES, large_scale_channels

MASL_MAP = "resources/halo/masl_cic.npz"


def write_dataset_checks(spec, records, folder, table, json, html=None):
    """Run all checks of the data set in `folder` and write checks.json; raise if one fails.

    Parameters
    ----------
    spec : dict
        Of `specs.whole_spec`.
    records : list of paths
    table : path
        Table of parameters.
    html : path, optional
        Page of the report.
    """
    folder = Path(folder)
    case = case_of(spec, folder, table)
    maps = case.dataset.maps
    rows = run_checks(
        case,
        (read_record(path) for path in records),
        lambda file: read_sample(folder / file, maps.resolution, maps.scales),
    )
    write_checks(json, rows)
    if html:
        write_checks_table(html, read_json(json))


def case_of(spec, folder, table):
    """The `Case` of the data set in `folder`."""
    dataset = dataset_from(spec)
    digest = spec_hash(samples_spec(dataset))
    _, rows = read_csv(folder / "index.csv")
    parameters = ParameterTable(table)
    options = dataset.parameters

    def table_row(sim):
        values, names = parameters.values(
            sim, options.columns, dataset.source.set, options.overrides
        )
        return names, values.tolist()

    stored = read_npz(user_path(MASL_MAP))
    default = inspect.signature(extract_inference_cutouts).parameters["scales"].default
    return Case(
        dataset=dataset,
        spec_hash=digest,
        masl={key: stored[f"c1_{key}"] for key in ("pos", "w", "L", "field")},
        live_masl=masl_deposit if find_spec("MAS_library") else None,
        samples={row[0]: (row[1], row[3]) for row in rows},
        shapes=lambda file: {key: shape for key, (shape, _) in npz_headers(folder / file).items()},
        split=read_json(folder / "split.json"),
        stats=load_normalization_stats(folder),
        stats_problems=stats_problems(folder, digest, dataset.maps.scales),
        table_row=table_row,
        inference_scales=default,
    )


def masl_deposit(positions, masses, box_size, n):
    """CIC map (n, n) float32 by the MASL that is installed."""
    field = np.zeros((n, n), np.float32)
    masl.add(masl.library(), positions.astype(np.float32), masses, box_size, field)
    return masl.halved(field)


def stats_problems(folder, digest, scales):
    """What the three statistics files and normalization.json say differently, as texts."""
    stats, summary = read_stats(folder), read_json(folder / "normalization.json")
    problems = []
    for species, arrays in stats.items():
        if str(arrays["spec_hash"]) != digest:
            problems.append(f"{species}: other specification")
        if int(arrays["n_samples"]) != summary["n_samples"]:
            problems.append(f"{species}: n_samples differs from normalization.json")
        if arrays["param_names"].tolist() != summary["param_names"]:
            problems.append(f"{species}: param_names differs from normalization.json")
    if summary["spec_hash"] != digest:
        problems.append("normalization.json: other specification")
    for species, prefix in zip(SPECIES, PREFIXES, strict=True):
        names = {"mean": f"{prefix}_mag_mean", "std": f"{prefix}_mag_std"}
        for key in ("mean", "std", "min", "max", "count"):
            stored = stats[species][names.get(key, key)].item()
            if stored != summary["fields"][species][key]:
                problems.append(f"{species}: {key} differs from normalization.json")
    dark = stats[SPECIES[0]]
    for key in ("mean", "std"):
        stored = [dark[f"condition_{key}"], *dark[f"large_scale_{key}"]]
        names = ["condition", *large_scale_channels(scales)]
        if [float(value) for value in stored] != [summary["fields"][n][key] for n in names]:
            problems.append(f"condition, large_scale: {key} differs from normalization.json")
    return problems
