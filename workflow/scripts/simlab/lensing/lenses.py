"""Thin gravitational lenses: potential, deflection, distortion, roulette amplitudes.

Points are complex numbers x + i y (px, y up); psi is in px^2, beta = theta - a(theta) with
a = psi_x + i psi_y. What diverges or has no direction at the center of a lens counts as 0 there.
"""

import difflib
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simlab.lensing.errors import LensError, warn_of_unused
from simlab.lensing.geometry import pixel_grid
from simlab.lensing.kernels import amplitudes as amplitude_kernels
from simlab.lensing.kernels import deflection as kernels
from simlab.lensing.kernels import fields
from simlab.lensing.region import region_of

MAX_ORDER = 200
"""Largest order N of roulette amplitudes."""


class Lens:
    """What all lenses offer.

    Attributes
    ----------
    kind : str
        Name of the model.
    members : float64 (k, 8) or None
        Table of `kernels.deflection`; None for a sampled lens.
    center : complex
        px.
    einstein_radius : float or None
        g in px, for models that have this parameter.
    is_circular : bool
        Whether a source behind the center becomes a ring.
    """

    kind = "Lens"
    is_circular = False
    center = 0j

    @property
    def constituents(self):
        """The single lenses."""
        return (self,)

    def potential(self, z):
        """Deflection potential psi, px^2 (float64 of the shape of z).

        At a point mass, where it diverges, its value half a pixel away.
        """
        return self._real(fields.potentials, z, 0.0)

    def deflection(self, z):
        """Deflection a = psi_x + i psi_y, px (complex128 of the shape of z)."""
        points, shape = _flat(z)
        out = np.empty(points.size, np.complex128)
        kernels.deflections(self.members, points, out)
        return out.reshape(shape)[()]

    def convergence(self, z):
        """Convergence kappa = (psi_xx + psi_yy)/2 (float64 of the shape of z)."""
        return self._distortion(z)[0]

    def shear(self, z):
        """Complex shear (psi_xx - psi_yy)/2 + i psi_xy (complex128 of the shape of z)."""
        return self._distortion(z)[1]

    def magnification(self, z):
        """Signed magnification 1/((1 - kappa)^2 - |gamma|^2) (float64 of the shape of z)."""
        return self._real(fields.magnifications, z)

    def amplitudes(self, xi, order):
        """Roulette amplitudes about reference points.

        Parameters
        ----------
        xi : complex or array
            px; LensError at the center of a singular member.
        order : int
            N, 0..200.

        Returns
        -------
        complex128 (..., N+1, N+2)
            gamma[m, s], px^(1-m); 0 where m + s is even or s > m + 1.
        """
        order = check_order(order)
        points, shape = _flat(xi)
        for point in points.tolist():
            self.check_regular(point)
        out = np.empty((points.size, order + 1, order + 2), np.complex128)
        first = np.zeros(points.size, np.int64)
        amplitude_kernels.amplitudes_of_rows(
            self.members, first, first + len(self.members), points, out
        )
        where = _point(points[0]) if points.size == 1 else "these points"
        return checked_amplitudes(out, where).reshape(*shape, order + 1, order + 2)

    def region(self, xi):
        """Region about xi (complex, px) in which the roulette series converges (Region)."""
        return region_of(self.members, self._finite_point(xi))

    def potential_map(self, n):
        """Potential on the pixel grid, float64 (n, n), px^2.

        Pixel (row r, column c) is the point (c - n/2) + i (n/2 - r). Within half a pixel of a point
        mass, where it diverges, it is constant.
        """
        return self._real(fields.potentials, pixel_grid(n), fields.CORE)

    def convergence_map(self, n):
        """Convergence on the pixel grid of `potential_map`, float64 (n, n)."""
        return self.convergence(pixel_grid(n))

    def check_regular(self, xi):
        """LensError unless xi (complex) is finite and no center of a singular member."""
        xi = self._finite_point(xi)
        at_center = any(
            member[0] != kernels.SHEAR and xi == complex(member[1], member[2])
            for member in self.members
        )
        if at_center:
            raise LensError(
                f"reference point {_point(xi)} is the center of a lens ({self.kind}), where it has "
                "no roulette amplitudes"
            )

    def _finite_point(self, xi):
        xi = complex(xi)
        if not np.isfinite(xi):
            raise LensError(f"reference point {_point(xi)}: expected finite numbers")
        return xi

    def _real(self, kernel, z, *parameters):
        points, shape = _flat(z)
        out = np.empty(points.size)
        kernel(self.members, points, *parameters, out)
        return out.reshape(shape)[()]

    def _distortion(self, z):
        points, shape = _flat(z)
        kappa, shear = np.empty(points.size), np.empty(points.size, np.complex128)
        fields.distortions(self.members, points, kappa, shear)
        return kappa.reshape(shape)[()], shear.reshape(shape)[()]


