"""Where the roulette series of a lens converges.

Along a fixed direction the series is the Taylor series of r -> a(xi + r e^{i phi}); it converges up
to the nearest complex singularity. A member with a singular center z gives the disc
|zeta| < |xi - z|. An elliptical one adds the zeros of u^2 + f^2 v^2, which bound the ellipse
u_zeta^2 + f^2 v_zeta^2 < u_0^2 + f^2 v_0^2 in its own frame.
"""

import math
from dataclasses import dataclass

import numpy as np

from simlab.lensing.kernels.deflection import SHEAR, SIE

EPSILON = float(np.finfo(np.float64).eps)
ROUNDING = 1e-3
"""Largest rounding error of a mapping, px."""


@dataclass(frozen=True, eq=False)
class Region:
    """Intersection of discs and ellipses about zeta = 0.

    Attributes
    ----------
    forms : float64 (k, 4)
        Rows (a, b, c, r2); zeta = X + i Y is inside where a X^2 + 2 b X Y + c Y^2 < r2 for all of
        them, px^2. No rows: the whole plane.
    """

    forms: np.ndarray

    def radius(self, phi_rad):
        """Distance to the edge in a direction, px (float or array; inf without an edge)."""
        phi = np.asarray(phi_rad, np.float64)[..., None]
        c, s = np.cos(phi), np.sin(phi)
        a, b, d, r2 = self.forms.T
        edges = np.sqrt(r2 / (a * c * c + 2 * b * c * s + d * s * s))
        return np.min(edges, axis=-1, initial=np.inf)[()]

    def contains(self, zeta):
        """Whether points lie inside (bool or array of the shape of zeta)."""
        zeta = np.asarray(zeta, np.complex128)
        inside = np.ones(zeta.shape, np.bool_)
        for a, b, c, r2 in self.forms:
            x, y = zeta.real, zeta.imag
            inside &= a * x * x + 2 * b * x * y + c * y * y < r2
        return inside[()]

    def cut(self, radius):
        """The part of the region within a distance, px, of zeta = 0."""
        return Region(np.vstack([self.forms, disc(radius).forms])) if radius < math.inf else self

    @property
    def inner_radius(self):
        """Radius of the largest disc inside, px; inf if there is no edge."""
        a, b, c, r2 = self.forms.T
        steepest = (a + c) / 2 + np.hypot((a - c) / 2, b)
        return float(np.min(np.sqrt(r2 / steepest), initial=np.inf))


def numerical_radius(region, order, deflection):
    """Distance within which double precision carries a series to 1e-3 px.

    Rounding of the amplitudes of order m, eps |a| relative to R^-m, grows like (r/R)^m in the
    directions where the region reaches beyond its inner radius R: r = R (1e-3/(eps |a|))^(1/N).

    Parameters
    ----------
    region : Region
    order : int
        N; a series of order 0 has nothing to be rounded.
    deflection : float
        |a| at the reference point, px.
    """
    if order == 0 or deflection == 0:
        return math.inf
    return region.inner_radius * (ROUNDING / (EPSILON * deflection)) ** (1 / order)


def disc(radius):
    """Region |zeta| < radius (px)."""
    return Region(np.array([[1.0, 0.0, 1.0, float(radius) ** 2]]))


def region_of(members, xi):
    """Region of convergence of a lens.

    Parameters
    ----------
    members : float64 (k, 8)
        Table of `kernels.deflection`.
    xi : complex
        Reference point, px.

    Returns
    -------
    Region
        Shear and mass sheets, whose series end, do not bound it.
    """
    forms = []
    for kind, x, y, _, f, t, *_ in members:
        if kind == SHEAR:
            continue
        z = complex(xi) - complex(x, y)
        forms.append((1.0, 0.0, 1.0, abs(z) ** 2))
        if kind == SIE and f < 1:
            c, s = math.cos(t), math.sin(t)
            u, v = z.real * c + z.imag * s, z.imag * c - z.real * s
            cross = (1 - f) * (1 + f) * c * s
            bound = u * u + f * f * v * v
            forms.append((c * c + f * f * s * s, cross, s * s + f * f * c * c, bound))
    return Region(np.array(forms, np.float64).reshape(-1, 4))
