"""Snakemake entry point of the rules `halo_simulation*`."""

from pathlib import Path

from simlab.core.job import job
from simlab.halo.stages.simulation import write_pair

with job(snakemake) as log:
    sim = int(snakemake.wildcards.sim)
    root = Path(snakemake.input.table).parent
    write_pair(snakemake.params.spec, snakemake.input.table, sim, root)
    log.say(f"{snakemake.wildcards.dataset}: simulation {sim} synthesized")
