"""Rule ptycho_object: the sample."""

from simlab.core.config import parse_config, published_path
from simlab.core.files import array_sha256, sha256_of, write_json, write_npz
from simlab.ptycho.config import ObjectConfig
from simlab.ptycho.files.inputs import read_object_source
from simlab.ptycho.objects import build_objects


def write_object(spec, source, npz, json):
    """Make or read the object and write `npz` (objectGuess) and its record `json`.

    `spec` holds seed, side (of a built-in object, px) and object (an ObjectConfig); `source` is
    the user's file, or None.
    """
    config = parse_config(ObjectConfig, spec["object"])
    array, notes = read_object_source(source, config.key) if config.kind == "file" else (None, [])
    objects, record = build_objects(config, spec["side"], spec["seed"], array)
    record["notes"] = [*notes, *record.get("notes", [])]
    record["sha256"] = {"objectGuess": array_sha256(objects)}
    if source:
        record["source"] = {"file": published_path(config.file), "sha256": sha256_of(source)}
    write_npz(npz, {"objectGuess": objects})
    write_json(json, record)
