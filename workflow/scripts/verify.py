"""Snakemake entry point of rule `verify`."""

from simlab.core.job import job
from simlab.core.manifest import require_verified

with job(snakemake) as log:
    require_verified(snakemake.params.manifests)
    log.say(f"verified: {', '.join(snakemake.params.manifests)}")
