"""Recursions in time: spikes and calcium, fading, colored noise, oscillators, walks.

Kernels that take `rng` (a numpy Generator) draw from it exactly what numpy itself would.
"""

import math

import numpy as np
from numba import njit

jit = njit(cache=True, nogil=True, error_model="numpy")


@jit
def gate(rng, n_frames, n, start, stop):
    """Two-state Markov chain of every cell.

    Parameters
    ----------
    start, stop : float
        Probabilities per frame of becoming active and of becoming quiescent.

    Returns
    -------
    (n, n_frames) bool
        True where active. The first state is drawn from the stationary distribution and makes
        one transition before frame 0.
    """
    active = np.empty((n, n_frames), np.bool_)
    now = np.empty(n, np.bool_)
    for i in range(n):
        now[i] = rng.random() < start / (start + stop)
    for frame in range(n_frames):
        for i in range(n):
            u = rng.random()
            now[i] = u >= stop if now[i] else u < start
            active[i, frame] = now[i]
    return active


@jit
def spikes_and_calcium(
    rng, active, bins, pad, p_active, p_quiescent, kernel, rise, decay, excess, scale, noise
):
    """Spike counts and frame means of calcium, cell by cell.

    Calcium is the train of spikes convolved with scale * (decay^k - rise^k) for k < K. The
    difference of both exponentials and the faster one are first-order recursions from which a
    spike is taken out after K samples; while no spike acts they are exactly 0. The difference is
    never formed from its terms, which may be nearly equal.

    Parameters
    ----------
    active : (n, pad + T) bool
    bins : int
        Fine samples a frame.
    pad : int
        Frames at the start that are simulated but not kept.
    p_active, p_quiescent : float
        Probability of a spike per fine sample in the two states.
    kernel : int
        K, samples.
    rise, decay : float
        Factors of the exponentials per sample.
    excess : tuple of 2 float
        decay - rise and decay^K - rise^K.
    scale : float
    noise : float
        If > 0: standard deviation of normal numbers drawn after the spikes of each cell.

    Returns
    -------
    calcium, noises : (n, T), (n, T) or (0, T) float64
    spikes : (n, T) uint16
    """
    n, total = active.shape
    n_frames = total - pad
    calcium = np.empty((n, n_frames))
    noises = np.empty((n if noise > 0 else 0, n_frames))
    spikes = np.zeros((n, n_frames), np.uint16)
    rise_end = rise**kernel
    step, end = excess
    recent = np.zeros(kernel, np.uint8)
    for i in range(n):
        recent[:] = 0
        at = acting = 0
        response = fast = 0.0
        for frame in range(total):
            probability = p_active if active[i, frame] else p_quiescent
            summed = 0.0
            count = 0
            for _ in range(bins):
                response = decay * response + step * fast
                fast *= rise
                if recent[at]:
                    response -= end
                    fast -= rise_end
                    acting -= 1
                    if acting == 0:
                        response = fast = 0.0
                spike = rng.random() < probability
                if spike:
                    fast += 1.0
                    acting += 1
                    count += 1
                recent[at] = spike
                at += 1
                if at == kernel:
                    at = 0
                summed += response
            if frame >= pad:
                calcium[i, frame - pad] = scale * summed / bins
                spikes[i, frame - pad] = count
        if noise > 0:
            for frame in range(n_frames):
                noises[i, frame] = noise * rng.standard_normal()
    return calcium, noises, spikes


@jit
def bleach(emission, rate, recovery, start, resume, gap_left):
    """Unbleached fraction of every cell before each frame.

    dB/dt = (1 - B) recovery - rate * emission * B, solved exactly over a frame of constant
    emission.

    Parameters
    ----------
    emission : (n, T) float64
    rate : (n,) float64
        Bleaching per frame at emission 1.
    recovery : float
        1 / turnover time, per frame.
    start : float
        B before frame 0.
    resume : (s,) int64
        Frames, ascending, before which the cells rest in the dark.
    gap_left : (s,) float64
        Share of the bleached fraction that such a rest leaves.

    Returns
    -------
    (n, T) float64
    """
    pool = np.empty_like(emission)
    for i in range(len(emission)):
        b = start
        segment = 0
        for frame in range(emission.shape[1]):
            while segment < len(resume) and resume[segment] == frame:
                b = 1.0 - (1.0 - b) * gap_left[segment]
                segment += 1
            pool[i, frame] = b
            loss = recovery + rate[i] * emission[i, frame]
            if loss > 0:
                level = recovery / loss
                b = level + (b - level) * math.exp(-loss)
    return pool


@jit
def one_pole(values, keep, gain, before):
    """y[i] = keep * y[i - 1] + gain * values[i] with y[-1] = before: (n,) float64."""
    out = np.empty(len(values))
    last = before
    for i in range(len(values)):
        last = keep * last + gain * values[i]
        out[i] = last
    return out


@jit
def oscillate(drive, near, far, square):
    """x[i] = near * x[i - 1] - far * x[i - 2] + square * drive[i] from rest: (n,) float64."""
    out = np.empty(len(drive))
    last = before = 0.0
    for i in range(len(drive)):
        now = near * last - far * before + square * drive[i]
        before, last = last, now
        out[i] = now
    return out


@jit
def bounded_walk(steps, limit):
    """Positions (n + 1, 2) of a walk from (0, 0) by `steps` (n, 2), pulled back to a disk."""
    out = np.zeros((len(steps) + 1, 2))
    for i in range(len(steps)):
        y = out[i, 0] + steps[i, 0]
        x = out[i, 1] + steps[i, 1]
        norm = math.hypot(y, x)
        if norm > limit:
            y *= limit / norm
            x *= limit / norm
        out[i + 1, 0] = y
        out[i + 1, 1] = x
    return out


def warm():
    """Compile the entry points."""
    rng = np.random.default_rng(0)
    active = gate(rng, 2, 1, 0.5, 0.5)
    spikes_and_calcium(rng, active, 2, 1, 0.5, 0.1, 2, 0.1, 0.5, (0.4, 0.24), 1.0, 0.1)
    one = np.ones(1)
    bleach(np.ones((1, 2)), one, 1.0, 1.0, np.zeros(1, np.int64), one)
    one_pole(one, 0.5, 0.5, 0.0)
    oscillate(one, 1.0, 0.5, 1.0)
    bounded_walk(np.ones((1, 2)), 1.0)