class SingleLens(Lens):
    """A lens with one row of members; subclasses give its columns from the kind on."""

    @cached_property
    def members(self):
        """Table of `kernels.deflection`, float64 (1, 8)."""
        kind, *parameters = self._row()
        row = [kind, self.center.real, self.center.imag, *parameters]
        return np.array([row + [0.0] * (kernels.COLUMNS - len(row))])


@dataclass(frozen=True)
class SIS(SingleLens):
    """Singular isothermal sphere: psi = g R, a = g z/R."""

    einstein_radius: float
    center: complex = 0j
    kind = "SIS"
    is_circular = True

    def _row(self):
        return kernels.SIS, self.einstein_radius


@dataclass(frozen=True)
class PointMass(SingleLens):
    """Point mass: psi = g^2 ln R, a = g^2/conj(z)."""

    einstein_radius: float
    center: complex = 0j
    kind = "PM"
    is_circular = True

    def _row(self):
        return kernels.PM, self.einstein_radius


@dataclass(frozen=True)
class SIE(SingleLens):
    """Singular isothermal ellipsoid (Kormann, Schneider & Bartelmann 1994).

    kappa = g sqrt(f)/(2 sqrt(u^2 + f^2 v^2)), u + i v = z e^{-it}: the long axis lies at
    t + 90 degrees.
    """

    einstein_radius: float
    ratio: float
    orientation_deg: float = 0.0
    center: complex = 0j
    kind = "SIE"

    @property
    def is_circular(self):
        """Whether it is a sphere."""
        return self.ratio == 1

    def _row(self):
        return kernels.SIE, self.einstein_radius, self.ratio, math.radians(self.orientation_deg)


@dataclass(frozen=True)
class Shear(SingleLens):
    """Mass sheet and external shear: a = kappa0 z + gamma conj(z), gamma = gamma1 + i gamma2."""

    kappa0: float = 0.0
    gamma1: float = 0.0
    gamma2: float = 0.0
    center: complex = 0j
    kind = "Shear"
    einstein_radius = None

    def _row(self):
        return kernels.SHEAR, self.kappa0, self.gamma1, self.gamma2


@dataclass(frozen=True)
class NFW(SingleLens):
    """Navarro-Frenk-White halo: a = 4 kappa_s r_s h(u)/u z/R, u = R/r_s (Bartelmann 1996)."""

    kappa_s: float
    scale_radius: float
    center: complex = 0j
    kind = "NFW"
    einstein_radius = None
    is_circular = True

    def _row(self):
        return kernels.NFW, self.kappa_s, self.scale_radius


KINDS = {
    "SIS": SIS,
    "PM": PointMass,
    "PointMass": PointMass,
    "SIE": SIE,
    "Shear": Shear,
    "NFW": NFW,
}
"""Classes of single lenses by the names that files and `make_lens` accept."""

PARAMETERS = {
    SIE: ("einstein_radius", "ratio"),
    NFW: ("kappa_s", "scale_radius"),
    Shear: ("kappa0", "gamma1", "gamma2"),
}
"""What makes these lenses, beside center, orientation and chi; the others are einstein_radius."""


