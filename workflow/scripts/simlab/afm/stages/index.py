"""Rule afm_index: one row a sample."""

from pathlib import Path

import numpy as np

from simlab.afm.files.molecules import read_molecules
from simlab.afm.files.shards import Shard
from simlab.afm.flags import FAILED
from simlab.core.files import read_npz, write_csv
from simlab.core.splits import SPLITS

COLUMNS = [
    "id",
    "file",
    "position",
    "split",
    "molecule",
    "mol_id",
    "rot_id",
    "entropy",
    "n_atoms",
    "distAbove",
    "tilt_x",
    "tilt_y",
    "df_steps",
    "flags",
    "n_fallback",
    "n_unconverged",
]


def write_index(plan_npz, molecules_npz, shards, csv):
    """Write index.csv from the plan and the `shards` in the folder `shards` beside it."""
    entropy = read_npz(plan_npz, ["entropy"])["entropy"]
    molecules = read_molecules(molecules_npz)
    rows = []
    for path in shards:
        with Shard(path) as shard:
            rows += list(_rows_of(f"shards/{Path(path).name}", shard, molecules, entropy))
    write_csv(csv, COLUMNS, rows)


def _rows_of(name, shard, molecules, entropy):
    small = shard.small()
    n_atoms = np.diff(shard.array("mol/ptr"))
    for position, sample in enumerate(small["sample_id"]):
        mol = int(small["mol_id"][position])
        flags = int(small["flags"][position])
        yield (
            int(sample),
            name,
            position,
            "excluded" if flags & FAILED else SPLITS[small["split"][position]],
            molecules[mol].name,
            mol,
            int(small["rot_id"][position]),
            float(entropy[sample]),
            int(n_atoms[position]),
            float(small["distAbove"][position, 0]),
            float(small["tipR0"][position, 0, 0]),
            float(small["tipR0"][position, 0, 1]),
            int(small["df_steps"][position, 0]),
            flags,
            int(small["n_fallback"][position]),
            int(small["n_unconverged"][position]),
        )
