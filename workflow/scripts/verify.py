"""Snakemake entry point of rule `verify`."""

from simlab.core.job import job
from simlab.core.manifest import require_verified

with job(snakemake) as log:
    require_verified(snakemake.input)
    log.info("%d manifests verified", len(snakemake.input))
