"""Particles and comparisons for the tests of halo maps."""

import numpy as np

from simlab.halo.rotations import random_rotation

L = 50.0
SCALES = (6.25, 12.5, 25.0, 50.0)


def clustered(count, *, box=L, seed=0, dtype=np.float32):
    """(positions, masses): half uniform, half in 20 clumps; masses between 1 and 2."""
    rng = np.random.default_rng(seed)
    clumps = rng.uniform(0, box, (20, 3))
    crowd = clumps[rng.integers(0, 20, count // 2)]
    crowd = crowd + 0.02 * box * rng.standard_normal((count // 2, 3))
    positions = np.concatenate([crowd, rng.uniform(0, box, (count - count // 2, 3))])
    positions = np.mod(positions, box).astype(dtype)
    positions[positions >= box] = 0
    rng.shuffle(positions)
    return positions, rng.uniform(1, 2, count).astype(np.float32)


def lattice(n, box=L):
    """Positions (n^3, 3) in the middles of cubic cells."""
    axis = (np.arange(n) + 0.5) * box / n
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)


def views(number, seed=7):
    """Rotations (number, 3, 3)."""
    return np.array([random_rotation((seed, k)) for k in range(number)])


def masl_excess(ours, reference, heaviest, factors=1):
    """Largest |ours - reference| of block sums, as a share of what single precision allows.

    Allowed: 1e-5 of the value and 6e-4 of the heaviest particle.
    """
    area = np.asarray(factors, float).reshape(-1, 1, 1) ** 2
    ours, reference = ours * area, reference.astype(float) * area
    return np.max(np.abs(ours - reference) / (1e-5 * np.abs(reference) + 6e-4 * heaviest))
