"""Snakemake entry point of rule `ptycho_object`."""

from simlab.core.job import job
from simlab.ptycho.stages.object import write_object

with job(snakemake) as log:
    source = next(iter(snakemake.input), None)
    write_object(snakemake.params.spec, source, snakemake.output.npz, snakemake.output.json)
    log.info("wrote %s", snakemake.output.npz)
