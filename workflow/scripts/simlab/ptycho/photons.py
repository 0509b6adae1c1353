"""Photons per pattern: the scale of a data set and doses that vary from frame to frame."""

import math
from decimal import Decimal

import numpy as np

from simlab.core.errors import ConfigError, PhysicsError
from simlab.core.random import seed_sequence

DETECTOR_STREAM = "ptycho.detector"
NUMBERS_PER_PIXEL = 256
DOSE_NUMBER = 253
GOLDEN = 0x9E3779B97F4A7C15
LOG2_E = 1 / math.log(2)
LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")


def detector_key(seed):
    """Key of the detector's counter stream of a data set, numpy.uint64."""
    return seed_sequence(seed, DETECTOR_STREAM).generate_state(1, np.uint64)[0]


def counter_uniforms(key, elements):
    """Uniform numbers in [0, 1) at `elements` of the SplitMix64 sequence of `key`.

    Parameters
    ----------
    key : numpy.uint64
    elements : int array
        Counters c of `(frame * N * N + pixel) * 256 + number`.

    Returns
    -------
    float64 array
        (z >> 11) 2^-53 with z = mix(key + (c + 1) 0x9E3779B97F4A7C15) (Steele, Lea & Flood 2014).
    """
    with np.errstate(over="ignore"):
        z = np.uint64(key) + (np.asarray(elements, np.uint64) + np.uint64(1)) * np.uint64(GOLDEN)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def drawn_doses(seed, bounds, frames, side):
    """Photons per pattern of global `frames`, log-uniform between the two `bounds`.

    float64 (m,): exp(ln lo + u (ln hi - ln lo)), u being number 253 of pixel 0 of the frame.
    """
    lo, hi = (float(Decimal(bound).ln()) for bound in bounds)
    elements = [int(frame) * side**2 * NUMBERS_PER_PIXEL + DOSE_NUMBER for frame in frames]
    uniforms = counter_uniforms(detector_key(seed), np.array(elements, np.uint64))
    return _exp(lo + uniforms * (hi - lo))


def _exp(x):
    """e^x from exactly rounded operations alone: a C library's exp differs between processors."""
    octaves = np.rint(x * LOG2_E)
    rest = (x - octaves * LN2_HIGH) - octaves * LN2_LOW
    series = np.zeros_like(rest)
    for n in range(18, -1, -1):
        series = series * rest + 1 / math.factorial(n)
    return np.ldexp(series, octaves.astype(np.int64))


def mean_power(power):
    """Mean over the frames of the exit wave's power sum |psi|^2, exactly rounded.

    Raises PhysicsError if there is no energy, ConfigError for anything but (M,), M >= 1.
    """
    power = np.asarray(power, np.float64)
    if power.ndim != 1 or not power.size:
        raise ConfigError(f"power has shape {power.shape}, expected (M,) with M >= 1")
    mean = math.fsum(power.tolist()) / len(power)
    if not (math.isfinite(mean) and mean > 0):
        raise PhysicsError(
            f"probe*object has no energy inside the scan area (mean exit power {mean})"
        )
    return mean


def photon_scale(power, nphotons):
    """Factor s from amplitudes to sqrt(expected photons): s = sqrt(nphotons / mean power).

    Parameters
    ----------
    power : (M,) float64
        Sum of |psi|^2 of every frame of the data set.
    nphotons : float > 0
        Mean number of photons per pattern.
    """
    if not (math.isfinite(nphotons) and nphotons > 0):
        raise ConfigError(f"nphotons is {nphotons}, expected a finite number > 0")
    return math.sqrt(nphotons / mean_power(power))


def photons_of(detector):
    """Photons per pattern that a data set with this DetectorConfig records as its `nphotons`.

    With `dose: {range: [lo, hi]}` this is the geometric mean sqrt(lo hi), else the mean.
    """
    dose = detector.dose
    return detector.nphotons if isinstance(dose, str) else math.sqrt(math.prod(dose.range))


def dataset_scale(power, detector):
    """(intensity_scale, mean_exit_power) of a data set with this DetectorConfig.

    With `dose: {range: [lo, hi]}` the scale is that of the geometric mean dose.
    """
    return photon_scale(power, photons_of(detector)), mean_power(power)


def counts_of(stored, measurement, scale):
    """Counts behind stored frames, float64.

    Parameters
    ----------
    stored : (m, N, N)
    measurement : str
        normalized_amplitude sqrt(n)/s, count_intensity n, count_amplitude sqrt(n), intensity n/s^2.
    scale : float or (m,)
        intensity_scale, or frame_scale where the dose varies.
    """
    values = np.asarray(stored, np.float64)
    factor = np.asarray(scale, np.float64)
    if factor.ndim:
        factor = factor[:, None, None]
    if measurement == "normalized_amplitude":
        return (values * factor) ** 2
    if measurement == "count_amplitude":
        return values**2
    return values * factor**2 if measurement == "intensity" else values
