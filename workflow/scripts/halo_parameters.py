"""Snakemake entry point of rule `halo_parameters`."""

from simlab.core.job import job
from simlab.halo.stages.parameters import write_parameters

with job(snakemake) as log:
    table = snakemake.input[0] if snakemake.input else None
    write_parameters(snakemake.params.spec, table, snakemake.output.csv)
    log.info("wrote %s", snakemake.output.csv)
