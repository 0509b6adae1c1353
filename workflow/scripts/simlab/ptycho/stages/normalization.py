"""Rule ptycho_normalization: statistics over the training frames."""

import numpy as np

from simlab.core.files import read_csv, read_json, read_npz, write_json
from simlab.ptycho.statistics import concatenate, normalization


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


def splits_of(index):
    """Split names of all frames from index.csv, (M,) str."""
    header, rows = read_csv(index)
    column = header.index("split")
    return np.array([row[column] for row in rows])
