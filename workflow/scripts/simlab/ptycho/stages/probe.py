"""Rule ptycho_probe: the illumination."""

from simlab.core.config import parse_config, published_path
from simlab.core.files import array_sha256, sha256_of, write_json, write_npz
from simlab.ptycho.config import ProbeConfig
from simlab.ptycho.files.inputs import read_probe_source
from simlab.ptycho.probes import build_probe


def write_probe(spec, source, npz, json):
    """Make or read the probe and write `npz` (probeGuess) and its record `json`.

    `spec` holds seed and probe (a ProbeConfig); `source` is the user's file, or None.
    """
    config = parse_config(ProbeConfig, spec["probe"])
    array, notes = read_probe_source(source, config.key) if config.kind == "file" else (None, [])
    probe, record = build_probe(config, spec["seed"], array)
    record["notes"] = [*notes, *record.get("notes", [])]
    record["sha256"] = {"probeGuess": array_sha256(probe)}
    if source:
        record["source"] = {"file": published_path(config.file), "sha256": sha256_of(source)}
    write_npz(npz, {"probeGuess": probe})
    write_json(json, record)
