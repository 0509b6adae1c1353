"""Snakemake entry point of rule `lensing_formulas`."""

from simlab.core.job import job
from simlab.lensing.stages.formulas import write_formula_files

with job(snakemake) as log:
    write_formula_files(
        snakemake.wildcards.lens,
        int(snakemake.wildcards.order),
        snakemake.output.txt,
        snakemake.output.json,
    )
    log.info("wrote %s", snakemake.output.txt)
