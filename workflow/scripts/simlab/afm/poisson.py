"""Electrostatic potentials of densities, by Poisson's equation."""

import math

import numpy as np

from simlab.afm.densities import HartreePotential, valence_electrons
from simlab.afm.errors import AfmConfigError, AfmPhysicsError
from simlab.afm.units import KE


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
