"""Linear power, abundance of haloes and their profile; z = 0, numpy only.

Units: lengths comoving Mpc/h, wavenumbers h/Mpc, masses Msun/h.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simlab.core.errors import PhysicsError

RHO_CRIT = 2.77536627e11
"""Critical density of today, (Msun/h) / (Mpc/h)^3."""
OVERDENSITY = 200.0
"""Mean density of a halo inside R200c, in units of RHO_CRIT."""
CMB_TEMPERATURE = 2.7255
SHETH_TORMEN = {"A": 0.3222, "a": 0.707, "p": 0.3, "delta_c": 1.686}

LN_K = np.linspace(math.log(1e-5), math.log(1e3), 769)
"""Nodes of the integrals over ln k; the integrands vanish at both ends."""
D_LN_K = LN_K[1] - LN_K[0]
K = np.exp(LN_K)
HEAVIEST = 1e17
"""Upper end of integrals over mass, Msun/h: no halo of any cosmology comes near it."""
ABUNDANCE_NODES = np.polynomial.legendre.leggauss(48)


@dataclass(frozen=True)
class Cosmology:
    """Flat LambdaCDM of today.

    Parameters
    ----------
    omega_m, omega_b : float
        Density of matter and of baryons in units of RHO_CRIT.
    h : float
        Hubble constant / (100 km/s/Mpc).
    n_s : float
        Slope of the primordial power.
    sigma8 : float
        rms of the linear density contrast in spheres of 8 Mpc/h.
    """

    omega_m: float
    omega_b: float
    h: float
    n_s: float
    sigma8: float

    def __post_init__(self):
        for name, low, high in (
            ("omega_m", 0.0, 1.0),
            ("omega_b", 0.0, 1.0),
            ("h", 0.1, 2.0),
            ("n_s", 0.0, 2.0),
            ("sigma8", 0.0, 5.0),
        ):
            value = getattr(self, name)
            if not low < value <= high:
                raise PhysicsError(f"{name} is {value}, expected {low:g} < {name} <= {high:g}")
        if self.omega_b >= self.omega_m:
            raise PhysicsError(
                f"omega_b is {self.omega_b}, it must be below omega_m = {self.omega_m}"
            )

    @property
    def baryon_fraction(self):
        """Share of the baryons in the matter."""
        return self.omega_b / self.omega_m

    @property
    def mean_density(self):
        """Mean density of matter, (Msun/h) / (Mpc/h)^3."""
        return self.omega_m * RHO_CRIT

    def transfer(self, k):
        """Zero-wiggle transfer function; Eisenstein & Hu 1998 (ApJ 496, 605), eqs. 26, 28-31."""
        omh2 = self.omega_m * self.h**2
        obh2 = self.omega_b * self.h**2
        fraction = self.baryon_fraction
        sound_horizon = 44.5 * math.log(9.83 / omh2) / math.sqrt(1 + 10 * obh2**0.75)  # Mpc
        alpha = (
            1 - 0.328 * math.log(431 * omh2) * fraction + 0.38 * math.log(22.3 * omh2) * fraction**2
        )
        k = np.asarray(k, dtype=np.float64)
        damping = (0.43 * sound_horizon * self.h * k) ** 4
        shape = self.omega_m * self.h * (alpha + (1 - alpha) / (1 + damping))
        q = k * (CMB_TEMPERATURE / 2.7) ** 2 / shape
        logarithm = np.log(2 * math.e + 1.8 * q)
        return logarithm / (logarithm + (14.2 + 731 / (1 + 62.5 * q)) * q**2)

    def power(self, k):
        """Linear power spectrum A k^n_s T(k)^2, (Mpc/h)^3, normalized to sigma8."""
        return self._amplitude * self._shape(k)

    def _shape(self, k):
        return np.asarray(k, dtype=np.float64) ** self.n_s * self.transfer(k) ** 2

    @cached_property
    def _amplitude(self):
        window, _ = _top_hat(8.0 * K)
        variance = (K**3 * self._shape(K) * window**2).sum() * D_LN_K / (2 * math.pi**2)
        return self.sigma8**2 / variance

    @cached_property
    def dimensionless_power(self):
        """k^3 P(k) / (2 pi^2) at the nodes K."""
        return K**3 * self.power(K) / (2 * math.pi**2)

    def sigma(self, mass):
        """Rms of the linear density in top-hat spheres that hold `mass`."""
        return self.sigma_and_slope(mass)[0]

    def sigma_and_slope(self, mass):
        """sigma(M) and d ln sigma / d ln M; same shape as `mass`."""
        mass = np.asarray(mass, dtype=np.float64)
        window, derivative = _top_hat(self.lagrangian_radius(mass)[..., None] * K)
        variance = (self.dimensionless_power * window**2).sum(axis=-1) * D_LN_K
        change = (self.dimensionless_power * window * derivative).sum(axis=-1) * D_LN_K
        return np.sqrt(variance), change / variance / 3

    def lagrangian_radius(self, mass):
        """Radius of the sphere that holds `mass` at the mean density, Mpc/h."""
        return np.cbrt(np.asarray(mass) / (4 / 3 * math.pi * self.mean_density))

    def truncation_radius(self, smallest=0.1):
        """R, Mpc/h, for which the density smoothed by exp(-k^2 R^2 / 2) has variance 1.

        Displacements from a rougher density would cross their shells. Bisection in ln R, not
        below `smallest` (Mpc/h).
        """
        low, high = math.log(smallest), math.log(1e3)
        if self._smoothed_variance(smallest) <= 1:
            return smallest
        while high - low > 1e-10:
            middle = 0.5 * (low + high)
            if self._smoothed_variance(math.exp(middle)) > 1:
                low = middle
            else:
                high = middle
        return math.exp(0.5 * (low + high))

    def _smoothed_variance(self, radius):
        return (self.dimensionless_power * np.exp(-((K * radius) ** 2))).sum() * D_LN_K


def _top_hat(x):
    """Transform W = 3 (sin x - x cos x) / x^3 of a top hat, and dW / d ln x = 3 (sin x / x - W)."""
    square = x * x
    sinc = np.sin(x) / x
    window = 3 * (sinc - np.cos(x)) / square
    derivative = 3 * (sinc - window)
    small = x < 0.05  # where the differences cancel; the series is good to 1e-12 there
    square = square[small]
    window[small] = 1 - square / 10 + square**2 / 280
    derivative[small] = -square / 5 + square**2 / 70
    return window, derivative


def mass_function(cosmology, mass):
    """Haloes per ln M and (Mpc/h)^3; Sheth & Tormen 1999 (MNRAS 308, 119), eq. 10."""
    sigma, slope = cosmology.sigma_and_slope(mass)
    a, p = SHETH_TORMEN["a"], SHETH_TORMEN["p"]
    nu_squared = a * (SHETH_TORMEN["delta_c"] / sigma) ** 2
    multiplicity = (
        SHETH_TORMEN["A"]
        * np.sqrt(2 * nu_squared / math.pi)
        * (1 + nu_squared**-p)
        * np.exp(-nu_squared / 2)
    )
    return cosmology.mean_density / np.asarray(mass) * multiplicity * -slope


def halo_count(cosmology, mass_threshold, box_size):
    """Expected haloes above `mass_threshold` (Msun/h) in a cube of side `box_size` (Mpc/h)."""
    if not 0 < mass_threshold < HEAVIEST:
        raise PhysicsError(
            f"mass_threshold is {mass_threshold:g} Msun/h, expected 0 < mass_threshold "
            f"< {HEAVIEST:g}"
        )
    if not 0 < box_size < math.inf:
        raise PhysicsError(f"box_size is {box_size} Mpc/h, it must be > 0 and finite")
    nodes, weights = ABUNDANCE_NODES
    half = 0.5 * math.log(HEAVIEST / mass_threshold)
    mass = mass_threshold * np.exp(half * (1 + nodes))
    return float((weights * mass_function(cosmology, mass)).sum() * half * box_size**3)


def cumulative_counts(cosmology, mass_threshold, box_size, n=2048):
    """Masses (n,) from `mass_threshold` upwards, Msun/h, and the haloes expected above each.

    Trapezoids in ln M, summed from the heavy end; the first entry is `halo_count` to 1e-5.
    """
    mass = np.geomspace(mass_threshold, HEAVIEST, n)
    coarse = np.geomspace(mass_threshold, HEAVIEST, 160)
    with np.errstate(divide="ignore"):
        logarithm = np.log(np.maximum(mass_function(cosmology, coarse), 1e-300))
    density = np.exp(np.interp(np.log(mass), np.log(coarse), logarithm))
    step = math.log(mass[1] / mass[0])
    pieces = 0.5 * (density[1:] + density[:-1]) * step * box_size**3
    return mass, np.append(np.cumsum(pieces[::-1])[::-1], 0.0)


def radius_200(mass):
    """R200c, Mpc/h: the sphere that holds `mass` (Msun/h) at 200 times the critical density."""
    return np.cbrt(np.asarray(mass) / (4 / 3 * math.pi * OVERDENSITY * RHO_CRIT))


def nfw_mass(x):
    """Mass of an NFW halo inside x scale radii, in units of 4 pi rho_s r_s^3.

    m(x) = ln(1 + x) - x / (1 + x); Navarro, Frenk & White 1996 (ApJ 462, 563).
    """
    return np.log1p(x) - x / (1 + np.asarray(x))


def nfw_radius(mass_share, concentration):
    """Radius that holds `mass_share` (0..1) of the mass inside R200c, in units of R200c.

    The inverse of m(x) is -1 - 1 / W0(-exp(-1 - m)), W0 the principal branch of Lambert's
    function; Robotham & Howlett 2018 (RNAAS 2, 55). Near the center, where that cancels,
    x = s + 2/3 s^2 with s = sqrt(2 m), good to 1e-7.
    """
    from scipy.special import lambertw

    mass = np.asarray(mass_share, dtype=np.float64) * nfw_mass(concentration)
    root = np.sqrt(2 * mass)
    inner = mass < 1e-8
    branch = lambertw(-np.exp(-1 - np.where(inner, 1.0, mass))).real
    return np.where(inner, root * (1 + 2 / 3 * root), -1 - 1 / branch) / concentration
