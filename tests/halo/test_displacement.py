"""Linear density and 2LPT displacements against spectra and closed forms."""

import math

import numpy as np
import pytest

from simlab.core.random import generator
from simlab.halo.cosmology import Cosmology
from simlab.halo.displacement import (
    displaced_particles,
    displacement,
    gradient_displacement,
    linear_field,
    second_order_source,
    wrapped,
)

FIDUCIAL = Cosmology(0.3, 0.049, 0.6711, 0.9624, 0.8)
L = 50.0


def white_noise(n_grid, sim=0):
    return generator(1993, "halo.white_noise", sim).standard_normal((n_grid,) * 3)


def fourier(modes, n_grid):
    return np.fft.irfftn(modes, s=(n_grid,) * 3, axes=(0, 1, 2))


@pytest.fixture(scope="module")
def field():
    return linear_field(FIDUCIAL, white_noise(32), L)


class OneCenter:
    """A generator whose numbers put every particle in the middle of its cell."""

    def random(self, shape):
        return np.full(shape, 0.5)


def test_variance_on_the_nodes_is_the_sum_over_the_modes(field):
    density = field.smoothed(0.0)

    twice = np.full(17, 2.0)
    twice[[0, 16]] = 1.0
    power = (np.abs(field.modes) ** 2 * twice).sum() / 32.0**6
    assert (density**2).mean() == pytest.approx(power, rel=1e-10)
    assert density.mean() == pytest.approx(0, abs=1e-12)


def test_mean_power_over_realizations_is_the_linear_power():
    n_grid, total = 16, 0.0
    for sim in range(40):
        modes = linear_field(FIDUCIAL, white_noise(n_grid, sim), L).modes
        total += np.abs(modes) ** 2
    total *= L**3 / n_grid**6 / 40

    shells = linear_field(FIDUCIAL, white_noise(n_grid), L).shells
    for low, high in ((1, 4), (4, 16), (16, 36), (36, 64)):
        chosen = (shells >= low) & (shells < high)
        expected = FIDUCIAL.power(2 * math.pi / L * np.sqrt(shells[chosen]))
        ratio = (total[chosen] / expected).mean()
        # every mode is a chi^2 of two degrees of freedom; planes kz = 0 hold pairs
        assert ratio == pytest.approx(1, abs=4 * math.sqrt(2 / chosen.sum() / 40))


def test_nothing_is_left_at_or_beyond_the_nyquist_wavenumber(field):
    assert not field.modes[field.shells >= 16**2].any()
    assert field.modes[(field.shells > 0) & (field.shells < 16**2)].all()
    assert field.modes[0, 0, 0] == 0


def test_divergence_of_the_first_order_is_minus_the_density(field):
    modes = field.smoothed_modes(2.0)

    psi = gradient_displacement(modes, field)

    k = 2 * np.pi / L * np.rint(np.fft.fftfreq(32) * 32)
    divergence = sum(
        np.fft.ifft(
            1j
            * np.expand_dims(k, [b for b in range(3) if b != axis])
            * np.fft.fft(psi[axis], axis=axis),
            axis=axis,
        ).real
        for axis in range(3)
    )
    np.testing.assert_allclose(divergence, -fourier(modes, 32), atol=1e-10)


def test_first_order_of_a_plane_wave_is_exact():
    n_grid = 16
    k = 2 * math.pi / L
    x = (np.arange(n_grid)) * L / n_grid
    wave = np.broadcast_to(np.cos(k * x)[:, None, None], (n_grid,) * 3)
    field = linear_field(FIDUCIAL, white_noise(n_grid), L)
    modes = np.fft.rfftn(wave)

    psi = gradient_displacement(modes, field)

    np.testing.assert_allclose(psi[0], -np.sin(k * x)[:, None, None] / k + 0 * wave, atol=1e-12)
    np.testing.assert_allclose(psi[1:], 0, atol=1e-12)
    np.testing.assert_allclose(second_order_source(modes, field), 0, atol=1e-12)


