"""What a trainer's callbacks may draw at random for a sample."""

import numpy as np

from simlab.afm.arguments import finite
from simlab.afm.errors import AfmConfigError
from simlab.afm.placement import uniform_disk


class RandomDraws:
    """Draws of a trainer from its generator `rng`; they hold for the current sample."""

    def randomize_distance(self, delta):
        """Draw distAboveActive uniformly from distAbove - delta to distAbove + delta, Å."""
        delta = finite("delta", delta)
        if delta < 0:
            raise AfmConfigError(f"afm: delta: {delta:g}; expected a length >= 0, in Å")
        self.distAboveActive = self.rng.uniform(self.distAbove - delta, self.distAbove + delta)

    def randomize_tip(self, max_tilt):
        """Draw the lateral rest position of the probe uniformly from a disk of radius max_tilt, Å.

        AfmConfigError unless max_tilt is smaller than the length of every tip.
        """
        max_tilt = finite("max_tilt", max_tilt)
        length = float(self.afmulator.tipR0[2])
        shortest = min(length if z is None else float(z) for z in self.tipR0s)
        if not 0 <= max_tilt < shortest:
            raise AfmConfigError(
                f"afm: max_tilt: {max_tilt:g}; expected 0 to less than tipR0.z = {shortest:g} Å"
            )
        x, y = uniform_disk(self.rng)
        self.afmulator.tipR0 = [max_tilt * x, max_tilt * y, length]

    def randomize_mol_parameters(self, rndQmax=0.0, rndRmax=0.0, rndEmax=0.0, rndAlphaMax=0.0):
        """Vary charges and Lennard-Jones parameters of the atoms; for use in `on_afm_start`.

        With u uniform in [0, 1) for each atom: q += rndQmax (u - 1/2), R += rndRmax (u - 1/2),
        eps *= 1 + rndEmax (u - 1/2), alpha *= 1 + rndAlphaMax (u - 1/2), each only if its
        width is > 0, drawn in this order.
        """
        n = len(self.Zs)
        if rndQmax > 0:
            if not isinstance(self.qs, np.ndarray) or getattr(self, "sim_type", None) == "LJ":
                raise AfmConfigError("afm: rndQmax: the sample has no point charges; expected 0")
            self.qs = self.qs + rndQmax * (self.rng.random(n) - 0.5)
        REAs = self.REAs.copy()
        if rndRmax > 0:
            REAs[:, 0] += rndRmax * (self.rng.random(n) - 0.5)
        if rndEmax > 0:
            REAs[:, 1] *= 1 + rndEmax * (self.rng.random(n) - 0.5)
        if rndAlphaMax > 0:
            REAs[:, 2] *= 1 + rndAlphaMax * (self.rng.random(n) - 0.5)
        self.REAs = REAs
