"""Rule halo_normalization: constants over the training samples, from the shard records."""

from pathlib import Path

from simlab.core.files import read_json, write_json
from simlab.core.tables import write_statistics_table
from simlab.halo.errors import StatisticsError
from simlab.halo.files.records import parts_from, read_record
from simlab.halo.files.stats import write_stats
from simlab.halo.statistics import SampleMoments, normalization


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
    moments = SampleMoments(spec["scales"])
    params, masses, names = {}, [], []
    for path in records:
        record = read_record(path)
        if record["spec_hash"] != spec["spec_hash"]:
            raise StatisticsError(f"{path}: samples of another specification, make them again")
        names = record["param_names"]
        if record["split"] != "train":
            continue
        params[record["sim"]] = record["params"]
        masses += [halo["mass"] for halo in record["haloes"]]
        for entry in record["samples"]:
            moments.add(parts_from(entry["moments"]))
    fields = moments.fields()
    write_stats(
        f"{folder}/",
        fields,
        moments.occupied(),
        n_samples=moments.n_samples,
        spec_hash=spec["spec_hash"],
        param_names=names,
        scales=spec["scales"],
        reader=spec["normalization"],
    )
    path = Path(folder) / "normalization.json"
    write_json(
        path,
        normalization(
            fields,
            moments.n_samples,
            spec["spec_hash"],
            [params[sim] for sim in sorted(params)],
            names,
            masses,
        ),
    )
    if html:
        write_statistics_table(html, read_json(path))
