"""Spikes of cells and the calcium that follows them."""

import math
from dataclasses import dataclass

import numpy as np

from simlab.calcium.errors import SpecError
from simlab.calcium.kernels import traces

LONGEST_KERNEL_S = 5.0  # decay times
BURN_IN = 6.0  # decay times
RATIOS = (1e-4, 1.0 - 1e-6)  # of rise to decay time
LEVELS = (0.0, 0.5, 1.0)
LEVEL_PARAMETERS = (
    (0.002, 0.005, 0.01),
    (0.4, 0.3, 0.2),
    (90.0, 150.0, 210.0),
    (0.3, 0.6, 1.5),
)


@dataclass(frozen=True, eq=False)
class Activity:
    """What n cells do in T frames.

    Attributes
    ----------
    C : float64 (n, T)
        Calcium: gain * (f0 + convolved spikes), plus trace noise if any.
    S : uint16 (n, T)
        Spikes per frame.
    gain : float64 (n,)
        Brightness of each cell, mean 1.
    """

    C: np.ndarray
    S: np.ndarray
    gain: np.ndarray


def calcium_kernel(tau_rise_s, tau_decay_s, fps):
    """Response to one spike: exp(-t/decay) - exp(-t/rise), divided by its largest sample.

    Parameters
    ----------
    tau_rise_s, tau_decay_s : float
    fps : float
        Samples per second.

    Returns
    -------
    (max(ceil(5 tau_decay fps), 2),) float64

    Raises
    ------
    SpecError
        If no sample is positive.
    """
    response = _response(tau_rise_s, tau_decay_s, fps)
    return response / response.max()


def _response(tau_rise_s, tau_decay_s, fps):
    t = np.arange(max(math.ceil(LONGEST_KERNEL_S * tau_decay_s * fps), 2)) / fps
    response = np.exp(-t / tau_decay_s) * -np.expm1(-t * _rate_difference(tau_rise_s, tau_decay_s))
    if not response.max() > 0:
        raise SpecError(
            f"calcium kernel: no sample is positive with tau_rise_s = {tau_rise_s:g}, "
            f"tau_decay_s = {tau_decay_s:g} at {fps:g} samples/s"
        )
    return response


def _rate_difference(tau_rise_s, tau_decay_s):
    """1/rise - 1/decay, 1/s, exact to the last digits also for nearly equal times."""
    return (tau_decay_s - tau_rise_s) / tau_rise_s / tau_decay_s


def kernel_timing(tau_rise_s, tau_decay_s):
    """Time to peak and full width at half maximum of exp(-t/decay) - exp(-t/rise), in s.

    Raises
    ------
    SpecError
        Unless 0 < tau_rise_s < tau_decay_s.
    """
    if not 0 < tau_rise_s < tau_decay_s < math.inf:
        raise SpecError(
            f"kernel_timing: tau_rise_s = {tau_rise_s:g}, tau_decay_s = {tau_decay_s:g}; "
            "expected 0 < tau_rise_s < tau_decay_s"
        )
    peak, width = _unit_timing(tau_rise_s / tau_decay_s)
    return peak * tau_decay_s, width * tau_decay_s


def tau_from_kernel_timing(time_to_peak_s, fwhm_s):
    """Rise and decay time (s) of the kernel with that timing, the inverse of `kernel_timing`.

    The ratio of peak time to width grows with rise/decay, which is kept in [1e-4, 1 - 1e-6].

    Raises
    ------
    SpecError
        Unless both times are positive.
    """
    if not (0 < time_to_peak_s < math.inf and 0 < fwhm_s < math.inf):
        raise SpecError(
            f"tau_from_kernel_timing: time_to_peak_s = {time_to_peak_s:g}, fwhm_s = {fwhm_s:g}; "
            "expected > 0"
        )
    from scipy.optimize import brentq

    target = time_to_peak_s / fwhm_s

    def excess(ratio):
        peak, width = _unit_timing(ratio)
        return peak / width - target

    low, high = RATIOS
    if excess(low) >= 0:
        ratio = low
    elif excess(high) <= 0:
        ratio = high
    else:
        ratio = brentq(excess, low, high, xtol=1e-15, rtol=1e-14)
    tau_decay = time_to_peak_s / _unit_timing(ratio)[0]
    return ratio * tau_decay, tau_decay


def _unit_timing(ratio):
    """Peak time and width in units of the decay time; ratio = rise/decay < 1."""
    from scipy.optimize import brentq

    def response(u):
        return math.exp(-u) * -math.expm1(-u * (1.0 - ratio) / ratio)

    peak = ratio * math.log(ratio) / (ratio - 1.0)
    half = response(peak) / 2.0

    def excess(u):
        return response(u) - half

    last = peak + 1.0
    while excess(last) > 0:
        last *= 2.0
    tight = {"xtol": 1e-15, "rtol": 1e-14}
    return peak, brentq(excess, peak, last, **tight) - brentq(excess, 0.0, peak, **tight)


def spike_activity_params(a):
    """Spiking of a region from silent (a = 0) over usual (0.5) to busy (1), linear between.

    Returns
    -------
    tuple of 4 float
        p_quiescent_to_active, p_active_to_quiescent, active_rate_hz, quiescent_rate_hz; `a`
        beyond [0, 1] counts as its end.
    """
    return tuple(float(np.interp(a, LEVELS, values)) for values in LEVEL_PARAMETERS)


def draw_activity(step, acquisition, n, rng):
    """Spikes and calcium of n cells.

    A two-state chain sets each cell's rate, spikes are drawn in fine bins of a frame, calcium is
    their causal convolution with `calcium_kernel`, averaged over the frame; 6 decay times are
    simulated before frame 0.

    Parameters
    ----------
    step : CellActivity
    acquisition : Acquisition
    n : int
    rng : numpy.random.Generator
        Draws the brightness of all cells, then the states of all frames, then the spikes (and
        trace noise) cell by cell.

    Returns
    -------
    Activity
    """
    fps = acquisition.fps
    bins = max(round(step.spike_sim_hz / fps), 1)
    rate = bins * fps
    response = _response(step.tau_rise_s, step.tau_decay_s, rate)
    pad = math.ceil(BURN_IN * step.tau_decay_s * fps)
    gain = _draw_gain(step.brightness_cv, n, rng)
    start, stop = step.p_quiescent_to_active, step.p_active_to_quiescent
    active = traces.gate(rng, acquisition.n_frames + pad, n, start, stop)
    rise, decay = (math.exp(-1.0 / (tau * rate)) for tau in (step.tau_rise_s, step.tau_decay_s))
    apart = _rate_difference(step.tau_rise_s, step.tau_decay_s) / rate
    excess = tuple(decay**k * -math.expm1(-k * apart) for k in (1, len(response)))
    calcium, noise, spikes = traces.spikes_and_calcium(
        *(rng, active, bins, pad),
        *(min(step.active_rate_hz / rate, 1.0), min(step.quiescent_rate_hz / rate, 1.0)),
        *(len(response), rise, decay, excess, 1.0 / response.max(), float(step.trace_noise)),
    )
    calcium += step.f0
    calcium *= gain[:, None]
    if step.trace_noise > 0:
        calcium += noise
    return Activity(calcium, spikes, gain)


def _draw_gain(cv, n, rng):
    if cv <= 0:
        return np.ones(n)
    s = math.sqrt(math.log1p(cv**2))
    return np.exp(rng.normal(-s * s / 2, s, n))
