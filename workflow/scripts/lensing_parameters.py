"""Snakemake entry point of rule `lensing_parameters`."""

from simlab.core.job import job
from simlab.lensing.stages.parameters import write_parameters

with job(snakemake) as log:
    for advice in write_parameters(
        snakemake.params.spec,
        snakemake.output.csv,
        table=next(iter(snakemake.input.get("table") or []), None),
        folder=snakemake.params.folder,
    ):
        log.say(f"{snakemake.wildcards.dataset}: {advice}")
    log.info("wrote %s", snakemake.output.csv)