def check_order(order):
    """The order as int; LensError unless it is a whole number from 0 to 200."""
    if isinstance(order, bool) or int(order) != order or not 0 <= order <= MAX_ORDER:
        raise LensError(f"order {order}: expected a whole number from 0 to {MAX_ORDER}")
    return int(order)


def checked_amplitudes(G, where):
    """G itself; LensError, naming the place, if numbers left the range of float64."""
    if not np.isfinite(G).all():
        raise LensError(
            f"amplitudes of order {G.shape[-2] - 1} at {where} exceed 1e308, too near a singular "
            "center; use a lower order or another reference point"
        )
    return G


def make_lens(
    kind,
    *,
    einstein_radius=None,
    ratio=None,
    orientation_deg=0.0,
    x=0.0,
    y=0.0,
    chi=1.0,
    kappa_s=None,
    scale_radius=None,
    kappa0=0.0,
    gamma1=0.0,
    gamma2=0.0,
):
    """A single lens in angular units.

    Parameters
    ----------
    kind : str
        SIS, PM (PointMass), SIE, Shear or NFW. Parameters that a kind does not have are ignored,
        with a LensingWarning; a rotation of what is round tells nothing.
    einstein_radius : float
        g > 0, px (SIS, PM, SIE).
    ratio : float
        Axis ratio in (0, 1] (SIE).
    orientation_deg : float
        Direction of the short axis, degrees counter-clockwise (SIE).
    x, y : float
        Center, px.
    chi : float
        Ratio of distances D_L/D_S > 0. The lengths above are in the lens plane and are divided by
        it: a_angular(theta) = a_lens(chi theta)/chi.
    kappa_s, scale_radius : float
        Both > 0; scale_radius in px (NFW).
    kappa0, gamma1, gamma2 : float
        Convergence and shear (Shear).

    Returns
    -------
    Lens

    Raises
    ------
    LensError
        For an unknown kind and for parameters without meaning.
    """
    cls = KINDS.get(kind)
    if cls is None:
        raise LensError(f"lens {kind!r}: expected {', '.join(KINDS)}{_nearest(kind)}")
    given = {
        "einstein_radius": einstein_radius,
        "ratio": ratio,
        "kappa_s": kappa_s,
        "scale_radius": scale_radius,
        "kappa0": kappa0 or None,
        "gamma1": gamma1 or None,
        "gamma2": gamma2 or None,
    }
    warn_of_unused("lens", kind, given, PARAMETERS.get(cls, ("einstein_radius",)))
    chi = _positive("chi", chi)
    center = complex(_finite("x", x) / chi, _finite("y", y) / chi)
    if cls is Shear:
        return Shear(
            _finite("kappa0", kappa0), _finite("gamma1", gamma1), _finite("gamma2", gamma2), center
        )
    if cls is NFW:
        return NFW(
            _positive("kappa_s", kappa_s), _positive("scale_radius", scale_radius) / chi, center
        )
    g = _positive("einstein_radius", einstein_radius) / chi
    if cls is not SIE:
        return cls(g, center)
    f = _finite("ratio", ratio, "in (0, 1]")
    if not 0 < f <= 1:
        raise LensError(f"ratio = {ratio}: expected a number in (0, 1]")
    return SIE(g, f, _finite("orientation_deg", orientation_deg), center)


def _nearest(kind):
    names = {name.lower(): name for name in KINDS}
    near = difflib.get_close_matches(str(kind).lower(), names, 1)
    return f" (nearest: {names[near[0]]})" if near else ""


def _finite(name, value, what=""):
    expected = f"expected a finite number {what}".rstrip()
    if value is None:
        raise LensError(f"{name} is missing: {expected}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise LensError(f"{name} = {value}: {expected}")
    return number


def _positive(name, value):
    number = _finite(name, value, "> 0")
    if number <= 0:
        raise LensError(f"{name} = {value}: expected a number > 0")
    return number


def _flat(z):
    z = np.asarray(z, np.complex128)
    return np.ascontiguousarray(z).ravel(), z.shape


def _point(z):
    return f"({z.real:g}, {z.imag:g})"
