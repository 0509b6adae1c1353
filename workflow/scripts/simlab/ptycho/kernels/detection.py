"""From propagated waves to recorded frames and their statistics, one pass a frame."""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from simlab.ptycho.kernels.counter import (
    PIXEL,
    add_readout_noise,
    sample_poisson,
    sampler_scratch,
    state,
    unusable_rate,
)
from simlab.ptycho.kernels.elementary import bits_of

FIRST = np.uint64(0)
CHUNK = 4096
"""Pixels that are sampled together: their work space stays in the second-level cache."""

NORMALIZED_AMPLITUDE, COUNT_INTENSITY, COUNT_AMPLITUDE, INTENSITY = range(4)
MEASUREMENTS = {
    "normalized_amplitude": NORMALIZED_AMPLITUDE,
    "count_intensity": COUNT_INTENSITY,
    "count_amplitude": COUNT_AMPLITUDE,
    "intensity": INTENSITY,
}

FINE, BAD_RATE, BAD_COUNT = range(3)
"""What a kernel reports first: nothing, an unusable expectation, a count that does not fit."""

SUMS = ("sum", "sum_sq", "min", "max", "zeros", "counts_sum", "counts_sum_sq")
BINS = 256
OCTAVES = 40
"""The histogram reaches from 2^-40 to 2^40."""
STEPS_AN_OCTAVE = 16
STEP_BITS = np.uint64(48)
"""float64 bits from here on up hold the exponent and 4 bits of the mantissa."""
FIRST_STEP = (1023 - OCTAVES) * STEPS_AN_OCTAVE
STEPS = 2 * OCTAVES * STEPS_AN_OCTAVE


class Detector(NamedTuple):
    """How counts become stored values."""

    poisson: bool
    background: float  # counts a pixel
    readout_sigma: float  # counts, 0 = none
    saturation: float  # counts, inf = none
    masked: bool
    valid: np.ndarray  # uint8 (p,), read only if masked
    measurement: int  # of MEASUREMENTS
    largest_count: float  # that the stored type can hold


class Tables(NamedTuple):
    """Where a pixel or a value belongs."""

    rings: np.ndarray  # uint16 (p,), ring of a pixel; the number of rings = outside all
    bins: np.ndarray  # uint8 (STEPS,), histogram bin at the lower end of a step
    edges: np.ndarray  # float64 (STEPS,), where in the step the next bin begins, or inf


class Results(NamedTuple):
    """Statistics of a batch of frames; only `saturated` is written unless wanted."""

    wanted: bool
    saturated: np.ndarray  # int64 (m,)
    sums: np.ndarray  # float64 (m, 7), named by SUMS
    radial: np.ndarray  # float64 (m, rings + 1)
    histogram: np.ndarray  # int32 (m, 256)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _add_intensity_row(field, scale, first_mode, out):
    """out (+)= |field|^2 scale with the zero frequency moved from 0 to N//2.

    field : float32 (2N,); out : float64 (N,).
    """
    half = out.size // 2
    high, low = field[2 * half :], field[: 2 * half]
    left, right = out[:half], out[half:]
    if first_mode:
        for c in range(half):
            re, im = np.float64(high[2 * c]), np.float64(high[2 * c + 1])
            left[c] = (re * re + im * im) * scale
        for c in range(half):
            re, im = np.float64(low[2 * c]), np.float64(low[2 * c + 1])
            right[c] = (re * re + im * im) * scale
    else:
        for c in range(half):
            re, im = np.float64(high[2 * c]), np.float64(high[2 * c + 1])
            left[c] += (re * re + im * im) * scale
        for c in range(half):
            re, im = np.float64(low[2 * c]), np.float64(low[2 * c + 1])
            right[c] += (re * re + im * im) * scale


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def stored_intensity(fields, scale, out):
    """Intensity of one frame: sum_k |F_k|^2 scale, zero frequency at [N//2, N//2].

    fields : float32 (P, N, 2N), unshifted FFT; out : float64 (N, N), written.
    """
    n = out.shape[0]
    half = n // 2
    for r in range(n):
        source = r + half if r < half else r - half
        for k in range(fields.shape[0]):
            _add_intensity_row(fields[k, source], scale, k == 0, out[r])


@njit(cache=True, nogil=True, error_model="numpy")
def stored_intensities(fields, scale, out):
    """`stored_intensity` of a batch: float32 (m, P, N, 2N), float, float64 (m, N, N)."""
    for j in range(out.shape[0]):
        stored_intensity(fields[j], scale, out[j])


