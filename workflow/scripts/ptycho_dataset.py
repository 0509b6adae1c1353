"""Snakemake entry point of rule `ptycho_dataset`."""

from simlab.core.job import job
from simlab.ptycho.specs import dataset_from
from simlab.ptycho.stages.dataset import merge_shards

with job(snakemake) as log:
    merge_shards(
        dataset_from(snakemake.params.spec),
        snakemake.params.spec["patches"],
        snakemake.input.stage1,
        snakemake.input.report,
        snakemake.input.scale,
        list(snakemake.input.shards),
        list(snakemake.input.statistics),
        snakemake.input.get("mask") or None,
        snakemake.params.code,
        snakemake.output.h5,
    )
    log.info("wrote %s", snakemake.output.h5)
