"""Background of unresolved processes: smooth fields that wax and wane."""

import math

import numpy as np

from simlab.calcium.filters import gaussian_filter
from simlab.calcium.kernels.traces import one_pole

FLAT = 1e-12
ENVELOPE_SPREAD = 0.4


def smooth_spatial_field(shape, sigma_px, rng):
    """White noise blurred by a Gaussian of `sigma_px`, scaled to [0, 1]: (H, W) float64.

    Ones where the blurred noise is flat.
    """
    field = gaussian_filter(rng.standard_normal(shape), sigma_px, "nearest")
    field -= field.min()
    largest = field.max()
    return np.ones(shape) if largest <= FLAT else field / largest


def ou_process(n, tau_frames, rng):
    """Ornstein-Uhlenbeck process of variance 1 and correlation time `tau_frames`: (n,) float64."""
    noise = rng.standard_normal(n)
    keep = math.exp(-1.0 / tau_frames)
    noise[1:] *= math.sqrt(1.0 - keep * keep)
    return one_pole(noise, keep, 1.0, 0.0)


def neuropil_envelope(n, tau_frames, rng):
    """exp(0.4 x - 0.08) of an Ornstein-Uhlenbeck process x, so that the mean is 1: (n,) float64."""
    x = ou_process(n, tau_frames, rng)
    return np.exp(ENVELOPE_SPREAD * x - ENVELOPE_SPREAD**2 / 2)


def population_envelope(traces, tau_frames):
    """Summed activity of all cells behind a one-pole low pass, divided by its mean.

    Parameters
    ----------
    traces : (n, T) array
    tau_frames : float

    Returns
    -------
    (T,) float64, or None without cells or where the mean is <= 1e-12
    """
    if len(traces) == 0:
        return None
    summed = np.sum(traces, axis=0, dtype=np.float64)
    keep = math.exp(-1.0 / tau_frames)
    smooth = one_pole(summed, keep, 1.0 - keep, summed[0])
    mean = smooth.mean()
    return smooth / mean if mean > FLAT else None


def draw_neuropil(step, acquisition, canvas_shape, emission, pool, rng):
    """Fields and envelopes of the background.

    Parameters
    ----------
    step : Neuropil
    acquisition : Acquisition
    canvas_shape : tuple of 2 int
    emission : (N, T) float64 or None
        Unbleached traces of all cells, which drive a share of every envelope.
    pool : (N, T) float64 or None
        Unbleached fractions; their mean over cells dims the envelopes.
    rng : numpy.random.Generator
        Draws all fields, then all envelopes.

    Returns
    -------
    spatial : (K, Hc, Wc) float64
        Equal means.
    temporal : (K, T) float64
    population : (T,) float64 or None
    """
    count, fps = step.n_components, acquisition.fps
    sigma_px = acquisition.um_to_px(step.spatial_sigma_um)
    spatial = np.empty((count, *canvas_shape))
    for k in range(count):
        spatial[k] = smooth_spatial_field(canvas_shape, sigma_px, rng)
    if count > 1:
        means = spatial.mean(axis=(1, 2))
        spatial *= (means.mean() / means)[:, None, None]
    temporal = np.array(
        [
            neuropil_envelope(acquisition.n_frames, step.temporal_tau_s * fps, rng)
            for _ in range(count)
        ]
    )
    population = None
    if emission is not None:
        population = population_envelope(emission, step.population_tau_s * fps)
    coupling = 0.0 if population is None else step.population_coupling
    temporal *= 1.0 - coupling
    if coupling:
        temporal += coupling * population
    if pool is not None and len(pool):
        temporal *= pool.mean(axis=0)
    return spatial, temporal, population
