"""Critical curves, where det A = 0, and caustics, their images in the source plane."""

import math

import contourpy
import numpy as np
from scipy.optimize import elementwise

from simlab.lensing.kernels import deflection as kernels
from simlab.lensing.lenses import SIE, SIS, PointMass
from simlab.lensing.sampled import EDGE, SampledLens

CELLS = 1000
MESH = 0.05
OFFSET = 0.2371
"""Shift of the mesh in cells, so that no node is the center of a member, where det A diverges."""


def critical_curve(lens, points=360):
    """Critical curve and caustic.

    Parameters
    ----------
    lens : Lens
    points : int
        Number k of points of an SIS, a point mass or an SIE, in the directions 2 pi j/k.

    Returns
    -------
    curve, caustic : complex128 (k,), px
        For other lenses two lists of polylines, as many vertices as the contour needs; closed ones
        end where they start.
    """
    single = lens.constituents[0] if len(lens.constituents) == 1 else lens
    direction = np.exp(2j * np.pi * np.arange(points) / points)
    if isinstance(single, SIS | PointMass):
        curve = single.center + single.einstein_radius * direction
        return curve, np.full(points, single.center, np.complex128)
    if isinstance(single, SIE):
        turned = direction * np.exp(-1j * math.radians(single.orientation_deg))
        stretch = np.hypot(turned.real, single.ratio * turned.imag)
        radius = single.einstein_radius * math.sqrt(single.ratio) / stretch
        curve = single.center + radius * direction
        return curve, curve - single.deflection(curve)
    lines = _sampled_contours(lens) if isinstance(lens, SampledLens) else _contours(lens)
    return lines, [line - lens.deflection(line) for line in lines]


def cut_curve(lens, points=360):
    """Cut (pseudo-caustic) of an SIS or SIE: -a(e^{i phi}) about its center, complex128 (k,), px.

    A source that crosses it inwards gets one image more, next to the singular center.
    """
    direction = np.exp(2j * np.pi * np.arange(points) / points)
    return lens.center - lens.deflection(lens.center + direction)


def _det(lens, z):
    return (1 - lens.convergence(z)) ** 2 - np.abs(lens.shear(z)) ** 2


def _contours(lens):
    half, scale = _extent(lens.members)
    cells = min(max(math.ceil(2 * half / min(1.0, MESH * scale)), 100), CELLS)
    step = 2 * half / cells
    nodes = (np.arange(cells + 1) + OFFSET) * step - half
    det = _det(lens, nodes[None, :] + 1j * nodes[:, None])
    lines = contourpy.contour_generator(nodes, nodes, det, name="serial").lines(0.0)
    return [_polished(lens, line[:, 0] + 1j * line[:, 1], nodes) for line in lines]


def _extent(members):
    """Half side of a square about the origin with all critical curves, and their scale, px."""
    massive = members[members[:, 0] != kernels.SHEAR]
    sheets = members[members[:, 0] == kernels.SHEAR]
    if len(massive) == 0:
        return 1.0, math.inf
    strength = massive[:, 3].copy()
    halo = massive[:, 0] == kernels.NFW
    strength[halo] *= 4 * massive[halo, 4]
    sizes = strength / np.where(massive[:, 0] == kernels.SIE, np.sqrt(massive[:, 4]), 1.0)
    shear = abs(complex(sheets[:, 4].sum(), sheets[:, 5].sum()))
    least_stretch = max(abs(abs(1 - sheets[:, 3].sum()) - shear), 0.05)
    reach = np.hypot(massive[:, 1], massive[:, 2]).max() + sizes.sum()
    return 1.2 * reach / min(1.0, least_stretch), float(strength.min())


def _polished(lens, line, nodes):
    """Vertices moved along their edges of the mesh to det A = 0."""
    cell = nodes[1] - nodes[0]
    x, y = (line.real - nodes[0]) / cell, (line.imag - nodes[0]) / cell
    vertical = np.abs(x - np.rint(x)) < np.abs(y - np.rint(y))
    along = np.where(vertical, line.imag, line.real)
    upper = np.clip(np.searchsorted(nodes, along), 1, len(nodes) - 1)
    a, b = nodes[upper - 1], nodes[upper]

    across = np.where(vertical, line.real, line.imag)

    def point(t, vertical, across):
        return np.where(vertical, across + 1j * t, t + 1j * across)

    edge = elementwise.find_root(
        lambda *where: _det(lens, point(*where)), (a, b), args=(vertical, across)
    )
    return point(np.where(edge.success, edge.x, along), vertical, across)


def _sampled_contours(lens):
    n = lens.size
    inner = slice(EDGE, n - EDGE)
    det = (1 - lens.kappa) ** 2 - np.abs(lens.gamma) ** 2
    x = np.arange(n)[inner] - n / 2
    y = n / 2 - np.arange(n)[inner]
    lines = contourpy.contour_generator(x, y, det[inner, inner], name="serial").lines(0.0)
    return [line[:, 0] + 1j * line[:, 1] for line in lines]
