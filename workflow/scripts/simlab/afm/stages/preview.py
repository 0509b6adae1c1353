"""Rule afm_preview: the contact sheet."""

from simlab.afm.figures import SHOWN, draw_samples
from simlab.afm.files.molecules import read_molecules
from simlab.afm.files.shards import Shard


def draw_preview(name, molecules_npz, shard_h5, png):
    """Draw the first samples of a shard; a data set of several tips shows them in turn."""
    molecules = read_molecules(molecules_npz)
    with Shard(shard_h5) as shard:
        tips = shard.attributes["tips"]
        samples = []
        for position in range(min(SHOWN, len(shard))):
            tip = position % len(tips)
            molecule = molecules[int(shard.array("mol_id", position))].name
            samples.append(
                {
                    "label": f"{molecule}, {tips[tip]['name']}:",
                    "images": shard.array("afm", position)[tip],
                    "maps": shard.array("desc", position),
                    "mol": shard.molecule(position),
                    "window": shard.array("scan_window", position)[tip],
                }
            )
        draw_samples(
            png,
            samples,
            descriptors=shard.attributes["desc_channels"],
            title=f"{name}: frequency shift and descriptors",
        )
