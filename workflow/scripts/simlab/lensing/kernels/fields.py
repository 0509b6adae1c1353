"""Potential, convergence and shear of lenses given as tables of members (see `deflection`)."""

import math

import numpy as np
from numba import njit

from simlab.lensing.kernels.deflection import (
    NFW,
    PM,
    SHEAR,
    SIE,
    SIS,
    is_singular,
    member_deflection,
    nfw_arc,
    nfw_enclosed,
)

jit = njit(cache=True, nogil=True, error_model="numpy")

CORE = 0.5
"""Radius (px) inside which the potential of a point mass can be held constant."""


@jit
def nfw_potential(u):
    """Dimensionless potential p(u): psi = 4 kappa_s r_s^2 p(R/r_s).

    [ln^2(2/u) - arccosh^2(1/u)]/2 for u < 1, [ln^2(2/u) + arccos^2(1/u)]/2 beyond; the difference
    of squares is factored, since both logarithms agree for small u.
    """
    if u == 0.0:
        return 0.0
    log = math.log(2.0 / u)
    if u < 1.0:
        w = u * u
        gap = math.log1p(-0.5 * w / (1.0 + math.sqrt(1.0 - w)))
        return -0.5 * gap * (2.0 * log + gap)
    arc = math.atan(math.sqrt((u - 1.0) * (u + 1.0)))
    return 0.5 * (log * log + arc * arc)


@jit
def nfw_convergence(u):
    """Convergence in units of kappa_s: 2 (1 - F)/(u^2 - 1)."""
    e = (1.0 - u) * (1.0 + u)
    if abs(e) < 0.04:
        total = 0.0
        for k in range(12, 0, -1):
            total = total * e + 1.0 / (2 * k + 1)
        return 2.0 * total
    return 2.0 * (nfw_arc(u) - 1.0) / e


@jit
def lens_potential(members, x, y, core):
    """Potential at one point, px^2.

    Parameters
    ----------
    members : (k, 8) float64
    x, y : float64
        Point, px.
    core : float64
        The potential of a point mass is constant inside this radius, px.
    """
    total = 0.0
    for i in range(members.shape[0]):
        kind = members[i, 0]
        dx = x - members[i, 1]
        dy = y - members[i, 2]
        p0 = members[i, 3]
        r = math.hypot(dx, dy)
        if kind == SIS:
            total += p0 * r
        elif kind == PM:
            total += p0 * p0 * math.log(max(r, core) if r > 0.0 or core > 0.0 else CORE)
        elif kind == SIE:
            ax, ay = member_deflection(members, i, x, y)
            total += dx * ax + dy * ay
        elif kind == SHEAR:
            total += 0.5 * p0 * r * r
            total += 0.5 * members[i, 4] * (dx * dx - dy * dy) + members[i, 5] * dx * dy
        elif kind == NFW:
            r_s = members[i, 4]
            total += 4.0 * p0 * r_s * r_s * nfw_potential(r / r_s)
    return total


@jit
def lens_distortion(members, x, y):
    """Convergence and complex shear at one point.

    Parameters
    ----------
    members : (k, 8) float64
    x, y : float64
        Point, px.

    Returns
    -------
    3 float64
        kappa = (psi_xx + psi_yy)/2, (psi_xx - psi_yy)/2 and psi_xy.
    """
    kappa = 0.0
    g1 = 0.0
    g2 = 0.0
    for i in range(members.shape[0]):
        kind = members[i, 0]
        p0 = members[i, 3]
        if kind == SHEAR:
            kappa += p0
            g1 += members[i, 4]
            g2 += members[i, 5]
            continue
        dx = x - members[i, 1]
        dy = y - members[i, 2]
        r = math.hypot(dx, dy)
        if r == 0.0:
            continue
        dx /= r
        dy /= r
        if kind == PM:
            k = 0.0
            tangential = (p0 / r) * (p0 / r)
        elif kind == NFW:
            u = r / members[i, 4]
            k = p0 * nfw_convergence(u)
            tangential = 4.0 * p0 * nfw_enclosed(u) / (u * u) - k
        else:
            if kind == SIS:
                k = 0.5 * p0 / r
            else:
                c = math.cos(members[i, 5])
                s = math.sin(members[i, 5])
                f = members[i, 4]
                k = (
                    0.5
                    * p0
                    * math.sqrt(f)
                    / (r * math.hypot(dx * c + dy * s, f * (dy * c - dx * s)))
                )
            tangential = k
        kappa += k
        g1 -= tangential * (dx - dy) * (dx + dy)
        g2 -= tangential * 2.0 * dx * dy
    return kappa, g1, g2


@jit
def potentials(members, z, core, out):
    """Potential (px^2) at the points z (n,) complex128 into out (n,) float64."""
    for j in range(z.size):
        out[j] = lens_potential(members, z[j].real, z[j].imag, core)


@jit
def distortions(members, z, kappa, shear):
    """Convergence (n,) float64 and complex shear (n,) complex128 at the points z (n,)."""
    for j in range(z.size):
        kappa[j], g1, g2 = lens_distortion(members, z[j].real, z[j].imag)
        shear[j] = complex(g1, g2)


@jit
def magnifications(members, z, out):
    """Signed magnification 1/((1 - kappa)^2 - |gamma|^2) at the points z (n,) into out (n,).

    0 at the center of a singular member, where it vanishes.
    """
    for j in range(z.size):
        x = z[j].real
        y = z[j].imag
        if is_singular(members, x, y):
            out[j] = 0.0
            continue
        kappa, g1, g2 = lens_distortion(members, x, y)
        out[j] = 1.0 / ((1.0 - kappa) ** 2 - g1 * g1 - g2 * g2)


def warm():
    members = np.zeros((1, 8))
    members[0, 3] = 1.0
    z = np.ones(1, np.complex128)
    potentials(members, z, 0.0, np.empty(1))
    distortions(members, z, np.empty(1), np.empty(1, np.complex128))
    magnifications(members, z, np.empty(1))
