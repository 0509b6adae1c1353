"""Snakemake entry point of rule `lensing_images`."""

from simlab.core.job import job
from simlab.lensing.stages.images import write_shard

with job(snakemake) as log:
    write_shard(
        snakemake.params.spec,
        snakemake.params.rows,
        snakemake.input.parameters,
        snakemake.output.h5,
        snakemake.output.csv,
        snakemake.output.npz,
        folder=snakemake.params.folder,
        code=snakemake.params.code,
    )
    log.info("wrote %s", snakemake.output.h5)
