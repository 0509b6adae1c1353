"""Deflection angle of lenses given as tables of members.

A lens is an array `members` (k, 8) float64 with one row a member,

    [kind, x, y, p0, p1, p2, 0, 0]      x, y: center, px

    SIS     p0 = g (px)
    PM      p0 = g (px)
    SIE     p0 = g (px), p1 = axis ratio f, p2 = orientation t (rad)
    SHEAR   p0 = kappa0, p1, p2 = components of the complex shear
    NFW     p0 = kappa_s, p1 = r_s (px)

What diverges or has no direction at the center of a member counts as 0 there.
"""

import math

import numpy as np
from numba import njit

jit = njit(cache=True, nogil=True, error_model="numpy")

SIS, PM, SIE, SHEAR, NFW = 0, 1, 2, 3, 4
COLUMNS = 8

ROUND = 1e-3
"""Below this f' = sqrt(1 - f^2) an ellipsoid is expanded about the sphere."""


@jit
def sie_frame_deflection(u, v, g, f):
    """Deflection of an SIE in its own frame (Kormann, Schneider & Bartelmann 1994).

    g sqrt(f)/f' [asinh(f' u/(f R)) + i asin(f' v/R)], f' = sqrt(1 - f^2), R = |u + i v| > 0; the
    arc sine is taken as atan2(f' v, sqrt(u^2 + f^2 v^2)), which keeps all digits near +-90 degrees.

    Parameters
    ----------
    u, v : float64
        Coordinates along the short and the long axis, px.
    g : float64
        Einstein radius, px.
    f : float64
        Axis ratio, 0 < f <= 1.

    Returns
    -------
    2 float64
        Components along u and v, px.
    """
    r = math.hypot(u, v)
    flat = math.sqrt((1.0 - f) * (1.0 + f))
    strength = g * math.sqrt(f)
    if flat < ROUND:
        k2 = flat * flat
        p = u / (f * r)
        q = v / r
        p2 = p * p
        q2 = q * q
        return (
            strength * p * (1.0 - k2 * p2 / 6.0 + 0.075 * k2 * k2 * p2 * p2),
            strength * q * (1.0 + k2 * q2 / 6.0 + 0.075 * k2 * k2 * q2 * q2),
        )
    strength /= flat
    return (
        strength * math.asinh(flat * u / (f * r)),
        strength * math.atan2(flat * v, math.hypot(u, f * v)),
    )


@jit
def nfw_arc(u):
    """F(u) = arccosh(1/u)/sqrt(1 - u^2), continued to u >= 1 as arccos(1/u)/sqrt(u^2 - 1)."""
    e = (1.0 - u) * (1.0 + u)
    if abs(e) < 0.04:
        total = 0.0
        for k in range(12, -1, -1):
            total = total * e + 1.0 / (2 * k + 1)
        return total
    root = math.sqrt(abs(e))
    if u < 1.0:
        return math.log((1.0 + root) / u) / root
    return math.atan(root) / root


@jit
def nfw_enclosed(u):
    """Mass inside u = R/r_s in units of 4 pi kappa_s r_s^2: ln(u/2) + F(u) (Bartelmann 1996).

    Inside u < 1/2 the logarithms, which nearly cancel, are combined first: with s = sqrt(1 - u^2)
    it is ln(2/u) u^2/(s (1 + s)) + ln((1 + s)/2)/s.
    """
    w = u * u
    if u < 0.5:
        s = math.sqrt(1.0 - w)
        return (math.log(2.0 / u) * w / (1.0 + s) + math.log1p(-0.5 * w / (1.0 + s))) / s
    return math.log(0.5 * u) + nfw_arc(u)


@jit
def member_deflection(members, i, x, y):
    """Deflection of member i at (x, y), px; (0, 0) at its own center."""
    kind = members[i, 0]
    dx = x - members[i, 1]
    dy = y - members[i, 2]
    p0 = members[i, 3]
    if kind == SHEAR:
        g1 = members[i, 4]
        g2 = members[i, 5]
        return (p0 + g1) * dx + g2 * dy, (p0 - g1) * dy + g2 * dx
    r = math.hypot(dx, dy)
    if r == 0.0:
        return 0.0, 0.0
    if kind == SIS:
        return p0 * (dx / r), p0 * (dy / r)
    if kind == PM:
        strength = p0 * p0 / r
        return strength * (dx / r), strength * (dy / r)
    if kind == SIE:
        c = math.cos(members[i, 5])
        s = math.sin(members[i, 5])
        a, b = sie_frame_deflection(dx * c + dy * s, dy * c - dx * s, p0, members[i, 4])
        return a * c - b * s, a * s + b * c
    r_s = members[i, 4]
    u = r / r_s
    strength = 4.0 * p0 * r_s * nfw_enclosed(u) / u
    return strength * (dx / r), strength * (dy / r)


@jit
def lens_deflection(members, x, y):
    """Deflection at one point.

    Parameters
    ----------
    members : (k, 8) float64
    x, y : float64
        Point, px.

    Returns
    -------
    2 float64
        psi_x and psi_y, px.
    """
    ax = 0.0
    ay = 0.0
    for i in range(members.shape[0]):
        bx, by = member_deflection(members, i, x, y)
        ax += bx
        ay += by
    return ax, ay


@jit
def deflections(members, z, out):
    """Deflection at many points.

    Parameters
    ----------
    members : (k, 8) float64
    z : (n,) complex128
        Points, px.
    out : (n,) complex128
        Filled with psi_x + i psi_y, px.
    """
    for j in range(z.size):
        ax, ay = lens_deflection(members, z[j].real, z[j].imag)
        out[j] = complex(ax, ay)


@jit
def is_singular(members, x, y):
    """Whether (x, y) is exactly the center of an SIS, a point mass or an SIE."""
    for i in range(members.shape[0]):
        if members[i, 0] <= SIE and x == members[i, 1] and y == members[i, 2]:
            return True
    return False


def warm():
    members = np.zeros((1, COLUMNS))
    members[0, 3] = 1.0
    deflections(members, np.ones(1, np.complex128), np.empty(1, np.complex128))
    is_singular(members, 0.0, 0.0)
