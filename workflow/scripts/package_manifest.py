"""Snakemake entry point of rule `package_manifest`."""

from pathlib import Path

from simlab.core.job import job
from simlab.packages import write_package_manifest

with job(snakemake) as log:
    folder, output = Path(snakemake.input[0]).parent, Path(snakemake.output.json).parent
    log.info("wrote %s", write_package_manifest(folder, output))
