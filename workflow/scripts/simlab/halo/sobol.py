"""Parameters of synthetic simulations, spread evenly over the ranges of the info table."""

import warnings

import numpy as np

from simlab.core.random import generator

FIRST_SEED = 25000
"""Seed of simulation 0 in the CAMELS tables, and in those that have none."""
BARYON_MARGIN = (1.5, 0.02)
"""Omega0 >= 1.5 OmegaBaryon + 0.02: below, the transfer function and the gas make no sense."""


def least_omega_m(omega_b):
    """Smallest Omega0 that simulations are made for."""
    factor, offset = BARYON_MARGIN
    return factor * omega_b + offset


def sobol_parameters(seed, sims, info):
    """Scrambled Sobol points, one a simulation, between the bounds of the info table.

    Point number `sim` of the sequence belongs to simulation `sim`, whichever others are asked
    for. Columns with a log flag are uniform in the logarithm; Omega0 is raised to
    `least_omega_m` where it is below.

    Parameters
    ----------
    seed : int
        Seed of the data set.
    sims : iterable of int
    info : ParameterInfo

    Returns
    -------
    names : tuple of str
    values : (len(sims), P) float64
        Physical units.
    """
    from scipy.stats import qmc

    sims = np.array(list(sims), dtype=np.int64)
    names = tuple(info.names)
    if not sims.size:
        return names, np.empty((0, len(names)))
    engine = qmc.Sobol(len(names), scramble=True, rng=generator(seed, "halo.parameters", 0))
    first = int(sims.min())
    if first:  # an engine at its start cannot be moved by nothing
        engine.fast_forward(first)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The balance properties of Sobol' points", UserWarning)
        points = engine.random(int(sims.max()) - first + 1)[sims - first]
    low = np.where(info.log, np.log(np.where(info.log, info.minimum, 1)), info.minimum)
    high = np.where(info.log, np.log(np.where(info.log, info.maximum, 1)), info.maximum)
    values = low + points * (high - low)
    values[:, info.log] = np.exp(values[:, info.log])
    omega_m, omega_b = names.index("Omega0"), names.index("OmegaBaryon")
    values[:, omega_m] = np.maximum(values[:, omega_m], least_omega_m(values[:, omega_b]))
    return names, values
