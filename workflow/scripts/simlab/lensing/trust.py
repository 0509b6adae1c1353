"""How far from the reference point a truncated roulette series can be used."""

import math

import numpy as np

from simlab.lensing.kernels import trust as kernels
from simlab.lensing.roulette import roulette_monomials, scale_of
from simlab.lensing.solver import kernel_lens

DIRECTIONS = 64
BOUND = 0.5
"""Largest error of the source-plane position, px."""


def trust_radius(lens, xi, G):
    """Radius up to which the series is within half a pixel of the lens mapping.

    The error |D - D_N| is measured in 64 directions between the reference point and the edge of the
    region of convergence.

    Parameters
    ----------
    lens : Lens
    xi : complex
        Reference point, px.
    G : (N+1, N+2) complex128
        Amplitudes about xi.

    Returns
    -------
    float
        Minimum over the directions, px; inf for pure shear, whose series is exact.
    """
    region = lens.region(xi)
    edges = region.radius(2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS)
    if not np.isfinite(edges).all():
        return math.inf
    e, exponent = roulette_monomials(G, scale_of(region.inner_radius))
    out = np.empty(DIRECTIONS)
    members, field, nearest = kernel_lens(lens)
    kernels.trusted_radii(members, field, nearest, complex(xi), e, exponent, edges, BOUND, out)
    return float(out.min())
