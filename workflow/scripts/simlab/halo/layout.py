"""Where snapshots and halo catalogs lie in the CAMELS layout; names only, no file is opened.

The public archive renamed its files in 2024: `snap_NNN` became `snapshot_NNN`, and
`fof_subhalo_tab_NNN` became `groups_NNN`. Old names are taken before new ones, a simulation's
folder before its `output/`. A single file beside a folder of chunks is an error, for nothing says
which of them is meant.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

from simlab.core.errors import ConfigError, InputFileError
from simlab.halo.errors import (
    CatalogError,
    MissingCatalogError,
    MissingSnapshotError,
    SnapshotError,
)

SUFFIX = ".hdf5"
CHUNK = re.compile(r"(?P<stem>.+)\.(?P<index>\d+)\.hdf5")
TABLE_PATTERNS = {"csv": "*.csv", "rockstar": "*.list"}


class _Kind(NamedTuple):
    """Names of one kind of file; {} stands for the number."""

    what: str
    stems: tuple
    chunk_folder: str
    wrong: type
    missing: type


SNAPSHOT = _Kind(
    "snapshot", ("snap_{}", "snapshot_{}"), "snapdir_{}", SnapshotError, MissingSnapshotError
)
CATALOG = _Kind(
    "halo catalog",
    ("fof_subhalo_tab_{}", "groups_{}"),
    "groups_{}",
    CatalogError,
    MissingCatalogError,
)


def simulation_folder(base, set_name, sim):
    """Folder of simulation `sim` below one of the three roots."""
    return Path(base) / f"{set_name}_{sim}"


def chunk_index(path):
    """Number of a chunk file, 3 for `snap_090.3.hdf5`; 0 for a single file."""
    match = CHUNK.fullmatch(Path(path).name)
    return int(match["index"]) if match else 0


def find_snapshot(path, snapnum=90):
    """All files of a snapshot, in ascending chunk number.

    `path` is a simulation's folder, a folder of chunks, a single file, or a chunk, which stands
    for its whole family. `snapnum` chooses the name inside folders only.
    """
    return _find(SNAPSHOT, path, snapnum)


def find_catalog(path, snapnum=90, catalog_format="fof"):
    """All files of a halo catalog, in ascending chunk number; one file but for `fof`.

    Inside a folder `catalog_format` (fof, csv, rockstar) says which files are meant; None takes
    the only catalog that is there.
    """
    path = Path(path)
    if catalog_format == "fof" or not path.is_dir():
        return _find(CATALOG, path, snapnum)
    if catalog_format is None:
        return _only_catalog(path, snapnum)
    if catalog_format not in TABLE_PATTERNS:
        raise ConfigError(
            f"catalog format {catalog_format!r} is not known, allowed: fof, csv, rockstar"
        )
    found = sorted(path.glob(TABLE_PATTERNS[catalog_format]))
    if not found:
        raise MissingCatalogError(f"no file {TABLE_PATTERNS[catalog_format]} in {path}")
    if len(found) > 1:
        raise CatalogError(
            f"{path}: one catalog is expected, {len(found)} files match "
            f"{TABLE_PATTERNS[catalog_format]}: {', '.join(file.name for file in found)}"
        )
    return found


def _only_catalog(folder, snapnum):
    """The FOF catalog of a folder, else its only text file that may be one."""
    try:
        return _find(CATALOG, folder, snapnum)
    except MissingCatalogError as error:
        tables = sorted(p for pattern in TABLE_PATTERNS.values() for p in folder.glob(pattern))
        if not tables:
            raise MissingCatalogError(
                f"{error}, nor is there one of {', '.join(TABLE_PATTERNS.values())}"
            ) from None
    if len(tables) > 1:
        raise CatalogError(
            f"{folder}: one catalog is expected, found {', '.join(file.name for file in tables)}"
        )
    return tables


def first_snapshot_file(base, set_name, sim, snapnum=90):
    """The file that stands for a simulation's snapshot: the single file or the lowest chunk."""
    return find_snapshot(simulation_folder(base, set_name, sim), snapnum)[0]


def first_catalog_file(base, set_name, sim, snapnum=90, catalog_format="fof"):
    """The file that stands for a simulation's catalog: the single file or the lowest chunk."""
    return find_catalog(simulation_folder(base, set_name, sim), snapnum, catalog_format)[0]


def snapshot_files(folder, snapnum=90, chunks=1, naming="old"):
    """Names of a snapshot that is to be written below a simulation's `folder`."""
    stem = _stem(SNAPSHOT, snapnum, naming)
    if chunks == 1:
        return [Path(folder) / f"{stem}{SUFFIX}"]
    chunk_folder = Path(folder) / SNAPSHOT.chunk_folder.format(_number(snapnum))
    return [chunk_folder / f"{stem}.{index}{SUFFIX}" for index in range(chunks)]


def catalog_file(folder, snapnum=90, naming="old"):
    """Name of a halo catalog that is to be written below a simulation's `folder`."""
    return Path(folder) / f"{_stem(CATALOG, snapnum, naming)}{SUFFIX}"


def _stem(kind, snapnum, naming):
    if naming not in ("old", "new"):
        raise ConfigError(f"naming is {naming!r}, allowed: old, new")
    return kind.stems[naming == "new"].format(_number(snapnum))


def _number(snapnum):
    return f"{int(snapnum):03d}"


def _find(kind, path, snapnum):
    path = Path(path)
    if path.is_dir():
        return _find_in_folder(kind, path, _number(snapnum))
    if path.is_file():
        match = CHUNK.fullmatch(path.name)
        return _family(kind, path.parent, _names(path.parent), match["stem"]) if match else [path]
    raise kind.missing(f"{kind.what} not found: {path}")


def _find_in_folder(kind, folder, number):
    """Files of one snapshot in a simulation's folder or in a folder of its chunks."""
    stems = [stem.format(number) for stem in kind.stems]
    singles, chunked, places = [], [], []
    for place in (folder, folder / "output"):
        names = _names(place)
        singles += [place / f"{stem}{SUFFIX}" for stem in stems if f"{stem}{SUFFIX}" in names]
        for chunks in (place, place / kind.chunk_folder.format(number)):
            content = names if chunks == place else _names(chunks)
            families = [_family(kind, chunks, content, stem) for stem in stems]
            chunked += [family for family in families if family]
            if any(families) or (chunks != place and chunks.is_dir()):
                places.append(chunks)
    if singles and places:
        raise kind.wrong(
            f"{singles[0]} and the chunks in {places[0]} are both there, remove or name one of them"
        )
    if singles:
        return singles[:1]
    if chunked:
        return chunked[0]
    looked = ", ".join(f"{stem}{SUFFIX}, {stem}.*{SUFFIX}" for stem in stems)
    raise kind.missing(
        f"no {kind.what} {number} in {folder}: looked for {looked} there, in output/ and in "
        f"{kind.chunk_folder.format(number)}/"
    )


def _family(kind, folder, names, stem):
    """Chunks `stem.*.hdf5` of a folder in numeric order: 10 after 9."""
    chunks = {}
    for name in sorted(names):
        match = CHUNK.fullmatch(name)
        if match is None or match["stem"] != stem:
            continue
        index = int(match["index"])
        if index in chunks:
            raise kind.wrong(f"{folder}: {chunks[index]} and {name} are both chunk {index}")
        chunks[index] = name
    return [folder / chunks[index] for index in sorted(chunks)]


def _names(folder):
    """Names in a folder; empty where there is none."""
    try:
        return set(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as error:
        raise InputFileError(f"cannot list {folder}: {error.strerror}") from None
