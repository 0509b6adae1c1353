"""Elementary functions from +, -, *, /, sqrt and bit patterns alone.

Those operations are exactly rounded everywhere, so these functions give the same bits on every
machine, whereas a C library picks another exp or log for another processor. Written without
branches, so that the compiler runs them on whole vectors.
"""

import math

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")
"""Leading 32 bits of ln 2: its product with an exponent is exact."""
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
LOG2_E = 1 / math.log(2)

EXP_TERMS = tuple(1 / math.factorial(n) for n in range(13, 1, -1))
LOG_TERMS = tuple(2 / n for n in range(23, 1, -2))
SIN_TERMS = tuple((-1) ** n / math.factorial(2 * n + 1) for n in range(8, 0, -1))
COS_TERMS = tuple((-1) ** n / math.factorial(2 * n) for n in range(8, 1, -1))

MANTISSA = np.uint64(0x000FFFFFFFFFFFFF)
HALF_EXPONENT = np.uint64(0x3FE0000000000000)
MANTISSA_BITS = np.uint64(52)
BIAS = 1023
SQRT_HALF = math.sqrt(0.5)


@intrinsic
def bits_of(typingctx, number):
    """Bit pattern (uint64) of a float64."""
    if number != types.float64:
        return None

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.uint64(types.float64), codegen


@intrinsic
def float_of(typingctx, bits):
    """The float64 with this bit pattern (uint64)."""
    if bits != types.uint64:
        return None

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.uint64), codegen


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def exp(x):
    """e^x for |x| <= 700, to 1 unit in the last place.

    x = n ln 2 + r with |r| <= ln(2)/2; Taylor series of e^r (remainder < 5e-18); times 2^n.
    """
    n = np.rint(x * LOG2_E)
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    t = 0.0
    for term in EXP_TERMS:
        t = t * r + term
    power = float_of(np.uint64(np.int64(n) + BIAS) << MANTISSA_BITS)
    return (1.0 + (r + r * r * t)) * power


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def log(x):
    """Natural logarithm of a positive normal number, to 1 unit in the last place.

    x = 2^e m with sqrt(1/2) <= m < sqrt(2); ln m = 2 atanh(q), q = (m - 1)/(m + 1), as the series
    2 q (1 + q^2/3 + q^4/5 + ...) (|q| < 0.1716, remainder < 1e-18).
    """
    bits = bits_of(x)
    e = np.float64(np.int64(bits >> MANTISSA_BITS) - (BIAS - 1))
    m = float_of((bits & MANTISSA) | HALF_EXPONENT)
    low = m < SQRT_HALF
    m = m + m if low else m
    e = e - 1.0 if low else e
    f = m - 1.0
    q = f / (2.0 + f)
    q2 = q * q
    t = 0.0
    for term in LOG_TERMS:
        t = t * q2 + term
    # 2 q = f - q f keeps the leading term exact
    return e * LN2_HIGH + (f - (q * (f - q2 * t) - e * LN2_LOW))


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def cos_and_sin_of_turns(u):
    """(cos(2 pi u), sin(2 pi u)) for |u| <= 2^30 turns, to 2^-52 absolute.

    The turn is reduced exactly to an eighth on either side of a quarter turn; Taylor series.
    """
    quarter = np.rint(4.0 * u)
    angle = (u - 0.25 * quarter) * (2.0 * math.pi)
    a2 = angle * angle
    s = 0.0
    for term in SIN_TERMS:
        s = s * a2 + term
    s = angle + angle * (a2 * s)
    c = 0.0
    for term in COS_TERMS:
        c = c * a2 + term
    c = 1.0 - (0.5 * a2 - (a2 * a2) * c)
    which = np.int64(quarter) & 3
    swap = (which & 1) == 1
    cosine = s if swap else c
    sine = c if swap else s
    cosine = -cosine if which == 1 or which == 2 else cosine
    sine = -sine if which >= 2 else sine
    return cosine, sine


@njit(cache=True, nogil=True, error_model="numpy")
def turns(u):
    """exp(2 pi i u), complex128 (n,), of `u` float64 (n,)."""
    out = np.empty(u.size, np.complex128)
    for i in range(u.size):
        c, s = cos_and_sin_of_turns(u[i])
        out[i] = complex(c, s)
    return out


def warm():
    """Compile the kernels of this module."""
    turns(np.zeros(1))
