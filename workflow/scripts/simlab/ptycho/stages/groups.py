"""Rule ptycho_groups: frames with their neighbors, as models with several channels see them."""

import numpy as np

from simlab.core.config import parse_config
from simlab.ptycho.config import GroupingConfig
from simlab.ptycho.files.grouped import write_grouped_npz
from simlab.ptycho.files.readers import open_dataset
from simlab.ptycho.grouping import neighbor_groups


def write_groups(spec, dataset_file, npz):
    """Write the groups of a data set file; `spec` is that of `specs.groups_spec`.

    A data set of layout grid_groups is already grouped: C = gridsize^2 frames in a row are a group.
    """
    if spec["grouping"] is None:
        with open_dataset(dataset_file) as data:
            indices = np.arange(len(data.frames)).reshape(-1, spec["gridsize"] ** 2)
        sampled = None
    else:
        config = parse_config(GroupingConfig, spec["grouping"])
        indices, sampled = groups_of(dataset_file, config, spec["seed"])
    write_grouped_npz(npz, dataset_file, indices, sample_indices=sampled)


def groups_of(dataset_file, config, seed):
    """(nn_indices (B, C), sample_indices or None) of a data set file for a GroupingConfig."""
    with open_dataset(dataset_file) as data:
        x, y = data.frames.read("xcoords"), data.frames.read("ycoords")
    return neighbor_groups(
        x,
        y,
        gridsize=config.gridsize,
        K=config.K,
        nsamples=config.nsamples or len(x),
        seed=seed,
        enable_oversampling=config.enable_oversampling,
        neighbor_pool_size=config.neighbor_pool_size,
        include_seed=not config.legacy if config.include_seed is None else config.include_seed,
        legacy=config.legacy,
    )
