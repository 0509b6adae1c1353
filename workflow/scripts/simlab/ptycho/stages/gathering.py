"""Rule ptycho_gathering: the power of the exit waves of all shards."""

import numpy as np

from simlab.core.files import read_npz, write_npz


def read_power(paths):
    """Power float64 (M,) of all frames of the shards whose files are `paths`, in their order."""
    return np.concatenate([read_npz(path, ["power"])["power"] for path in paths])


def gather_power(paths, npz):
    """Write the power of all shards as one file of the kind that `write_power` makes."""
    write_npz(npz, {"power": read_power(paths)})
