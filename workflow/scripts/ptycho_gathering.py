"""Snakemake entry point of rule `ptycho_gathering`."""

from simlab.core.job import job
from simlab.ptycho.stages.gathering import gather_power

with job(snakemake) as log:
    gather_power(list(snakemake.input), snakemake.output.npz)
    log.info("wrote %s", snakemake.output.npz)
