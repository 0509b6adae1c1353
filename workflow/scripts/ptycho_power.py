"""Snakemake entry point of rule `ptycho_power`."""

from simlab.core.job import job
from simlab.core.sharding import shard_range
from simlab.ptycho.stages.power import write_power

with job(snakemake) as log:
    spec = snakemake.params.spec
    frames = shard_range(snakemake.wildcards.shard, *spec["frames"])
    write_power(
        spec, snakemake.input.stage1, snakemake.input.positions, frames, snakemake.output.npz
    )
    log.info("wrote %s", snakemake.output.npz)
