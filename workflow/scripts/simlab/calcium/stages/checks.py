"""Rule calcium_checks: the data set against its configuration and the physics."""

from pathlib import Path

from simlab.calcium.check_case import View
from simlab.calcium.checks import run_checks
from simlab.calcium.specs import dataset_from
from simlab.core.checks import write_checks
from simlab.core.files import read_json
from simlab.core.progress import progress
from simlab.core.tables import write_checks_table


def write_dataset_checks(spec, files, json, html):
    """Run all checks, write checks.json and its page; raise if one fails.

    Parameters
    ----------
    spec : dict
        `specs.dataset_spec`.
    files : mapping
        Lists of paths: recordings, statistics, videos; empty where there are none.
    json, html : path
    """
    dataset = dataset_from(spec)
    expansion = dataset.expansion
    views = progress(views_of(dataset, files), len(expansion.points), "checking recordings")
    write_checks(json, run_checks(views, expansion.requested))
    write_checks_table(html, read_json(json))


def views_of(dataset, files):
    """Yield a View of every recording, by key."""
    by_kind = {
        kind: {Path(path).stem: Path(path) for path in paths} for kind, paths in files.items()
    }
    for point in dataset.expansion.points:
        yield View(
            point=point,
            dataset=dataset,
            recording_path=by_kind["recordings"].get(point.key),
            statistics_path=by_kind["statistics"].get(point.key),
            video_path=by_kind["videos"].get(point.key),
        )
