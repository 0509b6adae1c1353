"""Snakemake entry point of rule `calcium_scene`."""

from simlab.calcium.stages.scenes import write_scene
from simlab.core.job import job

with job(snakemake) as log:
    write_scene(snakemake.params.spec, snakemake.output.h5)
    log.info("wrote %s", snakemake.output.h5)
