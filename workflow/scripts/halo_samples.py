"""Snakemake entry point of rule `halo_samples`."""

from pathlib import Path

from simlab.core.job import job
from simlab.halo.stages.placement import Place
from simlab.halo.stages.samples import Inputs, write_shard

with job(snakemake) as log:
    files, where = snakemake.input, snakemake.wildcards
    folder = Path(snakemake.output.json).parents[2]
    place = Place(folder, where.split, int(where.sim), int(where.shard), snakemake.params.shards)
    write_shard(
        snakemake.params.spec,
        Inputs(files.dmo, files.hydro, files.catalog, files.table),
        place,
        code=snakemake.params.code,
        threads=snakemake.threads,
        memory_mb=snakemake.resources.mem_mb,
    )
    log.say(f"{where.dataset}: samples of simulation {where.sim}, shard {where.shard}, done")
