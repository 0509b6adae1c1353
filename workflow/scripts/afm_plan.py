"""Snakemake entry point of rule `afm_plan`."""

from simlab.afm.stages.plan import write_plan
from simlab.core.job import job

with job(snakemake) as log:
    write_plan(snakemake.params.spec, snakemake.input.molecules, snakemake.output.npz)
    log.info("wrote %s", snakemake.output.npz)
