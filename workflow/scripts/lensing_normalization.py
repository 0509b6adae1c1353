"""Snakemake entry point of rule `lensing_normalization`."""

from simlab.core.job import job
from simlab.lensing.stages.normalization import write_normalization

with job(snakemake) as log:
    write_normalization(
        snakemake.params.spec,
        list(snakemake.input.statistics),
        snakemake.input.table,
        snakemake.output.json,
        snakemake.output.html,
    )
    log.info("wrote %s", snakemake.output.json)
