"""Snakemake entry point of rule `afm_manifest`."""

from simlab.afm.stages.manifest import write_dataset_manifest
from simlab.core.job import job

with job(snakemake) as log:
    write_dataset_manifest(
        snakemake.params.spec,
        snakemake.params.code,
        list(snakemake.input),
        snakemake.output.json,
    )
    log.info("wrote %s", snakemake.output.json)
