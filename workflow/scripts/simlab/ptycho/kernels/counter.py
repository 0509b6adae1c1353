"""Counter-based random numbers of the detector, and exact Poisson counts from them.

Uniform number `a` of pixel `p` of frame `j` is element c = (j N^2 + p) 256 + a of one SplitMix64
sequence (Steele, Lea & Flood 2014) whose key belongs to the data set. Numbers are addressed, not
drawn, so counts do not depend on the order in which pixels are computed, and every step below runs
on whole vectors of pixels.
"""

import math
from decimal import Decimal

import numpy as np
from numba import njit

from simlab.ptycho.kernels.elementary import cos_and_sin_of_turns, exp, log

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
UNIT = 2.0**-53
NUMBERS_A_PIXEL = np.uint64(256)
PIXEL = np.uint64((256 * 0x9E3779B97F4A7C15) % 2**64)
"""What `state` grows by from one pixel to the next."""

READOUT_NUMBERS = np.uint64(251), np.uint64(252)

LARGEST_RATE = 4.2e9
"""Counts of a larger expectation might not fit 32 bits."""
SMALL_RATE = 10.0
"""Below: sequential inversion; from here on: transformed rejection."""
STEPS_A_SWEEP = 4

HALF_LOG_2PI = Decimal("0.918938533204672741780329736")
FEW = 16
STIRLING_OF_FEW = np.array(
    [float(-HALF_LOG_2PI)]
    + [
        float(
            Decimal(math.factorial(k)).ln()
            - (k + Decimal("0.5")) * Decimal(k).ln()
            + k
            - HALF_LOG_2PI
        )
        for k in range(1, FEW)
    ]
)
"""ln k! - (k + 1/2) ln k + k - ln(2 pi)/2 for k < 16, taking ln 0 as 0."""


@njit(cache=True, nogil=True, forceinline=True)
def state(key, frame, pixels, number):
    """SplitMix64 state (uint64) of `number` of pixel 0 of `frame`, frames of `pixels` pixels."""
    c = np.uint64(frame) * np.uint64(pixels) * NUMBERS_A_PIXEL + number
    return key + (c + np.uint64(1)) * GOLDEN


@njit(cache=True, nogil=True, forceinline=True)
def uniform(z):
    """Uniform number in [0, 1) with 53 random bits from a SplitMix64 state."""
    z = (z ^ (z >> SHIFTS[0])) * MIX_1
    z = (z ^ (z >> SHIFTS[1])) * MIX_2
    z = z ^ (z >> SHIFTS[2])
    return np.float64(np.int64(z >> SHIFTS[3])) * UNIT


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _round(rate, z):
    """A round of PTRS up to where it needs logarithms: (k, accepted, V, us, a, b)."""
    u = uniform(z) - 0.5
    v = uniform(z + GOLDEN)
    us = 0.5 - abs(u)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    k = np.floor((2.0 * a / us + b) * u + rate + 0.43)
    accepted = (us >= 0.07) & (v <= 0.9277 - 3.6224 / (b - 2.0))
    return k, accepted, v, us, a, b


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _below_poisson(k, rate, v, us, a, b):
    """Last test of a round: ln(V ia / (a/us^2 + b)) <= -l + k ln l - ln k!, without cancellation.

    With Stirling's ln k! = (k + 1/2) ln k - k + ln(2 pi)/2 + d the right side is
    (k - l) + k ln(l/k) - ln(2 pi k)/2 - d, where no term is much larger than the sum.
    """
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    above_0 = max(k, 1.0)
    r = 1.0 / above_0
    r2 = r * r
    series = r * (1 / 12 - r2 * (1 / 360 - r2 * (1 / 1260 - r2 * (1 / 1680 - r2 * (1 / 1188)))))
    few = STIRLING_OF_FEW[np.uint64(max(0.0, min(k, FEW - 1.0)))]
    d = few if k < FEW else series
    hat = v * inverse_alpha / (a / (us * us) + b)
    return log(hat * math.sqrt(2.0 * math.pi * above_0)) <= (k - rate) + k * log(rate / above_0) - d


@njit(cache=True, nogil=True, error_model="numpy")
def _transformed_rejection(rates, places, m, z0, counts, k, accepted):
    """PTRS (Hoermann 1993) for `rates[:m]` >= 10 of the pixels `places[:m]`.

    Most pixels are settled by the part of the first round that needs no logarithm. `rates` and
    `places` are used up.
    """
    for i in range(m):
        k[i], accepted[i], _, _, _, _ = _round(rates[i], z0 + np.uint64(places[i]) * PIXEL)
    number = np.uint64(0)
    while m > 0:
        left = 0
        for i in range(m):
            counts[places[i]] = k[i]
            rates[left] = rates[i]
            places[left] = places[i]
            left += 1 - accepted[i]
        m = left
        for i in range(m):
            z = z0 + np.uint64(places[i]) * PIXEL + number * GOLDEN
            kk, quick, v, us, a, b = _round(rates[i], z)
            possible = (us > 0.0) & (kk >= 0.0) & ((us >= 0.013) | (v <= us))
            below = (v == 0.0) | _below_poisson(kk, rates[i], v, us, a, b)
            k[i] = kk
            accepted[i] = quick | (possible & below)
        number += np.uint64(2)


