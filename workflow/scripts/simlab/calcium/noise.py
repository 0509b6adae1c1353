"""Noise of the sensor that depends only on seed, frame and pixel, however frames are rendered."""

import numpy as np

from simlab.calcium.kernels import noise as kernels

SENSOR_STREAM = 0
"""Stream tag of shot and read noise; 1 and 2 belong to the Poisson extension."""


def noise_key(seed):
    """Key of the counter noise of a recording.

    Parameters
    ----------
    seed : int >= 0
        `spec.seed`.

    Returns
    -------
    uint32 (2,)
        Two words of SeedSequence(seed, spawn_key=(0,)).
    """
    return np.random.SeedSequence(seed, spawn_key=(0,)).generate_state(2, np.uint32)


def ziggurat_tables():
    """Tables of the 256-layer ziggurat: (KI uint32, WI float32, FI float64), 256 values each.

    Magnitudes accepted at once, width of one magnitude, density at the layer's edge (Marsaglia
    and Tsang, J. Stat. Softw. 5(8), 2000).
    """
    return kernels.ziggurat_tables()


def normals(seed, frame, n_pixels, stream=SENSOR_STREAM):
    """Standard normals of the first pixels of one frame.

    Parameters
    ----------
    seed : int >= 0
    frame : int >= 0
    n_pixels : int
        Pixels 0 ... n_pixels - 1, in the order row * width + column.
    stream : int
        Stream tag.

    Returns
    -------
    float32 (n_pixels,)
        Philox4x32-10 words through a ziggurat; any pixel's number is the same whatever else is
        asked for.
    """
    z = np.empty(n_pixels, np.float32)
    if n_pixels:
        words = np.empty((4, n_pixels // 4 + 2), np.uint32)
        lanes = np.empty(words.size, np.float32)
        keys = kernels.round_keys(noise_key(seed))
        kernels.fill_normals(0, frame, stream, keys, words, lanes, z)
    return z
