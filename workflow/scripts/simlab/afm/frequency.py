"""From forces along the approach to frequency shifts: weights of the oscillation cycle.

The frequency shift of an oscillation that spans the anchors j ... j + n - 1 is the weighted sum
df[j] = sum_i Fz[j + i] W_i of the vertical forces, the first being the highest.
"""

import math

import numpy as np

from simlab.afm.errors import AfmConfigError
from simlab.afm.units import EVA2_NM


def get_simple_df_weight(n, dz=0.1):
    """Weights of n forces a step dz (Å) apart, the semicircle approximated at the midpoints.

    w[0..n-2] = f, w[1..n-1] -= f, f = sqrt(1 - t^2), normalized such that a force growing linearly
    with height gives its slope times -(n - 1)/(2 n) (Giessibl, Appl. Phys. Lett. 78, 123 (2001),
    discretized as in ppafm). n = 1 is n = 2.

    Returns (max(2, n),) float64, 1/Å.
    """
    n = max(2, int(n))
    t = np.linspace(-1 + 0.5 / n, 1 - 0.5 / n, n - 1)
    semicircle = np.sqrt(1 - t**2)
    w = np.zeros(n)
    w[:-1] = semicircle
    w[1:] -= semicircle
    return w / (n * dz * (np.linspace(-1, 1, n) * w).sum())


def get_df_weight(A, dz=0.1):
    """Exact weights of an oscillation of peak-to-peak amplitude A (Å) for piecewise linear forces.

    The integral of Giessibl's formula over each step dz is solved in closed form (as in ppafm).
    In a convolution they meet forces in the order of rising height, in the sum above forces in the
    order of falling height.

    Returns (ceil(A/dz) + 1,) float64, 1/Å.
    """
    n = math.ceil(A / dz - 1e-9)
    t = np.linspace(-1 + 2 * n * dz / A, -1, n + 1)
    f = np.zeros(n + 1)
    f2 = np.zeros(n + 1)
    inner = t[1:-1]
    f[1:-1] = np.sqrt(1 - inner**2)
    f2[1:-1] = (np.arccos(-inner) - inner * f[1:-1]) / 2
    f2[0] = math.pi / 2
    df, df2 = f[:-1] - f[1:], f2[:-1] - f2[1:]
    w = np.zeros(n + 1)
    w[1:] = t[:-1] * df + df2
    w[:-1] -= t[1:] * df + df2
    return w / (math.pi * dz)


def hertz_weights(dz, df_steps, f0, k, kind="simple", amplitude=None):
    """Weights that turn forces (eV/Å), highest first, into a frequency shift.

    Parameters
    ----------
    dz : float
        Distance between the forces, Å.
    df_steps : int
        Forces per oscillation.
    f0, k : float
        Resonance frequency (Hz) and stiffness (N/m) of the free cantilever.
    kind : "simple" or "exact"
    amplitude : float, optional
        Peak-to-peak amplitude of the exact weights, Å; dz df_steps without it.

    Returns
    -------
    (W,) float64
        Hz per eV/Å.
    """
    if kind == "simple":
        w = get_simple_df_weight(df_steps, dz)
    elif kind == "exact":
        w = get_df_weight(dz * df_steps if amplitude is None else amplitude, dz)
    else:
        raise AfmConfigError(f"afm: df_weights: {kind!r}; expected simple or exact")
    return w * (EVA2_NM * f0 / k)