@njit(cache=True, nogil=True, error_model="numpy")
def _inversion(rates, places, m, u, p, s, counts):
    """Sequential inversion for 0 < `rates[:m]` < 10 of the pixels `places[:m]`, uniforms `u[:m]`.

    P(0) + ... + P(k) is summed until it exceeds u or no longer grows. All pixels go through the
    same steps side by side; every few steps the finished ones, marked by u = -1 - k, are dropped.
    `rates`, `places` and `u` are used up, `p` and `s` are work space.
    """
    for i in range(m):
        p[i] = exp(-rates[i])
        s[i] = p[i]
    step = 0.0
    while m > 0:
        for i in range(m):
            rate, ui, pi, si, k = rates[i], u[i], p[i], s[i], step
            for t in range(1, STEPS_A_SWEEP + 1):
                k += 1.0 if ui >= si else 0.0
                pi *= rate / (step + t)
                grown = si + pi
                si = 2.0 if grown == si else grown
            p[i] = pi
            s[i] = si
            u[i] = ui if ui >= si else -1.0 - k
        step += STEPS_A_SWEEP
        left = 0
        for i in range(m):
            counts[places[i]] = -1.0 - u[i]
            rates[left] = rates[i]
            places[left] = places[i]
            u[left] = u[i]
            p[left] = p[i]
            s[left] = s[i]
            left += u[i] >= 0.0
        m = left


@njit(cache=True, nogil=True)
def sampler_scratch(pixels):
    """Work space of `sample_poisson` for up to `pixels` pixels at once."""
    return np.empty((6, pixels)), np.empty((2, pixels), np.uint32), np.empty(pixels, np.uint8)


@njit(cache=True, nogil=True, error_model="numpy")
def sample_poisson(rates, z0, counts, scratch):
    """Exact Poisson counts of neighboring pixels.

    Rates below 10 take one number (inversion), others two a round (Hoermann's PTRS), 0 takes none.

    Parameters
    ----------
    rates : float64 (n,)
        Expected counts, 0 <= rate <= 4.2e9.
    z0 : uint64
        `state` of number 0 of the first of these pixels.
    counts : float64 (n,)
        Written: whole numbers. May be `rates` itself.
    scratch
        `sampler_scratch(n)` or larger.
    """
    real, places, kind = scratch
    uniforms, large_rates, small_rates, small_uniforms = real[0], real[1], real[2], real[3]
    large, small = places[0], places[1]
    for i in range(rates.size):
        u = uniform(z0 + np.uint64(i) * PIXEL)
        uniforms[i] = u
        # u <= 1 - l <= exp(-l): no photon
        kind[i] = (u > 1.0 - rates[i]) + (rates[i] >= SMALL_RATE)
    n_large, n_small = 0, 0
    for i in range(rates.size):
        rate = rates[i]
        counts[i] = 0.0
        large_rates[n_large] = rate
        large[n_large] = i
        small_rates[n_small] = rate
        small_uniforms[n_small] = uniforms[i]
        small[n_small] = i
        n_large += kind[i] == 2
        n_small += kind[i] == 1
    _inversion(small_rates, small, n_small, small_uniforms, real[4], real[5], counts)
    _transformed_rejection(large_rates, large, n_large, z0, counts, uniforms, kind)


@njit(cache=True, nogil=True)
def unusable_rate(rates):
    """Place of the first rate that is negative, NaN or > 4.2e9, or -1."""
    bad = 0
    for i in range(rates.size):
        bad += not (0.0 <= rates[i] <= LARGEST_RATE)
    if bad:
        for i in range(rates.size):
            if not (0.0 <= rates[i] <= LARGEST_RATE):
                return i
    return -1


@njit(cache=True, nogil=True, error_model="numpy")
def add_readout_noise(values, z0, sigma, whole):
    """values -> max(0, rint(values + sigma g)), g standard normal (Box & Muller 1958), in place.

    Parameters
    ----------
    values : float64 (n,)
        Counts of neighboring pixels.
    z0 : uint64
        `state` of number 0 of the first of these pixels.
    sigma : float
        Standard deviation, counts.
    whole : bool
        Round to whole counts, as a converter does.
    """
    for i in range(values.size):
        z = z0 + np.uint64(i) * PIXEL
        radius = math.sqrt(-2.0 * log(1.0 - uniform(z + READOUT_NUMBERS[0] * GOLDEN)))
        cosine, _ = cos_and_sin_of_turns(uniform(z + READOUT_NUMBERS[1] * GOLDEN))
        value = values[i] + sigma * radius * cosine
        value = np.rint(value) if whole else value
        values[i] = max(0.0, value)
