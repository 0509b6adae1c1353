"""Snakemake entry point of rule `warm_kernels`."""

from simlab.campaign import compile_kernels
from simlab.core.job import job

with job(snakemake) as log:
    for domain in snakemake.params.spec:
        compile_kernels(domain)
        log.info("kernels of %s are compiled", domain)
