"""Snakemake entry point of rule `afm_manifest`."""

from simlab.afm.splits import unit_of
from simlab.core.job import job
from simlab.core.manifest import write_folder_manifest

with job(snakemake) as log:
    write_folder_manifest(
        "afm",
        snakemake.params.spec,
        snakemake.params.code,
        list(snakemake.input),
        snakemake.output.json,
        unit_of(snakemake.params.spec),
    )
    log.info("wrote %s", snakemake.output.json)
