"""Radial profiles of galaxies, in gray levels.

With p + i q = b exp(-i theta) the profiles of an offset b (px) from the center are

    Gaussian    255 exp(-(p^2/sigma^2 + q^2/sigma2^2)/2)
    Sersic      I_e exp(-b_n ((rr/sigma)^(1/n) - 1)),   rr^2 = (p sigma/sigma2)^2 + q^2

with I_e chosen so that the flux is 1000 luminosity (Sersic 1963; Ciotti & Bertin 1999). The
half-light ellipse of the Sersic profile has the semi-axis sigma2 along p and sigma along q: 90
degrees from the Gaussian ellipse of the same numbers. `axes="gaussian"` turns it.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv, gammaln

from simlab.lensing.rasters import PI

FAINT = 1e-3
"""Gray level that counts as dark for reaches."""
BRIGHTEST = 255.0
FLUX_OF_LUMINOSITY = 1000.0
GAUSSIAN = (BRIGHTEST, 0.5, 1.0, math.inf)
"""(peak, rate, power, ceiling) of `kernels.sources` for Gaussians."""


@dataclass(frozen=True)
class Sersic:
    """Sersic profile of index n, see the module.

    Attributes
    ----------
    n, luminosity : float
    clip : bool
        Whether the cusp ends at 255.
    axes : "peer" or "gaussian"
        Whether sigma2 or sigma is the semi-axis along p.
    bn : "linear" or "exact"
        1.992 n - 0.3271, or the solution of Gamma(2n) = 2 gamma(2n, b).
    """

    n: float
    luminosity: float
    clip: bool = True
    axes: str = "peer"
    bn: str = "linear"

    @property
    def rate(self):
        """b_n."""
        if self.bn == "exact":
            return float(gammaincinv(2 * self.n, 0.5))
        return 1.992 * self.n - 0.3271

    def semi_axes(self, sigma, sigma2):
        """Half-light semi-axes along p and q, px."""
        return (sigma2, sigma) if self.axes == "peer" else (sigma, sigma2)

    def effective(self, sigma, sigma2, pi=math.pi):
        """I_e, the brightness on the half-light ellipse."""
        b, n = self.rate, self.n
        log = 2 * n * math.log(b) - b - float(gammaln(2 * n))
        return FLUX_OF_LUMINOSITY * self.luminosity * math.exp(log) / (2 * pi * sigma * sigma2 * n)

    def profile(self, sigma, sigma2):
        """(peak, rate, power, ceiling) of the kernels."""
        peak = self.effective(sigma, sigma2) * math.exp(self.rate)
        return peak, self.rate, 0.5 / self.n, BRIGHTEST if self.clip else math.inf

    def raster(self, p, q, sigma, sigma2):
        """Intensity at raster coordinates, at most 255."""
        ratio = sigma2 / sigma
        squared = (p / ratio) ** 2 + q**2 if self.axes == "peer" else p**2 + (q / ratio) ** 2
        exponent = (np.sqrt(squared) / sigma) ** (1 / self.n) - 1
        effective = self.effective(sigma, sigma2, PI)
        return np.minimum(BRIGHTEST, effective * np.exp(-self.rate * exponent))


def gaussian_raster(p, q, sigma, sigma2):
    """Gaussian intensity at raster coordinates."""
    return BRIGHTEST * np.exp(-0.5 * (p**2 / sigma**2 + q**2 / sigma2**2))


def faint_radius(peak, rate, power, ceiling):
    """sqrt(w) from which on a profile is below FAINT."""
    if min(peak, ceiling) <= FAINT:
        return 0.0
    return (math.log(peak / FAINT) / rate) ** (0.5 / power)
