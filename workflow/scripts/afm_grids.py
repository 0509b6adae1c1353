"""Snakemake entry point of rule `afm_grids`."""

from simlab.afm.stages.grids import write_grids
from simlab.core.job import job

with job(snakemake) as log:
    write_grids(
        snakemake.params.spec,
        snakemake.wildcards.molecule,
        snakemake.input.molecules,
        snakemake.output.npz,
    )
    log.info("wrote %s", snakemake.output.npz)
