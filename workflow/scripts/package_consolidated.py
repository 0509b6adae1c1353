"""Snakemake entry point of rule `package_consolidated`."""

from pathlib import Path

from simlab.core.job import job
from simlab.packages import make_package

with job(snakemake) as log:
    folder, output = Path(snakemake.input[0]).parent, Path(snakemake.output.h5).parent
    for path in make_package(folder, "consolidated", output):
        log.info("wrote %s", path)
