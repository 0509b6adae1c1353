"""Snakemake entry point of rule `ptycho_input`."""

from simlab.core.job import job
from simlab.ptycho.stages.input import join_input

with job(snakemake) as log:
    join_input(**snakemake.input, **snakemake.output)
    log.info("wrote %s", snakemake.output.npz)
