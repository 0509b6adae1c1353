"""Snakemake entry point of rule `lensing_comparison`."""

from simlab.core.job import job
from simlab.lensing.stages.comparison import write_comparison

with job(snakemake) as log:
    write_comparison(
        list(snakemake.input.first),
        list(snakemake.input.second),
        snakemake.output.json,
        snakemake.output.csv,
    )
    log.info("wrote %s", snakemake.output.json)
