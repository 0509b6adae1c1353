"""Checks of the maps themselves, on known particles with the geometry of the data set."""

import numpy as np

from simlab.core.checks import Check
from simlab.core.random import generator
from simlab.halo.cutouts import extract_inference_cutouts, extract_multiscale_cutouts
from simlab.halo.projection import (
    cic_deposit,
    minimum_image,
    process_halo_with_full_periodic_tiling,
    project_multiscale,
    project_particles_2d,
)

MASL_RELATIVE, MASL_PARTICLES = 1e-5, 6e-4
TOTAL_MASS = 1e-6
SAME_MAP = 1e-6
PARTICLES = 3000
STREAM = "halo.checks"


def check_cic(reference, live=None):
    """C1: the deposit against MASL, and the total mass.

    Parameters
    ----------
    reference : dict
        pos (N, 2) Mpc/h, w (N,), L, field (n, n) computed by MASL.
    live : callable, optional
        (pos, w, L, n) -> field of the MASL that is installed.
    """
    pos, weights, box = reference["pos"], reference["w"], float(reference["L"])
    n = len(reference["field"])
    other = live(pos, weights, box, n) if live else reference["field"]
    heavy = float(np.max(weights))
    ours = cic_deposit(pos, weights, box, n)
    allowed = MASL_RELATIVE * np.abs(other) + MASL_PARTICLES * heavy
    total = float(np.sum(weights, dtype=np.float64))
    errors = [np.max(np.abs(ours - other) / allowed)]
    errors.append(abs(np.sum(ours, dtype=np.float64) - total) / total / TOTAL_MASS)
    inference = project_particles_2d(_spatial(pos, box), weights, box, n)
    errors.append(np.max(np.abs(inference - ours)) / (SAME_MAP * np.max(ours)))
    source = "the installed MASL" if live else "the stored map of MASL"
    return _row(
        "C1", f"CIC deposit against {source}, total mass, training and inference kernel", errors
    )


def _spatial(pos, box):
    return np.column_stack([pos, np.full(len(pos), box / 3, pos.dtype)])


def check_periodic(maps, seed):
    """C4: minimum image, and maps that a shift of particles and center does not change."""
    image = minimum_image(np.array([[48.0, 48.0, 48.0]]), np.array([2.0, 2.0, 2.0]), 50.0)
    errors = [np.max(np.abs(image - (-4.0))) / 1e-12]
    maps = _exact(maps)
    positions, masses, center = _cloud(maps.box_size, seed)
    rotation = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
    before = _maps(maps, positions, masses, center, rotation)
    rng = generator(seed, STREAM, 1)
    for _ in range(2):
        shift = rng.integers(0, int(64 * maps.box_size), 3) / 64.0
        moved = np.mod(positions + shift, maps.box_size)
        after = _maps(maps, moved, masses, np.mod(center + shift, maps.box_size), rotation)
        errors += _map_errors(after, before)
    return _row("C4", "minimum image; maps after particles and center are shifted together", errors)


def _exact(maps):
    """`maps`, stretched to a box of whole Mpc/h, for which shifts by 1/64 Mpc/h are exact."""
    box_size = float(min(max(round(maps.box_size), 1), 2**13))
    stretch = box_size / maps.box_size
    if stretch == 1:
        return maps
    lengths = {"box_size": box_size, "scales": tuple(scale * stretch for scale in maps.scales)}
    if maps.depth is not None:
        lengths["depth"] = maps.depth * stretch
    return maps.model_copy(update=lengths)


def _maps(maps, positions, masses, center, rotation):
    return project_multiscale(
        (positions, masses),
        center[None],
        rotation[None, None],
        box_size=maps.box_size,
        target_resolution=maps.resolution,
        scales=maps.scales,
        depth=maps.depth,
        mode=maps.mode,
        cic_backend=maps.cic_backend,
    )[0, 0]


def _map_errors(found, expected):
    return [
        float(np.max(np.abs(a.astype(np.float64) - b)) / (SAME_MAP * np.max(b)))
        for a, b in zip(found, expected, strict=True)
    ]


def check_inference(maps, seed):
    """C5: both training routes without rotation against the inference route, on grid nodes.

    The samples are made by `project_multiscale`, which never makes a map of the whole box.
    """
    maps = _exact(maps)
    positions, masses, _ = _cloud(maps.box_size, seed)
    pixel = maps.box_size / maps.npix
    full = project_particles_2d(positions, masses, maps.box_size, maps.npix)
    errors = []
    rng = generator(seed, STREAM, 2)
    nodes = [np.zeros(3, np.int64), *rng.integers(0, maps.npix, (2, 3))]
    for node in nodes:
        center = node * pixel
        training, _ = process_halo_with_full_periodic_tiling(
            positions, masses, center, maps.box_size, maps.npix, rotation=np.eye(3), mode=maps.mode
        )
        options = {"target_resolution": maps.resolution, "scales": maps.scales}
        ours = extract_multiscale_cutouts(training, maps.box_size, **options)
        other = extract_inference_cutouts(full, center, maps.box_size, **options)
        fast = _maps(maps, positions, masses, center, np.eye(3))
        errors += _map_errors(ours, other) + _map_errors(fast, other)
    return _row("C5", "maps of training and of inference, unrotated, box corner included", errors)


def _cloud(box_size, seed):
    """Particles on multiples of 1/1024 Mpc/h, which float32 holds before and after a shift."""
    rng = generator(seed, STREAM, 0)
    positions = rng.integers(0, int(1024 * box_size), (PARTICLES, 3)) / 1024.0
    masses = rng.uniform(0.5, 1.5, PARTICLES).astype(np.float32)
    center = rng.integers(0, int(64 * box_size), 3) / 64.0
    return positions.astype(np.float32), masses, center


def _row(check_id, what, errors):
    worst = float(np.max(errors))
    return Check(check_id, f"{what}; 1 = tolerance", worst, 1.0, "tolerance", bool(worst <= 1))
