"""Arguments of the simulator: what can be used, with messages that say so."""

import math
from dataclasses import dataclass

import numpy as np

from simlab.afm.errors import AfmConfigError

MAX_ANCHORS = 2048
MAX_IMAGES = 5
MEMORY_LIMIT_MB = 8192
"""Largest image stack with its forces, MiB."""


def finite(key, value, unit):
    """`value` as a finite float."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise AfmConfigError(f"afm: {key}: {value!r}; expected a finite number {unit}".rstrip())
    return number


def numbers(key, values, expected):
    """Copy of `values` as float64 of any shape; AfmConfigError where they are no numbers."""
    try:
        array = np.array(values)
    except (TypeError, ValueError):
        array = np.array(None)
    if array.dtype.kind not in "iuf":
        raise AfmConfigError(f"afm: {key}: {values!r}; expected {expected}")
    return array.astype(np.float64)


def whole_numbers(key, values, expected):
    """`values` as a tuple of three ints; AfmConfigError where they are not that."""
    array = numbers(key, values, expected)
    if array.shape != (3,) or not np.isfinite(array).all() or (array != np.floor(array)).any():
        raise AfmConfigError(f"afm: {key}: {values!r}; expected {expected}")
    return tuple(int(value) for value in array)


def positive(key, value, unit):
    """`value` as a finite float above 0."""
    number = finite(key, value, unit)
    if number <= 0:
        raise AfmConfigError(f"afm: {key}: {value!r}; expected a number > 0 {unit}".rstrip())
    return number


def one_of(key, value, allowed):
    """`value` if it is among `allowed`."""
    if isinstance(value, bool) or not np.isscalar(value) or value not in allowed:
        raise AfmConfigError(
            f"afm: {key}: {value!r}; expected one of {', '.join(map(str, allowed))}"
        )
    return value


def four(key, values):
    """Copy of four finite numbers, (4,) float64."""
    array = numbers(key, values, "4 finite numbers, unused ones 0")
    if array.shape != (4,) or not np.isfinite(array).all():
        raise AfmConfigError(
            f"afm: {key}: {np.size(array)} values {array.tolist()}; expected 4 finite numbers, "
            "unused ones 0"
        )
    return array


def stiffness(values):
    """Copy of (kx, ky, kz, kr), N/m, (4,) float64."""
    array = four("tipStiffness", values)
    if array[:3].min() < 0 or array[3] <= 0:
        raise AfmConfigError(
            f"afm: tipStiffness: {array.tolist()}; expected kx, ky, kz >= 0 and kr > 0, N/m"
        )
    return array


def images(values):
    """Numbers of periodic images, tuple of 3 ints."""
    expected = f"three integers 0 to {MAX_IMAGES}"
    copies = whole_numbers("npbc", values, expected)
    if min(copies) < 0:
        raise AfmConfigError(f"afm: npbc: {values}; expected {expected}")
    if max(copies) > MAX_IMAGES:
        raise AfmConfigError(f"afm: npbc: {values}; expected at most {MAX_IMAGES}")
    return copies


@dataclass(frozen=True, eq=False)
class ScanGeometry:
    """Where the tip goes and how it oscillates.

    Attributes
    ----------
    window : (2, 3) float64
        Å.
    dim : tuple of 3 int
    df_steps : int
        Anchors per oscillation.
    amplitude : float or None
        Peak to peak, Å, where it was given.
    """

    window: np.ndarray
    dim: tuple
    df_steps: int
    amplitude: float | None

    @property
    def dz(self):
        """Distance of the heights, Å."""
        return float(self.window[1, 2] - self.window[0, 2]) / self.dim[2]


def checked_scan(scan_window, scan_dim, df_steps, amplitude, kind):
    """ScanGeometry of the arguments; `df_steps` None: from `amplitude`."""
    window = numbers("scan_window", scan_window, "two corners of three numbers, Å")
    if window.shape != (2, 3) or not np.isfinite(window).all():
        raise AfmConfigError(
            f"afm: scan_window: {window.tolist()}; expected two corners of three numbers, Å"
        )
    for axis, low, high in zip("xyz", *window.tolist(), strict=True):
        if not low < high:
            raise AfmConfigError(
                f"afm: scan_window: {axis} runs from {low:g} to {high:g}; expected it to grow, Å"
            )
    expected = f"three integers 1 to {MAX_ANCHORS}"
    dim = whole_numbers("scan_dim", scan_dim, expected)
    if min(dim) < 1 or max(dim) > MAX_ANCHORS:
        raise AfmConfigError(f"afm: scan_dim: {dim}; expected {expected}")
    if dim[2] < 2:
        raise AfmConfigError(f"afm: scan_dim: {dim[2]} heights; expected at least 2")
    megabytes = math.prod(dim) * 20 / 2**20
    if megabytes > MEMORY_LIMIT_MB:
        raise AfmConfigError(
            f"afm: scan_dim: {dim} needs about {megabytes:.0f} MiB; expected at most "
            f"{MEMORY_LIMIT_MB} MiB"
        )
    dz = float(window[1, 2] - window[0, 2]) / dim[2]
    if amplitude is not None:
        amplitude = positive("amplitude", amplitude, "Å")
        df_steps = round(amplitude / dz) if df_steps is None else df_steps
    given = "df_steps" if amplitude is None else f"amplitude {amplitude:g} Å, df_steps"
    try:
        usable = int(df_steps) == df_steps and 1 <= df_steps <= dim[2]
    except (TypeError, ValueError, OverflowError):
        usable = False
    if not usable:
        raise AfmConfigError(
            f"afm: {given}: {df_steps}; expected an integer 1 to {dim[2]}, the heights of scan_dim"
        )
    if kind == "exact" and math.ceil((amplitude or dz * df_steps) / dz - 1e-9) + 1 > dim[2]:
        raise AfmConfigError(
            f"afm: {given}: {df_steps}; expected less than {dim[2]} with exact weights"
        )
    return ScanGeometry(window, dim, int(df_steps), amplitude)


def checked_axes(tip_axes):
    """Copy of the axes of a tip, (3, 3) float64; None means x, y, z."""
    expected = "orthonormal rows (3, 3)"
    axes = np.eye(3) if tip_axes is None else numbers("tip_axes", tip_axes, expected)
    if axes.shape != (3, 3) or not np.abs(axes @ axes.T - np.eye(3)).max() < 1e-6:
        raise AfmConfigError(f"afm: tip_axes: {axes.tolist()}; expected {expected}")
    return axes


def checked_lattice(sample_lvec):
    """Copy of the cell vectors of a sample, (3, 3) float64, or None."""
    if sample_lvec is None:
        return None
    lattice = numbers("sample_lvec", sample_lvec, "three independent rows of 3, Å")
    usable = lattice.shape == (3, 3) and np.isfinite(lattice).all()
    if not usable or abs(np.linalg.det(lattice)) < 1e-9:
        raise AfmConfigError(
            f"afm: sample_lvec: {lattice.tolist()}; expected three independent rows of 3, Å"
        )
    return lattice
