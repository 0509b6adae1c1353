"""Hydrodynamic twin of a dark-matter box: shifted dark matter, gas and stars of its haloes.

Feedback enters by the four amplitudes of the CAMELS papers, 1 in the fiducial model.
"""

import math
from dataclasses import dataclass, fields

import numpy as np

from simlab.core.errors import PhysicsError
from simlab.halo.displacement import displaced_particles
from simlab.halo.overdensity import within
from simlab.halo.planting import FreeParticles, offsets, plant
from simlab.halo.profiles import beta_model, ejected_gas, hernquist, isotropic_nfw

GAS_CORE = 0.12
"""Core radius of the bound gas at A_AGN1 = 1, R200c."""
REARRANGED = 2.0
"""Outermost dark matter that baryons move, R200c."""
SATELLITES = 0.15
"""Share of the stars that are not in the central galaxy."""
STAR_MASS_SCATTER = 0.2
"""Standard deviation of the logarithm of the masses of stars."""


@dataclass(frozen=True)
class Feedback:
    """Amplitudes of the galactic winds (SN1 energy, SN2 speed) and of AGN (energy, burstiness)."""

    A_SN1: float
    A_AGN1: float
    A_SN2: float
    A_AGN2: float

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 < value < math.inf:
                raise PhysicsError(f"{field.name} is {value}, it must be > 0 and finite")

    def bound_gas_fraction(self, mass):
        """Share of a halo's gas inside R200c, 1 / (1 + (M_c / M)^1.2), M in Msun/h."""
        critical = 10**13.3 * self.A_AGN1**0.5 * self.A_AGN2**0.25
        return 1 / (1 + (critical / mass) ** 1.2)

    def star_fraction(self, mass):
        """Share of a halo's baryons in stars, 0.12 (M / 1e13)^-0.25, 0.01 to 0.4."""
        share = 0.12 * (mass / 1e13) ** -0.25 * self.A_SN1**-0.3 * self.A_SN2**-0.2
        return min(max(share, 0.01), 0.4)

    @property
    def gas_core(self):
        """Core radius of the bound gas, R200c."""
        return GAS_CORE * self.A_AGN1**0.2

    @property
    def ejection_radius(self):
        """Outermost ejected gas, R200c."""
        return 1.5 + 1.5 * self.A_AGN1**0.3

    def dark_matter_scale(self, radius):
        """Factor of dark matter's distance from the center, at `radius` in R200c.

        AGN let the inner halo expand, the galaxy contracts its center.
        """
        expansion = 0.10 * (math.sqrt(self.A_AGN1) - 0.6) * np.exp(-((radius / 0.4) ** 2))
        return 1 + expansion - 0.05 * np.exp(-((radius / 0.05) ** 2))


def rearranged_dark_matter(tree, haloes, feedback):
    """Positions (N, 3) float64 of dark matter in the hydrodynamic run; those of `tree`, scaled.

    Around every halo r -> r * `Feedback.dark_matter_scale`, out to REARRANGED R200c.
    """
    box_size = float(tree.boxsize[0])
    positions = tree.data.copy()
    for halo in haloes:
        rows, distance = within(tree, halo.center, REARRANGED * halo.radius)
        factor = feedback.dark_matter_scale(distance / halo.radius) - 1
        positions[rows] += offsets(tree.data[rows], halo.center, box_size) * factor[:, None]
    return positions


def gas_and_stars(psi, box_size, haloes, feedback, *, gas_stream, star_stream):
    """Gas and stars of a box; every particle starts as gas.

    The gas displaced by `psi` gives each halo as many particles as its dark matter has. A share
    becomes stars: a central galaxy and satellites that follow the dark matter. Of the rest a
    share stays bound, as a beta model, and the others are ejected.

    Returns
    -------
    gas, stars : (n, 3) float64
        Positions in [0, L), Mpc/h.
    star_masses : (n_stars,) float64
        In units of the mass of a gas particle, of mean 1.
    """
    positions = displaced_particles(psi, box_size, 1.0, gas_stream)
    particles = FreeParticles(positions, box_size)
    is_star = np.zeros(len(positions), dtype=bool)

    def place(rows, halo):
        number = len(rows)
        share = feedback.star_fraction(halo.mass)
        stars = max(round(share * number), 1 if number > 1 else 0)
        bound = round((number - stars) * feedback.bound_gas_fraction(halo.mass))
        satellites = round(SATELLITES * stars)
        is_star[rows[:stars]] = True
        return np.concatenate(
            [
                hernquist(stars - satellites, star_stream),
                isotropic_nfw(satellites, halo.concentration, star_stream),
                beta_model(bound, feedback.gas_core, gas_stream),
                ejected_gas(number - stars - bound, feedback.ejection_radius, gas_stream),
            ]
        )

    plant(particles, haloes, place)
    masses = star_stream.lognormal(0.0, STAR_MASS_SCATTER, np.count_nonzero(is_star))
    if masses.size:
        masses /= masses.mean()
    return positions[~is_star], positions[is_star], masses
