"""Snakemake entry point of rule `ptycho_tables`."""

from simlab.core.files import read_json
from simlab.core.job import job
from simlab.core.tables import write_checks_table, write_statistics_table

with job(snakemake) as log:
    write_checks_table(snakemake.output.checks, read_json(snakemake.input.checks))
    write_statistics_table(snakemake.output.statistics, read_json(snakemake.input.statistics))
    log.info("wrote %s and %s", snakemake.output.checks, snakemake.output.statistics)
