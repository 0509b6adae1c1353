"""Where molecule and scan window lie relative to each other.

The height is set by the atom m that the probe touches first, the first argmax of z_a + R_a with
R_a the distance of minimal Lennard-Jones energy between probe particle and atom. The distance d
is the one between the touching height z_m + R_m and the top of the scan window (reference "top")
or its bottom (reference "bottom"). Example: oxygen probe over a flat hydrocarbon, R_m = 3.57 Å for
carbon, window 5 to 6.9 Å: d = 4.5 Å from the top puts the carbon plane at z = -1.17 Å; the same
geometry is d = 2.6 Å from the bottom.
"""

import math

import numpy as np

from simlab.afm.errors import AfmConfigError

REFERENCES = ("top", "bottom")


def uniform_disk(rng):
    """A point (x, y) of the unit disk, uniform in area: r = sqrt(u1), phi = 2 pi u2.

    `rng` has `random(2)`; two numbers are drawn, u1 first.
    """
    u1, u2 = rng.random(2)
    radius, phi = math.sqrt(u1), 2 * math.pi * u2
    return radius * math.cos(phi), radius * math.sin(phi)


def counted_atoms(Zs, ignored):
    """Mask (n,) bool of the atoms that placement looks at; AfmConfigError if none is left."""
    counted = ~np.isin(np.asarray(Zs), list(ignored))
    if not counted.any():
        raise AfmConfigError(
            f"afm: ignore_elements: {sorted(ignored)} are all elements of the molecule; expected "
            "at least one atom that counts"
        )
    return counted


def touching_atom(z, radii, counted=None):
    """Index of the atom whose z + radius is largest, the first of equals."""
    heights = np.asarray(z, np.float64) + radii
    return int(np.argmax(heights if counted is None else np.where(counted, heights, -np.inf)))


def center_molecule(xyzs, scan_window, counted=None):
    """`xyzs` (n, 3) with the mean of x and y moved to the window's center; a copy, Å."""
    xyzs = np.array(xyzs, np.float64)
    window = np.asarray(scan_window, np.float64)
    mean = (xyzs if counted is None else xyzs[counted])[:, :2].mean(axis=0)
    xyzs[:, :2] += (window[0, :2] + window[1, :2]) / 2 - mean
    return xyzs


def lower_molecule(xyzs, radii, scan_window, distance, reference="top", counted=None):
    """`xyzs` (n, 3) shifted in z so that z_m = z_ref - d - R_m; a copy, Å.

    z_ref is the top of the window, or its bottom for `reference="bottom"`.
    """
    xyzs = np.array(xyzs, np.float64)
    window = np.asarray(scan_window, np.float64)
    top = touching_atom(xyzs[:, 2], radii, counted)
    z_ref = window[1 if check_reference(reference) == "top" else 0, 2]
    xyzs[:, 2] += (z_ref - distance - radii[top]) - xyzs[top, 2]
    return xyzs


def place_molecule(xyzs, radii, scan_window, distance, reference="top", counted=None):
    """Molecule under a fixed scan window.

    Parameters
    ----------
    xyzs : (n, 3) float
        Å.
    radii : (n,) float
        R_a between probe particle and atoms, Å.
    scan_window : (2, 3) float
        Lower and upper corner of the anchors, Å.
    distance : float
        d, Å.
    reference : "top" or "bottom"
    counted : (n,) bool, optional
        Atoms that count for mean and height.

    Returns
    -------
    (n, 3) float64
    """
    centered = center_molecule(xyzs, scan_window, counted)
    return lower_molecule(centered, radii, scan_window, distance, reference, counted)


def center_window(xyzs, scan_window, counted=None):
    """Window (2, 3) of the same size with its x and y centered on the mean of the atoms, Å."""
    xyzs = np.asarray(xyzs, np.float64)
    window = np.array(scan_window, np.float64)
    half = (window[1, :2] - window[0, :2]) / 2
    mean = (xyzs if counted is None else xyzs[counted])[:, :2].mean(axis=0)
    window[0, :2], window[1, :2] = mean - half, mean + half
    return window


def raise_window(xyzs, radii, scan_window, distance, reference="bottom", counted=None):
    """Window (2, 3) of the same size with z0 = z_m + d + R_m (z1 for reference "top"), Å."""
    xyzs = np.asarray(xyzs, np.float64)
    window = np.array(scan_window, np.float64)
    top = touching_atom(xyzs[:, 2], radii, counted)
    size = window[1, 2] - window[0, 2]
    z = xyzs[top, 2] + distance + radii[top]
    window[:, 2] = (z, z + size) if check_reference(reference) == "bottom" else (z - size, z)
    return window


def place_window(xyzs, radii, scan_window, distance, reference="bottom", counted=None):
    """Scan window over a fixed molecule, (2, 3) float64 in Å; arguments of `place_molecule`."""
    centered = center_window(xyzs, scan_window, counted)
    return raise_window(xyzs, radii, centered, distance, reference, counted)


def check_reference(reference):
    """`reference` itself; AfmConfigError unless top or bottom."""
    if reference not in REFERENCES:
        raise AfmConfigError(
            f"afm: distance_reference: {reference!r}; expected one of {', '.join(REFERENCES)}"
        )
    return reference
