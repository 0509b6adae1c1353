"""Diffraction patterns of known objects and probes: the functions of the public API."""

import numpy as np
import scipy.fft

from simlab.core.errors import ConfigError, InputFileError
from simlab.ptycho.forward import ForwardModel, raise_problem
from simlab.ptycho.kernels import detection
from simlab.ptycho.patches import extract_patches
from simlab.ptycho.photons import detector_key, photon_scale

__all__ = [
    "ForwardModel",
    "extract_patches",
    "frame_power",
    "photon_scale",
    "propagate",
    "sample_counts",
]


def propagate(exit_waves):
    """Far-field amplitude sqrt(sum_k |FFT(psi_k)|^2) / N of exit waves.

    Orthonormal transform (Parseval: sum A^2 = sum |psi|^2); modes add as intensities.

    Parameters
    ----------
    exit_waves : complex (M, N, N) or (M, K, N, N)
        Exit waves, or those of K incoherent modes.

    Returns
    -------
    float32 (M, N, N), zero frequency at [N//2, N//2].
    """
    waves = np.asarray(exit_waves)
    if waves.ndim not in (3, 4) or waves.shape[-1] != waves.shape[-2] or waves.shape[-1] % 2:
        raise InputFileError(
            f"exit_waves must be (M, N, N) or (M, K, N, N) with even N, found shape {waves.shape}"
        )
    if waves.ndim == 3:
        waves = waves[:, None]
    n = waves.shape[-1]
    amplitude = np.empty((len(waves), n, n), np.float32)
    for j in range(len(waves)):
        field = scipy.fft.fft2(np.ascontiguousarray(waves[j : j + 1], np.complex64))
        detection.amplitudes(field.view(np.float32), 1.0 / (n * n), amplitude[j : j + 1])
    return amplitude


def frame_power(object_guess, probe_guess, x, y, *, subpixel="bilinear"):
    """Power of the exit wave at every position, sum over pixels and modes of |P_k patch|^2.

    Parameters
    ----------
    object_guess : complex (H, W)
        Object.
    probe_guess : complex (N, N) or (P, N, N)
        Probe or incoherent modes.
    x, y : (M,)
        Scan positions, object px, x = column.
    subpixel : {"bilinear", "nearest", "fourier"}
        How values between pixels are found.

    Returns
    -------
    float64 (M,)
    """
    model = ForwardModel(object_guess, probe_guess, seed=0, nphotons=1.0, subpixel=subpixel)
    return model.power(x, y)


def sample_counts(expected, seed, *, first_frame=0):
    """Photon counts: exact Poisson numbers of given expectations.

    The numbers belong to (seed, frame, pixel): any cut of the frames gives the same counts.

    Parameters
    ----------
    expected : float64 (M, N, N)
        Expected counts, 0 <= lambda <= 4.2e9, in the stored order (zero frequency in the middle).
    seed : int
        Seed of the data set.
    first_frame : int
        Global number of frame 0.

    Returns
    -------
    uint32 (M, N, N)

    Raises
    ------
    PhysicsError
        An expectation is negative, not a number or above 4.2e9.
    """
    expected = np.ascontiguousarray(expected, np.float64)
    if expected.ndim != 3 or expected.shape[1] != expected.shape[2]:
        raise ConfigError(f"expected must be (M, N, N), found shape {expected.shape}")
    counts = np.empty(expected.shape, np.uint32)
    pixels = expected.shape[1] ** 2
    problem, frame, pixel, value = detection.sample_frames(
        expected.reshape(-1, pixels),
        detector_key(seed),
        first_frame,
        counts.reshape(-1, pixels),
    )
    if problem != detection.FINE:
        raise_problem(problem, first_frame + frame, pixel, value, expected.shape[1])
    return counts
