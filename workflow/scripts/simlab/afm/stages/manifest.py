"""Rule afm_manifest: hashes and shapes of every published file."""

from pathlib import Path

from simlab.core.manifest import write_manifest


def write_dataset_manifest(spec, code, files, json):
    """Write manifest.json for `files`, paths in the same folder."""
    folder = Path(json).parent
    write_manifest(
        json,
        domain="afm",
        dataset=folder.name,
        files=[Path(file).relative_to(folder).as_posix() for file in files],
        spec=spec,
        seed=spec["seed"],
        code=code,
    )
