"""Cloud-in-cell maps of particles in an unrotated periodic box."""

import numpy as np

from simlab.halo.particles import (
    check_box,
    check_choice,
    check_masses,
    check_pixels,
    check_positions,
    to_single,
)

PARTICLES_AT_A_TIME = 2**18


def cic_deposit(positions, masses, box_size, n):
    """Cloud-in-cell map (n, n[, n]) float32 of `positions` (N, 2 or 3) in a periodic box."""
    from simlab.halo.kernels import deposit

    box_size, n = check_box(box_size), check_pixels(n, "n")
    positions = check_positions(positions, axes=(2, 3))
    masses = check_masses(masses, len(positions))
    field = np.zeros((n,) * positions.shape[1])
    add = deposit.deposit_plane if field.ndim == 2 else deposit.deposit_volume
    for start in range(0, len(positions), PARTICLES_AT_A_TIME):
        part = slice(start, start + PARTICLES_AT_A_TIME)
        wrapped = np.mod(positions[part].astype(np.float64), box_size)
        add(wrapped, masses if masses.size == 1 else masses[part], n / box_size, field)
    return to_single(field)


def project_particles_2d(positions, masses, box_size, resolution, axis=2):
    """Map (resolution, resolution) float32 of the whole box, seen along `axis`, unrotated.

    The two other axes in ascending order: axis 2 -> [x, y], 1 -> [x, z], 0 -> [y, z].
    """
    axis = check_choice(axis, "axis", (0, 1, 2))
    kept = np.delete(check_positions(positions), axis, axis=1)
    return cic_deposit(kept, masses, box_size, resolution)
