"""Rule afm_preview: the contact sheet."""

import numpy as np

from simlab.afm.figures import SHOWN, draw_samples
from simlab.afm.files.molecules import read_molecules
from simlab.afm.files.shards import Shard
from simlab.afm.flags import FAILED


def draw_preview(name, molecules_npz, shard_h5, png):
    """Draw samples of a shard: the first of each molecule, then others in order."""
    molecules = read_molecules(molecules_npz)
    with Shard(shard_h5) as shard:
        attributes = shard.attributes
        samples = [
            {
                "label": f"sample {int(shard.array('sample_id', k))}: "
                f"{molecules[int(shard.array('mol_id', k))].name}",
                "stacks": shard.array("afm", k),
                "maps": shard.array("desc", k),
                "mol": shard.molecule(k),
                "windows": shard.array("scan_window", k),
            }
            for k in shown_samples(shard.array("mol_id"), shard.array("flags"))
        ]
        draw_samples(
            png,
            samples,
            tips=[tip["name"] for tip in attributes["tips"]],
            z_mean=list(attributes["z_mean"]),
            descriptors=attributes["desc_channels"],
            title=f"{name}: frequency shift and descriptors",
        )


def shown_samples(mol_id, flags):
    """Positions of at most 8 samples that could be simulated, new molecules before others."""
    good = np.flatnonzero((flags & FAILED) == 0)
    if good.size == 0:
        good = np.arange(len(mol_id))
    _, first = np.unique(mol_id[good], return_index=True)
    order = [*good[np.sort(first)], *np.delete(good, first)]
    return [int(k) for k in order[:SHOWN]]
