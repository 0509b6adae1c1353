"""Snakemake entry point of rule `halo_manifest`."""

from simlab.core.job import job
from simlab.halo.stages.manifest import write_dataset_manifest

with job(snakemake) as log:
    write_dataset_manifest(
        snakemake.params.spec,
        snakemake.params.code,
        list(snakemake.input),
        snakemake.output.json,
    )
    log.info("wrote %s", snakemake.output.json)
