"""Snakemake entry point of rule `package_webdataset`."""

from pathlib import Path

from simlab.core.job import job
from simlab.packages import make_package

with job(snakemake) as log:
    folder, output = Path(snakemake.input[0]).parent, Path(snakemake.output.json).parent.parent
    for path in make_package(folder, "webdataset", output, [snakemake.wildcards.split]):
        log.info("wrote %s", path)
