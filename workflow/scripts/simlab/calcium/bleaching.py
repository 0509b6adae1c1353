"""Fading of the indicator: bleaching by exposure, recovery by turnover."""

import numpy as np

from simlab.calcium.errors import SpecError
from simlab.calcium.kernels import traces

NO_REST = np.zeros(0, np.int64), np.zeros(0)


def bleaching_pool(emission, q, tau_frames, intensity, b0=1.0):
    """Unbleached fraction before each frame of one cell or of several.

    dB/dt = (1 - B)/tau - q intensity emission B, solved exactly over each frame.

    Parameters
    ----------
    emission : (T,) or (n, T) array
        Clean fluorescence of each frame.
    q : float
        Bleached fraction per frame at emission and intensity 1.
    tau_frames : float > 0
        Turnover time, frames.
    intensity : float or (n,) array
        Excitation at each cell.
    b0 : float
        Fraction before frame 0.

    Returns
    -------
    float64 array shaped like `emission`

    Raises
    ------
    SpecError
        If tau_frames <= 0.
    """
    if not tau_frames > 0:
        raise SpecError(f"bleaching_pool: tau_frames = {tau_frames:g}; expected > 0")
    emission = np.asarray(emission, np.float64)
    rows = np.ascontiguousarray(np.atleast_2d(emission))
    return fade(rows, q, tau_frames, intensity, b0).reshape(emission.shape)


def fade(emission, q, tau_frames, intensity, b0=1.0, rests=NO_REST):
    """`bleaching_pool` of (n, T) `emission` with rests in the dark.

    rests = (frames, left): before frame frames[k] (ascending, int64) the bleached fraction
    shrinks to left[k] of itself; see `rests_of`.
    """
    rate = np.broadcast_to(q * np.asarray(intensity, np.float64), len(emission)).copy()
    return traces.bleach(emission, rate, 1.0 / tau_frames, float(b0), *rests)


def rests_of(segments, turnover_tau_s):
    """Frames before which the light was off, and the share of bleaching that each rest left.

    Follows `dark_recovery` over each segment's gap_s.
    """
    frames = np.array([segment.start_frame for segment in segments], np.int64)
    gaps = np.array([segment.gap_s for segment in segments], np.float64)
    return frames, 1.0 - dark_recovery(0.0, gaps, turnover_tau_s)


def bleaching_floor(q, intensity, emission, tau_frames):
    """Fraction that stays unbleached under constant light: k / (k + q I e) with k = 1/tau.

    1 where the denominator is 0, and without a turnover time (tau_frames = 0). Scalars or arrays
    that fit each other.

    Raises
    ------
    SpecError
        If an argument is negative.
    """
    values = {"q": q, "intensity": intensity, "emission": emission, "tau_frames": tau_frames}
    for name, value in values.items():
        if not np.all(np.asarray(value) >= 0):
            raise SpecError(f"bleaching_floor: {name} = {value}; expected >= 0")
    tau, light = np.broadcast_arrays(
        np.asarray(tau_frames, np.float64), np.multiply(np.multiply(q, intensity), emission)
    )
    recovery = np.divide(1.0, tau, out=np.zeros(tau.shape), where=tau > 0)
    loss = recovery + light
    level = np.divide(recovery, loss, out=np.ones(tau.shape), where=(loss > 0) & (tau > 0))
    return level[()]


def dark_recovery(b0, t, tau):
    """Unbleached fraction after time t in the dark: 1 - (1 - b0) exp(-t/tau).

    Parameters
    ----------
    b0, t : float or array
    tau : float > 0
        In the unit of t.

    Raises
    ------
    SpecError
        If tau <= 0.
    """
    if tau <= 0:
        raise SpecError(f"dark_recovery: tau = {tau:g}; expected > 0")
    return 1.0 - (1.0 - np.asarray(b0)) * np.exp(-np.asarray(t) / tau)


def bleach_cells(step, acquisition, emission, field, segments=()):
    """Unbleached fraction of every cell before each frame.

    Parameters
    ----------
    step : Bleaching
    acquisition : Acquisition
    emission : (n, T) float64
        Fluorescence without bleaching.
    field : (n,) array or float
        Illumination at the cells, 1 without an illumination profile.
    segments : sequence
        Sessions with a pause before each (`ext.segments`).

    Returns
    -------
    (n, T) float64
    """
    return fade(
        emission,
        step.bleach_susceptibility / acquisition.fps,
        step.turnover_tau_s * acquisition.fps,
        step.excitation_intensity * np.asarray(field, np.float64),
        rests=rests_of(segments, step.turnover_tau_s),
    )
