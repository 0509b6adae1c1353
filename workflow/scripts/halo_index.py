"""Snakemake entry point of rule `halo_index`."""

from simlab.core.job import job
from simlab.halo.stages.index import write_index

with job(snakemake) as log:
    out = snakemake.output
    write_index(snakemake.params.spec, list(snakemake.input), out.csv, out.split)
    log.info("wrote %s", out.csv)
