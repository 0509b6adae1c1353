"""Which values of a data set's configuration each rule depends on.

Rules pass these mappings as their `spec`, so that a change of a key re-runs exactly the rules
whose results it changes.
"""

from simlab.core.config import published_path
from simlab.lensing.config import DatasetConfig
from simlab.lensing.plan import size_of
from simlab.lensing.settings import SimulationSettings

DRAWING = ("lens", "cluster", "source", "position")
EXTRAS = ("actual", "apparent", "original")
NEVER_IN_RESULTS = {"output": {"shard_size", "target_seconds"}}
"""Keys that change how the work is dealt to jobs, not its results."""
OF_ROWS = {"model", "size", "parameters", "nterms", "chi_column", "imagesize"}
"""Keys of `simulator` that say what rows hold, or whether they can be used."""


def parameters_spec(dataset):
    """Rule lensing_parameters: what the rows are drawn from, or how a table is read."""
    include = {"simulator": OF_ROWS, "seed": True}
    if dataset.simulator.parameters is None:
        include |= dict.fromkeys(DRAWING, True)
    return dataset.model_dump(mode="json", include=include)


def pictures_spec(dataset):
    """Rules that make pictures of rows: images, roulette_images, resimulations, PNG."""
    return {"settings": dataset.settings().model_dump(mode="json")}


def images_spec(dataset):
    """Rule lensing_images: pictures, and which rows its statistics hold."""
    return {
        **pictures_spec(dataset),
        "extras": [name for name in EXTRAS if getattr(dataset.output, name)],
        "counts": split_counts(dataset),
    }


def split_counts(dataset):
    """[training, validation, test] rows."""
    return list(dataset.splits.counts(size_of(dataset)))


def tables_spec(dataset):
    """Rules lensing_tables and lensing_normalization: splits and columns."""
    return {
        "seed": dataset.seed,
        "counts": split_counts(dataset),
        "variables": dataset.splits.variables,
    }


def dataset_spec(dataset):
    """Rule lensing_checks: the whole configuration."""
    exclude = dict(NEVER_IN_RESULTS)
    if dataset.simulator.parameters is not None:  # rows of a table are not drawn
        exclude |= dict.fromkeys(DRAWING, True)
    return dataset.model_dump(mode="json", exclude=exclude)


def whole_spec(dataset):
    """Rule lensing_manifest: the whole configuration, with paths as published files hold them."""
    spec = dataset_spec(dataset)
    for section, key in (("simulator", "parameters"), ("source", "file")):
        path = spec.get(section, {}).get(key)
        if path is not None:
            spec[section] = {**spec[section], key: published_path(path)}
    return spec


def dataset_from(spec):
    """The DatasetConfig of `parameters_spec` or `dataset_spec`."""
    return DatasetConfig.model_validate(spec)


def settings_from(spec):
    """The SimulationSettings of `pictures_spec` or `images_spec`."""
    return SimulationSettings.model_validate(spec["settings"])
