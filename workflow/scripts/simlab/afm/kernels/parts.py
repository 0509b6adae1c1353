"""What a force field is made of, as arrays: the terms that a device adds up in their order.

Places are in Å from the first point of the box of the field.
"""

from typing import NamedTuple

import numpy as np

D3 = 5
"""`damp` of the dispersion of D3."""


class AtomsPart(NamedTuple):
    """Lennard-Jones or Morse forces and Coulomb forces of atoms; see `kernels.grid`.

    Attributes
    ----------
    xyzs : (n, 3) float64
    parameters : (n, 3) float64
        C12, C6, 0, or R, eps, alpha.
    charges : (n,) float64
        Times the Coulomb constant.
    heights, tip_charges : (t,) float64
        Å, e.
    shifts : (t,) int64 or None
        `heights` in points along z where these are whole numbers, few and small.
    morse : bool
    """

    xyzs: np.ndarray
    parameters: np.ndarray
    charges: np.ndarray
    heights: np.ndarray
    tip_charges: np.ndarray
    shifts: np.ndarray | None
    morse: bool


class DispersionPart(NamedTuple):
    """Dispersion of atoms; see `kernels.vdw`.

    Attributes
    ----------
    xyzs : (n, 3) float64
    coefficients : (n, 4) or (n, 2) float32
    damp : int
        -1 to 4, or D3.
    """

    xyzs: np.ndarray
    coefficients: np.ndarray
    damp: int


class GradientPart(NamedTuple):
    """-grad E and E of an energy (nx, ny, nz) float32 on the box; see `fields.add_gradient`."""

    energy: np.ndarray
    scale: np.ndarray


class ShiftedPart(NamedTuple):
    """Tip charges in the field of a potential; see `fields.add_shifted`, `fields.gather_field`.

    Attributes
    ----------
    charges, cells, offsets : (q,) float32, int64, float32
    gradient : GradientPart or None
        The field where the grid of the potential is the box.
    potential : (nx, ny, nz) float32
        Elsewhere: the potential and how it lies in the box.
    frame : (origin (3,), steps (3, 3)) float64
    shifts : (3, 3) float64
    scale : float32
    turn : (3, 3) float32
    """

    charges: np.ndarray
    cells: np.ndarray
    offsets: np.ndarray
    gradient: GradientPart | None
    potential: np.ndarray | None
    frame: tuple | None
    shifts: np.ndarray | None
    scale: np.float32 | None
    turn: np.ndarray | None


class HostPart(NamedTuple):
    """A field that only the host can compute: `fill(start, shape)` gives its points."""

    fill: object
