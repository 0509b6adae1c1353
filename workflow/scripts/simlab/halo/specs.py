"""Which values of a data set's configuration each rule depends on.

Rules pass these mappings as their `spec`, so that a change of a key re-runs exactly the rules
whose results it changes.
"""

import hashlib
import json

from simlab.core.config import parse_config
from simlab.halo.config import DatasetConfig

HOW_IT_IS_CUT = {"shards_per_simulation", "target_seconds", "memory_gb"}
PATHS = {"nbody_base", "hydro_base", "fof_nbody_base"}


def samples_spec(dataset):
    """Rule halo_samples: all that decides the bytes of the samples.

    Paths are left out (the content of the files counts, by fingerprints), and so is how the work
    is cut, which simulations are run, and which constants readers apply.
    """
    return dataset.model_dump(
        mode="json",
        exclude={
            "source": PATHS,
            "simulations": {"start", "end"},
            "parameters": {"file"},
            "execution": HOW_IT_IS_CUT,
            "normalization": True,
        },
    )


def spec_hash(spec):
    """SHA-256 (64 hex digits) of the canonical JSON of a `samples_spec`."""
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def parameters_spec(dataset):
    """Rule halo_parameters: the table of a synthetic data set."""
    return {
        "seed": dataset.seed,
        "parameters": dataset.source.parameters,
        "set": dataset.source.set,
        "simulations": [dataset.simulations.start, dataset.simulations.stop],
    }


def simulation_spec(dataset):
    """Rule halo_simulation: a synthetic pair of simulations."""
    return {
        "seed": dataset.seed,
        "box_size": dataset.maps.box_size,
        "source": dataset.source.model_dump(mode="json", exclude={"parameters"}),
    }


def index_spec(dataset):
    """Rule halo_index."""
    return {
        "seed": dataset.seed,
        "total": dataset.simulations.total,
        "test_fraction": dataset.simulations.test_fraction,
    }


def normalization_spec(dataset):
    """Rule halo_normalization."""
    return {
        "spec_hash": spec_hash(samples_spec(dataset)),
        "scales": list(dataset.maps.scales),
        "normalization": dataset.normalization.model_dump(mode="json"),
    }


def whole_spec(dataset):
    """Rules halo_checks and halo_manifest: the configuration but paths and how the work is cut."""
    return dataset.model_dump(
        mode="json",
        exclude={
            "source": PATHS,
            "parameters": {"file"},
            "execution": HOW_IT_IS_CUT,
        },
    )


def dataset_from(spec):
    """The DatasetConfig of a `samples_spec` or `whole_spec`; its folders are empty texts."""
    source = dict(spec["source"])
    if source["kind"] == "camels":
        source |= dict.fromkeys(PATHS, "")
    return parse_config(DatasetConfig, {**spec, "source": source}, "spec")


def preview_spec(dataset):
    """Rule halo_preview."""
    return {"scales": list(dataset.maps.scales)}


def projections_spec(dataset):
    """Rule halo_projections."""
    return {
        "maps": dataset.maps.model_dump(mode="json"),
        "chunk_particles": dataset.execution.chunk_particles,
        "allow_missing_chunks": getattr(dataset.source, "allow_missing_chunks", False),
    }
