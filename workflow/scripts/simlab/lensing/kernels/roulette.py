"""The roulette mapping as a polynomial: coefficients from amplitudes, values at points.

    D = zeta + sum_m sum_s 1/(2 m!) [(1 + s/(m+1)) gamma[m, s]       zeta^p conj(zeta)^(q-1)
                                   + (1 - s/(m+1)) conj(gamma[m, s]) zeta^q conj(zeta)^(p-1)]

with p = (m+1-s)/2 and q = (m+1+s)/2. Coefficients are kept for zeta in units of a length that is a
power of two: it enters them without rounding, so that the bits of D do not depend on it.
"""

import math

import numpy as np
from numba import njit

jit = njit(cache=True, nogil=True, error_model="numpy")

BLOCK = 64


@jit
def monomials(G, exponent):
    """Coefficients of zeta^a conj(zeta)^b, without the leading zeta.

    Parameters
    ----------
    G : (N+1, N+2) complex128
        Amplitudes; gamma[0, 1] is not used.
    exponent : int
        Points will be given in units of 2^exponent px.

    Returns
    -------
    (N+1, N+1) complex128
        [a, b], px; 0 for a + b > N.
    """
    order = G.shape[0] - 1
    e = np.zeros((order + 1, order + 1), np.complex128)
    factorial = 1.0
    power = 0
    for m in range(1, order + 1):
        factorial, more = math.frexp(factorial * m)
        power += more
        shift = m * exponent - power - 1
        for s in range(1 - m % 2, m + 2, 2):
            p = (m + 1 - s) // 2
            q = (m + 1 + s) // 2
            re = math.ldexp(G[m, s].real / factorial, shift)
            im = math.ldexp(G[m, s].imag / factorial, shift)
            weight = s / (m + 1)
            e[p, q - 1] += complex((1.0 + weight) * re, (1.0 + weight) * im)
            if p > 0:
                e[q, p - 1] += complex((1.0 - weight) * re, -(1.0 - weight) * im)
    return e


@jit
def real_polynomials(e, exponent, C1, C2):
    """The same mapping as two real polynomials, the leading zeta included.

    zeta^a conj(zeta)^b has the coefficients i^k K_k of X^(m-k) Y^k, m = a + b, where K_k are those
    of (1 + t)^a (1 - t)^b (Krawtchouk's integers): K_0 = 1,
    (k+1) K_(k+1) = (2a - m) K_k - (m-k+1) K_(k-1), K_(m-k) = (-1)^b K_k.

    Parameters
    ----------
    e : (N+1, N+1) complex128
        From `monomials`.
    exponent : int
        Unit 2^exponent px of X and Y.
    C1, C2 : (N+1, N+1) float64
        Filled with the coefficients of Y^i X^j of Re D and Im D, px.
    """
    order = e.shape[0] - 1
    C1[:] = 0.0
    C2[:] = 0.0
    total = np.empty(order + 1, np.complex128)
    for m in range(order + 1):
        total[: m + 1] = 0.0
        for a in range(m + 1):
            value = e[a, m - a]
            if value == 0.0:
                continue
            sign = 1.0 if (m - a) % 2 == 0 else -1.0
            before, now = 0.0, 1.0
            for k in range(m // 2 + 1):
                total[k] += value * now
                if k != m - k:
                    total[m - k] += value * (sign * now)
                after = ((2 * a - m) * now - (m - k + 1) * before) / (k + 1)
                before, now = now, after
        for k in range(m + 1):
            value = total[k]
            turn = k % 4
            if turn == 0:
                C1[k, m - k] = value.real
                C2[k, m - k] = value.imag
            elif turn == 1:
                C1[k, m - k] = -value.imag
                C2[k, m - k] = value.real
            elif turn == 2:
                C1[k, m - k] = -value.real
                C2[k, m - k] = -value.imag
            else:
                C1[k, m - k] = value.imag
                C2[k, m - k] = -value.real
    if order > 0:
        unit = math.ldexp(1.0, exponent)
        C1[0, 1] += unit
        C2[1, 0] += unit


@jit
def map_points(e, exponent, zeta, out):
    """Values of the mapping by Horner's rule in conj(zeta), then in zeta: accurate for any N.

    Parameters
    ----------
    e : (N+1, N+1) complex128
        From `monomials`.
    exponent : int
        The one of `e`.
    zeta : (n,) complex128
        Points relative to the reference point, px.
    out : (n,) complex128
        Filled with D, px.
    """
    order = e.shape[0] - 1
    x = np.empty(BLOCK)
    y = np.empty(BLOCK)
    outer_re = np.empty(BLOCK)
    outer_im = np.empty(BLOCK)
    inner_re = np.empty(BLOCK)
    inner_im = np.empty(BLOCK)
    unit = math.ldexp(1.0, -exponent)
    for start in range(0, zeta.size, BLOCK):
        n = min(BLOCK, zeta.size - start)
        for j in range(n):
            x[j] = zeta[start + j].real * unit
            y[j] = zeta[start + j].imag * unit
            outer_re[j] = 0.0
            outer_im[j] = 0.0
        for a in range(order, -1, -1):
            inner_re[:] = 0.0
            inner_im[:] = 0.0
            for b in range(order - a, -1, -1):
                re = e[a, b].real
                im = e[a, b].imag
                for j in range(n):
                    value = inner_re[j] * x[j] + inner_im[j] * y[j] + re
                    inner_im[j] = inner_im[j] * x[j] - inner_re[j] * y[j] + im
                    inner_re[j] = value
            for j in range(n):
                value = outer_re[j] * x[j] - outer_im[j] * y[j] + inner_re[j]
                outer_im[j] = outer_im[j] * x[j] + outer_re[j] * y[j] + inner_im[j]
                outer_re[j] = value
        for j in range(n):
            out[start + j] = zeta[start + j] + complex(outer_re[j], outer_im[j])


def warm():
    e = monomials(np.zeros((2, 3), np.complex128), 0)
    real_polynomials(e, 0, np.empty((2, 2)), np.empty((2, 2)))
    z = np.ones(1, np.complex128)
    map_points(e, 0, z, np.empty(1, np.complex128))
