"""Rule halo_manifest: hashes and shapes of every published file, samples included."""

from pathlib import Path

from simlab.core.manifest import write_manifest
from simlab.halo.files.records import read_record


def write_dataset_manifest(spec, code, files, records, json):
    """Write manifest.json.

    Parameters
    ----------
    files : list of paths
        Published files in the same folder, records included, samples not.
    records : list of paths
        Shard records; what they say of their samples is taken over.
    """
    folder = Path(json).parent
    known = {}
    for path in records:
        for entry in read_record(path)["samples"]:
            known[entry["file"]] = {"sha256": entry["sha256"], "bytes": entry["bytes"]}
    names = [Path(file).relative_to(folder).as_posix() for file in files]
    write_manifest(
        json,
        domain="halo",
        dataset=folder.name,
        files=[*names, *known],
        spec=spec,
        seed=spec["seed"],
        code=code,
        known=known,
    )
