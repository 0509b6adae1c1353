"""Settings of the simulator that are plain values; each is checked whenever it is assigned."""

import logging

import numpy as np

from simlab.afm.dispersion import d3_parameters
from simlab.afm.errors import AfmConfigError
from simlab.afm.grid_fields import DAMPINGS
from simlab.afm.sample_fields import FF_MODELS
from simlab.afm.simulator_checks import finite, numbers, one_of, positive
from simlab.afm.species import element_table

logger = logging.getLogger("simlab.afm")

VDW_TYPES = ("D3", "LJ")
MODES = ("grid", "direct")
RELAXATIONS = ("newton", "fire")
USUAL_FREQUENCIES = (1e3, 1e7)
"""Of cantilevers, Hz."""


class Checked:
    """An attribute whose values pass a check, which may copy them.

    Parameters
    ----------
    check : callable
        (name, value, *arguments) -> what is kept; raises AfmConfigError.
    """

    def __init__(self, check, *arguments):
        self._check, self._arguments = check, arguments

    def __set_name__(self, owner, name):
        self._name, self._kept = name, f"_{name}"

    def __get__(self, instance, owner=None):
        return self if instance is None else getattr(instance, self._kept)

    def __set__(self, instance, value):
        setattr(instance, self._kept, self._check(self._name, value, *self._arguments))


def _frequency(name, value):
    frequency = positive(name, value, "Hz")
    low, high = USUAL_FREQUENCIES
    if not low <= frequency <= high:
        logger.warning(
            "afm: %s: %g Hz; expected %g to %g Hz: is it in another unit?",
            name, frequency, low, high,
        )  # fmt: skip
    return frequency


def _functional(name, value):
    d3_parameters(value)
    return dict(value) if hasattr(value, "keys") else value


def _species_rows(name, value):
    n = len(element_table().symbols)
    rows = numbers(name, value, f"({n}, 4) finite numbers as of loadSpecies")
    if rows.shape != (n, 4) or not np.isfinite(rows).all() or (rows[:, :2] < 0).any():
        raise AfmConfigError(
            f"afm: {name}: shape {rows.shape}; expected ({n}, 4) finite numbers as of loadSpecies, "
            "radii (Å) and depths (eV) >= 0"
        )
    return rows


class ModelSettings:
    """Cantilever, models and methods of a simulator."""

    f0Cantilever = Checked(_frequency)
    kCantilever = Checked(positive, "N/m")
    A_pauli = Checked(finite, "eV Å^(6 B - 3)")
    fdbm_vdw_type = Checked(one_of, VDW_TYPES)
    d3_params = Checked(_functional)
    lj_vdw_damp = Checked(one_of, DAMPINGS)
    ff_model = Checked(one_of, FF_MODELS)
    mode = Checked(one_of, MODES)
    relax = Checked(one_of, RELAXATIONS)
    typeParams = Checked(_species_rows)

    def set_fdbm_parameters(self, A, B):
        """Set factor A (eV Å^(6 B - 3)) and exponent B of the Pauli repulsion."""
        A = finite("A_pauli", A, "eV Å^(6 B - 3)")
        self.setBPauli(B)
        self.A_pauli = A

    def placeholders(self, Zs):
        """Atomic numbers among `Zs` whose parameters in `typeParams` are arbitrary, rising."""
        table = element_table()
        shipped = np.column_stack([table.rmin, table.eps])
        arbitrary = table.placeholder & (self._typeParams[:, :2] == shipped).all(axis=1)
        present = np.unique(np.asarray(Zs, np.int64))
        return present[arbitrary[present - 1]].tolist()
