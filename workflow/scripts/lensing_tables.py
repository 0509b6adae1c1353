"""Snakemake entry point of rule `lensing_tables`."""

from simlab.core.job import job
from simlab.lensing.stages.tables import write_tables

with job(snakemake) as log:
    write_tables(
        snakemake.params.spec,
        snakemake.params.shard_size,
        list(snakemake.input.tables),
        snakemake.output.csv,
        snakemake.output.index,
        {name: snakemake.output[name] for name in ("train", "val", "test")},
    )
    log.info("wrote %s", snakemake.output.csv)
