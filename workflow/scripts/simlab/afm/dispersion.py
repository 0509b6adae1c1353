"""Grimme's D3 dispersion between the probe particle and the atoms of a sample.

Reference: S. Grimme, J. Antony, S. Ehrlich, H. Krieg, J. Chem. Phys. 132, 154104 (2010); damping of
Becke and Johnson: S. Grimme, S. Ehrlich, L. Goerigk, J. Comput. Chem. 32, 1456 (2011).
"""

import difflib
import functools
import itertools
import json
import math
from dataclasses import dataclass
from importlib.resources import as_file, files

import numpy as np

from simlab.afm.errors import AfmConfigError, AfmInputError
from simlab.afm.species import atomic_number, symbol_of
from simlab.afm.units import BOHR
from simlab.core.files import read_npz

PARAMETERS = ("s6", "s8", "a1", "a2")
STEEPNESS = 16.0
RADIUS_SCALE = 4.0 / 3.0
WEIGHT_WIDTH = 4.0


@dataclass(frozen=True)
class D3Tables:
    """Tables of D3; row Z - 1 is element Z.

    Attributes
    ----------
    covalent : (94,) float64
        Covalent radii, metals reduced by 10 %, Å.
    r4r2 : (94,) float64
        Expectation values sqrt(0.5 sqrt(Z) <r^4>/<r^2>), Å.
    reference_cn : (94, 5) float64
        Coordination numbers of the reference systems; negative where there is none.
    c6_upper : (4465, 5, 5) float32
        C6 of pairs i <= j of elements and their reference systems, eV Å^6.
    """

    covalent: np.ndarray
    r4r2: np.ndarray
    reference_cn: np.ndarray
    c6_upper: np.ndarray

    def c6(self, first, second):
        """(5, 5) float64 reference coefficients of two elements, given as Z - 1."""
        i, j = sorted((first, second))
        n = len(self.covalent)
        block = self.c6_upper[i * n - i * (i - 1) // 2 + j - i].astype(np.float64)
        return block if first <= second else block.T


@functools.cache
def d3_tables():
    """The shipped D3Tables, `data/d3_tables.npz`."""
    with as_file(files(__package__).joinpath("data/d3_tables.npz")) as path:
        arrays = read_npz(path, ("r_cov_A", "r4r2", "ref_cn", "ref_c6_upper"))
    for array in arrays.values():
        array.flags.writeable = False
    return D3Tables(*arrays.values())


@functools.cache
def functionals():
    """{name: {s6, s8, a1, a2}} of the density functionals, `data/d3_bj_params.json`."""
    text = files(__package__).joinpath("data/d3_bj_params.json").read_text(encoding="utf-8")
    return json.loads(text)


def d3_parameters(params):
    """Damping parameters of a functional.

    Parameters
    ----------
    params : str or dict
        Name of a functional, or {"s6", "s8", "a1", "a2"} with a2 in Bohr.

    Returns
    -------
    (s6, s8, a1, a2) : floats, a2 in Bohr

    Raises
    ------
    AfmConfigError
        For an unknown functional, naming the nearest one, and for a dict with other keys.
    """
    if isinstance(params, str):
        known = functionals()
        if params not in known:
            raise AfmConfigError(_unknown_functional(params, known))
        params = known[params]
    if not hasattr(params, "keys"):
        raise AfmConfigError(
            f"afm: d3_params: {params!r}; expected the name of a functional or a mapping of "
            f"{', '.join(PARAMETERS)}"
        )
    if set(params) != set(PARAMETERS):
        raise AfmConfigError(
            f"afm: d3_params: keys {', '.join(map(str, params))}; expected {', '.join(PARAMETERS)}"
        )
    for name in PARAMETERS:
        if not _is_finite_number(params[name]):
            raise AfmConfigError(f"afm: d3_params: {name} {params[name]!r}; expected a number")
    return tuple(float(params[name]) for name in PARAMETERS)


def _unknown_functional(name, known):
    folded = {key.lower(): key for key in known}
    near = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.0)
    return (
        f"afm: d3_params: unknown functional {name!r}, did you mean {folded[near[0]]}? "
        f"expected one of {', '.join(sorted(known))}"
    )


def _is_finite_number(value):
    return isinstance(value, int | float | np.number) and math.isfinite(value)


