"""The tip: its probe particle, charges and densities, and the springs it hangs on."""

import numpy as np

from simlab.afm.boxes import equilibrium_offset
from simlab.afm.densities import MultipoleTipDensity
from simlab.afm.errors import AfmConfigError
from simlab.afm.simulator_checks import four, images, numbers, positive, stiffness
from simlab.afm.species import atomic_number

KEPT = (
    *("_iZPP", "_tipR0", "_Qs", "_QZs", "_stiffness", "_rho", "_sigma", "_rho_delta"),
    "_charges_last",
)


class Probe:
    """Settings of a tip; every setter checks what it is given and keeps a copy."""

    _powered = (None, None, None)

    def tip_state(self):
        """All of the tip but the exponent of its repulsion, for `restore_tip`."""
        return {**{name: getattr(self, name) for name in KEPT}, "_tipR0": list(self._tipR0)}

    def restore_tip(self, state):
        """Set the tip as it was when `tip_state` was called."""
        vars(self).update(state, _tipR0=list(state["_tipR0"]))

    @property
    def iZPP(self):
        """Atomic number of the probe particle; elements are accepted as symbols too."""
        return self._iZPP

    @iZPP.setter
    def iZPP(self, element):
        self._iZPP = atomic_number(element)

    @property
    def tipR0(self):
        """[x, y, R]: tilt and length of the tip, Å."""
        return self._tipR0

    @tipR0.setter
    def tipR0(self, value):
        value = numbers("tipR0", value, "three lengths x, y, R, Å").tolist()
        if np.shape(value) != (3,):
            raise AfmConfigError(f"afm: tipR0: {value}; expected three lengths x, y, R, Å")
        equilibrium_offset(value)
        self._tipR0 = value

    @property
    def npbc(self):
        """Periodic images on each side along the cell vectors."""
        return self._npbc

    @npbc.setter
    def npbc(self, value):
        self._npbc = images(value)

    @property
    def Qs(self):
        """(4,) float64: tip charges, e."""
        return self._Qs.copy()

    @property
    def QZs(self):
        """(4,) float64: heights of the tip charges above the probe particle, Å."""
        return self._QZs.copy()

    @property
    def tipStiffness(self):
        """(4,) float64: kx, ky, kz, kr in N/m."""
        return self._stiffness.copy()

    @property
    def sigma(self):
        """Width of the multipoles of the tip, Å."""
        return self._sigma

    @property
    def B_pauli(self):
        """Exponent of the Pauli repulsion."""
        return self._B_pauli

    @property
    def rho(self):
        """Tip density as it was given; multipoles as their weights."""
        return dict(self._rho.weights) if isinstance(self._rho, MultipoleTipDensity) else self._rho

    @property
    def rho_delta(self):
        """Change of the tip's electron density."""
        return self._rho_delta

    def setQs(self, Qs, QZs):
        """Set the tip charges (4,), e, and their heights (4,), Å.

        Samples with charges see them until a density is set; see `setRho`.
        """
        charges, heights = four("Qs", Qs), four("QZs", QZs)
        self._Qs, self._QZs = charges, heights
        self._charges_last = True

    def setStiffness(self, tipStiffness):
        """Set kx, ky, kz and kr, N/m."""
        self._stiffness = stiffness(tipStiffness)

    def setRho(self, rho=None, sigma=0.71, B_pauli=1.0):
        """Set the density of the tip, or the weights and the width (Å) of its multipoles.

        Samples with a potential see it as long as it is not None. Samples with charges, which
        both kinds of tip can meet, see what was set last: this or the charges of `setQs`.
        """
        sigma = positive("sigma", sigma, "Å")
        B_pauli = positive("B_pauli", B_pauli, "")
        if hasattr(rho, "keys"):
            rho = MultipoleTipDensity(rho, sigma)
        elif rho is not None and not hasattr(rho, "spectrum"):
            raise AfmConfigError(
                f"afm: rho: {type(rho).__name__}; expected a TipDensity or weights of multipoles"
            )
        self._rho, self._sigma = rho, sigma
        self._charges_last = rho is None
        self.setBPauli(B_pauli)

    def setBPauli(self, B_pauli=1.0):
        """Set the exponent of the Pauli repulsion."""
        self._B_pauli = positive("B_pauli", B_pauli, "")

    def setRhoDelta(self, rho_delta=None):
        """Set the change of the tip's electron density."""
        if rho_delta is not None and not hasattr(rho_delta, "spectrum"):
            raise AfmConfigError(
                f"afm: rho_delta: {type(rho_delta).__name__}; expected a TipDensity"
            )
        self._rho_delta = rho_delta

    def _density_for(self, sample):
        """Tip density that a Sample sees; None where it sees the charges."""
        if sample.density is not None:
            return self._powered_rho()
        return self._rho if sample.on_grid or not self._charges_last else None

    def _powered_rho(self):
        """The tip's density to the power B_pauli; computed once for each."""
        if self._rho is None or self._rho_delta is None or not hasattr(self._rho, "power_positive"):
            missing = "rho_delta" if self._rho_delta is None else "rho"
            raise AfmConfigError(
                f"afm: {missing}: {getattr(self, missing)}; expected a TipDensity: rho_sample "
                "selects the full-density-based model"
            )
        if self._B_pauli == 1:
            return self._rho
        rho, exponent, powered = self._powered
        if rho is not self._rho or exponent != self._B_pauli:
            powered = self._rho.power_positive(self._B_pauli)
            self._powered = self._rho, self._B_pauli, powered
        return powered
