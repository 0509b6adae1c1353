"""Catalogs and snapshots whose numbers cannot be in the units that they are read in.

Units come from headers or from the configuration and are never guessed. Numbers that no
simulation of the box can have are refused, before any map is made of them.
"""

import numpy as np

from simlab.halo.cosmology import RHO_CRIT, radius_200
from simlab.halo.errors import CatalogError, SnapshotError
from simlab.halo.files.snapshots import DARK_MATTER, iter_particles

CORNER = 0.002
"""Of the side of the box: where all is nearer to the origin, lengths are of another unit."""
OTHER_RADIUS = 3.0
"""Factor by which a radius may differ from that of its mass at redshift 0: redshift, and another
overdensity, account for less; units differ by 1000."""


def check_catalog(catalog, box_size, omega0=None):
    """Whether the haloes of a `load_halo_catalog` can be in a box of `box_size` Mpc/h.

    `omega0`: density of matter in units of the critical one, None = 1. Errors: CatalogError.
    """
    path, rows = catalog["path"], catalog["group_index"]
    pos, mass, r200 = (catalog[key] for key in ("pos", "mass", "r200"))
    if not len(mass):
        return
    whole = (omega0 or 1.0) * RHO_CRIT * box_size**3
    row = int(np.argmax(mass))
    if mass[row] > whole:
        raise CatalogError(
            f"{path}: M200c of group {rows[row]} is {mass[row]:.4g} Msun/h, all matter of the box "
            f"of {box_size:g} Mpc/h is {whole:.4g}; {_units(catalog, 'mass')}"
        )
    expected = radius_200(mass)
    ratio = np.where(r200 > 0, r200, expected) / expected
    wrong = np.flatnonzero((ratio > OTHER_RADIUS) | (ratio < 1 / OTHER_RADIUS))
    if len(wrong):
        row = wrong[0]
        raise CatalogError(
            f"{path}: R200c of group {rows[row]} is {r200[row]:.4g} Mpc/h, its M200c of "
            f"{mass[row]:.4g} Msun/h is that of {expected[row]:.4g} Mpc/h; "
            f"{_units(catalog, 'length and mass')}"
        )
    largest = float(np.max(np.abs(pos)))
    if len(mass) > 1 and largest < CORNER * box_size:
        raise CatalogError(
            f"{path}: all {len(mass)} haloes lie within {largest:.3g} Mpc/h of the origin of a box "
            f"of {box_size:g} Mpc/h; {_units(catalog, 'length')}"
        )


def _units(catalog, what):
    """Where the units of a catalog come from."""
    if catalog["path"].suffix == ".csv":
        return f"is the unit of {what} right (source.catalog_units)?"
    return f"are numbers and units of {what} in the file right?"


def check_places(snapshot, fingerprint):
    """Whether dark matter fills more than a corner of the box; SnapshotError if not.

    `fingerprint`: of the snapshot, which tells the first and last particle of each file; more are
    read only where these are all in the corner.
    """
    kind, side = str(DARK_MATTER), CORNER * snapshot.box_size
    ends = [entry[end].get(kind) for entry in fingerprint for end in ("first", "last")]
    stored = np.array([place for place in ends if place], np.float64)
    if stored.size and np.max(np.abs(stored)) * snapshot.length_factor >= side:
        return
    positions, _ = next(iter_particles(snapshot, DARK_MATTER))
    largest = float(positions.max())
    if largest < side:
        raise SnapshotError(
            f"{snapshot.files[0]}: PartType{kind}/Coordinates reach to {largest:.3g} Mpc/h in a "
            f"box of {snapshot.box_size:g} Mpc/h; are they in the unit of the header, 1 code "
            f"length = {snapshot.length_factor:g} Mpc/h?"
        )
