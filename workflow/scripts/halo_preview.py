"""Snakemake entry point of rule `halo_preview`."""

from pathlib import Path

from simlab.core.job import job
from simlab.halo.stages.preview import draw_preview

with job(snakemake) as log:
    path = snakemake.output.png
    draw_preview(snakemake.params.spec, Path(path).parent, path)
    log.info("wrote %s", path)
