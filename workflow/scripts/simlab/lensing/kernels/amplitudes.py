"""Roulette amplitudes of lenses given as tables of members (see `deflection`).

With the Taylor coefficients psi = sum t[p, q] zeta^p conj(zeta)^q about the reference point,

    gamma[m, s] = -2 (m+1)! t[p, q],  p = (m+1-s)/2, q = (m+1+s)/2      (half of it for s = 0),

which follows from comparing coefficients of D = zeta - [a(xi + zeta) - a(xi)], a = 2 dbar psi, with
its roulette series (Clarkson 2016). All recurrences run in units of a length rho below the radius
of convergence, where t[p, q] rho^(p+q-1) stays of the order of the deflection.
"""

import math

import numpy as np
from numba import njit

from simlab.lensing.kernels.deflection import (
    PM,
    SHEAR,
    SIE,
    SIS,
    lens_deflection,
    nfw_enclosed,
    sie_frame_deflection,
)

jit = njit(cache=True, nogil=True, error_model="numpy")

NODE_STEP = 0.22
"""Step in ln(alpha) of the quadrature for the NFW lens; its error is below 1e-16 for N <= 200."""


@jit
def add_sis(G, z, g):
    """SIS: t[p, q] = g C(1/2, p) C(1/2, q) R^{-m} e^{i s phi}, m = p + q - 1, s = q - p."""
    order = G.shape[0] - 1
    r = abs(z)
    binomial = np.empty(order + 2)
    turn = np.empty(order + 2, np.complex128)
    binomial[0] = 1.0
    turn[0] = 1.0
    direction = z / r
    for k in range(order + 1):
        binomial[k + 1] = binomial[k] * (0.5 - k) / (k + 1)
        turn[k + 1] = turn[k] * direction
    factor = -2.0 * g
    for m in range(order + 1):
        if m > 0:
            factor *= (m + 1) / r
        for s in range(1 - m % 2, m + 2, 2):
            p = (m + 1 - s) // 2
            term = factor * (binomial[p] * binomial[m + 1 - p])
            G[m, s] += term * turn[s] if s > 0 else 0.5 * term


@jit
def add_point_mass(G, z, g):
    """Point mass: gamma[m, m+1] = (-1)^(m+1) g^2 m!/conj(z)^(m+1), nothing else."""
    towards = -1.0 / z.conjugate()
    term = g * g * towards
    for m in range(G.shape[0]):
        if m > 0:
            term *= m * towards
        G[m, m + 1] += term


