"""Mass maps of haloes. The fast way to many maps, and the names of the plain ways beside it."""

import numpy as np

from simlab.core.errors import PhysicsError
from simlab.halo.cutouts import SCALES, extract_multiscale_cutouts
from simlab.halo.grids import cic_deposit, project_particles_2d
from simlab.halo.multiscale import Geometry, Projector
from simlab.halo.particles import (
    check_choice,
    check_depth,
    check_masses,
    check_pixels,
    check_positions,
    into_box,
    to_single,
)
from simlab.halo.rotations import check_rotation
from simlab.halo.tiling import FullMap, minimum_image, process_halo_with_full_periodic_tiling

__all__ = [
    "cic_deposit",
    "minimum_image",
    "process_halo_with_full_periodic_tiling",
    "project_multiscale",
    "project_particles_2d",
]


def project_multiscale(
    particles,
    centers,
    rotations,
    *,
    box_size=50.0,
    target_resolution=128,
    scales=SCALES,
    depth=None,
    threads=None,
    chunk_particles=2**22,
    mode="exact",
    cic_backend="numba",
):
    """Maps (H, R, S, res, res) float32 of every halo, rotation and scale.

    `particles`: (positions (N, 3), masses), cut into chunks of `chunk_particles`, or an iterable of
    such pairs, each one chunk; positions in Mpc/h are wrapped into the box and rounded to float32,
    masses are (N,) or one number, Msun/h. `centers` (H, 3), `rotations` (H, R, 3, 3). Equal to
    `extract_multiscale_cutouts` of the full-box map at res L / scales[0] pixels, which is never
    made (`mode="faces"` and `cic_backend="masl"` do make it, one a task, and take 50 times longer).
    `threads`: at most so many, None = numba's current setting; they change no bit.
    """
    geometry = Geometry.of(box_size, target_resolution, scales)
    centers, rotations = check_views(centers, rotations)
    depth = check_depth(depth, geometry.box_size)
    check_choice(mode, "mode", ("exact", "faces"))
    check_choice(cic_backend, "cic_backend", ("numba", "masl"))
    chunk_particles = check_pixels(chunk_particles, "chunk_particles")
    shape = *rotations.shape[:2], len(geometry.factors), *(geometry.resolution,) * 2
    views = np.repeat(centers, rotations.shape[1], axis=0), rotations.reshape(-1, 3, 3)
    # on an odd fine grid windows are not centered on the halo
    fast = mode == "exact" and cic_backend == "numba" and geometry.npix % 2 == 0
    if fast:
        projector = Projector(geometry, *views, depth / 2, _threads(threads))
        for positions, masses in chunks(particles, chunk_particles):
            projector.add(into_box(positions, geometry.box_size), masses)
        return to_single(geometry.maps(projector.sums)).reshape(shape)
    options = {"mode": mode, "depth": depth, "cic_backend": cic_backend}
    fields = [FullMap(geometry.box_size, geometry.npix, **options) for _ in views[0]]
    for positions, masses in chunks(particles, chunk_particles):
        positions = into_box(positions, geometry.box_size)
        for field, center, rotation in zip(fields, *views, strict=True):
            field.add(positions, masses, np.mod(center, geometry.box_size), rotation)
    maps = np.empty((len(fields), *shape[2:]), np.float32)
    for k, field in enumerate(fields):
        maps[k] = extract_multiscale_cutouts(
            field.finished(), geometry.box_size, geometry.resolution, scales
        )
    return maps.reshape(shape)


def check_views(centers, rotations):
    """Centers (H, 3) and rotations (H, R, 3, 3) as float64, or PhysicsError."""
    centers = np.asarray(centers, np.float64)
    rotations = np.asarray(rotations, np.float64)
    if centers.ndim != 2 or centers.shape[1] != 3:
        raise PhysicsError(f"centers has shape {centers.shape}, expected (H, 3)")
    if rotations.ndim != 4 or rotations.shape[2:] != (3, 3) or len(rotations) != len(centers):
        raise PhysicsError(
            f"rotations has shape {rotations.shape}, expected ({len(centers)}, R, 3, 3)"
        )
    if not np.isfinite(centers).all():
        row, axis = np.argwhere(~np.isfinite(centers))[0]
        raise PhysicsError(f"centers[{row}, {axis}] is {centers[row, axis]}, expected a number")
    for h, r in np.ndindex(rotations.shape[:2]):
        check_rotation(rotations[h, r], f"rotations[{h}, {r}]")
    return centers, rotations


def chunks(particles, chunk_particles):
    """Checked (positions, masses) of each chunk, in order."""
    if _is_pair(particles):
        positions = check_positions(particles[0])
        masses = check_masses(particles[1], len(positions))
        for start in range(0, len(positions), chunk_particles):
            part = slice(start, start + chunk_particles)
            yield positions[part], masses if masses.size == 1 else masses[part]
        return
    for number, pair in enumerate(particles):
        positions = check_positions(pair[0], f"positions of chunk {number}")
        yield positions, check_masses(pair[1], len(positions), f"masses of chunk {number}")


def _is_pair(particles):
    return (
        isinstance(particles, tuple) and len(particles) == 2 and not isinstance(particles[0], tuple)
    )


def _threads(threads):
    if threads is None:
        import numba

        return numba.get_num_threads()
    return check_pixels(threads, "threads")
