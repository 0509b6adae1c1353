"""Snakemake entry point of rule `afm_index`."""

from simlab.afm.stages.index import write_index
from simlab.core.job import job

with job(snakemake) as log:
    write_index(
        snakemake.input.plan,
        snakemake.input.molecules,
        list(snakemake.input.shards),
        snakemake.output.csv,
    )
    log.info("wrote %s", snakemake.output.csv)
