"""The molecule, grids and force fields of `tests/data/afm/forcefields.npz`."""

import functools
from pathlib import Path

import numpy as np
from scipy.special import erf

from simlab.afm.boxes import Box
from simlab.afm.densities import ElectronDensity, HartreePotential
from simlab.afm.forcefields import AtomicField

REFERENCE = Path(__file__).parent / "data" / "afm" / "forcefields.npz"
POINTS_PER_ANGSTROM = 4
KE = 14.399645


@functools.cache
def reference():
    """Arrays of the file by key."""
    with np.load(REFERENCE, allow_pickle=False) as arrays:
        return dict(arrays)


def reference_box():
    return Box.from_lvec(reference()["lvec"], POINTS_PER_ANGSTROM)


def distances(box, center):
    axes = [
        (origin + step * np.arange(n) - c) ** 2
        for origin, step, n, c in zip(
            box.origin, np.diag(box.steps), box.shape, center, strict=True
        )
    ]
    return np.sqrt(axes[0][:, None, None] + axes[1][:, None] + axes[2])


def gaussian(r, sigma):
    return (2 * np.pi * sigma**2) ** -1.5 * np.exp(-(r**2) / (2 * sigma**2))


def screened(r, sigma):
    """Potential of a Gaussian unit charge, V."""
    r = np.maximum(r, 1e-9)
    return KE * erf(r / (np.sqrt(2) * sigma)) / r


def sample_arrays(box):
    """Potential and density of the molecule on a box, float64."""
    data = reference()
    potential, density = np.zeros(box.shape), np.zeros(box.shape)
    for xyz, q, n in zip(data["xyz"], data["q"], data["N_val"], strict=True):
        r = distances(box, xyz)
        potential += q * screened(r, float(data["sigma_V"]))
        density += n * gaussian(r, float(data["sigma_rho"]))
    return potential, density


@functools.cache
def sample_grids():
    """HartreePotential and ElectronDensity on the points of the reference box."""
    potential, density = sample_arrays(reference_box())
    lvec = reference()["lvec"]
    return HartreePotential(potential, lvec), ElectronDensity(density, lvec)


def turned_atoms():
    """Atoms turned by the reference rotation about their mean, and that mean; Å."""
    data = reference()
    center = data["xyz"].mean(axis=0)
    return (data["xyz"] - center) @ data["rot"].T + center, center


def lj_field(box, xyzs=None):
    data = reference()
    return AtomicField(box, data["xyz"] if xyzs is None else xyzs, data["cLJ"])


def at_reference_points(field):
    """(900, 4) values of a force field at the sampled grid points."""
    return field.whole()[tuple(reference()["index"].T.astype(int))]


def assert_close(found, name, absolute, relative, floor=0.0):
    """|found - reference| <= absolute max(floor, |reference|, if floor) + relative |reference|."""
    expected = reference()[name]
    size = np.abs(expected)
    bound = absolute * np.maximum(floor, size) if floor else np.full(size.shape, absolute)
    excess = np.abs(found - expected) / (bound + relative * size)
    assert excess.max() <= 1, f"{name}: {excess.max():.3g} times the tolerance"
