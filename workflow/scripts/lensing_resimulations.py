"""Snakemake entry point of rule `lensing_resimulations`."""

from simlab.core.job import job
from simlab.lensing.stages.resimulations import write_resimulations

with job(snakemake) as log:
    write_resimulations(
        snakemake.params.spec,
        snakemake.input.table,
        snakemake.input.images,
        snakemake.output.h5,
        folder=snakemake.params.folder,
        code=snakemake.params.code,
    )
    log.info("wrote %s", snakemake.output.h5)
