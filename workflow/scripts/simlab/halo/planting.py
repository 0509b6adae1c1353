"""Haloes of known mass planted into displaced particles, one after the other."""

from dataclasses import dataclass

import numpy as np

from simlab.halo.cosmology import nfw_mass
from simlab.halo.displacement import wrapped
from simlab.halo.kernels.neighbors import link, near, unlink
from simlab.halo.profiles import norm

PER_CELL = 8
"""Particles per cell of the neighbor lists, on average."""
REACH = 2.5
"""Radius within which matter follows a halo, in radii of the sphere that collapsed into it."""
LARGEST_SHARE = 0.5
"""Largest share of that matter that continues the profile of the halo."""
SETTLED = 2.0
"""Outer edge of the surroundings that belong to a halo for good, R200c."""
STEEPEST = 4.0
"""Largest slope of the mass of the rest with radius."""


@dataclass(frozen=True)
class Halo:
    """A halo to be planted.

    Attributes
    ----------
    center : (3,) float64
        In [0, L), Mpc/h.
    mass : float
        Msun/h.
    number : int
        Particles of each kind that become this halo.
    radius : float
        R200c of `number` particles, Mpc/h.
    concentration : float
        R200c over the scale radius of the NFW profile.
    """

    center: np.ndarray
    mass: float
    number: int
    radius: float
    concentration: float


def plant(particles, haloes, place):
    """Make haloes of the nearest free particles, in the order given; their surroundings follow.

    In the end no free particle is inside R200c of a halo.

    Parameters
    ----------
    particles : FreeParticles
    place : callable (rows, halo) -> (n, 3)
        New positions of the particles taken, relative to the center and in R200c.
    """
    for halo in haloes:
        rows, start = particles.take_nearest(halo.center, halo.number)
        particles.place(rows, halo.center + halo.radius * place(rows, halo))
        particles.fall_in(halo, start)
    for halo in haloes:
        particles.clear(halo.center, halo.radius)


class FreeParticles:
    """Particles of one kind that haloes are made of; those that belong to one are taken.

    Parameters
    ----------
    positions : (N, 3) float64
        In [0, L), Mpc/h; changed in place.
    box_size : float
        L, Mpc/h.
    """

    def __init__(self, positions, box_size):
        self.positions = positions
        self.box_size = box_size
        number = len(positions)
        side = max(round((number / PER_CELL) ** (1 / 3)), 1)
        self._head = np.full((side,) * 3, -1, np.int32)
        self._after, self._before, self._cell = (np.empty(number, np.int32) for _ in range(3))
        self._link(np.arange(number))
        self._settled = np.zeros(number, dtype=bool)

    def take_nearest(self, center, number):
        """Take the `number` particles nearest to `center`.

        Returns
        -------
        rows : (number,) int64
            Nearest first.
        start : float
            Distance of the last one, Mpc/h.
        """
        spacing = self.box_size / len(self.positions) ** (1 / 3)
        radius = spacing * max(number, 8) ** (1 / 3) / 4
        while True:
            rows, vectors = self.near(center, radius)
            if len(rows) >= number:
                break
            radius *= 1.25
        distance = norm(vectors)
        nearest = np.argsort(distance, kind="stable")[:number]
        rows = rows[nearest]
        unlink(rows, self._head, self._after, self._before, self._cell)
        return rows, float(distance[nearest[-1]])

    def near(self, center, radius):
        """Free particles within `radius` of `center`: rows (n,) and offsets (n, 3)."""
        rows = near(center, radius, self.positions, self.box_size, self._head, self._after)
        return rows, offsets(self.positions[rows], center, self.box_size)

    def fall_in(self, halo, start):
        """Let the surroundings follow a halo that formed from the matter within `start` (Mpc/h).

        Free particles within REACH * start keep their directions and their order. Their radii
        become such that the mass outside R200c grows by the NFW profile of the halo plus a power
        of the radius that meets the mean density at the outer edge. What comes to rest within
        SETTLED R200c follows no later halo.
        """
        center, radius = halo.center, halo.radius
        reach = min(REACH * start, self.box_size / 2)
        rows, vectors = self.near(center, reach)
        unsettled = ~self._settled[rows]
        rows, vectors = rows[unsettled], vectors[unsettled]
        if not len(rows) or reach <= radius:
            return
        distance = norm(vectors)
        order = np.argsort(distance, kind="stable")
        rows, vectors, distance = rows[order], vectors[order], distance[order]
        target = _infall_radii(halo, reach, len(rows))
        self._settled[rows[target < SETTLED * radius]] = True
        distance = np.maximum(distance, 1e-12 * radius)
        self._move(rows, center + vectors * (target / distance)[:, None])

    def clear(self, center, radius):
        """Move free particles out of a sphere, r' = radius (1 + (r / radius)^3 / 2)."""
        rows, vectors = self.near(center, radius)
        distance = np.maximum(norm(vectors), 1e-12 * radius)
        target = radius * (1 + 0.5 * (distance / radius) ** 3)
        self._move(rows, center + vectors * (target / distance)[:, None])

    def place(self, rows, positions):
        """Put taken particles at `positions` (n, 3)."""
        self.positions[rows] = wrapped(positions, self.box_size)

    def _move(self, rows, positions):
        unlink(rows, self._head, self._after, self._before, self._cell)
        self.place(rows, positions)
        self._link(rows)

    def _link(self, rows):
        link(
            rows,
            self.positions,
            self.box_size,
            self._head,
            self._after,
            self._before,
            self._cell,
        )


def offsets(positions, center, box_size):
    """Vectors (n, 3) float64 from `center` to the nearest image of each position."""
    vectors = np.asarray(positions, dtype=np.float64) - center
    vectors -= box_size * np.rint(vectors / box_size)
    return vectors


def _infall_radii(halo, reach, followers):
    """Radii (followers,), ascending, of the particles between R200c and `reach`."""
    radii = np.geomspace(halo.radius, reach, 257)
    inside = nfw_mass(halo.concentration)
    profile = nfw_mass(halo.concentration * radii / halo.radius) - inside
    ratio = halo.number / followers
    share = min(ratio * profile[-1] / inside, LARGEST_SHARE)
    slope = min(3 * (1 + ratio) / (1 - share), STEEPEST)
    rest = (radii / reach) ** slope - (halo.radius / reach) ** slope
    mass = share * profile / profile[-1] + (1 - share) * rest / rest[-1]
    return np.interp((np.arange(followers) + 0.5) / followers, mass, radii)
