"""Snakemake entry point of rule `calcium_video`."""

from simlab.calcium.stages.videos import write_video
from simlab.core.job import job

with job(snakemake) as log:
    write_video(snakemake.params.spec, snakemake.output.avi, snakemake.output.perf)
    log.info("wrote %s", snakemake.output.avi)
