"""Lenses known by their potential on the pixel grid.

Derivatives are differences of Sobel's 3x3 filter with reflected borders (101), a_x = S_column psi/8
and a_y = -S_row psi/8; node (row r, column c) of an n x n grid is the point
(c - n/2) + i (n/2 - r).
"""

import warnings
from functools import cached_property

import cv2
import numpy as np

from simlab.lensing.errors import LensError, LensingWarning
from simlab.lensing.kernels import images
from simlab.lensing.lenses import Lens, check_order, checked_amplitudes
from simlab.lensing.region import disc

LOOKUPS = ("bilinear", "nearest")
EDGE = 2
"""Outer pixels in which second differences reach over the edge."""

RELIABLE_ORDER = 6


class SampledLens(Lens):
    """A lens interpolated between the nodes of the pixel grid.

    Attributes
    ----------
    psi : float64 (n, n)
        Potential, px^2.
    size : int
        n.
    lookup : str
        "bilinear" or "nearest".
    field : complex128 (n, n)
        Deflection at the nodes, px.
    kappa, gamma : float64, complex128 (n, n)
        Convergence and shear at the nodes.
    members : None
    """

    kind = "Sampled"
    members = None
    einstein_radius = None

    def __init__(self, psi, lookup, center=0j, is_circular=False):
        self.psi = psi
        self.size = len(psi)
        self.lookup = lookup
        self.center = center
        self.is_circular = is_circular

    @cached_property
    def field(self):
        """Deflection at the nodes, complex128 (n, n), px."""
        return _gradient(self.psi)

    @cached_property
    def _distortion_maps(self):
        second = _amplitude_maps(self.psi, 1)
        return -second[1, 0].real, -second[1, 2]

    @property
    def kappa(self):
        """Convergence at the nodes, float64 (n, n)."""
        return self._distortion_maps[0]

    @property
    def gamma(self):
        """Complex shear at the nodes, complex128 (n, n)."""
        return self._distortion_maps[1]

    def covers(self, z):
        """Whether points lie on the grid (bool of the shape of z)."""
        return self._look_up(self.field, z)[1]

    def deflection(self, z):
        """Deflection, px (complex128 of the shape of z); LensError beyond the grid."""
        return self._covered(self.field, z)

    def deflection_where_covered(self, z):
        """Deflection (0 beyond the grid) and bool, whether the grid covers z."""
        return self._look_up(self.field, z)

    def potential(self, z):
        """Potential, px^2 (float64 of the shape of z); LensError beyond the grid."""
        return self._covered(self.psi, z).real

    def convergence(self, z):
        """Convergence (float64 of the shape of z); LensError beyond the grid."""
        return self._covered(self.kappa, z).real

    def shear(self, z):
        """Complex shear (complex128 of the shape of z); LensError beyond the grid."""
        return self._covered(self.gamma, z)

    def magnification(self, z):
        """Signed magnification (float64 of the shape of z); LensError beyond the grid."""
        det = (1 - self.convergence(z)) ** 2 - np.abs(self.shear(z)) ** 2
        with np.errstate(divide="ignore"):
            return np.divide(1.0, det)

    def amplitudes(self, xi, order):
        """Roulette amplitudes at the grid nodes nearest to reference points.

        Every order takes one more difference, so that noise grows with m: at m = 4 values are off
        by some percent; beyond order 6 a LensingWarning says so.

        Parameters
        ----------
        xi : complex or array
            px; LensError beyond the grid.
        order : int
            N, 0..200.

        Returns
        -------
        complex128 (..., N+1, N+2)
            gamma[m, s], px^(1-m).
        """
        order = check_order(order)
        if order > RELIABLE_ORDER:
            warnings.warn(
                f"amplitudes of a sampled lens to order {order}: noise beyond {RELIABLE_ORDER}",
                LensingWarning,
                stacklevel=2,
            )
        points = np.asarray(xi, np.complex128)
        out = np.empty((points.size, order + 1, order + 2), np.complex128)
        for j, point in enumerate(points.ravel().tolist()):
            self.check_regular(point)
            out[j] = self._amplitudes_at(point, order)
        return checked_amplitudes(out, "these points").reshape(*points.shape, *out.shape[1:])

    def _amplitudes_at(self, xi, order):
        n = self.size
        row, column = int(np.rint(n / 2 - xi.imag)), int(np.rint(xi.real + n / 2))
        reach = order + 3
        top, left = max(row - reach, 0), max(column - reach, 0)
        window = self.psi[top : row + reach + 1, left : column + reach + 1]
        maps = _amplitude_maps(np.ascontiguousarray(window), order)
        G = np.zeros((order + 1, order + 2), np.complex128)
        for (m, s), values in maps.items():
            G[m, s] = values[row - top, column - left]
        return G

    def region(self, xi):
        """Disc |zeta| < |xi - center| (Region); LensError beyond the grid."""
        self.check_regular(xi)
        return disc(abs(complex(xi) - self.center))

    def check_regular(self, xi):
        """LensError unless xi (complex) is a point of the grid."""
        xi = self._finite_point(xi)
        if not images.lookup(self.field, True, xi.real, xi.imag)[1]:
            raise LensError(f"({xi.real:g}, {xi.imag:g}) {self._outside()}")

    def potential_map(self, n):
        """The potential itself, float64 (n, n), px^2; n must be the size of the grid."""
        self._check_size(n)
        return self.psi.copy()

    def convergence_map(self, n):
        """Convergence at the nodes, float64 (n, n); 0 in the outer 2 pixels, where unknown."""
        self._check_size(n)
        kappa = np.zeros_like(self.kappa)
        inner = slice(EDGE, n - EDGE)
        kappa[inner, inner] = self.kappa[inner, inner]
        return kappa

    def _check_size(self, n):
        if n != self.size:
            raise LensError(f"a lens sampled on {self.size} px has no map of {n} px")

    def _outside(self):
        return f"is outside the {self.size} x {self.size} grid of the sampled lens"

    def _look_up(self, values, z):
        z = np.asarray(z, np.complex128)
        out, covered = np.empty(z.size, np.complex128), np.empty(z.size, np.bool_)
        values = np.ascontiguousarray(values, np.complex128)
        points = np.ascontiguousarray(z).ravel()
        images.lookups(values, self.lookup == "nearest", points, out, covered)
        return out.reshape(z.shape)[()], covered.reshape(z.shape)[()]

    def _covered(self, values, z):
        out, covered = self._look_up(values, z)
        if not np.all(covered):
            first = np.asarray(z, np.complex128).ravel()[np.argmin(np.ravel(covered))]
            raise LensError(f"({first.real:g}, {first.imag:g}) {self._outside()}")
        return out


