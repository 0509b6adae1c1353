"""Model potentials and densities of molecules and of a CO tip, and potentials of densities."""

import math

import numpy as np

from simlab.afm.boxes import GRID_SIZES
from simlab.afm.densities import (
    ElectronDensity,
    HartreePotential,
    TipDensity,
    valence_electrons,
)
from simlab.afm.errors import AfmConfigError, AfmPhysicsError
from simlab.afm.units import KE

MARGIN = 4.0
STEP = 0.2
SIGMA_DENSITY = 0.55
SIGMA_POTENTIAL = 0.6

CO_CELL = (12.0, 12.0, 10.0)
CO_SHAPE = (48, 48, 40)
CO_DENSITY = ((0.0, 6.0, 0.5), (1.14, 4.0, 0.6))
CO_DELTA = ((-0.25, 0.4, 0.5), (0.1, -0.8, 0.55), (0.5, 0.4, 0.6))
"""Height (Å), electrons, width (Å) of the Gaussians of the model CO tip."""


def model_grids(xyzs, Zs, qs):
    """Potential and electron density of a molecule from Gaussian atoms, without periodic images.

    rho = sum_a n_val,a g(r_a, 0.55 Å), V = sum_a KE q_a erf(r_a/(sqrt(2) 0.6 Å))/r_a with the
    normalized Gaussian g, on steps of 0.2 Å over the atoms' extent and at least 4 Å around it.

    Parameters
    ----------
    xyzs : (n, 3)
        Å.
    Zs : (n,) int
    qs : (n,)
        e.

    Returns
    -------
    HartreePotential, ElectronDensity
        On the same points.

    Raises
    ------
    AfmInputError
        For an element without known number of valence electrons.
    AfmConfigError
        For arrays of different lengths and molecules of more than 400 Å.
    """
    xyzs = np.array(xyzs, np.float64).reshape(-1, 3)
    qs = np.array(qs, np.float64).reshape(-1)
    electrons = valence_electrons(Zs)
    if not len(xyzs) == len(qs) == len(electrons) > 0:
        raise AfmConfigError(
            f"afm: model grids: {len(xyzs)} positions, {len(electrons)} elements, {len(qs)} "
            "charges; expected equal numbers, at least one"
        )
    low, high = xyzs.min(axis=0) - MARGIN, xyzs.max(axis=0) + MARGIN
    shape = tuple(_grid_size(length) for length in high - low)
    extent = STEP * np.array(shape)
    origin = (low + high - extent) / 2
    lvec = np.vstack([origin, np.diag(extent)])
    axes = [start + STEP * np.arange(n) for start, n in zip(origin, shape, strict=True)]
    density = np.zeros(shape)
    for xyz, count in zip(xyzs, electrons, strict=True):
        density += count * _gaussian([a - c for a, c in zip(axes, xyz, strict=True)], SIGMA_DENSITY)
    potential = _gaussian_potential(axes, xyzs, qs)
    return HartreePotential(potential, lvec, "model potential"), ElectronDensity(
        density, lvec, "model density"
    )


def _grid_size(length):
    needed = math.ceil(length / STEP - 1e-9)
    size = next((n for n in GRID_SIZES if n >= needed), None)
    if size is None:
        raise AfmConfigError(
            f"afm: model grids: {needed} points along an axis; expected at most {GRID_SIZES[-1]}: "
            "the molecule is too large"
        )
    return size


def _gaussian(offsets, sigma):
    """Normalized Gaussian (nx, ny, nz) of three axes of offsets from its center, 1/Å³."""
    x, y, z = (np.exp(-(offset**2) / (2 * sigma**2)) for offset in offsets)
    return (2 * np.pi * sigma**2) ** -1.5 * x[:, None, None] * y[:, None] * z


