"""Rule halo_normalization: constants over the training samples, from the shard records."""

from pathlib import Path

from simlab.core.files import read_json, write_json
from simlab.core.tables import write_statistics_table
from simlab.halo.errors import StatisticsError
from simlab.halo.files.records import parts_from, read_record
from simlab.halo.files.stats import write_stats
from simlab.halo.statistics import TrainingMoments

LISTED = 4
"""Simulations named in a message."""


def write_normalization(spec, records, folder, html=None):
    """Write the three statistics files and normalization.json into `folder`, and `html`.

    Parameters
    ----------
    spec : dict
        Of `specs.normalization_spec`.
    records : list of paths
        Of all splits; the training ones count.

    Errors: StatisticsError, before anything is written, where a channel has no constants.
    """
    training, empty = TrainingMoments(spec["scales"]), []
    for path in records:
        record = read_record(path)
        if record["spec_hash"] != spec["spec_hash"]:
            raise StatisticsError(f"{path}: samples of another specification, make them again")
        if record["split"] == "train":
            parts = (parts_from(entry["moments"]) for entry in record["samples"])
            training.add_simulation(record, parts)
            empty += [] if record["samples"] else [record]
    if not training.n_samples:
        raise StatisticsError(_without_samples(empty))
    content = training.normalization(spec["spec_hash"])
    write_stats(
        f"{folder}/",
        training.fields(),
        training.occupied(),
        n_samples=training.n_samples,
        spec_hash=spec["spec_hash"],
        param_names=training.names,
        scales=spec["scales"],
        reader=spec["normalization"],
    )
    path = Path(folder) / "normalization.json"
    write_json(path, content)
    if html:
        write_statistics_table(html, _as_shown(read_json(path)))


def _without_samples(records):
    """Why there are no training samples."""
    sims = sorted({record["sim"] for record in records})
    if not sims:
        return "no training samples: no simulation from simulations.start to end is for training"
    groups = sum(record["n_groups"] for record in records if record["shard"] == 0)
    names = ", ".join(map(str, sims[:LISTED])) + (", ..." if len(sims) > LISTED else "")
    return (
        f"no training samples: none of the {groups} groups of the {len(sims)} training simulations "
        f"({names}) is above haloes.mass_threshold"
    )


def _as_shown(content):
    """normalization.json with the unit that its numbers, logarithms, have beside them."""
    fields = {
        name: {**values, "unit": f"dex: log10(x + 1), x in {values['unit']}"}
        for name, values in content["fields"].items()
    }
    return content | {"fields": fields}
