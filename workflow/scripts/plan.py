"""Snakemake entry point of rule `plan`."""

from simlab.core.job import job

with job(snakemake) as log:
    log.say(snakemake.params.report)
