"""Marks of samples that somebody should look at, as bits of one number."""

import numpy as np

from simlab.afm.molecules import WINDOW_MARGIN, close_contacts
from simlab.afm.species import element_table

UNCONVERGED = 1 << 0
NO_HEIGHT = 1 << 1
LARGE_DF = 1 << 2
PLACEHOLDER_ELEMENT = 1 << 3
OUTSIDE_WINDOW = 1 << 4
LEFT_BOX = 1 << 5
FAILED = 1 << 6
CLOSE_ATOMS = 1 << 7

MEANINGS = {
    UNCONVERGED: "probe not converged at some point",
    NO_HEIGHT: "HeightMap without a hit",
    LARGE_DF: "|df| beyond 200 Hz",
    PLACEHOLDER_ELEMENT: "element with arbitrary Lennard-Jones parameters",
    OUTSIDE_WINDOW: "an atom closer than 1 Å to the edge of the scan, or outside",
    LEFT_BOX: "the probe left the force-field box",
    FAILED: "could not be simulated",
    CLOSE_ATOMS: "atoms closer than 0.4 Å",
}
"""Meaning of each bit."""

DF_LIMIT = 200.0
"""Hz."""


def flags_of_geometry(mol, scan_window, periodic=(False, False)):
    """Bits 3, 4 and 7 of a molecule (n, 5) under scan windows (n_tip, 2, 3).

    Along axes x, y that are `periodic` atoms go on beyond the scan.
    """
    numbers = np.asarray(mol[:, 4], np.int64)
    window = scan_window[-1]
    low, high = window[0, :2] + WINDOW_MARGIN, window[1, :2] - WINDOW_MARGIN
    xy = mol[:, :2]
    bits = 0
    if element_table().placeholder[numbers - 1].any():
        bits |= PLACEHOLDER_ELEMENT
    if (((xy < low) | (xy > high)) & ~np.array(periodic)).any():
        bits |= OUTSIDE_WINDOW
    if close_contacts(mol[:, :3]):
        bits |= CLOSE_ATOMS
    return bits


def flags_of_sample(sample, periodic=(False, False)):
    """All bits of a simulated `trainers.Sample` but FAILED; `periodic` as of the geometry."""
    bits = flags_of_geometry(sample.mol, sample.scan_windows, periodic)
    if sample.n_unconverged > 0:
        bits |= UNCONVERGED
    if sample.height_missed:
        bits |= NO_HEIGHT
    if np.nanmax(np.abs(sample.X), initial=0.0) > DF_LIMIT:
        bits |= LARGE_DF
    if sample.left_box:
        bits |= LEFT_BOX
    return bits


def not_finite(sample):
    """Number of values of a `trainers.Sample` that are not finite, in images and descriptors."""
    return sum(np.count_nonzero(~np.isfinite(values)) for values in (sample.X, *sample.Y))


def meanings(bits):
    """Texts of the bits that are set."""
    return [text for bit, text in MEANINGS.items() if bits & bit]
