"""Potentials and electron densities of samples, densities of tips; models of both."""

import difflib
import functools
import math
from collections import OrderedDict

import numpy as np

from simlab.afm.boxes import GRID_SIZES
from simlab.afm.correlation import tip_spectrum
from simlab.afm.datagrid import MODEL_POTENTIAL, DataGrid
from simlab.afm.errors import AfmConfigError, AfmInputError
from simlab.afm.kernels import clouds, fields
from simlab.afm.kernels.threads import over_rows
from simlab.afm.species import atomic_number, element_table, symbol_of
from simlab.afm.units import KE

KEPT_SPECTRA = 2
"""Boxes for which a tip keeps its transform."""

HALF_CELL = 0.5 + 1e-9
"""Fraction of its cell from which on the density of a tip is 0, with room for rounding."""

MODEL_MARGIN = 4.0
MODEL_STEP = 0.2
MODEL_SIGMA_DENSITY = 0.55
MODEL_SIGMA_POTENTIAL = 0.6
"""Space around the atoms, steps, widths of the atoms' Gaussians of `model_grids`, Å."""

CO_CELL = (12.0, 12.0, 10.0)
CO_SHAPE = (48, 48, 40)
CO_DENSITY = ((0.0, 6.0, 0.5), (1.14, 4.0, 0.6))
CO_DELTA = ((-0.25, 0.4, 0.5), (0.1, -0.8, 0.55), (0.5, 0.4, 0.6))
"""Height (Å), electrons, width (Å) of the Gaussians of the model CO tip."""

MULTIPOLES = {
    "s": lambda x, y, z: 1.0,
    "px": lambda x, y, z: x,
    "py": lambda x, y, z: y,
    "pz": lambda x, y, z: z,
    "dz2": lambda x, y, z: 0.25 * (2 * z * z - x * x - y * y),
    "dx2": lambda x, y, z: 0.25 * (2 * x * x - y * y - z * z),
    "dy2": lambda x, y, z: 0.25 * (2 * y * y - x * x - z * z),
    "dxy": lambda x, y, z: x * y,
    "dxz": lambda x, y, z: x * z,
    "dyz": lambda x, y, z: y * z,
}
"""Angular parts of the tip's multipoles, in coordinates divided by the width."""


class HartreePotential(DataGrid):
    """Electrostatic potential of a sample, V (energy of a positive unit charge in eV)."""


class ElectronDensity(DataGrid):
    """Electron density of a sample, electrons/Å³ (positive)."""

    quantity = "density"


class BoxedTip:
    """A tip density on the grids of force fields, with its transforms kept."""

    def __init__(self):
        self._spectra = OrderedDict()

    def on_points(self, shape, steps):
        """Density on the points wrapped around the tip: (nx, ny, nz) float32.

        Parameters
        ----------
        shape : (3,) int
        steps : (3,) float64
            Grid steps of a rectangular box, Å.
        """
        raise NotImplementedError

    def spectrum(self, box):
        """`tip_spectrum` of the density on a rectangular box; kept for the last few boxes."""
        steps = np.diag(box.steps)
        key = (tuple(box.shape), *np.round(steps, 9).tolist())
        if key not in self._spectra:
            self._spectra[key] = tip_spectrum(self.on_points(tuple(box.shape), steps))
            while len(self._spectra) > KEPT_SPECTRA:
                self._spectra.popitem(last=False)
        self._spectra.move_to_end(key)
        return self._spectra[key]


