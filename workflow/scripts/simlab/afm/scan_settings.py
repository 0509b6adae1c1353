"""The scan: window, oscillation, and the box of the force field around it."""

import math

from simlab.afm.boxes import Box, get_lvec
from simlab.afm.frequency import hertz_weights
from simlab.afm.simulator_checks import checked_scan, numbers, one_of, positive

WEIGHTS = ("simple", "exact")


class ScanSettings:
    """Settings of a scan and of the force-field grid; setters check before they change anything."""

    @property
    def df_weights(self):
        """ "simple" or "exact": kind of the weights, see `frequency`."""
        return self._df_weights

    @df_weights.setter
    def df_weights(self, kind):
        kind = one_of("df_weights", kind, WEIGHTS)
        scan = getattr(self, "_scan", None)
        if scan is not None:
            checked_scan(scan.window, scan.dim, scan.df_steps, scan.amplitude, kind)
        self._df_weights = kind

    def geometry_state(self):
        """Scan and box, for `restore_geometry`."""
        return self._scan, self._box, self._ppa, self._automatic

    def restore_geometry(self, state):
        """Set scan and box as they were when `geometry_state` was called."""
        self._scan, self._box, self._ppa, self._automatic = state

    @property
    def pixPerAngstrome(self):
        """Points of the force-field grid per Å."""
        return self._ppa

    @property
    def lvec(self):
        """(4, 3) float64: origin and cell vectors of the force-field box, Å."""
        return self._box.lvec

    @property
    def lvec_is_automatic(self):
        """Whether the box was put around the scan window instead of given."""
        return self._automatic

    @property
    def box(self):
        """Box of the force field."""
        return self._box

    @property
    def scan_window(self):
        """(2, 3) float64: lower and upper corner of the tip anchors, Å."""
        return self._scan.window.copy()

    @property
    def scan_dim(self):
        """Tip anchors along x, y, z."""
        return self._scan.dim

    @property
    def df_steps(self):
        """Anchors per oscillation."""
        return self._scan.df_steps

    @property
    def dz(self):
        """Distance of the heights, Å."""
        return self._scan.dz

    @property
    def dfWeight(self):
        """(W,) float64: weights of the forces, highest first, Hz per eV/Å."""
        return hertz_weights(
            self.dz, self.df_steps, self.f0Cantilever, self.kCantilever, self.df_weights,
            self._scan.amplitude,
        )  # fmt: skip

    @property
    def amplitude(self):
        """Peak-to-peak oscillation, Å: dz len(dfWeight), or that of the exact weights."""
        if self.df_weights == "exact":
            return self._scan.amplitude or self.dz * self.df_steps
        return self.dz * len(self.dfWeight)

    def setLvec(self, lvec=None, pixPerAngstrome=None):
        """Set the force-field box.

        Parameters
        ----------
        lvec : (4, 3), optional
            Origin and cell vectors, Å; a box around the scan window without it.
        pixPerAngstrome : float, optional
            Points per Å; as before without it.
        """
        ppa = self._ppa
        if pixPerAngstrome is not None:
            ppa = positive("pixPerAngstrome", pixPerAngstrome, "points per Å")
        automatic = lvec is None
        if not automatic:
            lvec = numbers("lvec", lvec, "4 rows of 3 finite numbers, Å")
        else:
            lvec = get_lvec(self._scan.window, tipR0=self.tipR0, pixPerAngstrome=ppa)
        self._box = Box.from_lvec(lvec, ppa)
        self._ppa, self._automatic = ppa, automatic

    def setScanWindow(self, scan_window=None, scan_dim=None, df_steps=None):
        """Set what is given of the scan; the force-field box stays where it is.

        An amplitude stays where df_steps is not given, and gives the steps; it also stays where
        neither the steps nor their length change.
        """
        old = self._scan
        window = old.window if scan_window is None else scan_window
        dim = old.dim if scan_dim is None else scan_dim
        amplitude, steps = old.amplitude, df_steps
        if df_steps is None:
            steps = old.df_steps if amplitude is None else None
        elif amplitude is not None:
            dz = checked_scan(window, dim, df_steps, None, WEIGHTS[0]).dz
            if df_steps != old.df_steps or not math.isclose(dz, old.dz, rel_tol=1e-9):
                amplitude = None
        self._scan = checked_scan(window, dim, steps, amplitude, self.df_weights)
