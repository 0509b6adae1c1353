"""Snakemake entry point of rule `ptycho_groups`."""

from simlab.core.job import job
from simlab.ptycho.stages.groups import write_groups

with job(snakemake) as log:
    write_groups(snakemake.params.spec, snakemake.input.h5, snakemake.output.npz)
    log.info("wrote %s", snakemake.output.npz)