def _gaussian_potential(axes, xyzs, qs):
    from scipy.special import erf

    out = np.zeros([len(axis) for axis in axes], np.float32)
    x, y, z = axes
    for i, plane in enumerate(out):  # plane by plane: the sums stay in the cache
        total = np.zeros(plane.shape)
        for xyz, q in zip(xyzs, qs, strict=True):
            if q == 0:
                continue
            r2 = (x[i] - xyz[0]) ** 2 + (y[:, None] - xyz[1]) ** 2 + (z - xyz[2]) ** 2
            # erf(r/s)/r is constant to 1e-9 below this distance
            r = np.sqrt(np.maximum(r2, 1e-8 * SIGMA_POTENTIAL**2))
            total += KE * q * erf(r / (math.sqrt(2) * SIGMA_POTENTIAL)) / r
        plane[:] = total
    return out


def model_co_tip():
    """Electron density and density difference of a CO tip made of Gaussians.

    Returns
    -------
    rho, rho_delta : TipDensity
        12 x 12 x 10 Å, 48 x 48 x 40 points; electrons/Å³.
    """
    return tuple(_minimum_image_tip(peaks) for peaks in (CO_DENSITY, CO_DELTA))


def _minimum_image_tip(peaks):
    density = np.zeros(CO_SHAPE)
    for height, electrons, sigma in peaks:
        offsets = []
        for n, length, center in zip(CO_SHAPE, CO_CELL, (0.0, 0.0, height), strict=True):
            offset = np.arange(n) * (length / n) - center
            offsets.append(offset - length * np.round(offset / length))
        density += electrons * _gaussian(offsets, sigma)
    return TipDensity(density, np.vstack([np.zeros(3), np.diag(CO_CELL)]), "model CO tip")


def hartree_from_density(density, xyzs, Zs, sigma=0.3, valElDict=None):
    """Electrostatic potential of an electron density and the ions in it, by Poisson's equation.

    V(G) = 4 pi KE (sum_a n_val,a exp(-i G r_a - sigma^2 G^2/2)/Omega - rho(G))/G^2, V(0) = 0.

    Parameters
    ----------
    density : ElectronDensity
        Valence electrons, electrons/Å³.
    xyzs : (n, 3)
        Å.
    Zs : (n,) int
    sigma : float
        Width of the Gaussian ions, Å.
    valElDict : dict, optional
        As of `TipDensity.subCores`.

    Returns
    -------
    HartreePotential

    Raises
    ------
    AfmPhysicsError
        Where electrons and ions differ by more than 1 %: the potential of a charged periodic
        cell does not exist.
    """
    from scipy.fft import irfftn, rfftn

    if not sigma > 0:
        raise AfmConfigError(f"afm: sigma: {sigma!r}; expected a width > 0, Å")
    charges = valence_electrons(Zs, valElDict)
    xyzs = np.asarray(xyzs, np.float64).reshape(-1, 3)
    electrons = density.total * density.cell_vol
    if abs(electrons - charges.sum()) > 0.01 * charges.sum():
        raise AfmPhysicsError(
            f"afm: {density.source}: {electrons:.4g} electrons for ions of {charges.sum():g} e; "
            "expected a neutral cell within 1 %"
        )
    shape = density.shape
    lvec = density.lvec
    reciprocal = 2 * np.pi * np.linalg.inv(lvec[1:]).T
    waves = [np.fft.fftfreq(n, 1 / n) for n in shape[:2]] + [
        np.fft.rfftfreq(shape[2], 1 / shape[2])
    ]
    i, j, k = np.meshgrid(*waves, indexing="ij", sparse=True)
    square = sum(
        (i * reciprocal[0, axis] + j * reciprocal[1, axis] + k * reciprocal[2, axis]) ** 2
        for axis in range(3)
    )
    ions = np.zeros(square.shape, np.complex128)
    for place, charge in zip((xyzs - lvec[0]) @ np.linalg.inv(lvec[1:]), charges, strict=True):
        phases = (np.exp(-2j * np.pi * m * p) for m, p in zip((i, j, k), place, strict=True))
        ions += charge * math.prod(phases)
    total = ions * np.exp(-0.5 * sigma**2 * square) / density.cell_vol
    total -= rfftn(density.array.astype(np.float64))
    square[0, 0, 0] = 1.0
    total *= 4 * np.pi * KE / square
    total[0, 0, 0] = 0.0
    return HartreePotential(irfftn(total, s=shape), lvec, f"potential of {density.source}")
