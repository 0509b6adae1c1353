"""Snakemake entry point of rule `lensing_manifest`."""

from simlab.core.files import files_below
from simlab.core.job import job
from simlab.core.manifest import write_folder_manifest
from simlab.lensing.splits import unit_of

with job(snakemake) as log:
    write_folder_manifest(
        "lensing",
        snakemake.params.spec,
        snakemake.params.code,
        files_below(snakemake.input),
        snakemake.output.json,
        unit_of(snakemake.params.spec),
    )
    log.info("wrote %s", snakemake.output.json)
