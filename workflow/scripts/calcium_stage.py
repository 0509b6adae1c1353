"""Snakemake entry point of rule `calcium_stage`."""

from simlab.calcium.stages.recordings import write_stage
from simlab.core.job import job

with job(snakemake) as log:
    write_stage(snakemake.params.spec, snakemake.wildcards.stage, snakemake.output.h5)
    log.info("wrote %s", snakemake.output.h5)
