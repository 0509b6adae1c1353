"""Snakemake entry point of rule `lensing_preview`."""

from simlab.core.job import job
from simlab.lensing.stages.preview import draw_preview

with job(snakemake) as log:
    draw_preview(
        snakemake.wildcards.dataset,
        snakemake.params.spec,
        snakemake.input.table,
        snakemake.input.images,
        next(iter(snakemake.input.get("resim") or []), None),
        snakemake.output.png,
        folder=snakemake.params.folder,
    )
    log.info("wrote %s", snakemake.output.png)
