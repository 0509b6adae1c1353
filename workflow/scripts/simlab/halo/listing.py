"""What a file of halo maps holds, in words: command inspect."""

from contextlib import suppress
from pathlib import Path

import numpy as np

from simlab.core.errors import InputFileError, SimlabError
from simlab.core.files import read_npz
from simlab.halo.described import DESCRIBED
from simlab.halo.errors import CatalogError
from simlab.halo.files.catalogs import load_halo_catalog
from simlab.halo.files.halo_tables import read_csv_catalog
from simlab.halo.files.snapshots import open_snapshot
from simlab.halo.layout import find_catalog

TYPES = ("gas", "dark matter", "type 2", "tracers", "stars", "black holes")


def description(path, snapnum=90):
    """Lines that tell what a snapshot, a catalog, a folder of them or an npz file holds.

    Errors: InputFileError if it is none of them.
    """
    path = Path(path)
    if path.suffix == ".npz":
        return _of_arrays(path)
    if path.suffix == ".csv":
        return _of_table(path)
    problems = []
    with suppress(SimlabError):
        (table,) = find_catalog(path, snapnum, None)[:1]
        if table.suffix == ".csv":
            return _of_table(table)
    for read in (_of_snapshot, _of_catalog):
        try:
            return read(path, snapnum)
        except SimlabError as error:
            problems.append(str(error))
    raise InputFileError(f"{path}: no snapshot ({problems[0]}) and no catalog ({problems[1]})")


def _of_snapshot(path, snapnum):
    snapshot = open_snapshot(path, snapnum, allow_missing_chunks=True)
    lines = [
        f"snapshot of {snapshot.n_chunks} files, {len(snapshot.files)} here, first "
        f"{snapshot.files[0]}",
        f"box {snapshot.box_size:g} Mpc/h; 1 code length = {snapshot.length_factor:g} Mpc/h, "
        f"1 code mass = {snapshot.mass_factor:g} Msun/h",
        f"redshift {_number(snapshot.redshift)}, Omega0 {_number(snapshot.omega0)}, "
        f"OmegaBaryon {_number(snapshot.omega_baryon)}, h {_number(snapshot.hubble)}",
    ]
    for kind, count in enumerate(snapshot.counts):
        if count:
            mass = snapshot.mass_table[kind]
            of = f"{mass:.6g} Msun/h each" if mass else "masses of their own"
            lines.append(f"{count} particles of type {kind} ({TYPES[kind]}), {of}")
    if snapshot.missing_chunks:
        lines.append(f"missing chunks: {', '.join(map(str, snapshot.missing_chunks))}")
    return lines


def _of_catalog(path, snapnum):
    catalog = load_halo_catalog(path, snapnum=snapnum, allow_missing_chunks=True)
    mass = catalog["mass"]
    heaviest = f", heaviest M200c {mass.max():.4g} Msun/h" if len(mass) else ""
    return [
        f"halo catalog {catalog['path']}: {catalog['n_groups']} groups",
        f"box {_number(catalog['box_size'])} Mpc/h; {len(mass)} haloes above 1e13 Msun/h{heaviest}",
    ]


def _of_table(path):
    try:
        pos, mass, _, _ = read_csv_catalog(path, {"length": "Mpc/h", "mass": "Msun/h"})
    except CatalogError as error:
        raise InputFileError(f"{path}: no halo catalog ({error})") from None
    lines = [f"halo catalog {path}: {len(mass)} rows"]
    if len(mass):
        lines.append(
            f"mass {mass.min():g} to {mass.max():g}, x, y, z {pos.min():g} to {pos.max():g}"
        )
    return [*lines, "in the units that source.catalog_units gives: the file does not tell"]


def _of_arrays(path):
    lines = []
    for key, array in read_npz(path).items():
        line = f"{key} {array.dtype} {array.shape}"
        unit, what = DESCRIBED.arrays.get(key, ("", ""))
        if array.dtype.kind in "fiu" and array.size:
            line += f", {np.min(array):.6g} to {np.max(array):.6g}"
            line += f" {unit}" if unit else ""
        lines.append(f"{line}: {what}" if what else line)
    return lines


def _number(value):
    return "not told" if value is None else f"{value:g}"
