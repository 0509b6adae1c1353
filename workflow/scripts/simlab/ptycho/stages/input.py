"""Rule ptycho_input: the stage-1 file, object and probe together."""

from simlab.core.files import read_json, read_npz, write_json
from simlab.ptycho.files.inputs import write_input


def join_input(object, object_record, probe, probe_record, npz, json):
    """Write the stage-1 file `npz` and its provenance `json` from the files of its parts."""
    write_input(
        npz,
        read_npz(object, ["objectGuess"])["objectGuess"],
        read_npz(probe, ["probeGuess"])["probeGuess"],
    )
    write_json(json, {"object": read_json(object_record), "probe": read_json(probe_record)})
