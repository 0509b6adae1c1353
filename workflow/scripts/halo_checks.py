"""Snakemake entry point of rule `halo_checks`."""

from pathlib import Path

from simlab.core.job import job
from simlab.halo.stages.checks import write_dataset_checks

with job(snakemake) as log:
    files, out = snakemake.input, snakemake.output
    write_dataset_checks(
        snakemake.params.spec,
        list(files.records),
        Path(out.json).parent,
        files.table,
        out.json,
        out.html,
    )
    log.info("wrote %s", out.json)