@jit
def add_sie(G, z, g, f, t):
    """SIE: recurrence of its convergence, then of its potential.

    In the lens frame Q = u^2 + f^2 v^2 is a quadratic in zeta and conj(zeta), and
    kappa = (g sqrt(f)/2) Q^(-1/2) obeys Q d(kappa) = -(1/2) kappa d(Q), which gives the Taylor
    coefficients of kappa; d dbar psi = kappa/2 gives those of psi but the ones with p = 0, which
    follow from Euler's theorem, as psi is homogeneous of degree 1.
    """
    order = G.shape[0] - 1
    w = z * complex(math.cos(t), -math.sin(t))
    A = (1.0 - f) * (1.0 + f) / 4.0
    B = (1.0 + f * f) / 2.0
    root = math.hypot(w.real, f * w.imag)
    rho = min(abs(w), root)
    Q0 = (root / rho) ** 2
    w0 = w / rho
    Q1 = 2.0 * A * w0 + B * w0.conjugate()
    Q1c = Q1.conjugate()
    size = order + 1
    kappa = np.zeros((size, size), np.complex128)
    kappa[0, 0] = g * math.sqrt(f) / (2.0 * root)
    for total in range(1, order):
        for q in range(total // 2 + 1):
            P = total - q - 1
            term = Q1 * ((P + 0.5) * kappa[P, q])
            if P > 0:
                term += A * P * kappa[P - 1, q]
            if q > 0:
                term += Q1c * ((P + 1) * kappa[P + 1, q - 1]) + B * (P + 0.5) * kappa[P, q - 1]
            if q > 1:
                term += A * (P + 1) * kappa[P + 1, q - 2]
            value = -term / ((P + 1) * Q0)
            kappa[P + 1, q] = value
            kappa[q, P + 1] = value.conjugate()
    a, b = sie_frame_deflection(w.real, w.imag, g, f)
    edge = np.empty(order + 2, np.complex128)
    edge[1] = 0.5 * complex(a, b)
    towards = 1.0 / w0.conjugate()
    for q in range(1, order + 1):
        first = kappa[0, q - 1] * (rho / (2.0 * q))
        edge[q + 1] = towards * ((1.0 - q) * edge[q] - w0 * first) / (q + 1)
    turn = np.empty(order + 2, np.complex128)
    for s in range(order + 2):
        turn[s] = complex(math.cos(s * t), math.sin(s * t))
    factor = -2.0
    for m in range(order + 1):
        if m > 0:
            factor *= (m + 1) / rho
        for s in range(1 - m % 2, m + 2, 2):
            p = (m + 1 - s) // 2
            q = m + 1 - p
            if p == 0:
                G[m, s] += factor * (edge[q] * turn[s])
            elif s == 0:
                G[m, 0] += factor * kappa[p - 1, p - 1].real * (rho / (4.0 * p * p))
            else:
                G[m, s] += factor * (kappa[p - 1, q - 1] * turn[s] * (rho / (2.0 * p * q)))


@jit
def add_nfw(G, z, kappa_s, r_s):
    """NFW: the convergence as a superposition of Cauchy kernels.

    With w = (R/r_s)^2, kappa = kappa_s int_0^inf (1 + alpha)^(-3/2)/(alpha + w) d alpha. About z,
    w = w_0 (1 + a)(1 + b) with a = zeta/z and b its conjugate, so that the coefficients T[p, q] of
    1/(1 + theta (a + b + a b)), theta = w_0/(alpha + w_0), obey
    T[p, q] = -theta (T[p-1, q] + T[p, q-1] + T[p-1, q-1]) without loss of digits at any order. The
    integral over ln(alpha) converges exponentially with the trapezoidal rule. As psi depends on
    (1 + a)(1 + b) only, (1 + a) d psi/da = (1 + b) d psi/db, which gives the terms with p = 0.
    """
    order = G.shape[0] - 1
    r = abs(z)
    w = (r / r_s) ** 2
    kappa = np.zeros((order + 1, order + 1))
    row = np.empty(order + 1)
    lower = math.log(w) - 43.0
    upper = max(math.log(w), 0.0) + 28.0
    nodes = int((upper - lower) / NODE_STEP) + 1
    for node in range(nodes):
        alpha = math.exp(lower + node * NODE_STEP)
        theta = w / (alpha + w)
        weight = NODE_STEP * kappa_s * alpha / ((1.0 + alpha) ** 1.5 * (alpha + w))
        row[0] = weight
        for q in range(1, order):
            row[q] = -theta * row[q - 1]
        for p in range((order + 1) // 2):
            for q in range(p, order - p):
                kappa[p, q] += row[q]
            corner = row[p]
            before = -theta * (2.0 * row[p + 1] + row[p]) if p + 1 < order else 0.0
            for q in range(p + 1, order - p - 1):
                above = row[q]
                if q > p + 1:
                    before = -theta * (above + before + corner)
                row[q] = before
                corner = above
    edge = np.empty(order + 2)
    u = r / r_s
    edge[1] = 2.0 * kappa_s * r_s * nfw_enclosed(u) / u
    for q in range(1, order + 1):
        edge[q + 1] = (kappa[0, q - 1] * (r / (2.0 * q)) - q * edge[q]) / (q + 1)
    direction = z / r
    turn = np.empty(order + 2, np.complex128)
    turn[0] = 1.0
    for s in range(order + 1):
        turn[s + 1] = turn[s] * direction
    factor = -2.0
    for m in range(order + 1):
        if m > 0:
            factor *= (m + 1) / r
        for s in range(1 - m % 2, m + 2, 2):
            p = (m + 1 - s) // 2
            q = m + 1 - p
            value = edge[q] if p == 0 else kappa[p - 1, q - 1] * (r / (2.0 * p * q))
            G[m, s] += factor * value * turn[s] if s > 0 else 0.5 * factor * value


@jit
def add_amplitudes(members, xi, G):
    """Add the amplitudes of a lens about one point.

    Parameters
    ----------
    members : (k, 8) float64
    xi : complex128
        Reference point, px; not the center of a singular member.
    G : (N+1, N+2) complex128
        gamma[m, s] is added; the other entries stay.
    """
    for i in range(members.shape[0]):
        kind = members[i, 0]
        z = xi - complex(members[i, 1], members[i, 2])
        if kind == SIS:
            add_sis(G, z, members[i, 3])
        elif kind == PM:
            add_point_mass(G, z, members[i, 3])
        elif kind == SIE:
            add_sie(G, z, members[i, 3], members[i, 4], members[i, 5])
        elif kind == SHEAR:
            ax, ay = lens_deflection(members[i : i + 1], xi.real, xi.imag)
            G[0, 1] -= complex(ax, ay)
            if G.shape[0] > 1:
                G[1, 0] -= members[i, 3]
                G[1, 2] -= complex(members[i, 4], members[i, 5])
        else:
            add_nfw(G, z, members[i, 3], members[i, 4])


@jit
def amplitudes_of_rows(members, first, last, xi, out):
    """Amplitudes of n lenses, each about its own point.

    Parameters
    ----------
    members : (k, 8) float64
        Members of all lenses, one lens after the other.
    first, last : (n,) int64
        Lens j has the members first[j] .. last[j] - 1.
    xi : (n,) complex128
        Reference points, px.
    out : (n, N+1, N+2) complex128
        Filled with gamma[m, s]; 0 where m + s is even or s > m + 1.
    """
    out[:] = 0.0
    for j in range(xi.size):
        add_amplitudes(members[first[j] : last[j]], xi[j], out[j])


def warm():
    members = np.zeros((1, 8))
    members[0, 3] = 1.0
    xi = np.ones(1, np.complex128)
    out = np.empty((1, 2, 3), np.complex128)
    amplitudes_of_rows(members, np.array([0]), np.array([1]), xi, out)
