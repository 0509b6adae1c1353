"""Snakemake entry point of rule `warm_kernels`."""

from simlab.campaign import compile_kernels
from simlab.core.job import job

with job(snakemake) as log:
    compile_kernels(snakemake.params.spec, snakemake.threads)
    log.info("kernels of %s are compiled", ", ".join(snakemake.params.spec))
