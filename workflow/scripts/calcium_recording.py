"""Snakemake entry point of rule `calcium_recording`."""

from simlab.calcium.stages.recordings import assemble_recording, write_recording
from simlab.core.job import job

with job(snakemake) as log:
    files, output = snakemake.input, snakemake.output
    outputs = (output.h5, output.spec, output.statistics)
    if files.get("parts"):
        assemble_recording(snakemake.params.spec, files.scene[0], list(files.parts), *outputs)
    else:
        write_recording(snakemake.params.spec, *outputs)
    log.info("wrote %s", output.h5)
