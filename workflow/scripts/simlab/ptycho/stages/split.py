"""Rule ptycho_split: training and test frames in files of their own."""

import numpy as np

from simlab.core.splits import SPLITS
from simlab.ptycho.files.readers import open_dataset
from simlab.ptycho.splits import TEST, TRAIN, split_labels
from simlab.ptycho.stages.dataset import export_npz
from simlab.ptycho.stages.normalization import splits_of


def write_splits(spec, h5, index, train, test):
    """Write train.npz and test.npz as index.csv says; `spec` is that of `specs.npz_spec`."""
    splits = splits_of(index)
    for name, path in (("train", train), ("test", test)):
        frames = np.flatnonzero(splits == name)
        export_npz(spec, h5, path, frames, {"side": name, "frames": len(frames)})


def export_split_sides(dataset_file, train, test, axis, fraction, gap):
    """Split a data set file at a line; returns the numbers of training and test frames.

    `fraction` is that of the frames for training; the rest as in `splits.split_labels`.
    """
    with open_dataset(dataset_file) as data:
        x, y = data.frames.read("xcoords"), data.frames.read("ycoords")
    labels = split_labels(x, y, axis=axis, train_fraction=fraction, gap=gap)
    spec = {"contract": "legacy", "compression": "auto"}
    for label, path in ((TRAIN, train), (TEST, test)):
        frames = np.flatnonzero(labels == label)
        made = {"side": SPLITS[label], "frames": len(frames)}
        made |= {"axis": axis, "train_fraction": fraction, "gap": gap}
        export_npz(spec, dataset_file, path, frames, made)
    return int(np.sum(labels == TRAIN)), int(np.sum(labels == TEST))
