"""Snakemake entry point of rule `report_overview`."""

from pathlib import Path

from simlab.core.job import job
from simlab.core.overview import write_overview

with job(snakemake) as log:
    folders = [Path(manifest).parent for manifest in snakemake.input.manifests]
    write_overview(snakemake.output.html, folders, snakemake.params.planned, snakemake.params.logs)
    log.info("wrote %s", snakemake.output.html)
