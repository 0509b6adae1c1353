"""What a geometry tells about its molecule: bonds, atoms that are too close."""

import numpy as np

from simlab.afm.errors import AfmInputError
from simlab.afm.species import element_table, symbol_of

BOND_FACTOR = 1.2
CLOSE_CONTACT = 0.4
CHARGE_OF_MOLECULE, CHARGE_ROUNDING = 2.0, 0.1
"""Largest usual charge of a molecule, and how far a sum of rounded charges may be off, e."""
NAMED = 5
"""Molecules that a message lists."""
WINDOW_MARGIN = 1.0
"""Room between the outermost atoms and the edge of the scan, Å."""


def covalent_radii(Zs):
    """Covalent radii (n,) float64 in Å; AfmInputError for elements without one (Z > 112)."""
    return _radii(Zs, element_table().covalent, "covalent")


def vdw_radii(Zs):
    """van der Waals radii (n,) float64 of the descriptors in Å; AfmInputError where unknown."""
    return _radii(Zs, element_table().vdw, "van der Waals")


def _radii(Zs, table, kind):
    Zs = np.asarray(Zs, np.int64)
    wrong = Zs[(Zs < 1) | (Zs > len(table))]
    if len(wrong):
        raise AfmInputError(
            f"afm: Zs: {wrong[0]} is no element; expected atomic numbers 1 to {len(table)}"
        )
    radii = table[Zs - 1]
    unknown = np.isnan(radii)
    if unknown.any():
        Z = int(Zs[unknown][0])
        raise AfmInputError(
            f"afm: Zs: no {kind} radius is known for {symbol_of(Z)} (Z = {Z}); expected elements "
            "up to Z = 112 where bonds or descriptors need radii"
        )
    return radii


def findBonds_(xyzs, Zs, fR=BOND_FACTOR):
    """Pairs of atoms closer than fR times the sum of their covalent radii.

    Parameters
    ----------
    xyzs : (n, 3) float
        Å.
    Zs : (n,) int
    fR : float

    Returns
    -------
    list of (i, j), j < i, sorted by i, then j
    """
    xyzs = np.asarray(xyzs, np.float64)
    radii = covalent_radii(Zs)
    distance = _distances(xyzs)
    i, j = np.nonzero(np.tril(distance < fR * (radii[:, None] + radii), -1))
    return list(zip(i.tolist(), j.tolist(), strict=True))


def close_contacts(xyzs, limit=CLOSE_CONTACT):
    """Pairs of atoms closer than `limit` Å: list of (i, j, distance in Å), j < i."""
    distance = _distances(np.asarray(xyzs, np.float64))
    i, j = np.nonzero(np.tril(distance < limit, -1))
    return list(zip(i.tolist(), j.tolist(), distance[i, j].tolist(), strict=True))


def suspicions(xyzs, Zs, window, qs=None):
    """What is suspicious about a geometry under a scan window, one text each.

    Atoms closer than 0.4 Å, elements with arbitrary Lennard-Jones parameters, an extent beyond the
    window less 1 Å on each side.

    Parameters
    ----------
    xyzs : (n, 3) float
        Å.
    Zs : (n,) int
    window : (2,) float
        Width of the scan along x and y, Å.
    qs : (n,) float, optional
        Charges, e; their sum should be the whole, small charge of a molecule.

    Returns
    -------
    list of str
    """
    xyzs, Zs = np.asarray(xyzs, np.float64), np.asarray(Zs, np.int64)
    found = []
    contacts = close_contacts(xyzs)
    if contacts:
        i, j, distance = contacts[0]
        found.append(
            f"{len(contacts)} pairs of atoms are closer than {CLOSE_CONTACT:g} Å, the first is "
            f"{j + 1} and {i + 1} with {distance:.3f} Å; expected a relaxed geometry"
        )
    arbitrary = np.unique(Zs[element_table().placeholder[Zs - 1]])
    if arbitrary.size:
        names = ", ".join(symbol_of(Z) for Z in arbitrary)
        found.append(
            f"element {names} has arbitrary Lennard-Jones parameters (2 Å, 10 meV); expected "
            "elements with published ones"
        )
    total = 0.0 if qs is None else float(np.sum(qs))
    if abs(total) > CHARGE_OF_MOLECULE or abs(total - round(total)) > CHARGE_ROUNDING:
        found.append(
            f"charges add up to {total:.4g} e; expected a whole number, at most "
            f"{CHARGE_OF_MOLECULE:g} in size: is the column something else?"
        )
    extent = np.ptp(xyzs[:, :2], axis=0)
    room = np.asarray(window, np.float64) - 2 * WINDOW_MARGIN
    if (extent > room).any():
        found.append(
            f"{extent[0]:.1f} x {extent[1]:.1f} Å wide as read; expected at most the scan window "
            f"less {WINDOW_MARGIN:g} Å on each side, {room[0]:.1f} x {room[1]:.1f} Å"
        )
    return found


def uncharged(names, charged, model_grids):
    """What molecules without charges mean for a data set whose images charges shape.

    Parameters
    ----------
    names : list of str
    charged : list of bool
        Whether a molecule has a charge that is not 0.
    model_grids : bool
        Whether the charges make the potential of a model grid.

    Returns
    -------
    str, "" where all have charges
    """
    without = [name for name, has in zip(names, charged, strict=True) if not has]
    if not without:
        return ""
    listed = ", ".join(without[:NAMED]) + (", ..." if len(without) > NAMED else "")
    lost = (
        "the potential of their model grids is 0 everywhere"
        if model_grids
        else "no electrostatic force acts over them, and ESMap and ESMapConstant are 0"
    )
    if len(without) < len(names):
        lost += ", unlike over the others"
    return (
        f"{len(without)} of {len(names)} molecules have no charges ({listed}): {lost}; expected a "
        "column of charges in their xyz files"
    )


def _distances(xyzs):
    # One axis at a time: an (n, n, 3) array of a large slab would not fit into memory.
    squares = sum(np.subtract.outer(axis, axis) ** 2 for axis in xyzs.T)
    return np.sqrt(squares)
