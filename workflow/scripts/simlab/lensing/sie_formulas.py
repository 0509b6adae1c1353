"""Roulette amplitudes of the SIE as exact polynomials.

In the lens frame, u + i v = z e^{-ip}, with Q = u^2 + f^2 v^2 and R^2 = u^2 + v^2,

    gamma_frame[m, s] = (g sqrt(f)/2) P(u, v, f) Q^{-(2m-1)/2} R^{-2m [s = m+1]},   m >= 1,

and gamma = e^{isp} gamma_frame. The polynomials P, with complex rational coefficients, follow from
the recurrences of `kernels.amplitudes.add_sie` with Q^n multiplied in.
"""

from fractions import Fraction
from functools import cache
from math import comb, factorial

import numpy as np

ONE = {(0, 0, 0): (Fraction(1), Fraction(0))}
Q = {(2, 0, 0): (Fraction(1), Fraction(0)), (0, 2, 2): (Fraction(1), Fraction(0))}
Q1 = {(1, 0, 0): (Fraction(1), Fraction(0)), (0, 1, 2): (Fraction(0), Fraction(-1))}
W = {(1, 0, 0): (Fraction(1), Fraction(0)), (0, 1, 0): (Fraction(0), Fraction(1))}
A = {(0, 0, 0): (Fraction(1, 4), Fraction(0)), (0, 0, 2): (Fraction(-1, 4), Fraction(0))}
B = {(0, 0, 0): (Fraction(1, 2), Fraction(0)), (0, 0, 2): (Fraction(1, 2), Fraction(0))}


def frame_polynomials(order):
    """Polynomials P of all amplitudes with 1 <= m <= N.

    Returns
    -------
    dict
        (m, s) -> {(i, j, k): (real, imaginary)}: Fractions, coefficients of u^i v^j f^k.
    """
    found = {}
    for m in range(1, order + 1):
        for s in range(1 - m % 2, m + 2, 2):
            p, q = (m + 1 - s) // 2, (m + 1 + s) // 2
            if p == 0:
                found[m, s] = times(_edge(q), power(W, m), Fraction(-1))
            else:
                weight = Fraction(-comb(m + 1, p) * factorial(p - 1) * factorial(q - 1))
                found[m, s] = times(_kappa(p - 1, q - 1), ONE, weight if s else weight / 2)
    return found


@cache
def _kappa(p, q):
    """Q^{p+q} k[p, q]/k[0, 0], k: Taylor coefficients of the convergence."""
    if p < q:
        return conjugate(_kappa(q, p))
    if p == 0:
        return ONE
    P = p - 1
    half = P + Fraction(1, 2)
    terms = [times(Q1, _kappa(P, q), half)]
    if q > 0:
        terms.append(times(conjugate(Q1), _kappa(p, q - 1), Fraction(p)))
        terms.append(times(Q, times(B, _kappa(P, q - 1)), half))
    if P > 0:
        terms.append(times(Q, times(A, _kappa(P - 1, q)), Fraction(P)))
    if q > 1:
        terms.append(times(Q, times(A, _kappa(p, q - 2)), Fraction(p)))
    return times(plus(*terms), ONE, Fraction(-1, p))


@cache
def _edge(q):
    """M_q with dbar^q psi = (k[0, 0]/2) M_q/(conj(w)^{q-1} Q^{q-2}), q >= 2."""
    back = power(conjugate(W), q - 2)
    new = times(times(W, _kappa(0, q - 2)), back, Fraction(-factorial(q - 2)))
    if q == 2:
        return new
    return plus(times(Q, _edge(q - 1), Fraction(2 - q)), new)


def plus(*polynomials):
    """Sum of polynomials."""
    total = {}
    for polynomial in polynomials:
        for powers, (re, im) in polynomial.items():
            before = total.get(powers, (0, 0))
            total[powers] = (before[0] + re, before[1] + im)
    return {powers: value for powers, value in total.items() if value != (0, 0)}


def times(first, second, factor=Fraction(1)):
    """Product of two polynomials and a Fraction."""
    total = {}
    for (i, j, k), (a, b) in first.items():
        a, b = a * factor, b * factor
        for (more_i, more_j, more_k), (c, d) in second.items():
            powers = (i + more_i, j + more_j, k + more_k)
            before = total.get(powers, (0, 0))
            total[powers] = (before[0] + a * c - b * d, before[1] + a * d + b * c)
    return {powers: value for powers, value in total.items() if value != (0, 0)}


def power(polynomial, exponent):
    """Power of a polynomial with a whole exponent >= 0."""
    result = ONE
    for _ in range(exponent):
        result = times(result, polynomial)
    return result


def conjugate(polynomial):
    """Complex conjugate of a polynomial in real variables."""
    return {powers: (re, -im) for powers, (re, im) in polynomial.items()}


def sie_numbers(x, y, g, f, p, order, context):
    """Amplitudes of an SIE with any number of digits.

    Parameters
    ----------
    x, y, g, f, p : numbers of the context
        Point relative to the lens and Einstein radius (px), axis ratio < 1, orientation (rad).
    order : int
    context : module or object
        mpmath or what offers its functions.

    Returns
    -------
    dict
        (m, s) -> complex number of the context.
    """
    turn = context.expj(p)
    w = context.mpc(x, y) / turn
    wc = context.conj(w)
    u, v = w.real, w.imag
    a, b = (1 - f * f) / 4, (1 + f * f) / 2
    q0, q1 = u * u + f * f * v * v, 2 * a * w + b * wc
    size = order + 1
    k = np.zeros((size + 1, size + 1), object)
    k[0, 0] = g * context.sqrt(f) / (2 * context.sqrt(q0))
    half = context.mpf(1) / 2
    for total in range(1, order):
        for q in range(total // 2 + 1):
            P = total - q - 1
            term = q1 * (P + half) * k[P, q]
            if P > 0:
                term += a * P * k[P - 1, q]
            if q > 0:
                term += context.conj(q1) * (P + 1) * k[P + 1, q - 1] + b * (P + half) * k[P, q - 1]
            if q > 1:
                term += a * (P + 1) * k[P + 1, q - 2]
            k[P + 1, q] = -term / ((P + 1) * q0)
            k[q, P + 1] = context.conj(k[P + 1, q])
    flat, r = context.sqrt(1 - f * f), abs(w)
    strength = g * context.sqrt(f) / flat
    edge = [
        0,
        strength * context.mpc(context.asinh(flat * u / (f * r)), context.asin(flat * v / r)) / 2,
    ]
    for q in range(1, order + 1):
        first = context.factorial(q - 1) * k[0, q - 1] / 2
        edge.append(((1 - q) * edge[q] - w * first) / wc)
    found = {}
    for m in range(order + 1):
        for s in range(1 - m % 2, m + 2, 2):
            i, j = (m + 1 - s) // 2, (m + 1 + s) // 2
            derivative = edge[j]
            if i > 0:
                inner = context.factorial(i - 1) * context.factorial(j - 1)
                derivative = inner * k[i - 1, j - 1] / 2
            if s == 0:
                derivative = derivative.real / 2
            found[m, s] = -2 * comb(m + 1, i) * derivative * turn**s
    return found
