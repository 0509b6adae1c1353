"""What a trainer keeps of one sample: each tip's pass over it, and the result."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Sample(NamedTuple):
    """One molecule as seen by all tips.

    Attributes
    ----------
    X : (n_tip, nx, ny, nz') float32
        Frequency shift, Hz; the first slice is the highest.
    Y : list of float32 (nx, ny) or (nx, ny, c)
        Descriptors.
    mol : (n, 5) float64
        x, y, z (Å), charge (e), atomic number, as placed for the last tip.
    scan_windows : (n_tip, 2, 3) float64
        Å.
    distAbove : (n_tip,) float64
        Å.
    tipR0 : (n_tip, 3) float64
        Å.
    df_steps : (n_tip,) int
    n_fallback, n_unconverged : int
        Points, over all tips.
    left_box : bool
        Whether a probe particle left the force-field box, with any tip.
    height_missed : bool
        Whether a map of the surface found none.
    """

    X: np.ndarray
    Y: list
    mol: np.ndarray
    scan_windows: np.ndarray
    distAbove: np.ndarray
    tipR0: np.ndarray
    df_steps: np.ndarray
    n_fallback: int
    n_unconverged: int
    left_box: bool
    height_missed: bool


@dataclass
class Pass:
    """One tip over one sample, before and after its scan."""

    window: np.ndarray
    distance: float
    tipR0: np.ndarray
    df_steps: int
    job: object = None
    result: object = None
    images: np.ndarray | None = None
