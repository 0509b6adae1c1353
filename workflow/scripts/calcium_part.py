"""Snakemake entry point of rule `calcium_part`."""

from simlab.calcium.stages.scenes import write_part
from simlab.core.job import job

with job(snakemake) as log:
    write_part(snakemake.params.spec["frames"], snakemake.input.scene, snakemake.output.h5)
    log.info("wrote %s", snakemake.output.h5)
