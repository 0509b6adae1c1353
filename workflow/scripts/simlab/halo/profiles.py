"""Random positions inside haloes, in units of R200c: radii of profiles, directions, shapes."""

import math

import numpy as np

from simlab.halo.cosmology import nfw_radius

AXIS_RATIOS = np.array([1.0, 0.9, 0.8])
STELLAR_SCALE = 0.012
"""Scale radius of the stars of a central galaxy, R200c."""
STELLAR_EDGE = 0.3
"""Outermost star of a central galaxy, R200c."""


def isotropic_directions(number, rng):
    """Unit vectors (number, 3), uniform on the sphere."""
    vectors = rng.standard_normal((number, 3))
    return vectors / norm(vectors)[:, None]


def random_axes(rng):
    """Three orthogonal unit vectors (3, 3) of random orientation."""
    first, second = isotropic_directions(2, rng)
    second = second - first * (first * second).sum()
    second = second / math.sqrt((second * second).sum())
    return np.stack([first, second, np.cross(first, second)])


def triaxial_nfw(number, concentration, rng):
    """Positions (number, 3) of a triaxial halo whose radial profile is exactly NFW.

    An isotropic halo is stretched along random axes in the ratios AXIS_RATIOS (of unit mean
    square); then the radii it had are given back by rank, so that the mass inside a sphere, and
    with it R200c, does not depend on the shape.
    """
    radii = np.sort(nfw_radius(rng.random(number), concentration))
    vectors = isotropic_directions(number, rng) * radii[:, None]
    stretch = AXIS_RATIOS / math.sqrt((AXIS_RATIOS**2).mean())
    stretched = np.zeros_like(vectors)
    for factor, axis in zip(stretch, random_axes(rng), strict=True):
        stretched += (factor * (vectors * axis).sum(axis=1))[:, None] * axis
    distance = norm(stretched)
    order = np.argsort(distance, kind="stable")
    factors = np.empty(number)
    factors[order] = radii / np.maximum(distance[order], np.finfo(float).tiny)
    return stretched * factors[:, None]


def isotropic_nfw(number, concentration, rng):
    """Positions (number, 3) of a spherical NFW halo."""
    return _isotropic(nfw_radius(rng.random(number), concentration), rng)


def beta_model(number, core, rng):
    """Positions (number, 3) of gas with density 1 / (1 + (r / core)^2) out to R200c.

    The beta model of Cavaliere & Fusco-Femiano 1976 (A&A 49, 137), beta = 2/3; mass inside
    x core radii x - arctan x, inverted by a table.
    """
    x = np.linspace(0, 1 / core, 4097)
    mass = x - np.arctan(x)
    return _isotropic(core * np.interp(rng.random(number) * mass[-1], mass, x), rng)


def hernquist(number, rng):
    """Positions (number, 3) of a Hernquist 1990 (ApJ 356, 359) galaxy, cut at STELLAR_EDGE.

    Mass inside r: (r / (r + a))^2, a = STELLAR_SCALE.
    """
    edge = STELLAR_EDGE / (STELLAR_EDGE + STELLAR_SCALE)
    root = edge * np.sqrt(rng.random(number))
    return _isotropic(STELLAR_SCALE * root / (1 - root), rng)


def ejected_gas(number, outermost, rng):
    """Positions (number, 3) with radii uniform between R200c and `outermost`."""
    return _isotropic(1 + rng.random(number) * (outermost - 1), rng)


def norm(vectors):
    """Lengths (n,) of vectors (n, 3)."""
    return np.sqrt(np.einsum("ij,ij->i", vectors, vectors))


def _isotropic(radii, rng):
    return isotropic_directions(radii.size, rng) * radii[:, None]
