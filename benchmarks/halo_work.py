"""Work of the halo benchmark: particles of four species in clumps, and views of four haloes."""

import numpy as np

from simlab.halo.rotations import random_rotation

SPECIES = ("dmo", "hydro_dm", "gas", "stars")
L = 50.0
CLUMPS, CLUMP_SIGMA, CLUMPED = 2000, 0.3, 0.3
HALOES, ROTATIONS = 4, 10
SEED = 1993


def particle_counts(n):
    """Particles of each species of W(n)."""
    return dict(zip(SPECIES, (n**3, n**3, n**3, n**3 // 32), strict=True))


def write_work(folder, n):
    """Files of W(n): 70 % uniform, 30 % in Gaussian clumps, rows shuffled; float32.

    Dark matter particles have one mass, those of gas and stars their own.
    """
    rng = np.random.default_rng(SEED)
    clumps = rng.uniform(0, L, (CLUMPS, 3))
    for species, count in particle_counts(n).items():
        clump = np.where(rng.random(count) < CLUMPED, rng.integers(0, CLUMPS, count), -1)
        positions = np.empty((count, 3), np.float32)
        for start in range(0, count, 2**20):
            part = slice(start, start + 2**20)
            here = clump[part]
            place = rng.uniform(0, L, (len(here), 3))
            offset = CLUMP_SIGMA * rng.standard_normal((len(here), 3))
            place = np.where(here[:, None] < 0, place, clumps[here] + offset)
            positions[part] = np.mod(place, L)
        positions[positions >= L] = 0
        np.save(folder / f"{species}_positions.npy", positions)
        mean = 2e10 * 128**3 / n**3
        if species in ("gas", "stars"):
            masses = rng.lognormal(np.log(mean / 5), 0.2, count).astype(np.float32)
        else:
            masses = np.float64(mean)
        np.save(folder / f"{species}_masses.npy", masses)
    views = [[random_rotation((SEED, 0, h, r)) for r in range(ROTATIONS)] for h in range(HALOES)]
    np.save(folder / "centers.npy", clumps[:HALOES])
    np.save(folder / "rotations.npy", np.array(views))
