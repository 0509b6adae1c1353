"""Rule ptycho_split: training and test frames in files of their own."""

import numpy as np

from simlab.ptycho.stages.dataset import export_npz
from simlab.ptycho.stages.normalization import splits_of


def write_splits(spec, h5, index, train, test):
    """Write train.npz and test.npz; `spec` is that of `specs.npz_spec`."""
    splits = splits_of(index)
    for name, path in (("train", train), ("test", test)):
        export_npz(spec, h5, path, np.flatnonzero(splits == name))
