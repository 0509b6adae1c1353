"""Snakemake entry point of rule `ptycho_checks`."""

from simlab.core.job import job
from simlab.ptycho.stages.checks import write_dataset_checks

with job(snakemake) as log:
    write_dataset_checks(
        snakemake.params.spec,
        snakemake.input,
        snakemake.input.get("mask") or None,
        snakemake.input.get("source") or None,
        snakemake.output.json,
    )
    log.info("wrote %s", snakemake.output.json)
