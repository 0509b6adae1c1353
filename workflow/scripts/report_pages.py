"""Snakemake entry point of rule `report_pages`."""

from pathlib import Path

from simlab.core.job import job
from simlab.report import write_pages

with job(snakemake) as log:
    write_pages(
        snakemake.wildcards.domain,
        Path(snakemake.input.manifest).parent,
        snakemake.params.logs,
        snakemake.params.steps,
        snakemake.output.distributions,
        snakemake.output.costs,
    )
    log.info("wrote %s and %s", snakemake.output.distributions, snakemake.output.costs)
