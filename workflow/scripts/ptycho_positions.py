"""Snakemake entry point of rule `ptycho_positions`."""

from simlab.core.job import job
from simlab.ptycho.stages.positions import write_positions

with job(snakemake) as log:
    write_positions(
        snakemake.params.spec,
        snakemake.input.stage1,
        snakemake.input.get("coordinates") or None,
        snakemake.output.npz,
        snakemake.output.json,
    )
    log.info("wrote %s", snakemake.output.npz)
