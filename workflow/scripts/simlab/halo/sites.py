"""Masses of the haloes of a box, and the peaks of the linear density they form at."""

import math

import numpy as np

from simlab.core.errors import PhysicsError
from simlab.halo.cosmology import cumulative_counts, halo_count, radius_200
from simlab.halo.names import FIELD_DENSITY
from simlab.halo.profiles import norm

THRESHOLD = 1e13
"""Mass above which haloes follow the mass function, Msun/h."""
LIGHTEST = 1.05 * THRESHOLD
"""Lightest halo that is drawn: its measured mass stays above THRESHOLD."""
RARE = 0.02
"""Haloes expected above the heaviest mass that can be drawn."""
FEWEST = 2
FIELD_RANGE = (1e12, 9e12)
"""Masses of field groups, Msun/h: below THRESHOLD, whatever the rounding to particles."""
FIELD_SLOPE = -1.9
GAP = 1.0
"""Least distance between the spheres R200c of two haloes, Mpc/h."""
LN_MASS_STEP = 0.25
"""Haloes share a smoothed field within steps of this size in ln M."""


def draw_masses(cosmology, box_size, rng):
    """Masses above THRESHOLD, Msun/h, descending: Poisson in number, at least two.

    Inverse of the Sheth-Tormen counts on [LIGHTEST, M_max], RARE haloes expected above M_max.
    """
    expected = halo_count(cosmology, THRESHOLD, box_size)
    mass, above = cumulative_counts(cosmology, LIGHTEST, box_size)
    if above[0] <= RARE:
        raise PhysicsError(
            f"box_size is {box_size:g} Mpc/h: only {above[0]:.2g} haloes above {LIGHTEST:.3g} "
            f"Msun/h are expected in it (omega_m {cosmology.omega_m:g}, sigma8 "
            f"{cosmology.sigma8:g}), at least {RARE:g} are needed"
        )
    number = max(int(rng.poisson(expected)), FEWEST)
    counts = RARE + rng.random(number) * (above[0] - RARE)
    log_mass = np.interp(-counts, -above, np.log(mass))
    return np.sort(np.exp(log_mass))[::-1]


def draw_field_masses(box_size, rng):
    """Masses of the groups below THRESHOLD, Msun/h, descending: dN/dM ~ M^-1.9."""
    number = max(round(FIELD_DENSITY * box_size**3), 1)
    power = FIELD_SLOPE + 1
    low, high = (edge**power for edge in FIELD_RANGE)
    return np.sort((low + rng.random(number) * (high - low)) ** (1 / power))[::-1]


def expected_haloes(cosmology, mass_threshold, box_size):
    """Mean number of haloes and field groups above a mass (Msun/h) that the draws above give."""
    number = halo_count(cosmology, max(mass_threshold, THRESHOLD), box_size)
    if mass_threshold <= LIGHTEST:
        number = max(number, FEWEST)
    power = FIELD_SLOPE + 1
    low, high = (edge**power for edge in FIELD_RANGE)
    share = (np.clip(mass_threshold, *FIELD_RANGE) ** power - high) / (low - high)
    return number + float(share) * max(round(FIELD_DENSITY * box_size**3), 1)


def choose_sites(field, positions, masses, cosmology):
    """Particles around which haloes form, one a mass, in descending order of mass.

    A halo forms at the highest peak of the linear density, smoothed by a Gaussian of
    (3 M / 4 pi rho_m)^(1/3) / sqrt 5, whose displaced position is farther than
    R200c + R200c' + GAP from every halo before. Where the peaks are used up, any node will do.

    Parameters
    ----------
    field : LinearField
    positions : (n^3, 3) float64
        Displaced nodes, Mpc/h.
    masses : (H,) float64
        Msun/h, descending.

    Returns
    -------
    (H,) int64
        Rows of `positions`.
    """
    steps = np.rint(np.log(masses) / LN_MASS_STEP)
    radii = radius_200(masses)
    sites = np.empty(masses.size, dtype=np.int64)
    height = candidates = None
    for i in range(masses.size):
        if i == 0 or steps[i] != steps[i - 1]:
            mass = math.exp(steps[i] * LN_MASS_STEP)
            height = field.smoothed(cosmology.lagrangian_radius(mass) / math.sqrt(5))
            candidates = _Candidates(peaks(height), positions, field.box_size)
            candidates.keep_away(sites[:i], radii[:i])
        site = candidates.first(radii[i] + GAP)
        if site is None:
            candidates = _Candidates(np.argsort(-height, axis=None), positions, field.box_size)
            candidates.keep_away(sites[:i], radii[:i])
            site = candidates.first(radii[i] + GAP)
        if site is None:
            raise PhysicsError(
                f"box_size is {field.box_size:g} Mpc/h: {masses.size} haloes do not find places "
                f"{GAP:g} Mpc/h apart, number {i + 1} ({masses[i]:.3g} Msun/h) has none"
            )
        sites[i] = site
        candidates.keep_away(sites[i : i + 1], radii[i : i + 1])
    return sites


def peaks(height):
    """Flat indices of the local maxima (26 neighbors, periodic), highest first."""
    highest = height
    for axis in range(3):
        before, after = (np.roll(highest, shift, axis=axis) for shift in (1, -1))
        np.maximum(before, after, out=before)
        highest = np.maximum(before, highest, out=before)
    flat = np.flatnonzero(height == highest)
    return flat[np.argsort(-height.ravel()[flat], kind="stable")]


class _Candidates:
    """Places for a halo in order of preference, and how far they are from those in use."""

    def __init__(self, sites, positions, box_size):
        self.sites = sites
        self._all = positions
        self._positions = positions[sites]
        self._box_size = box_size
        self._clearance = np.full(sites.size, math.inf)

    def keep_away(self, sites, radii):
        """Take the spheres of `radii` (n,) around particles `sites` (n,) into account."""
        for center, radius in zip(self._all[sites], radii, strict=True):
            offset = self._positions - center
            offset -= self._box_size * np.rint(offset / self._box_size)
            np.minimum(self._clearance, norm(offset) - radius, out=self._clearance)

    def first(self, clearance):
        """First place whose distance from all spheres exceeds `clearance`, or None."""
        free = np.flatnonzero(self._clearance > clearance)
        return self.sites[free[0]] if free.size else None
