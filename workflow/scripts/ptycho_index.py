"""Snakemake entry point of rule `ptycho_index`."""

from simlab.core.job import job
from simlab.ptycho.stages.index import write_index

with job(snakemake) as log:
    write_index(snakemake.params.spec, snakemake.input.positions, snakemake.output.csv)
    log.info("wrote %s", snakemake.output.csv)
