"""Snakemake entry point of rule `ptycho_normalization`."""

from simlab.core.job import job
from simlab.ptycho.stages.normalization import write_normalization

with job(snakemake) as log:
    write_normalization(snakemake.params.spec, **snakemake.input, **snakemake.output)
    log.info("wrote %s", snakemake.output.json)
