"""How far a truncated roulette series can be trusted."""

import math

import numpy as np
from numba import njit

from simlab.lensing.kernels.images import NO_FIELD, ray

jit = njit(cache=True, nogil=True, error_model="numpy")

STEPS = 32
BISECTIONS = 20


@jit
def truncation_error(members, field, nearest, xi, a_xi, e, unit, zeta):
    """Distance of the series from the lens mapping at zeta, px; inf beyond a sampled grid."""
    theta = xi + zeta
    ax, ay, covered = ray(members, field, nearest, theta.real, theta.imag)
    if not covered:
        return math.inf
    z = zeta * unit
    zb = z.conjugate()
    order = e.shape[0] - 1
    series = complex(0.0, 0.0)
    for a in range(order, -1, -1):
        inner = complex(0.0, 0.0)
        for b in range(order - a, -1, -1):
            inner = inner * zb + e[a, b]
        series = series * z + inner
    return abs(a_xi - complex(ax, ay) - series)


@jit
def trusted_radii(members, field, nearest, xi, e, exponent, edges, bound, out):
    """Radius in each direction up to which the error stays within a bound.

    Parameters
    ----------
    members, field, nearest
        Lens as in `images`.
    xi : complex128
        Reference point, px.
    e, exponent
        From `roulette.monomials`.
    edges : (n,) float64
        Radius of convergence in direction 2 pi k/n, px.
    bound : float64
        px.
    out : (n,) float64
        Filled: the first of the radii edges * j/32, j = 1..31, with a larger error, refined by 20
        bisections; edges * 31/32 if there is none.
    """
    n = edges.size
    unit = math.ldexp(1.0, -exponent)
    bx, by, _ = ray(members, field, nearest, xi.real, xi.imag)
    a_xi = complex(bx, by)
    for k in range(n):
        phi = 2.0 * math.pi * k / n
        direction = complex(math.cos(phi), math.sin(phi))
        low = 0.0
        high = 0.0
        for j in range(1, STEPS):
            high = edges[k] * j / STEPS
            error = truncation_error(members, field, nearest, xi, a_xi, e, unit, high * direction)
            if not error <= bound:
                for _ in range(BISECTIONS):
                    middle = 0.5 * (low + high)
                    error = truncation_error(
                        members, field, nearest, xi, a_xi, e, unit, middle * direction
                    )
                    if error <= bound:
                        low = middle
                    else:
                        high = middle
                break
            low = high
        out[k] = low


def warm():
    members = np.zeros((1, 8))
    members[0, 3] = 1.0
    e = np.zeros((2, 2), np.complex128)
    trusted_radii(members, NO_FIELD, False, 1 + 0j, e, 0, np.ones(1), 0.5, np.empty(1))
