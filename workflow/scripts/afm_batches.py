"""Snakemake entry point of rule `afm_batches`."""

from simlab.afm.stages.batches import write_batch
from simlab.core.job import job

with job(snakemake) as log:
    write_batch(
        snakemake.params.spec,
        int(snakemake.wildcards.batch),
        snakemake.input.h5,
        snakemake.output.npz,
    )
    log.info("wrote %s", snakemake.output.npz)
