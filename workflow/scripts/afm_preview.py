"""Snakemake entry point of rule `afm_preview`."""

from simlab.afm.stages.preview import draw_preview
from simlab.core.job import job

with job(snakemake) as log:
    draw_preview(
        snakemake.wildcards.dataset,
        snakemake.input.molecules,
        snakemake.input.h5,
        snakemake.output.png,
    )
    log.info("wrote %s", snakemake.output.png)
