"""Snakemake entry point of rule `halo_normalization`."""

from pathlib import Path

from simlab.core.job import job
from simlab.halo.stages.normalization import write_normalization

with job(snakemake) as log:
    out = snakemake.output
    folder = Path(out.json).parent
    write_normalization(snakemake.params.spec, list(snakemake.input), folder, out.html)
    log.info("wrote %s", out.json)
