"""Spherical-overdensity masses, measured in particles."""

import math

import numpy as np
from scipy.spatial import cKDTree

from simlab.halo.cosmology import OVERDENSITY, RHO_CRIT
from simlab.halo.planting import offsets
from simlab.halo.profiles import norm


def neighbor_tree(positions, box_size):
    """Periodic kd-tree of positions (N, 3) in [0, L), in float64."""
    positions = np.asarray(positions, dtype=np.float64)
    return cKDTree(positions, boxsize=box_size, balanced_tree=False, compact_nodes=False)


def within(tree, center, radius):
    """Rows (n,) of a tree's particles within `radius` of `center`, and their distances."""
    box_size = float(tree.boxsize[0])
    rows = tree.query_ball_point(np.mod(center, box_size), radius, return_sorted=True)
    rows = np.asarray(rows, dtype=np.int64)
    return rows, norm(offsets(tree.data[rows], center, box_size))


def spherical_overdensity(distances, particle_mass):
    """M200c (Msun/h) and R200c (Mpc/h) of equal particles at `distances` (N,) from a center.

    The largest sphere whose mean density is OVERDENSITY * RHO_CRIT. With i particles it has the
    radius (3 i m / (4 pi 200 rho_crit))^(1/3), and there is none for i unless the i-th particle
    is inside. (0, 0) if there is none at all.
    """
    count = np.arange(1, distances.size + 1)
    radii = np.cbrt(count * (particle_mass / (4 / 3 * math.pi * OVERDENSITY * RHO_CRIT)))
    dense = np.flatnonzero(np.sort(distances) <= radii)
    if not dense.size:
        return 0.0, 0.0
    return float(count[dense[-1]] * particle_mass), float(radii[dense[-1]])


def measure_haloes(tree, centers, guesses, particle_mass):
    """M200c (H,) and R200c (H,) around centers (H, 3) in a tree of particles of equal mass.

    Searches start at twice `guesses` (H,), Mpc/h, and widen until the sphere is well inside.
    """
    measured = np.empty((len(centers), 2))
    for i, (center, guess) in enumerate(zip(centers, guesses, strict=True)):
        reach = 2 * guess
        while True:
            mass, radius = spherical_overdensity(within(tree, center, reach)[1], particle_mass)
            if radius < 0.75 * reach or reach > tree.boxsize[0]:
                break
            reach *= 2
        measured[i] = mass, radius
    return measured[:, 0], measured[:, 1]
