"""Unrotated projections of the whole box along its three axes."""

import numpy as np

PLANES = {"xy": (0, 1), "xz": (0, 2), "yz": (1, 2)}
"""Name of a projection: the two coordinates that are kept, in ascending order."""
AXES = {"xy": 2, "xz": 1, "yz": 0}
"""Name of a projection: the coordinate that is dropped."""


def add_projection(field, positions, masses, box_size, plane):
    """Add particles to `field` (n, n) float64, Msun/h per pixel, cloud in cell.

    Parameters
    ----------
    positions : (N, 3), Mpc/h, in [0, box_size)
    masses : (N,), Msun/h
    plane : str
        Key of PLANES.
    """
    from simlab.halo.kernels.deposit import deposit_plane
    from simlab.halo.particles import check_masses, check_positions

    kept = check_positions(positions)[:, PLANES[plane]].astype(np.float64)
    masses = check_masses(masses, len(kept))
    deposit_plane(np.ascontiguousarray(kept), masses, len(field) / box_size, field)
