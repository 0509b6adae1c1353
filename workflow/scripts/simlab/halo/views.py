"""The views of a halo: its rotations and the keys that are stored with them."""

import numpy as np

from simlab.halo.rotations import legacy_seed, random_rotation, rotation_key


def view(seed, sim, halo_idx, group_index, rot, *, scheme="so3", identity=False):
    """(matrix (3, 3) float64, key) of view `rot` of a halo.

    The key is (seed, sim, group_index, rot), with `euler_legacy` (sim*1000 + halo_idx*100 + rot,).
    `identity`: the unrotated view, which keeps its key.
    """
    if scheme == "euler_legacy":
        number = legacy_seed(sim, halo_idx, rot)
        key, matrix = (number,), random_rotation(number, scheme)
    else:
        key = rotation_key(seed, sim, group_index, rot)
        matrix = random_rotation(key, scheme)
    return (np.eye(3) if identity else matrix), key
