"""Full-box maps of haloes: center, tile periodically, rotate, project along z, cloud in cell.

Lengths in comoving Mpc/h, masses in Msun/h. `mass_map[i, j]`: i along rotated x, j along rotated y;
the halo is on node (npix/2, npix/2); the value is mass per pixel of (L/npix)^2.
"""

import numpy as np

from simlab.halo import masl
from simlab.halo.particles import (
    check_box,
    check_center,
    check_choice,
    check_depth,
    check_masses,
    check_pixels,
    check_positions,
    to_single,
)
from simlab.halo.rotations import check_rotation, random_rotation

FACE_REACH = 10.0
"""Depth, Mpc/h, of the copies beyond each face in the original tool, for every box."""
PARTICLES_AT_A_TIME = 2**18


def minimum_image(positions, center, box_size):
    """Offsets (N, 3) float64 from `center`, each component in [-L/2, L/2]: d - L round(d/L)."""
    box_size = check_box(box_size)
    d = check_positions(positions).astype(np.float64) - check_center(center, "center")
    return d - box_size * np.rint(d / box_size)


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
    full_map = FullMap(box_size, npix, mode=mode, depth=depth)
    positions = check_positions(positions)
    masses = check_masses(masses, len(positions))
    full_map.add(positions, masses, check_center(halo_center), rotation)
    return to_single(full_map.finished()), rotation


class FullMap:
    """Map (npix, npix) of the whole rotated cube, to which particles are added chunk by chunk."""

    def __init__(self, box_size, npix, *, mode="exact", depth=None, cic_backend="numba"):
        self.box_size = check_box(box_size)
        self.mode = check_choice(mode, "mode", ("exact", "faces"))
        self.half_depth = check_depth(depth, self.box_size) / 2
        self.backend = check_choice(cic_backend, "cic_backend", ("numba", "masl"))
        masl_map = self.backend == "masl"
        npix = check_pixels(npix, "npix")
        self.field = np.zeros((npix, npix), np.float32 if masl_map else np.float64)
        self._library = masl.library() if masl_map else None

    def add(self, positions, masses, center, rotation):
        """Add all images of checked particles, masses (N,) or (1,), in the cube about `center`."""
        for start in range(0, len(positions), PARTICLES_AT_A_TIME):
            part = slice(start, start + PARTICLES_AT_A_TIME)
            d = self._offsets(positions[part], center)
            self._add_part(d, masses if masses.size == 1 else masses[part], rotation)

    def finished(self):
        """The map: float64 sums, or float32 of MASL."""
        return masl.halved(self.field) if self._library else self.field

    def _add_part(self, d, masses, rotation):
        from simlab.halo.kernels import images

        reach = FACE_REACH if self.mode == "faces" else -1.0
        rules = rotation, self.box_size, self.half_depth, reach
        if self._library is None:
            images.deposit_images(d, masses, *rules, self.field)
            return
        places = np.empty((images.count_images(d, *rules), 2), np.float32)
        weights = np.empty(len(places), np.float32)
        images.list_images(d, masses, *rules, places, weights)
        masl.add(self._library, places, weights, self.box_size, self.field)

    def _offsets(self, positions, center):
        if self.mode == "faces":
            # the original tool subtracts in the type of the file
            real = positions.dtype.type
            d = positions - center.astype(real)
            d -= real(self.box_size) * np.rint(d / real(self.box_size))
            return d.astype(np.float64)
        d = positions.astype(np.float64) - center
        return d - self.box_size * np.rint(d / self.box_size)
