"""Rule ptycho_normalization: statistics over the training frames."""

import numpy as np

from simlab.core.files import read_csv, read_json, read_npz, write_json
from simlab.ptycho.statistics import concatenate, merge, object_statistics, observed_norm

FROM_REPORT = ("n_outside", "mean_nearest_distance", "linear_overlap")


def write_normalization(spec, stage1, positions, report, scale, index, statistics, json):
    """Write normalization.json; `spec` holds measurement."""
    inputs = read_npz(stage1, ["objectGuess", "probeGuess"])
    frames = concatenate([read_npz(path) for path in statistics])
    scales = read_json(scale)
    write_json(
        json,
        normalization(
            spec["measurement"],
            inputs["objectGuess"],
            inputs["probeGuess"].shape[-1],
            read_npz(positions),
            read_json(report),
            scales,
            splits_of(index),
            frames,
        ),
    )


def normalization(measurement, objects, side, positions, report, scales, splits, frames):
    """Content of normalization.json.

    Parameters
    ----------
    measurement : str
        Measurement domain.
    objects : complex64 (H, W) or (K, H, W)
    side : int
    positions, report, scales : dict
        Content of positions.npz, positions.json, scale.json.
    splits : (M,) str
    frames : dict
        Per-frame statistics of all frames in order, and `frame_scale`.
    """
    train = splits == "train"
    return {
        "format": 1,
        "split": "train",
        "measurement_domain": measurement,
        "nphotons": scales["nphotons"],
        "intensity_scale": scales["intensity_scale"],
        "norm_Y_I": observed_norm(frames["counts_sum"], frames["frame_scale"], scales["nphotons"]),
        **merge(frames, train, side),
        "object": object_statistics(
            objects,
            positions["xcoords"],
            positions["ycoords"],
            positions["object_index"],
            train,
            side,
        ),
        **{key: report[key] for key in FROM_REPORT},
    }


def splits_of(index):
    """Split names of all frames from index.csv, (M,) str."""
    header, rows = read_csv(index)
    column = header.index("split")
    return np.array([row[column] for row in rows])
