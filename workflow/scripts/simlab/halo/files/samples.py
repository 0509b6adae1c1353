"""Samples: `{split}/sim_{sim}/sim_{sim}_halo_{halo_idx}_rot_{rot}.npz`.

| key | dtype, shape | value |
|---|---|---|
| condition | f4 (res, res) | DMO, side scales[0]; mass per fine pixel, Msun/h |
| target | f4 (3, res, res) | hydro dark matter, gas, stars, side scales[0] |
| large_scale | f4 (S-1, res, res) | DMO, sides scales[1:] |
| params | f8 (P,) | parameters of the simulation, as in the table |
| halo_mass | f8 () | M200c, Msun/h |
| halo_center | f8 (3,) | Mpc/h, in [0, L) |
| rot_matrix | f8 (3, 3) | provenance: e' = R e |
| seed_key | i8 (4,), (1,) with euler_legacy | provenance: key of the rotation |
| group_index | i8 () | provenance: row of the catalog |

Readers take any float width.
"""

import numpy as np

from simlab.core.files import read_npz, write_npz
from simlab.halo.errors import SampleError

DOCUMENTED = ("condition", "target", "large_scale", "params", "halo_mass", "halo_center")
PROVENANCE = ("rot_matrix", "seed_key", "group_index")
MAPS = ("condition", "target", "large_scale")
DEFLATE = 1
"""Level 6 takes three times as long for a few percent on such maps."""


def write_sample(path, sample):
    """Write a sample, the documented keys first; SampleError for maps below 0 or not finite."""
    for key in MAPS:
        _require_masses(path, key, sample[key])
    keys = [*DOCUMENTED, *(key for key in PROVENANCE if key in sample)]
    store_sample(path, {key: sample[key] for key in keys})


def store_sample(path, arrays):
    """Write the arrays of a sample in the order given."""
    write_npz(path, arrays, DEFLATE, runs=True)


def read_sample(path, resolution=None, scales=None):
    """A sample as a dict of arrays; SampleError names what is missing or has another shape."""
    sample = read_npz(path)
    missing = [key for key in DOCUMENTED if key not in sample]
    if missing:
        raise SampleError(f"{path}: no {', '.join(missing)}; found {', '.join(sample)}")
    for key in MAPS:
        _require_masses(path, key, sample[key])
    res = resolution or sample["condition"].shape[-1]
    maps = len(scales) - 1 if scales else len(sample["large_scale"])
    shapes = {"condition": (res, res), "target": (3, res, res), "large_scale": (maps, res, res)}
    for key, shape in shapes.items():
        if sample[key].shape != shape:
            raise SampleError(f"{path}: {key} has shape {sample[key].shape}, expected {shape}")
    return sample


def _require_masses(path, key, values):
    if values.dtype.kind != "f" or values.ndim == 0:
        raise SampleError(
            f"{path}: {key} is {values.dtype} of shape {values.shape}, expected maps of numbers"
        )
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise SampleError(f"{path}: {key} holds values that are negative or not finite")
