"""Snakemake entry point of rule `calcium_normalization`."""

from simlab.calcium.stages.normalization import write_normalization
from simlab.core.job import job

with job(snakemake) as log:
    write_normalization(
        list(snakemake.input.statistics), snakemake.output.json, snakemake.output.html
    )
    log.info("wrote %s", snakemake.output.json)
