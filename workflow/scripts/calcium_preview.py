"""Snakemake entry point of rule `calcium_preview`."""

from simlab.calcium.stages.preview import draw_preview
from simlab.core.job import job

with job(snakemake) as log:
    draw_preview(
        snakemake.wildcards.dataset,
        snakemake.params.spec,
        list(snakemake.input.get("movies") or []),
        snakemake.output.png,
    )
    log.info("wrote %s", snakemake.output.png)
