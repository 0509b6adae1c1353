"""Snakemake entry point of rule `halo_projections`."""

from simlab.core.job import job
from simlab.halo.stages.projections import write_projections

with job(snakemake) as log:
    write_projections(snakemake.params.spec, snakemake.input.dmo, dict(snakemake.output.items()))
    log.info("wrote %s", ", ".join(snakemake.output))