@njit(cache=True, nogil=True, error_model="numpy")
def amplitudes(fields, scale, out):
    """sqrt of the intensity: float32 (m, P, N, 2N) -> float32 (m, N, N)."""
    n = out.shape[1]
    intensity = np.empty((n, n))
    for j in range(out.shape[0]):
        stored_intensity(fields[j], scale, intensity)
        for r in range(n):
            for c in range(n):
                out[j, r, c] = math.sqrt(intensity[r, c])


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _sample(expected, z0, scratch):
    """Poisson counts in place of `expected` float64 (p,)."""
    chunk = scratch[2].size
    for start in range(0, expected.size, chunk):
        part = expected[start : start + chunk]
        sample_poisson(part, z0 + np.uint64(start) * PIXEL, part, scratch)


@njit(cache=True, nogil=True, error_model="numpy")
def sample_frames(expected, key, first_frame, counts):
    """Poisson counts of given expectations: float64 (m, p) -> uint32 (m, p).

    Returns (report, frame in this call, pixel, value) of the first problem.
    """
    frames, pixels = expected.shape
    scratch = sampler_scratch(min(pixels, CHUNK))
    sampled = np.empty(pixels)
    for j in range(frames):
        bad = unusable_rate(expected[j])
        if bad >= 0:
            return BAD_RATE, j, bad, expected[j, bad]
        sampled[:] = expected[j]
        _sample(sampled, state(key, first_frame + j, pixels, FIRST), scratch)
        for i in range(pixels):
            counts[j, i] = np.uint32(sampled[i])
    return FINE, 0, 0, 0.0


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _store(counts, measurement, scale, stored):
    if measurement == NORMALIZED_AMPLITUDE:
        for i in range(counts.size):
            stored[i] = math.sqrt(counts[i]) / scale
    elif measurement == COUNT_AMPLITUDE:
        for i in range(counts.size):
            stored[i] = math.sqrt(counts[i])
    elif measurement == INTENSITY:
        for i in range(counts.size):
            stored[i] = counts[i] / (scale * scale)
    else:
        for i in range(counts.size):
            stored[i] = counts[i]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _first_above(counts, largest):
    above = 0
    for i in range(counts.size):
        above += counts[i] > largest
    if above:
        for i in range(counts.size):
            if counts[i] > largest:
                return i
    return -1


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _record(counts, z0, detector, scale, stored):
    """Read-out noise, mask and saturation of one frame, then the stored measurement.

    `counts` float64 (p,) become what the detector reports. Returns (first pixel whose count does
    not fit or -1, number of saturated pixels).
    """
    if detector.readout_sigma > 0.0:
        add_readout_noise(counts, z0, detector.readout_sigma, detector.poisson)
    if detector.masked:
        for i in range(counts.size):
            counts[i] = counts[i] if detector.valid[i] else 0.0
    saturated = 0
    if detector.saturation < math.inf:
        for i in range(counts.size):
            saturated += counts[i] >= detector.saturation
            counts[i] = min(counts[i], detector.saturation)
    if detector.measurement == COUNT_INTENSITY:
        bad = _first_above(counts, detector.largest_count)
        if bad >= 0:
            return bad, saturated
    _store(counts, detector.measurement, scale, stored)
    return -1, saturated


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _describe(stored, counts, tables, lit, results, j):
    """Statistics of frame `j` into `results`: float64 sums in sequence, row-major.

    stored (p,), counts float64 (p,); lit uint32 (p,) is work space.
    """
    sums, radial, histogram = results.sums[j], results.radial[j], results.histogram[j]
    lit_pixels = 0
    for i in range(counts.size):
        lit[lit_pixels] = i
        lit_pixels += counts[i] != 0.0
    dark = counts.size - lit_pixels  # they add nothing to any sum
    total, total_sq, zeros = 0.0, 0.0, dark
    counts_total, counts_sq = 0.0, 0.0
    smallest, largest = 0.0 if dark else math.inf, 0.0
    radial[:] = 0.0
    histogram[:] = 0
    for place in lit[:lit_pixels]:
        value, count = np.float64(stored[place]), counts[place]
        total += value
        total_sq += value * value
        counts_total += count
        counts_sq += count * count
        smallest = min(smallest, value)
        largest = max(largest, value)
        zeros += value == 0.0
        radial[tables.rings[place]] += count
        step = np.int64(bits_of(value) >> STEP_BITS) - FIRST_STEP
        step = np.uint64(min(max(step, 0), STEPS - 1))
        bin_ = tables.bins[step] + np.uint64(value >= tables.edges[step])
        histogram[bin_ if value > 0.0 else np.uint64(0)] += 1
    histogram[0] += dark
    sums[0], sums[1], sums[2], sums[3], sums[4] = total, total_sq, smallest, largest, zeros
    sums[5], sums[6] = counts_total, counts_sq


