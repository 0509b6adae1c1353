"""Names of files, samples and channels of a halo data set."""

import re
from pathlib import PurePath

RECORD = re.compile(r"shard_\d{5}\.json")

SPECIES = ("dark_matter", "gas", "stellar")
"""Channels of `target`, in order; also the first words of the three statistics files."""

SCALES = (6.25, 12.5, 25.0, 50.0)
"""Sides of the maps unless the configuration says otherwise, Mpc/h."""

FIELD_DENSITY = 200 / 50.0**3
"""Groups below 1e13 Msun/h that are planted in synthetic simulations, per (Mpc/h)^3."""

OCCUPIED = "stellar_occupied"
"""Channel of the star pixels that are not empty."""


def sample_id(sim, halo_idx, rot):
    """Name of a sample, `id` in index.csv and stem of its file."""
    return f"sim_{sim}_halo_{halo_idx}_rot_{rot}"


def id_of(file):
    """Name of the sample in a file."""
    return PurePath(file).name.removesuffix(".npz")


def sim_folder(split, sim):
    """Folder of the samples of a simulation, relative to the data set."""
    return f"{split}/sim_{sim}"


def sample_file(split, sim, halo_idx, rot):
    """File of a sample, relative to the data set."""
    return f"{sim_folder(split, sim)}/{sample_id(sim, halo_idx, rot)}.npz"


def record_file(split, sim, shard):
    """Shard record, relative to the data set; `shard` is a number or its five digits."""
    return f"{sim_folder(split, sim)}/shard_{int(shard):05d}.json"


def is_record(path):
    """Whether a path has the name of a shard record."""
    return RECORD.fullmatch(PurePath(path).name) is not None


def input_channels(scales):
    """Channels of `condition` and `large_scale` for map sides `scales`, Mpc/h."""
    return ["condition", *(f"large_scale_{scale:g}" for scale in scales[1:])]


def channels(scales):
    """All channels of a sample in the order condition, large_scale, target."""
    return [*input_channels(scales), *SPECIES]
