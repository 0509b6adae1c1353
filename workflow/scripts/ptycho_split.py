"""Snakemake entry point of rule `ptycho_split`."""

from simlab.core.job import job
from simlab.ptycho.stages.split import write_splits

with job(snakemake) as log:
    write_splits(snakemake.params.spec, **snakemake.input, **snakemake.output)
    log.info("wrote %s and %s", snakemake.output.train, snakemake.output.test)