@njit(cache=True, nogil=True, error_model="numpy")
def record_frames(counts, key, first_frame, detector, scales, stored, tables, results):
    """Record frames whose counts float64 (m, p) are known; used up. See `detect_frames`."""
    lit = np.empty(counts.shape[1], np.uint32)
    for j in range(counts.shape[0]):
        z0 = state(key, first_frame + j, counts.shape[1], FIRST)
        bad, results.saturated[j] = _record(counts[j], z0, detector, scales[j], stored[j])
        if bad >= 0:
            return BAD_COUNT, j, bad, counts[j, bad]
        if results.wanted:
            _describe(stored[j], counts[j], tables, lit, results, j)
    return FINE, 0, 0, 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def detect_frames(fields, key, first_frame, detector, scales, stored, tables, results):
    """Photon counting and everything after it.

    lambda = sum_k |F_k|^2 s^2/N^2 + background; Poisson; read-out noise; saturation; mask.

    Parameters
    ----------
    fields : float32 (m, P, N, 2N)
        Unshifted FFT of the exit waves of every mode, real and imaginary parts side by side.
    key, first_frame
        Key of the counter stream and global number of frame 0.
    detector : Detector
    scales : float64 (m,)
        s of every frame.
    stored : float32, uint16 or uint32 (m, N^2)
        Written: the measurement, zero frequency at [N//2, N//2].
    tables, results : Tables, Results

    Returns (report, frame in this call, pixel, value) of the first problem.
    """
    n = fields.shape[2]
    frame = np.empty((n, n))
    counts = frame.reshape(n * n)
    scratch = sampler_scratch(min(n * n, CHUNK))
    lit = np.empty(n * n, np.uint32)
    for j in range(fields.shape[0]):
        stored_intensity(fields[j], scales[j] * scales[j] / (n * n), frame)
        if detector.background > 0.0:
            for i in range(counts.size):
                counts[i] += detector.background
        if detector.masked:
            for i in range(counts.size):
                counts[i] = counts[i] if detector.valid[i] else 0.0
        z0 = state(key, first_frame + j, n * n, FIRST)
        if detector.poisson:
            bad = unusable_rate(counts)
            if bad >= 0:
                return BAD_RATE, j, bad, counts[bad]
            _sample(counts, z0, scratch)
        bad, results.saturated[j] = _record(counts, z0, detector, scales[j], stored[j])
        if bad >= 0:
            return BAD_COUNT, j, bad, counts[bad]
        if results.wanted:
            _describe(stored[j], counts, tables, lit, results, j)
    return FINE, 0, 0, 0.0


def warm():
    """Compile the kernels of this module for every stored type."""
    fields, counts = np.zeros((1, 1, 2, 4), np.float32), np.zeros((1, 4))
    key, scales = np.uint64(1), np.ones(1)
    rules = Detector(True, 0.0, 0.0, math.inf, False, np.ones(4, np.uint8), 0, math.inf)
    tables = Tables(np.zeros(4, np.uint16), np.ones(STEPS, np.uint8), np.ones(STEPS))
    results = Results(
        True,
        np.zeros(1, np.int64),
        np.zeros((1, len(SUMS))),
        np.zeros((1, 2)),
        np.zeros((1, BINS), np.int32),
    )
    for kind in (np.float32, np.uint16, np.uint32):
        stored = np.zeros((1, 4), kind)
        detect_frames(fields, key, 0, rules, scales, stored, tables, results)
        record_frames(counts, key, 0, rules, scales, stored, tables, results)
    stored_intensities(fields, 1.0, counts.reshape(1, 2, 2))
    amplitudes(fields, 1.0, np.zeros((1, 2, 2), np.float32))
    sample_frames(counts, key, 0, np.zeros((1, 4), np.uint32))
