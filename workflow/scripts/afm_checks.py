"""Snakemake entry point of rule `afm_checks`."""

from simlab.afm.stages.checks import write_dataset_checks
from simlab.core.job import job

with job(snakemake) as log:
    files = {
        **{key: snakemake.input[key] for key in ("plan", "molecules", "normalization")},
        **{key: list(snakemake.input.get(key) or []) for key in ("shards", "stats", "grids")},
    }
    write_dataset_checks(snakemake.params.spec, files, snakemake.output.json, snakemake.output.html)
    log.info("wrote %s", snakemake.output.json)
