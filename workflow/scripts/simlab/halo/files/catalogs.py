"""Halo catalogs: FOF/SUBFIND HDF5, CSV and Rockstar lists, told apart by suffix.

A FOF catalog holds, in code units, `Group/GroupPos` (G, 3), `Group/Group_M_Crit200` (G,) and
`Group/Group_R_Crit200` (G,). Haloes are kept whose M200c is above the threshold, in the order of
the catalog; products are taken in float64, so that the threshold itself is hit exactly.
"""

import math
import warnings
from typing import NamedTuple

import numpy as np

from simlab.core.errors import ConfigError
from simlab.halo.errors import CatalogError
from simlab.halo.files.chunks import chunk_list, missing_chunks
from simlab.halo.files.halo_tables import read_csv_catalog, read_rockstar
from simlab.halo.files.hdf5 import Attributes, dataset, open_hdf5
from simlab.halo.layout import find_catalog
from simlab.halo.particles import wrapped

POSITION, MASS, RADIUS = "GroupPos", "Group_M_Crit200", "Group_R_Crit200"
OUTSIDE = 0.01
"""Of the side of the box, by which positions of a catalog that names no box may be beyond it."""


class _Groups(NamedTuple):
    """All groups of a catalog, before any is left out."""

    pos: np.ndarray
    mass: np.ndarray
    r200: np.ndarray
    box_size: float | None
    omega0: float | None
    counts: tuple
    missing: tuple


class _Part(NamedTuple):
    """One file of a FOF catalog."""

    columns: dict
    count: int
    total: int
    files: int
    box_size: float
    omega0: float | None


def load_halos(
    fof_file, mass_threshold=1e13, *, snapnum=90, allow_missing_chunks=False, units=None
):
    """Haloes above a mass: (positions (H, 3), Mpc/h; M200c (H,), Msun/h), both float64.

    Takes what `load_halo_catalog` takes.
    """
    catalog = load_halo_catalog(
        fof_file,
        mass_threshold,
        snapnum=snapnum,
        allow_missing_chunks=allow_missing_chunks,
        units=units,
    )
    return catalog["pos"], catalog["mass"]


def load_halo_catalog(
    fof_file, mass_threshold=1e13, *, snapnum=90, allow_missing_chunks=False, units=None
):
    """Haloes with M200c > mass_threshold, in the order of the catalog.

    Parameters
    ----------
    fof_file : path
        A simulation's folder, with a FOF catalog or the only .csv or .list file in it, a folder
        of chunks, a chunk, or a file .hdf5, .csv, .list.
    mass_threshold : float
        Msun/h; a halo of exactly this mass is left out.
    snapnum : int
        Number of the snapshot, where a folder holds several.
    allow_missing_chunks : bool
        Whether chunks of the catalog may be missing; they are counted.
    units : mapping, optional
        Units of a csv catalog, which needs them: `length` "Mpc/h" or "kpc/h", `mass` "Msun/h" or
        "1e10Msun/h".

    Returns
    -------
    dict
        pos (H, 3) in [0, L), Mpc/h (as given where the catalog names no box); mass (H,), Msun/h;
        r200 (H,), Mpc/h; all float64. group_index (H,) int64, row in the whole catalog. box_size,
        omega0 (None where the catalog lacks them), n_groups, missing_chunks, path (first file),
        fingerprint (list, one dict a file).
    """
    files = find_catalog(fof_file, snapnum, None)
    groups = _read(files, allow_missing_chunks, units)
    kept = _kept(files, groups.mass, mass_threshold)
    pos, r200 = groups.pos[kept], groups.r200[kept]
    _require_finite(files, kept, {"position": pos, "r200": r200})
    if groups.box_size is not None:
        pos = wrapped(pos, groups.box_size)
    return {
        "pos": pos,
        "mass": groups.mass[kept],
        "r200": r200,
        "group_index": kept,
        "box_size": groups.box_size,
        "omega0": groups.omega0,
        "n_groups": len(groups.mass),
        "missing_chunks": groups.missing,
        "path": files[0],
        "fingerprint": _fingerprint(files, groups),
    }


def places_in_box(catalog, box_size):
    """Positions (H, 3) of a `load_halo_catalog` in [0, box_size), Mpc/h.

    A catalog that names no box may reach beyond it by 1 % of its side: what is further out was
    given in other units, or for another box. Errors: CatalogError.
    """
    pos = catalog["pos"]
    if catalog["box_size"] is None:
        margin = OUTSIDE * box_size
        wrong = np.flatnonzero(((pos < -margin) | (pos > box_size + margin)).any(1))
        if len(wrong):
            row = wrong[0]
            raise CatalogError(
                f"{catalog['path']}: position of group {catalog['group_index'][row]} is "
                f"{pos[row].tolist()} Mpc/h, outside the box of {box_size:g} Mpc/h; is the unit of "
                "length right (source.catalog_units)?"
            )
    return wrapped(pos, box_size)