class TipDensity(DataGrid, BoxedTip):
    """Density of a tip, 1/Å³; the tip sits at point (0, 0, 0), wrapped to all corners.

    With LJ+Hartree it is taken as a charge density (negate electron densities: `scale=-1` of
    `from_file`), with FDBM as an electron density.
    """

    quantity = "density"

    def __init__(self, array, lvec, source="tip density"):
        DataGrid.__init__(self, array, lvec, source)
        BoxedTip.__init__(self)

    def on_points(self, shape, steps):
        """See `BoxedTip.on_points`; 0 farther than half a tip cell from the tip."""
        index = [signed_indices(n) for n in shape]
        to_grid = np.diag(steps) @ np.linalg.inv(self.steps)
        out = np.empty(shape, np.float32)
        array = self._array
        over_rows(
            lambda a, b: fields.gather(a, b, array, np.zeros(3), to_grid, *index, out), shape[0]
        )
        to_cell = to_grid / np.array(self.shape)
        for axis in range(3):
            x, y, z = (i * to_cell[a, axis] for a, i in enumerate(index))
            for i in range(shape[0]):
                out[i][np.abs(x[i] + y[:, None] + z) > HALF_CELL] = 0
        return out

    def subCores(self, xyzs, Zs, Rcore=0.7, valElDict=None):
        """The density without the core peaks that stand in for valence electrons.

        From each atom n_val 105/(32 pi Rcore^3) (1 - r^2/Rcore^2)^2 inside Rcore is subtracted,
        periodically; its integral is n_val.

        Parameters
        ----------
        xyzs : (n, 3)
            Å.
        Zs : (n,) int or str
        Rcore : float
            Å.
        valElDict : dict, optional
            Valence electrons by element (symbol or Z) in place of the table's.

        Raises
        ------
        AfmInputError
            For an element whose number of valence electrons is not known.
        """
        if not (math.isfinite(Rcore) and Rcore > 0):
            raise AfmConfigError(f"afm: Rcore: {Rcore}; expected a length > 0, Å")
        electrons = valence_electrons(Zs, valElDict)
        xyzs = np.asarray(xyzs, np.float64).reshape(-1, 3)
        if len(xyzs) != len(electrons):
            raise AfmConfigError(f"afm: Zs: {len(electrons)} elements; expected {len(xyzs)}")
        inverse = np.linalg.inv(self.steps)
        reach = Rcore * np.linalg.norm(inverse, axis=0)
        out = self._array.astype(np.float64)
        for place, count in zip((xyzs - self._lvec[0]) @ inverse, electrons, strict=True):
            ranges = [
                np.arange(math.ceil(p - r), math.floor(p + r) + 1)
                for p, r in zip(place, reach, strict=True)
            ]
            steps = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1) - place
            u2 = ((steps @ self.steps) ** 2).sum(axis=-1) / Rcore**2
            peak = count * 105 / (32 * np.pi * Rcore**3) * np.maximum(1 - u2, 0) ** 2
            wrapped = np.ix_(*(r % n for r, n in zip(ranges, self.shape, strict=True)))
            np.subtract.at(out, wrapped, peak)
        return self._like(out)


class MultipoleTipDensity(BoxedTip):
    """Charge density of a tip as a sum of Gaussian multipoles, e/Å³.

    rho = sum_kind w_kind g Y_kind(r/sigma) with g = exp(-r^2/(2 sigma^2)), normalized to 1 on the
    grid; positive = positive charge.

    Parameters
    ----------
    weights : dict
        Weight of each multipole, e: s, px, py, pz, dz2, dx2, dy2, dxy, dxz, dyz.
    sigma : float
        Width, Å.

    Raises
    ------
    AfmConfigError
        For an unknown multipole, naming the nearest; for no multipole, or numbers that are none.
    """

    def __init__(self, weights, sigma=0.71):
        super().__init__()
        if not weights:
            raise AfmConfigError(
                f"afm: rho: no multipole; expected weights of {', '.join(MULTIPOLES)}"
            )
        for name, weight in weights.items():
            if name not in MULTIPOLES:
                near = difflib.get_close_matches(str(name), MULTIPOLES, n=1, cutoff=0.0)[0]
                raise AfmConfigError(
                    f"afm: rho: unknown multipole {name!r}, did you mean {near}? expected "
                    f"{', '.join(MULTIPOLES)}"
                )
            if not np.isfinite(weight):
                raise AfmConfigError(f"afm: rho: {name} {weight!r}; expected a finite number, e")
        if not (np.isfinite(sigma) and sigma > 0):
            raise AfmConfigError(f"afm: sigma: {sigma!r}; expected a width > 0, Å")
        self.weights = {str(name): float(weight) for name, weight in weights.items()}
        self.sigma = float(sigma)

    def on_points(self, shape, steps):
        """See `BoxedTip.on_points`."""
        axes = []
        for n, step in zip(shape, steps, strict=True):
            places = step * np.arange(n)
            axes.append(np.where(places >= n * step / 2, places - n * step, places) / self.sigma)
        x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
        profiles = [np.exp(-0.5 * axis**2) for axis in axes]
        norm = np.prod([profile.sum() for profile in profiles]) * np.prod(steps)
        gauss = profiles[0][:, None, None] * profiles[1][:, None] * profiles[2] / norm
        angular = sum(weight * MULTIPOLES[name](x, y, z) for name, weight in self.weights.items())
        return (gauss * angular).astype(np.float32)

    def spectrum(self, box):
        """See `BoxedTip.spectrum`; equal multipoles share their transforms."""
        steps = tuple(np.round(np.diag(box.steps), 12).tolist())
        weights = tuple(self.weights.items())
        return _multipole_spectrum(weights, self.sigma, tuple(box.shape), steps)


