"""Linear density of a periodic box and the displacements it causes, truncated 2LPT at z = 0.

Fields live on n^3 nodes, axes x, y, z. Modes are those of `scipy.fft.rfftn`, shape
(n, n, n/2 + 1) complex128; modes at or beyond the Nyquist wavenumber pi n / L are zero.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage


@dataclass(frozen=True)
class LinearField:
    """Modes of the linear density contrast, made by `linear_field`.

    Attributes
    ----------
    modes : (n, n, n/2 + 1) complex128
        Modes of delta.
    shells : (n, n, n/2 + 1) int32
        Squared wavenumber in units of (2 pi / L)^2; functions of k are tables over it.
    box_size : float
        Side L of the box, Mpc/h.
    """

    modes: np.ndarray
    shells: np.ndarray
    box_size: float

    @property
    def n_grid(self):
        """Nodes along each axis."""
        return self.modes.shape[0]

    @property
    def k_squared(self):
        """Squared wavenumber of each shell, (h/Mpc)^2; shape (n_shells,)."""
        return _k_squared(self.n_grid, self.box_size)

    def smoothed_modes(self, radius):
        """Modes of delta smoothed by exp(-k^2 radius^2 / 2), radius in Mpc/h."""
        return self.modes * np.exp(-self.k_squared * radius**2 / 2)[self.shells]

    def smoothed(self, radius):
        """Density contrast (n, n, n) smoothed by a Gaussian of `radius`, Mpc/h."""
        return _to_nodes(self.smoothed_modes(radius))


def linear_field(cosmology, noise, box_size):
    """Density contrast of today grown linearly from white noise.

    delta_k = FFT(noise) sqrt(P(k) n^3 / V), delta_0 = 0, nothing at or beyond the Nyquist
    wavenumber.

    Parameters
    ----------
    cosmology : Cosmology
    noise : (n, n, n) array
        Independent normal numbers of unit variance, n even.
    box_size : float
        Side of the box, Mpc/h.
    """
    n_grid = noise.shape[0]
    shells = _shells(n_grid)
    k_squared = _k_squared(n_grid, box_size)
    amplitude = np.zeros(k_squared.size)
    inside = slice(1, (n_grid // 2) ** 2)
    power = cosmology.power(np.sqrt(k_squared[inside]))
    amplitude[inside] = np.sqrt(power * n_grid**3 / box_size**3)
    modes = fft.rfftn(noise, workers=1)
    modes *= amplitude[shells]
    return LinearField(modes=modes, shells=shells, box_size=box_size)


def displacement(field, omega_m, truncation_radius):
    """Displacement psi1 + psi2 of the nodes, (3, n, n, n) float64, Mpc/h.

    Both orders are those of the density smoothed at `truncation_radius` (Mpc/h), which keeps
    the flow from crossing its shells.
    """
    modes = field.smoothed_modes(truncation_radius)
    source = second_order_source(modes, field)
    source_modes = fft.rfftn(source, workers=1)
    del source
    modes += 3 / 7 * omega_m ** (-1 / 143) * source_modes
    return gradient_displacement(modes, field)


def gradient_displacement(modes, field):
    """Displacement psi_k = i k / k^2 source_k whose divergence is -source; (3, n, n, n).

    With the density itself this is the Zel'dovich approximation; with 3/7 Omega_m^(-1/143) S it
    is the second order (Bouchet et al. 1995, A&A 296, 575).
    """
    psi = np.empty((3,) + (field.n_grid,) * 3)
    potential = modes * _inverse_k_squared(field)
    for axis, k in enumerate(_wavenumbers(field)):
        psi[axis] = _to_nodes(1j * k * potential)
    return psi


def second_order_source(modes, field):
    """Source of the second order, S = sum_{i<j} phi_ii phi_jj - phi_ij^2, at the nodes.

    phi_ij = k_i k_j / k^2 delta_k: where matter contracts along two axes S > 0 and the second
    order speeds the collapse up.
    """
    potential = modes * _inverse_k_squared(field)
    k = _wavenumbers(field)
    xx, yy, zz = (_to_nodes(k[i] ** 2 * potential) for i in range(3))
    source = xx * yy
    xx += yy
    xx *= zz
    source += xx
    del xx, yy, zz
    for i, j in ((0, 1), (0, 2), (1, 2)):
        shear = _to_nodes(k[i] * k[j] * potential)
        shear *= shear
        source -= shear
    return source


def displaced_particles(psi, box_size, offset, rng):
    """Positions (n^3, 3) float64 in [0, L) of displaced particles, C order of their cells.

    One particle starts in each cell of the lattice (i + offset) L / n, at a random place: rows of
    a plain lattice would show in voids and around haloes. Its displacement is interpolated
    trilinearly between the nodes (i + 1/2) L / n of `psi`.

    Parameters
    ----------
    psi : (3, n, n, n) float64
        Displacements, Mpc/h.
    offset : float
        Middle of the first cell, in cells: 1/2 for dark matter, 1 for gas.
    """
    n_grid = psi.shape[1]
    positions = np.empty((n_grid, n_grid, n_grid, 3))
    places = np.arange(n_grid, dtype=np.float64)
    for plane in range(n_grid):  # one at a time, for the sake of memory
        start = rng.random((3, n_grid, n_grid)) + (offset - 0.5)
        start[0] += plane
        start[1] += places[:, None]
        start[2] += places
        nodes = start - 0.5
        for axis in range(3):
            moved = ndimage.map_coordinates(psi[axis], nodes, order=1, mode="grid-wrap")
            positions[plane, ..., axis] = moved + start[axis] * (box_size / n_grid)
    return wrapped(positions.reshape(-1, 3), box_size)


def wrapped(positions, box_size):
    """Positions in [0, L), in place: floor-mod, and L itself becomes 0."""
    np.mod(positions, box_size, out=positions)
    positions[positions >= box_size] = 0
    return positions


def _to_nodes(modes):
    n_grid = modes.shape[0]
    return fft.irfftn(modes, s=(n_grid,) * 3, workers=1, overwrite_x=True)


def _shells(n_grid):
    full = np.rint(np.fft.fftfreq(n_grid) * n_grid).astype(np.int32) ** 2
    half = np.arange(n_grid // 2 + 1, dtype=np.int32) ** 2
    return full[:, None, None] + full[:, None] + half


def _k_squared(n_grid, box_size):
    return (2 * math.pi / box_size) ** 2 * np.arange(3 * (n_grid // 2) ** 2 + 1)


def _inverse_k_squared(field):
    k_squared = field.k_squared
    k_squared[0] = math.inf
    return (1 / k_squared)[field.shells]


def _wavenumbers(field):
    unit = 2 * math.pi / field.box_size
    full = unit * np.rint(np.fft.fftfreq(field.n_grid) * field.n_grid)
    half = unit * np.arange(field.n_grid // 2 + 1)
    return full[:, None, None], full[:, None], half
