"""Rule ptycho_input: the stage-1 file, object and probe together."""

from simlab.core.files import read_json, read_npz, write_json
from simlab.ptycho.files import write_input


def join_input(object_npz, object_json, probe_npz, probe_json, npz, json):
    """Write the stage-1 file `npz` and its provenance `json`."""
    write_input(
        npz,
        read_npz(object_npz, ["objectGuess"])["objectGuess"],
        read_npz(probe_npz, ["probeGuess"])["probeGuess"],
    )
    write_json(json, {"object": read_json(object_json), "probe": read_json(probe_json)})
