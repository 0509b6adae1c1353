"""Snakemake entry point of rule `ptycho_probe`."""

from simlab.core.job import job
from simlab.ptycho.stages.probe import write_probe

with job(snakemake) as log:
    source = next(iter(snakemake.input), None)
    write_probe(snakemake.params.spec, source, snakemake.output.npz, snakemake.output.json)
    log.info("wrote %s", snakemake.output.npz)