def test_second_order_of_two_crossed_waves_is_their_product():
    n_grid = 16
    k = 2 * math.pi / L
    x = np.arange(n_grid) * L / n_grid
    first = np.cos(k * x)[:, None, None] + np.zeros((n_grid,) * 3)
    second = np.cos(2 * k * x)[:, None] + np.zeros((n_grid,) * 3)
    field = linear_field(FIDUCIAL, white_noise(n_grid), L)

    source = second_order_source(np.fft.rfftn(first + second), field)

    # phi_xx is the first wave, phi_yy the second, all others vanish
    np.testing.assert_allclose(source, first * second, atol=1e-12)


def test_both_orders_converge_at_a_spherical_peak():
    n_grid = 32
    x = (np.arange(n_grid) - n_grid // 2) * L / n_grid
    r = np.sqrt(x[:, None, None] ** 2 + x[:, None] ** 2 + x**2)
    peak = np.exp(-((r / 6) ** 2) / 2)
    field = linear_field(FIDUCIAL, white_noise(n_grid), L)
    modes = np.fft.rfftn(peak - peak.mean())

    source = second_order_source(modes, field)

    center = (n_grid // 2,) * 3
    # phi_ij = delta/3 in the middle, so S = delta^2 / 3
    assert source[center] == pytest.approx((1 - peak.mean()) ** 2 / 3, rel=0.02)
    for modes_of_order in (modes, np.fft.rfftn(source)):
        psi_x = gradient_displacement(modes_of_order, field)[0, :, center[1], center[2]]
        assert psi_x[n_grid // 2 + 4] < 0 < psi_x[n_grid // 2 - 4]


def test_rms_displacements_are_those_of_the_fiducial_universe():
    first, total = [], []
    for sim in range(4):
        field = linear_field(FIDUCIAL, white_noise(32, sim), L)
        radius = FIDUCIAL.truncation_radius()
        psi1 = gradient_displacement(field.smoothed_modes(radius), field)
        psi = displacement(field, FIDUCIAL.omega_m, radius)
        first.append((psi1**2).mean())
        total.append(((psi - psi1) ** 2).mean())

    assert 2.4 < math.sqrt(np.mean(first)) < 3.4  # Mpc/h an axis
    assert 0.08 < math.sqrt(np.mean(total) / np.mean(first)) < 0.2


def test_particles_without_displacement_fill_the_cells_of_their_lattice():
    psi = np.zeros((3, 8, 8, 8))

    dark_matter = displaced_particles(psi, 8.0, 0.5, np.random.default_rng(1))
    gas = displaced_particles(psi, 8.0, 1.0, OneCenter())

    cells = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), -1).reshape(-1, 3)
    np.testing.assert_array_equal(np.floor(dark_matter), cells)
    assert np.ptp(dark_matter - cells) > 0.99
    np.testing.assert_array_equal(gas, (cells + 1.0) % 8)


def test_displacements_between_nodes_are_trilinear():
    rng = np.random.default_rng(3)
    psi = rng.normal(0, 0.1, (3, 8, 8, 8))

    at_nodes = displaced_particles(psi, 8.0, 0.5, OneCenter())
    at_corners = displaced_particles(psi, 8.0, 1.0, OneCenter())

    cells = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), -1).reshape(-1, 3)
    expected = np.moveaxis(psi, 0, -1).reshape(-1, 3)
    np.testing.assert_allclose(at_nodes, np.mod(cells + 0.5 + expected, 8), atol=1e-12)
    mean = psi
    for axis in (1, 2, 3):
        mean = (mean + np.roll(mean, -1, axis=axis)) / 2
    expected = np.moveaxis(mean, 0, -1).reshape(-1, 3)
    np.testing.assert_allclose(at_corners, np.mod(cells + 1 + expected, 8), atol=1e-12)


def test_wrapped_positions_stay_below_the_side_of_the_box():
    positions = wrapped(np.array([[-1e-18, 50.0, 50.1], [0.0, -50.0, 49.9]]), L)

    np.testing.assert_allclose(positions, [[0, 0, 0.1], [0, 0, 49.9]], atol=1e-12)
    assert (positions < L).all()
