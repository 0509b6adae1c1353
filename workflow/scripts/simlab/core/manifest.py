"""The manifest of a data set: every published file with its hash and its arrays."""

from pathlib import Path, PurePosixPath

import numpy as np

from simlab.core.errors import InputFileError, IntegrityError, SimlabError
from simlab.core.files import npz_headers, read_json, sha256_of, write_json
from simlab.core.inputs import shown
from simlab.core.provenance import package_versions
from simlab.core.splits import split_record

FORMAT = 1


def write_manifest(
    path, *, domain, dataset, files, spec, seed, code, known=None, unit=None, source=None
):
    """Write the manifest of a data set.

    Parameters
    ----------
    path : path
        `manifest.json` in the folder of the data set.
    domain, dataset : str
    files : list of str
        Published files, relative to the folder.
    spec : dict
        The data set's whole configuration.
    seed : int
    code : str
        Code digest of the data set's producers.
    known : dict, optional
        File -> entry already known to the job that wrote it; `made_with` in it names the target
        that has to be made again for the file to be.
    unit : splits.Unit, optional
        What the splits keep together; tells `split`, from the folder's index.csv.
    source : path, optional
        The manifest of the data set that a package is made from; its hash is `source_sha256`.

    Raises
    ------
    IntegrityError
        A unit lies in two splits.
    """
    folder, known = Path(path).parent, known or {}
    entries = {name: known.get(name) or describe(folder / name) for name in sorted(files)}
    content = {
        "format": FORMAT,
        "domain": domain,
        "dataset": dataset,
        "files": entries,
        "spec": spec,
        "seed": seed,
        "code": code,
        "versions": package_versions(),
    }
    if unit is not None:
        content["split"] = split_record(folder / "index.csv", unit)
    if source is not None:
        content["source_sha256"] = sha256_of(source)
    write_json(path, content)


def write_folder_manifest(domain, spec, code, files, json, unit=None):
    """Write manifest.json for `files`, paths in its folder, which is named after the data set.

    `spec` is the whole configuration with its `seed`, `code` the digest of the producers.
    """
    folder = Path(json).parent
    write_manifest(
        json,
        domain=domain,
        dataset=folder.name,
        files=[Path(file).relative_to(folder).as_posix() for file in files],
        spec=spec,
        seed=spec["seed"],
        code=code,
        unit=unit,
    )


def describe(path):
    """Manifest entry of a file: sha256, bytes, and shape and dtype of its arrays."""
    path = Path(path)
    return {
        "sha256": sha256_of(path),
        "bytes": path.stat().st_size,
        "arrays": {
            key: {"shape": list(shape), "dtype": dtype} for key, shape, dtype in _arrays_of(path)
        },
    }


def _arrays_of(path):
    if path.suffix == ".npz":
        for key, (shape, dtype) in npz_headers(path).items():
            yield key, shape, str(dtype)
    elif path.suffix == ".npy":
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        yield "", array.shape, str(array.dtype)
    elif path.suffix in (".h5", ".hdf5"):
        yield from _hdf5_datasets(path)


def _hdf5_datasets(path):
    import h5py

    found = []

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            found.append((name, item.shape, str(item.dtype)))

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


def verify(path):
    """Problems of the files that a manifest names, as texts; an empty list if all is well.

    `path` is the manifest or the folder that holds it.
    """
    path = Path(path)
    manifest = path / "manifest.json" if path.is_dir() else path
    content = read_json(manifest)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputFileError(f"{manifest}: not a manifest of format {FORMAT}")
    problems = []
    for name, entry in _entries(manifest, content):
        file = manifest.parent / name
        together = entry.get("made_with")
        mend = f"; delete {manifest.parent / together} too" if together else ""
        if not file.is_file():
            problems.append(f"{file}: missing{mend}")
            continue
        size = file.stat().st_size
        if size != entry["bytes"]:
            problems.append(f"{file}: {size} bytes, the manifest says {entry['bytes']}{mend}")
        elif sha256_of(file) != entry["sha256"]:
            problems.append(f"{file}: content differs from the manifest (sha256){mend}")
    return problems


def _entries(manifest, content):
    """(name, entry) of every file of a manifest; InputFileError for what describes none."""
    files = content.get("files")
    if not isinstance(files, dict):
        raise InputFileError(f"{manifest}: files is {shown(files)}, expected names and entries")
    for name, entry in files.items():
        place = PurePosixPath(name)
        if not name or place.is_absolute() or ".." in place.parts:
            raise InputFileError(f"{manifest}: {shown(name)} is no file of the data set")
        kinds = {"sha256": str, "bytes": int, "made_with": str | None}
        wrong = [
            key
            for key, kind in kinds.items()
            if not isinstance(entry, dict)
            or not isinstance(entry.get(key), kind)
            or (key == "bytes" and entry[key] < 0)
        ]
        if wrong:
            found = entry.get(wrong[0]) if isinstance(entry, dict) else entry
            raise InputFileError(
                f"{manifest}: {wrong[0]} of {shown(name)} is {shown(found)}, expected "
                "the hash and the number of bytes of a file"
            )
    return files.items()


def require_verified(paths):
    """Verify every manifest of `paths`; IntegrityError lists the problems of all of them."""
    problems = []
    for path in paths:
        try:
            problems += verify(path)
        except SimlabError as error:
            problems.append(str(error))
    if problems:
        count = f"{len(problems)} problem" + ("s" if len(problems) > 1 else "")
        raise IntegrityError(
            f"{count} in {len(paths)} data sets\n  "
            + "\n  ".join(problems)
            + "\nto mend a data set, delete the files named and run snakemake again"
        )
