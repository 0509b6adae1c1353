"""Noise of the sensor that depends only on seed, frame and pixel, however frames are rendered."""

import math
import operator

import numpy as np

from simlab.calcium.errors import SpecError
from simlab.calcium.kernels import noise as kernels

SENSOR_STREAM = 0
"""Stream tag of shot and read noise; 1 and 2 belong to the Poisson extension."""
WORD = 2**32
"""Values that a word of the counter can have."""


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

    Raises
    ------
    SpecError
        If the seed is negative or no whole number.
    """
    seed = _whole("seed", seed)
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
    n_pixels : int >= 0
        Pixels 0 ... n_pixels - 1, in the order row * width + column.
    stream : int >= 0
        Stream tag.

    Returns
    -------
    float32 (n_pixels,)
        Philox4x32-10 words through a ziggurat; any pixel's number is the same whatever else is
        asked for.

    Raises
    ------
    SpecError
        If an argument is negative or no whole number, or a word of the counter has no room for it.
    """
    frame, stream = _whole("frame", frame, WORD), _whole("stream", stream, WORD)
    n_pixels = _whole("n_pixels", n_pixels)
    z = np.empty(n_pixels, np.float32)
    if n_pixels:
        words = np.empty((4, n_pixels // 4 + 2), np.uint32)
        lanes = np.empty(words.size, np.float32)
        keys = kernels.round_keys(noise_key(seed))
        kernels.fill_normals(0, frame, stream, keys, words, lanes, z)
    return z


def _whole(name, value, end=math.inf):
    """`value` as an int in [0, end), else SpecError."""
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if not 0 <= number < end:
        limit = "" if end == math.inf else f" and < {end}"
        raise SpecError(f"{name} is {value!r}; expected a whole number >= 0{limit}")
    return number
