"""Snakemake entry point of rule `ptycho_manifest`."""

from simlab.core.job import job
from simlab.core.manifest import write_folder_manifest
from simlab.ptycho.splits import unit_of

with job(snakemake) as log:
    write_folder_manifest(
        "ptycho",
        snakemake.params.spec,
        snakemake.params.code,
        list(snakemake.input),
        snakemake.output.json,
        unit_of(snakemake.params.spec),
    )
    log.info("wrote %s", snakemake.output.json)
