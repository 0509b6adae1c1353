"""Snakemake entry point of rule `lensing_pngs`."""

from simlab.core.job import job
from simlab.lensing.stages.pngs import write_pngs

with job(snakemake) as log:
    write_pngs(snakemake.input.images, snakemake.output.png)
    log.info("wrote %s", snakemake.output.png)
