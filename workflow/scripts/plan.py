"""Snakemake entry point of rule `plan`."""

from simlab.core.job import job
from simlab.core.plan import Estimate, plan_table

with job(snakemake) as log:
    log.say(plan_table([Estimate(**row) for row in snakemake.params.estimates]))
