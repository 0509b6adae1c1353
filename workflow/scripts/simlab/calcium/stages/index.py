"""Rule calcium_index: one row a recording."""

import json

from simlab.calcium.points import advice_on
from simlab.calcium.specs import dataset_from
from simlab.calcium.splits import advice_on_splits
from simlab.core.files import write_csv

COLUMNS = ["id", "file", "position", "split", "seed", "n_frames", "height", "width"]


def write_index(spec, csv):
    """Write index.csv, ordered by key; values of axes are JSON.

    Parameters
    ----------
    spec : dict
        `specs.dataset_spec`.
    csv : path

    Returns
    -------
    list of str
        What looks like a mistake in the recordings (SpecWarning) or their splits, each text once.
    """
    dataset = dataset_from(spec)
    points = dataset.expansion.points
    folder, suffix = ("recordings", "h5") if dataset.recordings else ("videos", "avi")
    paths = [path for path in points[0].axes if path not in COLUMNS]
    rows = [
        (
            point.key,
            f"{folder}/{point.key}.{suffix}",
            0,
            point.split,
            point.spec.seed,
            point.spec.acquisition.n_frames,
            *point.spec.fov_shape,
            *(json.dumps(point.axes[path]) for path in paths),
        )
        for point in points
    ]
    write_csv(csv, [*COLUMNS, *paths], rows)
    return [*advice_on(points), *advice_on_splits(points, dataset.splits)]