def coordination_numbers(xyzs, Zs, lattice=None, npbc=(0, 0, 0)):
    """Fractional coordination numbers CN_i of atoms.

    CN_i = sum_j 1/(1 + exp(-16 (4/3 (rc_i + rc_j)/d_ij - 1))) over all other atoms and their
    periodic images.

    Parameters
    ----------
    xyzs : (n, 3) float64, Å
    Zs : (n,) int
    lattice : (3, 3) float64, optional
        Rows are cell vectors, Å.
    npbc : three ints
        Images on each side along the cell vectors; none without a lattice.

    Returns
    -------
    (n,) float64
    """
    radii = d3_tables().covalent[np.asarray(Zs) - 1]
    reach = RADIUS_SCALE * (radii[:, None] + radii)
    counts = np.zeros(len(xyzs))
    images = npbc if lattice is not None else (0, 0, 0)
    for cell in itertools.product(*(range(-n, n + 1) for n in images)):
        shift = np.zeros(3) if lattice is None else np.asarray(cell, np.float64) @ lattice
        separation = xyzs[:, None] - (xyzs + shift)
        distance = np.sqrt(np.einsum("ijk,ijk->ij", separation, separation))
        with np.errstate(divide="ignore", over="ignore"):
            pairs = 1 / (1 + np.exp(-STEEPNESS * (reach / distance - 1)))
        if not any(cell):
            np.fill_diagonal(pairs, 0.0)
        counts += pairs.sum(axis=1)
    return counts


def _weighted_c6(element, count, probe):
    """C6 of an atom with coordination number `count` and the probe particle, eV Å^6."""
    tables = d3_tables()
    own = tables.reference_cn[element]
    others = tables.reference_cn[probe]
    own, others = own[own >= 0], others[others >= 0]
    block = tables.c6(element, probe)[: len(own), : len(others)]
    weights = np.exp(-WEIGHT_WIDTH * (own - count) ** 2)
    if not weights.any():
        weights[-1] = 1.0
    table = weights[:, None] * np.exp(-WEIGHT_WIDTH * others**2)
    return float((table * block).sum() / table.sum())


def d3_coefficients(xyzs, Zs, iZPP, params="PBE", sample_lvec=None, npbc=(0, 0, 0)):
    """Dispersion coefficients of each atom with the probe particle.

    The probe particle has no neighbors; C6 is interpolated between the reference systems by
    coordination number, C8 = 3 C6 r4r2_i r4r2_pp, R0 = a1 sqrt(C8/C6) + a2.

    Parameters
    ----------
    xyzs : (n, 3) float64
        Å.
    Zs : (n,) int
        1 to 94.
    iZPP : int or str
        Element of the probe particle.
    params : str or dict
        As of `d3_parameters`.
    sample_lvec : (3, 3) float64, optional
        Cell vectors of the sample, rows, Å: images of `npbc` take part in coordination numbers.
    npbc : three ints

    Returns
    -------
    (n, 4) float64
        s6 C6 (eV Å^6), s8 C8 (eV Å^8), R0^6 (Å^6), R0^8 (Å^8).

    Raises
    ------
    AfmConfigError
        For an unknown functional and for arrays of different lengths.
    AfmInputError
        For elements beyond Z = 94.
    """
    s6, s8, a1, a2 = d3_parameters(params)
    xyzs = np.array(xyzs, np.float64).reshape(-1, 3)
    numbers = np.array(Zs, np.int64).reshape(-1)
    if len(xyzs) != len(numbers):
        raise AfmConfigError(
            f"afm: Zs: {len(numbers)} elements; expected one for {len(xyzs)} atoms"
        )
    lattice = None if sample_lvec is None else np.array(sample_lvec, np.float64).reshape(3, 3)
    tables = d3_tables()
    probe = atomic_number(iZPP)
    for number in {*numbers.tolist(), probe}:
        if not 1 <= number <= len(tables.covalent):
            name = symbol_of(number) if 1 <= number <= 118 else number
            raise AfmInputError(
                f"afm: element {name}: no D3 data; expected atomic numbers 1 to "
                f"{len(tables.covalent)}"
            )
    counts = coordination_numbers(xyzs, numbers, lattice, npbc)
    c6 = np.array(
        [
            _weighted_c6(z - 1, count, probe - 1)
            for z, count in zip(numbers.tolist(), counts, strict=True)
        ]
    )
    ratio = 3 * tables.r4r2[numbers - 1] * tables.r4r2[probe - 1]
    radius = a1 * np.sqrt(ratio) + a2 * BOHR
    return np.column_stack([s6 * c6, s8 * c6 * ratio, radius**6, radius**8])
