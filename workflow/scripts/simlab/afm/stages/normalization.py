"""Rule afm_normalization: statistics over the training samples of all shards."""

from simlab.afm.channels import channels_of
from simlab.afm.files.molecules import read_molecules
from simlab.afm.production import afmulator_of, aux_maps_of
from simlab.afm.specs import dataset_from
from simlab.afm.stages.samples import elements_of
from simlab.afm.statistics import concatenate, normalization
from simlab.core.files import read_json, read_npz, write_json
from simlab.core.tables import write_statistics_table


def write_normalization(spec, molecules_npz, stats, json, html):
    """Merge the `.stats.npz` files `stats` into normalization.json and its page.

    `spec` is `dataset` of `specs.shard_spec`.
    """
    dataset = dataset_from(spec)
    molecules = read_molecules(molecules_npz)
    channels = channels_of(
        dataset, aux_maps_of(dataset, afmulator_of(dataset)), elements_of(molecules)
    )
    split = dataset.split
    content = normalization(
        concatenate([read_npz(path) for path in stats]),
        channels.tips,
        channels.z_mean,
        channels.descriptors,
        channels.axes,
        split_text=f"{len(molecules)} molecules, split val {split.val:g}, test {split.test:g} by "
        f"{split.by}",
    )
    write_json(json, content)
    write_statistics_table(html, read_json(json))
