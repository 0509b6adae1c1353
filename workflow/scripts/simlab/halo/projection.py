"""Mass maps of haloes: center, tile periodically, rotate, project along z, cloud in cell.

Lengths in comoving Mpc/h, masses in Msun/h. `mass_map[i, j]`: i along rotated x, j along rotated y;
the halo is on node (npix/2, npix/2); the value is mass per pixel of (L/npix)^2.
"""

import math

import numpy as np

from simlab.core.errors import PhysicsError
from simlab.halo.cutouts import check_box
from simlab.halo.particles import check_center, check_masses, check_positions
from simlab.halo.rotations import check_rotation, random_rotation

FACE_REACH = 10.0
"""Depth, Mpc/h, of the copies beyond each face in the original tool, for every box."""
IMAGES_AT_A_TIME = 2**18


def minimum_image(positions, center, box_size):
    """Offsets (N, 3) float64 from `center`, each component in [-L/2, L/2]: d - L round(d/L)."""
    box_size = check_box(box_size)
    d = check_positions(positions).astype(np.float64) - check_center(center, "center")
    return d - box_size * np.rint(d / box_size)


def cic_deposit(positions, masses, box_size, n):
    """Cloud-in-cell map (n, n[, n]) float32 of `positions` (N, 2 or 3) in a periodic box."""
    from simlab.halo.kernels import deposit

    box_size, n = check_box(box_size), check_pixels(n, "n")
    positions = check_positions(positions, axes=(2, 3))
    masses = check_masses(masses, len(positions))
    field = np.zeros((n,) * positions.shape[1])
    add = deposit.deposit_plane if field.ndim == 2 else deposit.deposit_volume
    for start in range(0, len(positions), IMAGES_AT_A_TIME):
        part = slice(start, start + IMAGES_AT_A_TIME)
        wrapped = np.mod(positions[part].astype(np.float64), box_size)
        add(wrapped, masses if masses.size == 1 else masses[part], n / box_size, field)
    return to_single(field)


def project_particles_2d(positions, masses, box_size, resolution, axis=2):
    """Map (resolution, resolution) float32 of the whole box, seen along `axis`, unrotated.

    The two other axes in ascending order: axis 2 -> [x, y], 1 -> [x, z], 0 -> [y, z].
    """
    if axis not in (0, 1, 2):
        raise PhysicsError(f"axis is {axis!r}, expected 0, 1 or 2")
    kept = np.delete(check_positions(positions), axis, axis=1)
    return cic_deposit(kept, masses, box_size, resolution)


def process_halo_with_full_periodic_tiling(
    positions,
    masses,
    halo_center,
    box_size=50.0,
    npix=1024,
    seed=None,
    *,
    rotation=None,
    rotation_scheme="so3",
    mode="exact",
    depth=None,
):
    """(mass_map (npix, npix) float32, rotation (3, 3)): the rotated cube of side L about a halo.

    Every periodic image inside the cube is projected along its z, or only those with
    -depth/2 <= z < depth/2. `rotation` overrides the one that belongs to `seed` (an int or a tuple,
    see `rotations`); without either it is drawn from fresh entropy. `mode="faces"` has only the six
    face copies, 10 Mpc/h deep, of the original tool, and loses mass far from the middle.
    """
    if rotation is not None:
        rotation = check_rotation(rotation)
    else:
        if seed is None:
            seed = np.random.SeedSequence().generate_state(1).item()
        rotation = random_rotation(seed, rotation_scheme)
    field = np.zeros((check_pixels(npix, "npix"),) * 2)
    add_images(positions, masses, halo_center, rotation, box_size, field, mode=mode, depth=depth)
    return to_single(field), rotation


def add_images(positions, masses, center, rotation, box_size, field, *, mode="exact", depth=None):
    """Add the images of particles in the rotated cube about `center` to `field` (n, n) float64."""
    from simlab.halo.kernels import deposit

    box_size, center = check_box(box_size), check_center(center)
    positions = check_positions(positions)
    masses = check_masses(masses, len(positions))
    half_depth = check_depth(depth, box_size) / 2
    reach = FACE_REACH if check_mode(mode) == "faces" else -1.0
    scale = len(field) / box_size
    for start in range(0, len(positions), IMAGES_AT_A_TIME):
        part = slice(start, start + IMAGES_AT_A_TIME)
        d = _offsets(positions[part], center, box_size, mode)
        m = masses if masses.size == 1 else masses[part]
        deposit.deposit_images(d, m, rotation, box_size, half_depth, reach, scale, field)


def check_pixels(n, name):
    """Pixels along an axis as int > 0."""
    if n != int(n) or n < 1:
        raise PhysicsError(f"{name} is {n}, expected a whole number > 0")
    return int(n)


def check_mode(mode):
    """Which periodic images: `exact` or `faces`."""
    if mode not in ("exact", "faces"):
        raise PhysicsError(f"mode is {mode!r}, expected 'exact' or 'faces'")
    return mode


def check_depth(depth, box_size):
    """Depth of the projection, Mpc/h; None = the box."""
    if depth is None:
        return box_size
    if not 0 < depth <= box_size * (1 + 1e-9):
        raise PhysicsError(f"depth is {depth}, expected 0 < depth <= {box_size:g} Mpc/h")
    return float(min(depth, box_size))


def to_single(field):
    """Float64 sums rounded once to float32; PhysicsError beyond its range."""
    if field.size and field.max() > np.finfo(np.float32).max:
        raise PhysicsError(f"a pixel holds {field.max():g} Msun/h, more than float32 can")
    return field.astype(np.float32)


def _offsets(positions, center, box_size, mode):
    if mode == "faces":
        # the original tool subtracts in the type of the file
        d = positions - center.astype(positions.dtype)
        d -= positions.dtype.type(box_size) * np.rint(d / positions.dtype.type(box_size))
        return d.astype(np.float64)
    d = positions.astype(np.float64) - center
    return d - box_size * np.rint(d / box_size)


def project_multiscale(
    particles,
    centers,
    rotations,
    *,
    box_size=50.0,
    target_resolution=128,
    scales=(6.25, 12.5, 25.0, 50.0),
    depth=None,
    threads=None,
    chunk_particles=2**22,
    mode="exact",
    cic_backend="numba",
):
    """Maps (H, R, S, res, res) float32 of every halo, rotation and scale."""
    from simlab.halo.cutouts import extract_multiscale_cutouts, fine_pixels
    from simlab.halo.particles import into_box

    npix, _ = fine_pixels(box_size, target_resolution, scales)
    centers, rotations = np.asarray(centers, np.float64), np.asarray(rotations, np.float64)
    fields = np.zeros((*rotations.shape[:2], npix, npix))
    pairs = [particles] if isinstance(particles, tuple) else particles
    for positions, masses in pairs:
        positions = into_box(check_positions(positions), box_size)
        for h, r in np.ndindex(rotations.shape[:2]):
            add_images(
                positions,
                masses,
                centers[h],
                rotations[h, r],
                box_size,
                fields[h, r],
                mode=mode,
                depth=depth,
            )
    out = [
        [extract_multiscale_cutouts(f, box_size, target_resolution, scales) for f in row]
        for row in fields
    ]
    return np.array(out, np.float32).reshape(
        *rotations.shape[:2], len(scales), target_resolution, target_resolution
    )
