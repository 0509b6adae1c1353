"""Rule afm_checks: the data set against its configuration and the physics."""

from simlab.afm.check_case import Case
from simlab.afm.checks import run_checks
from simlab.afm.files.molecules import read_molecules
from simlab.afm.specs import dataset_from
from simlab.afm.stages.samples import grid_reader
from simlab.afm.statistics import concatenate
from simlab.core.checks import write_checks
from simlab.core.files import read_json, read_npz
from simlab.core.tables import write_checks_table


def write_dataset_checks(spec, files, json, html):
    """Run all checks, write checks.json and its page; raise if one fails.

    Parameters
    ----------
    spec : dict
        That of `specs.checks_spec`.
    files : mapping
        plan, molecules, normalization; lists shards, stats, grids.
    json, html : path
    """
    write_checks(json, run_checks(case_of(spec, files)))
    write_checks_table(html, read_json(json))


def case_of(spec, files):
    """The `Case` of the files of a data set."""
    parts = [read_npz(path) for path in files["stats"]]
    return Case(
        dataset=dataset_from(spec["dataset"]),
        molecules=read_molecules(files["molecules"]),
        plan=read_npz(files["plan"]),
        shards=list(files["shards"]),
        per_shard=spec["samples"][1],
        statistics=concatenate(parts),
        first_statistics=parts[0],
        normalization=read_json(files["normalization"]),
        grids=grid_reader(files["grids"]),
    )
