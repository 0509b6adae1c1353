"""Snakemake entry point of rule `calcium_statistics`."""

from simlab.calcium.stages.recordings import write_statistics
from simlab.core.job import job

with job(snakemake) as log:
    output = snakemake.output
    write_statistics(snakemake.params.spec, output.spec, output.statistics)
    log.info("wrote %s", output.statistics)
