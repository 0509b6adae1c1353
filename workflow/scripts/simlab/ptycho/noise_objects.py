"""Objects from random fields.

Each function takes the side in px, a generator (numpy's `Generator` or `RandomState`) and the
parameters of `kinds.OBJECT_PARAMS`, and draws in the order that its docstring states.
"""

import math

import numpy as np

from simlab.core.errors import ConfigError
from simlab.ptycho.filters import gaussian_blur, rescaled
from simlab.ptycho.streams import integers


def grf(size, rng, *, index, sigma):
    """Random field with power spectrum k^index and normal magnitudes, as the original makes it.

    The field has half the side (draws: normal magnitudes, then uniform phases), is scaled to
    [0, 1], interpolated bilinearly to `size` and blurred; it is not scaled again. Normal
    magnitudes are no Gaussian field (those are Rayleigh distributed): see `grf_exact`.

    Returns float64 (size, size). Errors: ConfigError for an odd size.
    """
    if size % 2:
        raise ConfigError(f"size is {size}, kind grf needs an even one")
    half = size // 2
    side = half + 1 if half % 2 == 0 else half
    magnitude = rng.normal(0.0, 1.0, (side, side))
    phase = 2 * np.pi * rng.random((side, side))
    magnitude = (magnitude + magnitude[::-1, ::-1]) / math.sqrt(2)
    phase = (phase - phase[::-1, ::-1]) / 2 + np.pi
    spectrum = (magnitude * (np.cos(phase) + 1j * np.sin(phase)))[:half, :half]
    spectrum = np.fft.ifftshift(spectrum * np.fft.fftshift(spectral_amplitude(half, index)))
    field = rescaled(np.fft.fftshift(np.fft.ifft2(spectrum).real))
    weights = linear_weights(half, size)
    return gaussian_blur(weights @ field @ weights.T, sigma)


def grf_exact(size, rng, *, index, sigma):
    """Gaussian random field: white normal noise filtered by k^(index/2), scaled to [0, 1], blurred.

    Returns float64 (size, size).
    """
    noise = rng.normal(0.0, 1.0, (size, size))
    field = np.fft.ifft2(np.fft.fft2(noise) * spectral_amplitude(size, index)).real
    return gaussian_blur(rescaled(field), sigma)


def spectral_amplitude(side, index):
    """k^(index/2) on the frequencies of `numpy.fft.fftfreq`, 0 at k = 0; float64 (side, side)."""
    frequency = np.fft.fftfreq(side)
    k = np.hypot(frequency[:, None], frequency)
    k[0, 0] = 1.0
    amplitude = k ** (index / 2)
    amplitude[0, 0] = 0.0
    return amplitude


def linear_weights(n, size):
    """Matrix of linear interpolation from `n` samples to `size` points of [0, n-1]."""
    points = np.linspace(0, n - 1, size)
    left = np.minimum(points.astype(np.int64), n - 2)
    weights = np.zeros((size, n))
    weights[np.arange(size), left] = 1 - (points - left)
    weights[np.arange(size), left + 1] = points - left
    return weights


def white_noise(size, rng):
    """Complex object of independent uniform pixels."""
    base = rng.random((size, size)).astype(np.float32)
    return from_base(rescaled(base.astype(np.float64)))


def blurred_white_noise(size, rng, *, sigma):
    """Complex object of uniform pixels blurred by a width drawn uniformly (after the pixels)."""
    base = rng.random((size, size)).astype(np.float32)
    return from_base(rescaled(gaussian_blur(base, rng.uniform(*sigma))))


def perlin(size, rng):
    """Complex object of gradient noise in 3 to 7 octaves (K. Perlin, 2002).

    Draws: the number of octaves, then per octave o the angles of the gradients on the nodes of
    2^(o+2) cells a side, row-major. Octave o has the weight 0.5^o.
    """
    octaves = int(integers(rng, 3, 8))
    total = np.zeros((size, size))
    for octave in range(octaves):
        cells = 2 ** (octave + 2)
        angles = 2 * np.pi * rng.random((cells + 1, cells + 1))
        total += 0.5**octave * gradient_noise(size, angles)
    return from_base(rescaled(total))


def gradient_noise(size, angles):
    """Gradient noise at the pixel centers of a size x size image, float64.

    Parameters
    ----------
    size : int
    angles : float64 (cells+1, cells+1)
        Directions of the unit gradients on the nodes, radians from the x (column) axis.
    """
    cells = angles.shape[0] - 1
    position = (np.arange(size) + 0.5) / size * cells
    node = position.astype(np.int64)
    offset = position - node
    fade = offset**3 * (offset * (offset * 6 - 15) + 10)
    total = 0.0
    for down in (0, 1):
        for right in (0, 1):
            angle = angles[np.ix_(node + down, node + right)]
            slope = np.cos(angle) * (offset - right) + np.sin(angle) * (offset - down)[:, None]
            rows = fade if down else 1 - fade
            cols = fade if right else 1 - fade
            total = total + rows[:, None] * cols * slope
    return total


def from_base(base):
    """Complex object of a map in [0, 1]: amplitude 1.2 - 0.4 b, phase -pi + 2 pi b."""
    return (1.2 - 0.4 * base) * np.exp(1j * (-np.pi + 2 * np.pi * base))
