"""Snakemake entry point of rule `ptycho_diffraction`."""

from simlab.core.job import job
from simlab.core.sharding import shard_range
from simlab.ptycho.stages.diffraction import write_shard

with job(snakemake) as log:
    spec = snakemake.params.spec
    write_shard(
        {**spec, "code": snakemake.params.code},
        snakemake.input.stage1,
        snakemake.input.positions,
        snakemake.input.scale,
        snakemake.input.get("mask") or None,
        shard_range(snakemake.wildcards.shard, *spec["frames"]),
        snakemake.output.h5,
        snakemake.output.statistics,
        threads=snakemake.threads,
    )
    log.info("wrote %s", snakemake.output.h5)
