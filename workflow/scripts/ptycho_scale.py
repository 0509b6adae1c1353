"""Snakemake entry point of rule `ptycho_scale`."""

from simlab.core.job import job
from simlab.ptycho.stages.scale import write_scale

with job(snakemake) as log:
    write_scale(snakemake.params.spec, list(snakemake.input), snakemake.output.json)
    log.info("wrote %s", snakemake.output.json)
