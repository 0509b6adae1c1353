"""Snakemake entry point of rule `lensing_checks`."""

from simlab.core.job import job
from simlab.lensing.stages.checks import write_dataset_checks

with job(snakemake) as log:
    files = {key: snakemake.input[key] for key in ("parameters", "table", "index")}
    shards = {key: list(snakemake.input.get(key) or []) for key in ("images", "resim")}
    write_dataset_checks(
        snakemake.params.spec,
        {**files, **shards},
        snakemake.output.json,
        snakemake.output.html,
        folder=snakemake.params.folder,
    )
    log.info("wrote %s", snakemake.output.json)