def sampled_lens(lens_or_psi_array, size, lookup="bilinear"):
    """A lens sampled on the pixel grid.

    Parameters
    ----------
    lens_or_psi_array : Lens or (n, n) array
        An analytic lens, or a potential psi in px^2.
    size : int
        n, px.
    lookup : str
        "bilinear", or "nearest" as in the original program: the nearest node, halves to the even
        one.

    Returns
    -------
    SampledLens

    Raises
    ------
    LensError
        For another lookup, and an array that is not finite or not (size, size).
    """
    if lookup not in LOOKUPS:
        raise LensError(f"lookup {lookup!r}: expected {', '.join(LOOKUPS)}")
    if isinstance(lens_or_psi_array, Lens):
        lens = lens_or_psi_array
        return SampledLens(lens.potential_map(size), lookup, lens.center, lens.is_circular)
    psi = np.ascontiguousarray(lens_or_psi_array, np.float64)
    if psi.shape != (size, size) or size < 2:
        raise LensError(f"potential of shape {psi.shape}: expected ({size}, {size})")
    if not np.isfinite(psi).all():
        raise LensError("potential: expected finite numbers")
    return SampledLens(psi, lookup)


def _d_x(values):
    return cv2.Sobel(values, cv2.CV_64F, 1, 0, ksize=3, scale=1 / 8)


def _d_y(values):
    return -cv2.Sobel(values, cv2.CV_64F, 0, 1, ksize=3, scale=1 / 8)


def _gradient(psi):
    return _d_x(psi) + 1j * _d_y(psi)


def _amplitude_maps(psi, order):
    """Amplitudes at all nodes, {(m, s): complex128 (n, n)}, by differentiating those of order m.

    gamma[m+1, s+1] = (m+2)/(m+3+s) [(d_x alpha - d_y beta) + i (d_x beta + d_y alpha)], twice that
    for s = 0; gamma[m+1, 0] = (m+2)/(2 (m+2)) (d_x alpha + d_y beta) of s = 1.
    """
    maps = {(0, 1): -_gradient(psi)}
    for m in range(order):
        for s in range(1 - m % 2, m + 2, 2):
            alpha = np.ascontiguousarray(maps[m, s].real)
            beta = np.ascontiguousarray(maps[m, s].imag)
            alpha_x, alpha_y, beta_x, beta_y = _d_x(alpha), _d_y(alpha), _d_x(beta), _d_y(beta)
            up = (m + 2) / (m + 3 + s) * (2 if s == 0 else 1)
            maps[m + 1, s + 1] = up * ((alpha_x - beta_y) + 1j * (beta_x + alpha_y))
            if s == 1:
                maps[m + 1, 0] = 0.5 * (alpha_x + beta_y) + 0j
    return maps
