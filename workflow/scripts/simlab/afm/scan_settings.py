"""The scan: window, oscillation, and the box of the force field around it."""

from simlab.afm.boxes import Box, get_lvec
from simlab.afm.frequency import hertz_weights
from simlab.afm.simulator_checks import checked_scan, positive


class ScanSettings:
    """Settings of a scan and of the force-field grid; setters check before they change anything."""

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
        if automatic:
            lvec = get_lvec(self._scan.window, tipR0=self.tipR0, pixPerAngstrome=ppa)
        self._box = Box.from_lvec(lvec, ppa)
        self._ppa, self._automatic = ppa, automatic

    def setScanWindow(self, scan_window=None, scan_dim=None, df_steps=None):
        """Set what is given of the scan; the force-field box stays where it is."""
        old = self._scan
        amplitude = old.amplitude if df_steps in (None, old.df_steps) else None
        steps = old.df_steps if df_steps is None else df_steps
        self._scan = checked_scan(
            old.window if scan_window is None else scan_window,
            old.dim if scan_dim is None else scan_dim,
            steps,
            amplitude,
            self.df_weights,
        )
