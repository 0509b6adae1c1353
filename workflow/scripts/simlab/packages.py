"""Packages of a finished data set of any domain, by its folder."""

import os
from dataclasses import replace
from pathlib import Path

from simlab.afm.described import DESCRIBED as AFM
from simlab.calcium.described import DESCRIBED as CALCIUM
from simlab.core.errors import ConfigError
from simlab.core.files import read_json, sha256_of
from simlab.core.manifest import write_manifest
from simlab.core.packages.card import write_card
from simlab.core.packages.consolidated import write_consolidated
from simlab.core.packages.croissant import write_croissant
from simlab.core.packages.source import PARTS, finished, holds_arrays
from simlab.core.packages.webdataset import MEGABYTES, tars_of, write_webdataset
from simlab.core.provenance import code_digest
from simlab.halo.described import DESCRIBED as HALO
from simlab.lensing.described import DESCRIBED as LENSING
from simlab.ptycho.described import DESCRIBED as PTYCHO
from simlab.reader import open_dataset

DESCRIBED = {"ptycho": PTYCHO, "afm": AFM, "halo": HALO, "calcium": CALCIUM, "lensing": LENSING}
"""What each domain tells about its data sets."""
OF_ARRAYS = ("webdataset", "consolidated")
KINDS = (*OF_ARRAYS, "croissant", "card")
FILES = {"dataset.h5": "consolidated", "croissant.json": "croissant"}
FILES |= dict.fromkeys(("README.md", "preview.png"), "card")
"""Files of a package beside `webdataset/`, and the kind that each is of."""
MAKER = "simlab/packages.py"
"""What the digest of the code in a package's manifest is of."""


def open_finished(folder):
    """A finished data set of any domain as `core.packages.source.Source`.

    Samples have all arrays that the reader gives; those of calcium data sets, which are whole
    files, also the ground truth that all recordings have.

    Errors: MissingFileError, InputFileError; ChecksFailedError if a check failed; IntegrityError
    if files do not belong together.
    """
    dataset = open_dataset(folder)
    source = finished(dataset, DESCRIBED[dataset.domain])
    if not source.described.further:
        return source
    return replace(source, dataset=open_dataset(folder, arrays=_common_arrays(source)))


def _common_arrays(source):
    """Arrays at the root of all files of samples, and below the group of further ones."""
    files, named = source.manifest["files"], []
    for file in dict.fromkeys(source.column("file")):
        arrays = files.get(file, {}).get("arrays", {})
        named.append(
            [
                name
                for name in arrays
                if "/" not in name or name.startswith(source.described.further)
            ]
        )
    return [name for name in named[0] if all(name in others for others in named)] if named else []


def kinds_of(source):
    """The kinds of package that a Source can have: tars and HDF5 files need arrays."""
    return tuple(kind for kind in KINDS if kind not in OF_ARRAYS or holds_arrays(source))


def require_possible(folder, output, kinds):
    """Nothing if packages of `kinds` of the data set in `folder` can be written into `output`.

    Errors: ConfigError for a kind that is unknown; where the files of a data set would be
    overwritten; where `output` has further kinds, of another version of the data set.
    """
    for kind in kinds:
        _require_known(kind)
    folder, output = Path(folder), Path(output)
    _require_apart(folder, output)
    path = output / "manifest.json"
    content = read_json(path) if path.is_file() else None
    made_from = content.get("source_sha256") if isinstance(content, dict) else None
    if made_from in (None, sha256_of(folder / "manifest.json")):
        return
    there = {FILES.get(name, "webdataset") for name in content.get("files", ())}
    left = [kind for kind in KINDS if kind in there and kind not in kinds]
    if left:
        raise ConfigError(
            f"{path}: {', '.join(left)} of another version of {folder}, expected these to be made "
            "again too, or another folder"
        )


def _require_known(kind):
    if kind not in KINDS:
        raise ConfigError(f"package {kind!r} is unknown, known: {', '.join(KINDS)}")


def _require_apart(folder, output):
    own, place = Path(folder).resolve(), Path(output).resolve()
    within = place.is_relative_to(own) or own.is_relative_to(place)
    if within or any((place / name).is_file() for name in ("index.csv", "checks.json")):
        raise ConfigError(
            f"{output}: holds a data set or is in one, expected a folder apart, whose files a "
            "package can replace"
        )


def make_package(folder, kind, output, splits=PARTS, megabytes=MEGABYTES):
    """Write one kind of package of the data set in `folder`.

    Parameters
    ----------
    folder : path
        `results/<domain>/<dataset>`; its checks must have passed.
    kind : str
        webdataset: `webdataset/{split}-{shard}.tar`, `webdataset/{split}.json`; consolidated:
        `dataset.h5`; croissant: `croissant.json`; card: `README.md`, `preview.png`.
    output : path
        Folder of the package. What is written refers to `folder` relative to it.
    splits : sequence of str
        With webdataset: only these.
    megabytes : float
        With webdataset: size of a tar file.

    Returns
    -------
    list of Path
        Files written.

    Raises
    ------
    ConfigError
        For an unknown kind; for an output that holds, or is in, the folder of a data set.
    SimlabError
        Those of `open_finished`.
    """
    _require_known(kind)
    _require_apart(folder, output)
    source, output = open_finished(folder), Path(output)
    if kind == "webdataset":
        return [
            file
            for split in splits
            for file in write_webdataset(source, split, output / "webdataset", megabytes)
        ]
    place = Path(os.path.relpath(source.folder, output))
    if kind == "consolidated":
        return [write_consolidated(source, output / "dataset.h5", place)]
    if kind == "croissant":
        return [write_croissant(source, output / "croissant.json", place)]
    return write_card(source, output / "README.md", place)


def write_package_manifest(folder, output):
    """Write `manifest.json` of the package in `output`: all files of packages that are there.

    Parameters
    ----------
    folder : path
        Of the data set.
    output : path
        Of the package.

    Returns
    -------
    Path

    Raises
    ------
    SimlabError
        As `make_package`.
    """
    _require_apart(folder, output)
    source, output = open_finished(folder), Path(output)
    files = [output / name for name in FILES]
    for split in PARTS:
        index = output / "webdataset" / f"{split}.json"
        files += [index, *tars_of(index)] if index.is_file() else []
    write_manifest(
        output / "manifest.json",
        domain=source.dataset.domain,
        dataset=source.name,
        files=[file.relative_to(output).as_posix() for file in files if file.is_file()],
        spec=source.manifest["spec"],
        seed=source.manifest["seed"],
        code=code_digest(MAKER),
        source=source.folder / "manifest.json",
    )
    return output / "manifest.json"
