"""Snakemake entry point of rule `afm_shard`."""

from simlab.afm.stages.samples import write_shard
from simlab.core.job import job
from simlab.core.sharding import shard_range

with job(snakemake) as log:
    spec = snakemake.params.spec
    write_shard(
        spec["dataset"],
        snakemake.input.plan,
        snakemake.input.molecules,
        list(snakemake.input.get("grids") or []),
        shard_range(snakemake.wildcards.shard, *spec["samples"]),
        snakemake.output.h5,
        snakemake.output.stats,
        code=snakemake.params.code,
    )
    log.info("wrote %s", snakemake.output.h5)
