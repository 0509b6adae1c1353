"""Headers of snapshots: which files, how many particles, which units, and whether all agree."""

import warnings
from dataclasses import dataclass
from pathlib import Path

from simlab.halo.errors import SnapshotError
from simlab.halo.files.chunks import chunk_list, differ, missing_chunks
from simlab.halo.files.hdf5 import Attributes, open_hdf5
from simlab.halo.layout import find_snapshot

TYPES = 6
GAS, DARK_MATTER, STARS = 0, 1, 4
U32 = 32
SHARED = ("box_size", "mass_table", "n_chunks", "total", "length_factor", "mass_factor", "omega0")
"""What every chunk of a snapshot must say alike."""


@dataclass(frozen=True)
class FileHeader:
    """Header of one file, converted; see `Snapshot` for the units."""

    path: Path
    counts: tuple
    total: tuple
    mass_table: tuple
    n_chunks: int
    box_size: float
    length_factor: float
    mass_factor: float
    time: float | None
    redshift: float | None
    omega0: float | None
    omega_lambda: float | None
    omega_baryon: float | None
    hubble: float | None


@dataclass(frozen=True)
class Snapshot:
    """A snapshot whose headers have been read and agree; no particle has been read.

    Attributes
    ----------
    files : tuple of Path, ascending chunk number
    file_counts : tuple of (6,) tuples of int, particles by type in each file
    counts : (6,) tuple of int, particles by type in all files at hand
    total : (6,) tuple of int, particles by type in the whole snapshot
    mass_table : (6,) tuple of float, Msun/h; 0 where particles have masses of their own
    box_size : float, comoving Mpc/h
    length_factor, mass_factor : float, Mpc/h per code length, Msun/h per code mass
    time, redshift, omega0, omega_lambda, omega_baryon, hubble : float, None where a file lacks it
    n_chunks : int, files of the whole snapshot
    missing_chunks : tuple of int, numbers of the chunks that are not at hand
    """

    files: tuple
    file_counts: tuple
    counts: tuple
    total: tuple
    mass_table: tuple
    box_size: float
    length_factor: float
    mass_factor: float
    time: float | None
    redshift: float | None
    omega0: float | None
    omega_lambda: float | None
    omega_baryon: float | None
    hubble: float | None
    n_chunks: int
    missing_chunks: tuple


def open_snapshot(path, snapnum=90, *, allow_missing_chunks=False):
    """Read and compare the headers of a snapshot.

    `path` is a simulation's folder, a folder of chunks, a file, or a chunk, which stands for all
    chunks beside it. With `allow_missing_chunks` lost chunks are a warning; otherwise, and for
    every other disagreement, SnapshotError.
    """
    files = find_snapshot(path, snapnum)
    headers = [read_header(file) for file in files]
    first = headers[0]
    for header in headers[1:]:
        _check_alike(first, header)
    missing = missing_chunks(files, first.n_chunks, SnapshotError, "NumFilesPerSnapshot")
    if missing:
        lost = f"{files[0].parent}: {chunk_list(missing)} of {first.n_chunks} missing"
        if not allow_missing_chunks:
            raise SnapshotError(f"{lost}; allow_missing_chunks uses the others")
        warnings.warn(lost, stacklevel=2)
    counts = tuple(sum(column) for column in zip(*(h.counts for h in headers), strict=True))
    _check_totals(files, counts, first.total, missing)
    if counts[DARK_MATTER] == 0:
        raise SnapshotError(f"{files[0]}: no dark matter (PartType1) in the snapshot")
    return Snapshot(
        files=tuple(files),
        file_counts=tuple(header.counts for header in headers),
        counts=counts,
        total=first.total,
        mass_table=first.mass_table,
        box_size=first.box_size,
        length_factor=first.length_factor,
        mass_factor=first.mass_factor,
        time=first.time,
        redshift=first.redshift,
        omega0=first.omega0,
        omega_lambda=first.omega_lambda,
        omega_baryon=first.omega_baryon,
        hubble=first.hubble,
        n_chunks=first.n_chunks,
        missing_chunks=missing,
    )


def read_header(path):
    """Header of one file of a snapshot."""
    with open_hdf5(path, SnapshotError) as file:
        attributes = Attributes(file, SnapshotError)
        low = _row(attributes, "NumPart_Total")
        high = _row(attributes, "NumPart_Total_HighWord", (0,) * TYPES)
        mass_factor = attributes.mass_factor()
        return FileHeader(
            path=Path(path),
            counts=tuple(map(int, _row(attributes, "NumPart_ThisFile"))),
            total=tuple(int(a) + (int(b) << U32) for a, b in zip(low, high, strict=True)),
            mass_table=tuple(float(m) * mass_factor for m in _row(attributes, "MassTable")),
            n_chunks=_positive(attributes, "NumFilesPerSnapshot"),
            box_size=attributes.box_size(),
            length_factor=attributes.length_factor(),
            mass_factor=mass_factor,
            time=attributes.number("Time", None),
            redshift=attributes.number("Redshift", None),
            omega0=attributes.number("Omega0", None),
            omega_lambda=attributes.number("OmegaLambda", None),
            omega_baryon=attributes.number("OmegaBaryon", None),
            hubble=attributes.number("HubbleParam", None),
        )


def _row(attributes, name, default=...):
    """One number a particle type; files with fewer types are filled up with zeros."""
    values = attributes.numbers(name, default)
    if len(values) > TYPES:
        raise SnapshotError(f"{attributes.path}: {name} has {len(values)} numbers, expected 6")
    return values + (0,) * (TYPES - len(values))


def _positive(attributes, name):
    value = attributes.number(name)
    if value < 1 or value != int(value):
        raise SnapshotError(f"{attributes.path}: {name} is {value:g}, expected an integer >= 1")
    return int(value)


def _check_alike(first, other):
    for name in SHARED:
        if getattr(first, name) != getattr(other, name):
            raise SnapshotError(
                f"{other.path}: {name} is {getattr(other, name)}, "
                f"{first.path.name} has {getattr(first, name)}"
            )


def _check_totals(files, counts, total, missing):
    """Particles at hand are all there are; fewer only if chunks are missing."""
    for kind, (found, expected) in enumerate(zip(counts, total, strict=True)):
        if found > expected or (found < expected and not missing):
            raise SnapshotError(
                f"{files[0].parent if len(files) > 1 else files[0]}: NumPart_Total of "
                f"PartType{kind} is {expected}, NumPart_ThisFile adds up to {found}"
            )


def check_pair(dmo, hydro, catalog=None, *, box_size=None):
    """Whether snapshots, catalog and configuration are of one box and one cosmology.

    dmo, hydro : Snapshot
    catalog : what `load_halo_catalog` returns, or None
    box_size : Mpc/h of the configuration, or None
    """
    others = [(str(hydro.files[0]), hydro.box_size, hydro.omega0)]
    if catalog is not None:
        others.append((str(catalog["path"]), catalog["box_size"], catalog["omega0"]))
    if box_size is not None:
        others.append(("the configuration", box_size, None))
    for name, side, omega0 in others:
        for what, value, expected in (
            ("BoxSize, Mpc/h,", side, dmo.box_size),
            ("Omega0", omega0, dmo.omega0),
        ):
            if differ(value, expected):
                raise SnapshotError(
                    f"{what} is {expected:.10g} in {dmo.files[0]} and {value:.10g} in {name}"
                )
