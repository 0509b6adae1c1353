"""Snakemake entry point of rule `afm_molecules`."""

from simlab.afm.stages.molecules import collect_molecules
from simlab.core.job import job

with job(snakemake) as log:
    collect_molecules(
        snakemake.params.spec, list(snakemake.input), snakemake.output.npz, snakemake.output.csv
    )
    log.info("wrote %s", snakemake.output.npz)
