"""Snakemake entry point of rule `calcium_training`."""

from simlab.calcium.stages.training import write_shard
from simlab.core.job import job

with job(snakemake) as log:
    write_shard(
        snakemake.params.spec,
        snakemake.wildcards.split,
        snakemake.wildcards.shard,
        list(snakemake.input.recordings),
        list(snakemake.input.get("scenes") or []),
        snakemake.output.h5,
        code=snakemake.params.code,
    )
    log.info("wrote %s", snakemake.output.h5)
