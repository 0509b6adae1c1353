"""Snakemake entry point of rule `halo_large_scale`."""

from simlab.core.job import job
from simlab.halo.stages.large_scale import renew_large_scale

with job(snakemake) as log:
    renew_large_scale(
        snakemake.params.spec,
        snakemake.input.record,
        snakemake.input.dmo,
        snakemake.output.json,
        threads=snakemake.threads,
        memory_mb=snakemake.resources.mem_mb,
    )
    log.info("wrote %s", snakemake.output.json)
