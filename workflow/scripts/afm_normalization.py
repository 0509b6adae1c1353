"""Snakemake entry point of rule `afm_normalization`."""

from simlab.afm.stages.normalization import write_normalization
from simlab.core.job import job

with job(snakemake) as log:
    write_normalization(
        snakemake.params.spec,
        snakemake.input.molecules,
        list(snakemake.input.stats),
        snakemake.output.json,
        snakemake.output.html,
    )
    log.info("wrote %s", snakemake.output.json)
