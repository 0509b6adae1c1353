"""Rule halo_checks: C1 to C14, from records, index, statistics and samples read again."""

import inspect
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from simlab.core.checks import write_checks
from simlab.core.config import user_path
from simlab.core.errors import SimlabError
from simlab.core.files import npz_headers, read_csv, read_json, read_npz
from simlab.core.tables import write_checks_table
from simlab.halo import masl
from simlab.halo.check_case import CELLS_END, Case
from simlab.halo.checks import run_checks
from simlab.halo.cutouts import extract_inference_cutouts
from simlab.halo.errors import SampleError
from simlab.halo.files.records import read_record
from simlab.halo.files.samples import read_sample
from simlab.halo.files.stats import FILES, load_normalization_stats
from simlab.halo.parameter_names import spellings
from simlab.halo.parameters import ParameterTable
from simlab.halo.specs import dataset_from, samples_spec, spec_hash
from simlab.halo.statistics_checks import SUMMARY

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
    columns, index, repeated = read_index(folder / "index.csv")
    parameters = ParameterTable(table)
    options = dataset.parameters

    def table_row(sim):
        values, names = parameters.values(
            sim, options.columns, dataset.source.set, options.overrides
        )
        return names, values.tolist()

    given = options.overrides.get(dataset.source.set, {})

    def cosmology(sim):
        told = parameters.cosmology(sim, dataset.source.set)
        return {name: told[name] for name in told if not set(spellings(name)) & set(given)}

    stats, files, problems = read_statistics(folder)
    stored = read_npz(user_path(MASL_MAP))
    default = inspect.signature(extract_inference_cutouts).parameters["scales"].default
    return Case(
        dataset=dataset,
        spec_hash=digest,
        masl={key: stored[f"c1_{key}"] for key in ("pos", "w", "L", "field")},
        live_masl=masl_deposit if find_spec("MAS_library") else None,
        columns=columns,
        index=index,
        listed_twice=repeated,
        shapes=lambda file: {key: shape for key, (shape, _) in npz_headers(folder / file).items()},
        split=read_json(folder / "split.json"),
        stats=stats,
        stats_files=files,
        stats_problems=problems,
        table_row=table_row,
        cosmology=cosmology,
        inference_scales=default,
    )


def masl_deposit(positions, masses, box_size, n):
    """CIC map (n, n) float32 by the MASL that is installed."""
    field = np.zeros((n, n), np.float32)
    masl.add(masl.library(), positions.astype(np.float32), masses, box_size, field)
    return masl.halved(field)


def read_index(path):
    """(columns, {id: cells joined by CELLS_END}, ids that are there again) of index.csv."""
    columns, rows = read_csv(path)
    missing = [name for name in ("id", "file", "split") if name not in columns]
    if missing:
        raise SampleError(f"{path}: no column {', '.join(missing)}")
    place, index, repeated = columns.index("id"), {}, []
    for row in rows:
        if row[place] in index:
            repeated.append(row[place])
        index[row[place]] = CELLS_END.join(row)
    return columns, index, repeated


def read_statistics(folder):
    """Statistics files and normalization.json of a data set.

    Returns
    -------
    stats : dict or None
        Of `load_normalization_stats`.
    files : dict
        {name: content} of those that can be read, arrays as lists.
    problems : list of str
        What cannot be read.
    """
    files, problems = {}, []
    for file in FILES:
        try:
            arrays = read_npz(folder / file)
        except SimlabError as error:
            problems.append(str(error))
        else:
            files[file] = {key: value.tolist() for key, value in arrays.items()}
    try:
        files[SUMMARY] = _mapping(folder / SUMMARY)
    except SimlabError as error:
        problems.append(str(error))
    try:
        return load_normalization_stats(folder), files, problems
    except SimlabError as error:
        if str(error) not in problems:
            problems.append(str(error))
        return None, files, problems


def _mapping(path):
    content = read_json(path)
    if not isinstance(content, dict):
        raise SampleError(f"{path}: not a JSON object")
    return content
