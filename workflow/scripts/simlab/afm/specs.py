"""Which values of a data set's configuration each rule depends on.

Rules pass these mappings as their `spec`, so that a change of a key re-runs exactly the rules
whose results it changes.
"""

from simlab.afm.config import DatasetConfig
from simlab.core.config import published_path

NEVER_IN_SAMPLES = ("samples_per_shard", "target_seconds", "seconds_per_sample", "export")
"""Keys that change how samples are dealt to files, not the samples."""


def molecules_spec(dataset):
    """Rule afm_molecules."""
    spec = dataset.model_dump(mode="json", include={"charges", "strict"})
    model_grids = dataset.grids is not None and dataset.grids.source == "model"
    periodic = dataset.simulator.periodic_axes
    size = dataset.simulator.size
    return {
        **spec,
        "window": [None if periodic[axis] else size[axis] for axis in (0, 1)],
        "radii": any(entry.needs_radii for entry in dataset.aux_maps),
        "charged": dataset.sim_type == "LJ+PC" or model_grids,
        "model_grids": model_grids,
    }


def grids_spec(dataset):
    """Rule afm_grids."""
    return dataset.model_dump(mode="json", include={"grids", "sim_type"})


def plan_spec(dataset, sizes):
    """Rule afm_plan."""
    spec = dataset.model_dump(mode="json", include={"seed", "augment", "rotations", "split"})
    return {**spec, "samples": sizes.samples}


def sample_spec(dataset):
    """What the samples are made of, as the shards record it."""
    return dataset.model_dump(mode="json", exclude=set(NEVER_IN_SAMPLES))


def shard_spec(dataset, sizes):
    """Rule afm_shard."""
    return {"dataset": sample_spec(dataset), "samples": [sizes.samples, sizes.per_shard]}


def batches_spec(sizes):
    """Rule afm_batches."""
    return {"samples": [sizes.samples, sizes.per_shard], "batch_size": sizes.batch_size}


def checks_spec(dataset, sizes):
    """Rule afm_checks."""
    return shard_spec(dataset, sizes)


def whole_spec(dataset):
    """Rule afm_manifest."""
    return published_spec(dataset.model_dump(mode="json"))


def published_spec(spec):
    """A spec with the paths in it as published files may hold them."""
    spec = {**spec, "molecules": [published_path(pattern) for pattern in spec["molecules"]]}
    spec["tips"] = [_published(tip, ("tip_density", "tip_delta_density")) for tip in spec["tips"]]
    if spec["grids"] is not None:
        spec["grids"] = _published(spec["grids"], ("potential", "density"))
    return spec


def _published(section, keys):
    named = {key: published_path(section[key]) for key in keys if section.get(key) is not None}
    return {**section, **named}


def dataset_from(spec):
    """The DatasetConfig of a spec of `sample_spec`."""
    return DatasetConfig.model_validate(spec)
