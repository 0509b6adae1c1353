"""A plain ptychography simulation, one frame after the other, with numpy and scipy alone.

It stands in for the peer, which cannot be installed, in the timings of `ptycho.py`.
"""

import numpy as np
import scipy.fft


def simulate(object_guess, probe, x, y, nphotons, seed):
    """Noisy amplitudes float32 (M, N, N), patches complex64 (M, N, N) and the photon scale."""
    n = probe.shape[0]
    half = n // 2
    padded = np.pad(object_guess, (half + 1, half + 2))
    patches = np.empty((len(x), n, n), np.complex64)
    amplitudes = np.empty((len(x), n, n), np.float32)
    power = 0.0
    for j in range(len(x)):
        row, column = int(np.floor(y[j])), int(np.floor(x[j]))
        wy, wx = np.float32(y[j] - row), np.float32(x[j] - column)
        r, c = row + 1, column + 1
        one = np.float32(1)
        patches[j] = (
            (one - wy) * (one - wx) * padded[r : r + n, c : c + n]
            + (one - wy) * wx * padded[r : r + n, c + 1 : c + n + 1]
            + wy * (one - wx) * padded[r + 1 : r + n + 1, c : c + n]
            + wy * wx * padded[r + 1 : r + n + 1, c + 1 : c + n + 1]
        )
        wave = patches[j] * probe
        power += np.sum(wave.real.astype(float) ** 2 + wave.imag.astype(float) ** 2)
    scale = np.sqrt(nphotons * len(x) / power)
    rng = np.random.default_rng(seed)
    for j in range(len(x)):
        field = scipy.fft.fftshift(scipy.fft.fft2(patches[j] * probe))
        intensity = field.real.astype(float) ** 2 + field.imag.astype(float) ** 2
        counts = rng.poisson(intensity * (scale / n) ** 2)
        amplitudes[j] = np.sqrt(counts) / scale
    return amplitudes, patches, scale
