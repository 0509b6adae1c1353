"""Rule halo_manifest: hashes and shapes of every published file, samples included."""

from pathlib import Path

from simlab.core.manifest import write_manifest
from simlab.halo.files.records import read_record
from simlab.halo.names import is_record
from simlab.halo.splits import unit_of


def write_dataset_manifest(spec, code, files, json):
    """Write manifest.json.

    Parameters
    ----------
    files : list of paths
        Published files in the same folder, samples left out; what the shard records among them
        say of their samples is taken over.
    """
    folder = Path(json).parent
    known = {}
    for path in filter(is_record, files):
        for entry in read_record(path)["samples"]:
            known[entry["file"]] = {
                "sha256": entry["sha256"],
                "bytes": entry["bytes"],
                "made_with": Path(path).relative_to(folder).as_posix(),
            }
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
        unit=unit_of(spec),
    )
