"""Snakemake entry point of rule `ptycho_npz`."""

from simlab.core.job import job
from simlab.ptycho.stages.dataset import export_npz

with job(snakemake) as log:
    export_npz(snakemake.params.spec, snakemake.input.h5, snakemake.output.npz)
    log.info("wrote %s", snakemake.output.npz)
