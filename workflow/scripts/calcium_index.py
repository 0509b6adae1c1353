"""Snakemake entry point of rule `calcium_index`."""

from simlab.calcium.stages.index import write_index
from simlab.core.job import job

with job(snakemake) as log:
    for advice in write_index(snakemake.params.spec, snakemake.output.csv):
        log.say(f"{snakemake.wildcards.dataset}: {advice}")
    log.info("wrote %s", snakemake.output.csv)
