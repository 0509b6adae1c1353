"""Snakemake entry point of rule `calcium_checks`."""

from simlab.calcium.stages.checks import write_dataset_checks
from simlab.core.job import job

with job(snakemake) as log:
    files = {
        key: list(snakemake.input.get(key) or []) for key in ("recordings", "statistics", "videos")
    }
    write_dataset_checks(snakemake.params.spec, files, snakemake.output.json, snakemake.output.html)
    log.info("wrote %s", snakemake.output.json)
