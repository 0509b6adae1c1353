"""Rule lensing_checks: the data set against its configuration and the physics."""

from simlab.core.checks import write_checks
from simlab.core.files import read_json
from simlab.core.progress import progress
from simlab.core.tables import write_checks_table
from simlab.lensing.check_case import DatasetView
from simlab.lensing.checks import run_checks
from simlab.lensing.specs import dataset_from


def write_dataset_checks(spec, files, json, html, *, folder="."):
    """Run all checks, write checks.json and its page; raise if one fails.

    Parameters
    ----------
    spec : dict
        `specs.dataset_spec`.
    files : mapping
        parameters, table, index: path; images, resim: lists of path, empty where there are none.
    json, html : path
    folder : path
        That files named in the rows are relative to.
    """
    view = DatasetView(dataset_from(spec), files, folder)
    samples = progress(view.samples(), view.size, "checking rows")
    write_checks(json, run_checks(view, samples))
    write_checks_table(html, read_json(json))