@functools.lru_cache(maxsize=KEPT_SPECTRA)
def _multipole_spectrum(weights, sigma, shape, steps):
    return tip_spectrum(MultipoleTipDensity(dict(weights), sigma).on_points(shape, steps))


def signed_indices(n):
    """Indices 0 ... n - 1 wrapped around 0: i > n // 2 becomes i - n; int64."""
    index = np.arange(n)
    return np.where(index > n // 2, index - n, index)


def valence_electrons(Zs, overrides=None):
    """Valence electrons of elements; float64 (n,).

    Parameters
    ----------
    Zs : (n,) int or str
    overrides : dict, optional
        Numbers by element (symbol or Z) in place of the table's.

    Raises
    ------
    AfmInputError
        For an element whose number is not known.
    """
    numbers = [atomic_number(Z) for Z in np.asarray(Zs).tolist()]
    known = {atomic_number(key): float(value) for key, value in (overrides or {}).items()}
    table = element_table().valence
    counts = np.array([known.get(Z, table[Z - 1]) for Z in numbers], np.float64)
    missing = sorted(
        {symbol_of(Z) for Z, count in zip(numbers, counts, strict=True) if np.isnan(count)}
    )
    if missing:
        raise AfmInputError(
            f"afm: element {', '.join(missing)}: no valence electrons in the table; expected them "
            "as valElDict"
        )
    return counts


def model_grids(xyzs, Zs, qs):
    """Potential and electron density of a molecule from Gaussian atoms, without periodic images.

    rho = sum_a n_val,a g(r_a, 0.55 Å), V = sum_a KE q_a erf(r_a/(sqrt(2) 0.6 Å))/r_a with the
    normalized Gaussian g, on steps of 0.2 Å over the atoms' extent and at least 4 Å around it.

    Parameters
    ----------
    xyzs : (n, 3)
        Å.
    Zs : (n,) int
    qs : (n,)
        e.

    Returns
    -------
    HartreePotential, ElectronDensity
        On the same points.

    Raises
    ------
    AfmInputError
        For an element without known number of valence electrons.
    AfmConfigError
        For arrays of different lengths and molecules of more than 400 Å.
    """
    xyzs = np.array(xyzs, np.float64).reshape(-1, 3)
    qs = np.array(qs, np.float64).reshape(-1)
    electrons = valence_electrons(Zs)
    if not len(xyzs) == len(qs) == len(electrons) > 0:
        raise AfmConfigError(
            f"afm: model grids: {len(xyzs)} positions, {len(electrons)} elements, {len(qs)} "
            "charges; expected equal numbers, at least one"
        )
    low, high = xyzs.min(axis=0) - MODEL_MARGIN, xyzs.max(axis=0) + MODEL_MARGIN
    shape = tuple(_grid_size(length) for length in high - low)
    extent = MODEL_STEP * np.array(shape)
    origin = (low + high - extent) / 2
    lvec = np.vstack([origin, np.diag(extent)])
    axes = [start + MODEL_STEP * np.arange(n) for start, n in zip(origin, shape, strict=True)]
    density = np.zeros(shape)
    for xyz, count in zip(xyzs, electrons, strict=True):
        density += count * _gaussian(
            [a - c for a, c in zip(axes, xyz, strict=True)], MODEL_SIGMA_DENSITY
        )
    potential = _gaussian_potential(axes, xyzs, qs)
    return HartreePotential(potential, lvec, MODEL_POTENTIAL), ElectronDensity(
        density, lvec, "model density"
    )


def gaussian_potential(box, xyzs, qs, sigma=MODEL_SIGMA_POTENTIAL):
    """Potential of Gaussian charges on the points of a box, not repeated.

    V = sum_a KE q_a erf(r_a/(sqrt(2) sigma))/r_a, that of `model_grids`.

    Parameters
    ----------
    box : Box
        Rectangular.
    xyzs : (n, 3)
        Å.
    qs : (n,)
        e.
    sigma : float
        Å.

    Returns
    -------
    HartreePotential
    """
    charged = np.asarray(qs) != 0
    atoms = np.ascontiguousarray(np.asarray(xyzs, np.float64)[charged])
    charges = KE * np.asarray(qs, np.float64)[charged]
    steps = np.diag(box.steps)
    axes = [o + d * np.arange(n) for o, d, n in zip(box.origin, steps, box.shape, strict=True)]
    out = np.empty(box.shape, np.float32)
    over_rows(
        lambda a, b: clouds.gaussian_potential(a, b, *axes, atoms, charges, sigma, out), len(out)
    )
    return HartreePotential(out, box.lvec, "potential of the charges")


def _grid_size(length):
    needed = math.ceil(length / MODEL_STEP - 1e-9)
    size = next((n for n in GRID_SIZES if n >= needed), None)
    if size is None:
        raise AfmConfigError(
            f"afm: model grids: {needed} points along an axis; expected at most {GRID_SIZES[-1]}: "
            "the molecule is too large"
        )
    return size


def _gaussian(offsets, sigma):
    """Normalized Gaussian (nx, ny, nz) of three axes of offsets from its center, 1/Å³."""
    x, y, z = (np.exp(-(offset**2) / (2 * sigma**2)) for offset in offsets)
    return (2 * np.pi * sigma**2) ** -1.5 * x[:, None, None] * y[:, None] * z


def _gaussian_potential(axes, xyzs, qs):
    from scipy.special import erf

    out = np.zeros([len(axis) for axis in axes], np.float32)
    x, y, z = axes
    for i, plane in enumerate(out):  # plane by plane: the sums stay in the cache
        total = np.zeros(plane.shape)
        for xyz, q in zip(xyzs, qs, strict=True):
            if q == 0:
                continue
            r2 = (x[i] - xyz[0]) ** 2 + (y[:, None] - xyz[1]) ** 2 + (z - xyz[2]) ** 2
            # erf(r/s)/r is constant to 1e-9 below this distance
            r = np.sqrt(np.maximum(r2, 1e-8 * MODEL_SIGMA_POTENTIAL**2))
            total += KE * q * erf(r / (math.sqrt(2) * MODEL_SIGMA_POTENTIAL)) / r
        plane[:] = total
    return out


def model_co_tip():
    """Electron density and density difference of a CO tip made of Gaussians.

    Returns
    -------
    rho, rho_delta : TipDensity
        12 x 12 x 10 Å, 48 x 48 x 40 points; electrons/Å³.
    """
    return tuple(_minimum_image_tip(peaks) for peaks in (CO_DENSITY, CO_DELTA))


def _minimum_image_tip(peaks):
    density = np.zeros(CO_SHAPE)
    for height, electrons, sigma in peaks:
        offsets = []
        for n, length, center in zip(CO_SHAPE, CO_CELL, (0.0, 0.0, height), strict=True):
            offset = np.arange(n) * (length / n) - center
            offsets.append(offset - length * np.round(offset / length))
        density += electrons * _gaussian(offsets, sigma)
    return TipDensity(density, np.vstack([np.zeros(3), np.diag(CO_CELL)]), "model CO tip")