def _kept(files, mass, threshold):
    """Rows with a mass above the threshold, (H,) int64."""
    if not math.isfinite(threshold):
        raise ConfigError(f"mass_threshold is {threshold}, expected a finite number of Msun/h")
    if not np.isfinite(mass).all():
        row = int(np.argmin(np.isfinite(mass)))
        raise CatalogError(f"{files[0]}: mass of group {row} is {mass[row]}, expected a number")
    return np.flatnonzero(mass > threshold)


def _require_finite(files, kept, columns):
    """Name the first of the kept groups of which a number is not finite."""
    for what, values in columns.items():
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            row = bad[0, 0]
            raise CatalogError(
                f"{files[0]}: {what} of group {kept[row]} is {values[row].tolist()}, "
                "expected finite numbers"
            )


def _read(files, allow_missing, units):
    readers = {".csv": lambda path: read_csv_catalog(path, units), ".list": read_rockstar}
    reader = readers.get(files[0].suffix)
    if reader is None:
        return _read_fof(files, allow_missing)
    pos, mass, r200, box_size = reader(files[0])
    return _Groups(pos, mass, r200, box_size, None, (len(mass),), ())


def _read_fof(files, allow_missing):
    parts = [_read_part(file) for file in files]
    first = parts[0]
    for file, part in zip(files, parts, strict=True):
        for what in ("files", "total", "box_size", "omega0"):
            if getattr(part, what) != getattr(first, what):
                raise CatalogError(
                    f"{file}: {what} is {getattr(part, what)}, "
                    f"{files[0].name} has {getattr(first, what)}"
                )
    missing = missing_chunks(files, first.files, CatalogError, "NumFiles")
    if missing:
        lost = f"{files[0].parent}: missing {chunk_list(missing)} of {first.files}"
        if not allow_missing:
            raise CatalogError(f"{lost}; allow_missing_chunks uses the others")
        warnings.warn(lost, stacklevel=4)
    found = sum(part.count for part in parts)
    if found > first.total or (found < first.total and not missing):
        raise CatalogError(
            f"{files[0].parent if len(files) > 1 else files[0]}: Ngroups_Total is {first.total}, "
            f"Ngroups_ThisFile adds up to {found}"
        )
    columns = {
        name: np.concatenate([part.columns[name] for part in parts])
        for name in (POSITION, MASS, RADIUS)
    }
    counts = tuple(part.count for part in parts)
    return _Groups(*columns.values(), first.box_size, first.omega0, counts, missing)


def _read_part(path):
    """The columns of one file, converted in float64."""
    with open_hdf5(path, CatalogError) as file:
        attributes = Attributes(file, CatalogError)
        count, total, files = (
            _integer(attributes, name) for name in ("Ngroups_ThisFile", "Ngroups_Total", "NumFiles")
        )
        length, mass = attributes.length_factor(), attributes.mass_factor()
        factors = {POSITION: length, MASS: mass, RADIUS: length}
        columns = {}
        for name in factors:
            shape = (count, 3) if name == POSITION else (count,)
            if count == 0:  # such files may lack the datasets
                columns[name] = np.empty(shape)
                continue
            group = file.get("Group", {})
            if name not in group:
                raise CatalogError(
                    f"{path}: no dataset Group/{name}; found {', '.join(group) or 'none'}"
                )
            data = dataset(group, name, shape, CatalogError)
            columns[name] = data[...].astype(np.float64) * factors[name]
        omega0 = attributes.number("Omega0", None)
        return _Part(columns, count, total, files, attributes.box_size(), omega0)


def _integer(attributes, name):
    value = attributes.number(name)
    if value < 0 or value != int(value):
        raise CatalogError(f"{attributes.path}: {name} is {value:g}, expected an integer >= 0")
    return int(value)


def _fingerprint(files, groups):
    """What tells a catalog from another, one dict a file."""
    entries, end = [], 0
    for path, count in zip(files, groups.counts, strict=True):
        start, end = end, end + count
        entries.append(
            {
                "file": path.name,
                "bytes": path.stat().st_size,
                "groups": count,
                "box_size": groups.box_size,
                "first": groups.pos[start].tolist() if count else None,
                "last": groups.pos[end - 1].tolist() if count else None,
            }
        )
    return entries
