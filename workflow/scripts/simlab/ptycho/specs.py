"""Which values of a data set's configuration each rule depends on.

Rules pass these mappings as their `spec`, so that a change of a key re-runs exactly the rules
whose results it changes.
"""

from simlab.core.config import published_path
from simlab.ptycho.config import DatasetConfig

FILES = {"object": "file", "probe": "file", "scan": "file", "detector": "mask_file"}
"""Section -> its key that names a file."""
HOW_IT_IS_CUT = {"frames_per_shard", "target_seconds"}
"""Keys that change no result."""


def object_spec(dataset, sizes):
    """Rule ptycho_object."""
    return {
        "seed": dataset.seed,
        "side": sizes.shape[0],
        "object": dataset.object.model_dump(mode="json"),
    }


def probe_spec(dataset):
    """Rule ptycho_probe."""
    return {"seed": dataset.seed, "probe": dataset.probe.model_dump(mode="json")}


def positions_spec(dataset):
    """Rule ptycho_positions."""
    return {"seed": dataset.seed, "scan": dataset.scan.model_dump(mode="json")}


def power_spec(dataset, sizes):
    """Rule ptycho_power."""
    return {"subpixel": dataset.subpixel, "frames": [sizes.frames, sizes.per_shard]}


def scale_spec(dataset):
    """Rule ptycho_scale."""
    return dataset.detector.model_dump(mode="json", include={"nphotons", "dose"})


def diffraction_spec(dataset, sizes, patches):
    """Rule ptycho_diffraction; `patches`: whether ground truth is stored."""
    return {
        "seed": dataset.seed,
        "detector": dataset.detector.model_dump(mode="json"),
        "subpixel": dataset.subpixel,
        "fft": dataset.fft,
        "backend": dataset.backend,
        "measurement": dataset.output.measurement,
        "counts_dtype": dataset.output.counts_dtype,
        "compression": dataset.output.compression,
        "patches": patches,
        "frames": [sizes.frames, sizes.per_shard],
    }


def dataset_spec(dataset, patches):
    """Rule ptycho_dataset: everything but what other rules make of the data set."""
    spec = dataset.model_dump(mode="json", exclude=HOW_IT_IS_CUT | {"split", "grouping"})
    return {"dataset": spec, "patches": patches}


def index_spec(dataset, sizes):
    """Rule ptycho_index."""
    return {
        "seed": dataset.seed,
        "N": sizes.N,
        "split": dataset.split.model_dump(mode="json") if dataset.split else None,
        "dose": dataset.detector.model_dump(mode="json")["dose"],
    }


def groups_spec(dataset, gridsize):
    """Rule ptycho_groups for one grid size."""
    own = dataset.grouping is not None and dataset.grouping.gridsize == gridsize
    return {
        "seed": dataset.seed,
        "gridsize": gridsize,
        "grouping": dataset.grouping.model_dump(mode="json") if own else None,
        "grid": dataset.scan.options if dataset.scan.layout == "grid_groups" and not own else None,
    }


def npz_spec(dataset):
    """Rules ptycho_npz and ptycho_split."""
    return dataset.output.model_dump(mode="json", include={"contract", "compression"})


def normalization_spec(dataset):
    """Rule ptycho_normalization."""
    return {"measurement": dataset.output.measurement}


def checks_spec(dataset, sizes, patches):
    """Rule ptycho_checks: the whole data set but what only shapes files."""
    spec = dataset.model_dump(mode="json", exclude=HOW_IT_IS_CUT)
    return {"dataset": spec, "patches": patches, "N": sizes.N, "n_images": sizes.frames}


def whole_spec(dataset):
    """Rule ptycho_manifest."""
    return published_spec(dataset.model_dump(mode="json"))


def published_spec(spec):
    """A spec with the paths in it, of those sections that it has, as published files hold them."""
    spec = {**spec}
    for section, key in FILES.items():
        if section in spec:
            spec[section] = _published(spec[section], key)
    if "object" in spec:
        spec["object"]["params"] = _published(spec["object"]["params"], "image")
    return spec


def _published(section, key):
    path = section.get(key)
    return {**section} if path is None else {**section, key: published_path(path)}


def dataset_from(spec):
    """The DatasetConfig of a spec of `dataset_spec` or `checks_spec`."""
    return DatasetConfig.model_validate(spec["dataset"])
