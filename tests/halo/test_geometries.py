"""Multi-scale maps of drawn boxes, grids, views and particles, beside the plain definition."""

import numpy as np
import pytest
from halo_particles import clustered

from simlab.halo.cutouts import extract_multiscale_cutouts
from simlab.halo.projection import process_halo_with_full_periodic_tiling, project_multiscale
from simlab.halo.rotations import random_rotation

DIAGONAL = np.array([[1, -1, 0], [1, 1, 0], [0, 0, 2**0.5]]) / 2**0.5
QUARTER = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])


def drawn(rng):
    """(box, resolution, pixels of the box in those of the finest map, factors of the scales)."""
    box, resolution = float(rng.choice([25, 37.5, 50, 100])), int(rng.choice([8, 24, 64, 128]))
    along = int(rng.choice([1, 2, 3, 4, 5, 8]))
    factors = sorted({1, *(int(f) for f in rng.integers(1, along + 1, 3))})
    return box, resolution, along, factors


@pytest.mark.parametrize("seed", range(60))
def test_maps_equal_cutouts_of_the_full_box(seed):
    rng = np.random.default_rng(seed)
    box, resolution, along, factors = drawn(rng)
    views = random_rotation(seed), QUARTER, DIAGONAL, QUARTER @ DIAGONAL
    rotation = views[rng.integers(len(views))]
    # corners and faces of the box, middles of faces, anywhere
    center = rng.choice([rng.uniform(-box, 2 * box, 3), rng.integers(0, 3, 3) * box / 2])
    positions, masses = clustered(int(rng.choice([2, 100, 3000, 20000])), box=box, seed=seed)
    if rng.random() < 0.3:
        # on faces of cells and of the box
        positions = np.round(positions * 8 / box).astype(np.float32) % 8 * np.float32(box / 8)
    depth = None if rng.random() < 0.5 else box * rng.uniform(0.01, 1)
    scales = [box / along * factor for factor in factors]
    (ours,) = project_multiscale(
        (positions, masses),
        center[None],
        rotation[None, None],
        box_size=box,
        target_resolution=resolution,
        scales=scales,
        depth=depth,
        chunk_particles=int(rng.choice([999, 2**22])),
    )[0]
    field, _ = process_halo_with_full_periodic_tiling(
        positions, masses, center, box, resolution * along, rotation=rotation, depth=depth
    )
    expected = extract_multiscale_cutouts(field, box, resolution, scales)
    assert np.abs(ours - expected).max() <= 2e-6 * expected.max()
