"""Snakemake entry point of rule `lensing_roulette_images`."""

from simlab.core.job import job
from simlab.lensing.stages.resimulations import write_roulette_images

with job(snakemake) as log:
    write_roulette_images(
        snakemake.params.spec,
        snakemake.params.rows,
        snakemake.input.parameters,
        snakemake.output.h5,
        folder=snakemake.params.folder,
        code=snakemake.params.code,
    )
    log.info("wrote %s", snakemake.output.h5)
