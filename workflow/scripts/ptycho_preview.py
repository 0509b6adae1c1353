"""Snakemake entry point of rule `ptycho_preview`."""

from simlab.core.job import job
from simlab.ptycho.stages.preview import draw_preview

with job(snakemake) as log:
    source = snakemake.input.get("source") or None
    draw_preview(snakemake.input.h5, source, snakemake.output.png)
    log.info("wrote %s", snakemake.output.png)
