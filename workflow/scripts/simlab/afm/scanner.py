"""Results of the last scan of a simulator: forces, paths, heights, computed when asked for."""

import logging

import numpy as np

from simlab.afm.errors import AfmConfigError, AfmPhysicsError

logger = logging.getLogger("simlab.afm")

STROKE_STEPS = 100


class Scanner:
    """Results of the last scan.

    Attributes
    ----------
    job : ScanJob or None
        The scan; None before the first one.
    """

    def __init__(self, engine):
        self._engine = engine
        self.job = None
        self._result = None
        self._strokes_left_box = False

    def run(self, job):
        """Do a scan; (nx, ny, nz') float32, Hz."""
        self.job, self._result = None, None
        (result,) = self._engine.scan([job])
        self.keep(job, result)
        return result.df

    def keep(self, job, result):
        """Take over a scan that the engine did together with others."""
        problem = lost_values(result)
        if problem:
            logger.warning("afm: df: %s", problem)
        self.job, self._result, self._strokes_left_box = job, result, False

    def forget(self):
        """Drop the forces that the engine keeps of the scan."""
        self._engine.forget()

    @property
    def engine(self):
        """The engine that computes."""
        return self._engine

    def _done(self):
        if self.job is None:
            raise AfmPhysicsError("afm: scanner: no scan was done; call the AFMulator first")
        return self.job

    @property
    def result(self):
        """ScanResult of the last scan."""
        self._done()
        return self._result

    @property
    def dz(self):
        """Distance of the heights of the last scan, Å."""
        return self._done().dz

    @property
    def n_fallback(self):
        """Points for which the Newton iteration gave up and FIRE took over."""
        return self.result.n_fallback

    @property
    def n_unconverged(self):
        """Points with a remaining force above 1e-3 eV/Å."""
        return self.result.n_unconverged

    @property
    def left_box(self):
        """Whether a probe particle or a stroke left the force-field box on a non-periodic axis."""
        return self.result.left_box or self._strokes_left_box

    def downloadFE(self):
        """Forces (eV/Å) and energy (eV) at the relaxed points: (nx, ny, nz, 4) float32."""
        return self._engine.relaxed(self._done())[0]

    def downloadPaths(self):
        """Places of the relaxed probe particle: (nx, ny, nz, 3) float32, Å."""
        return self._engine.relaxed(self._done())[1]

    def downloadZiso(self, iso=0.1, nz=STROKE_STEPS, depth=None):
        """Steps dz down to where a rigid probe particle feels the vertical force `iso`.

        Parameters
        ----------
        iso : float
            eV/Å, not 0.
        nz : int
            Number of steps.
        depth : float, optional
            Crossings this much (Å) below the highest one may be missed: enough for a height map
            that ends there, and much faster.

        Returns
        -------
        (nx, ny) float32
            i + (iso - F(i-1)) / (F(i) - F(i-1)) for the first step i >= 1 beyond iso; -1 without.
        """
        job = self._done()
        if not (np.isfinite(iso) and iso != 0):
            raise AfmConfigError(f"afm: iso: {iso!r}; expected a force other than 0, eV/Å")
        zeta, left_box = self._engine.heights(job, float(iso), int(nz), depth)
        self._strokes_left_box |= left_box and depth is not None
        return zeta


def lost_values(result):
    """What is wrong with a ScanResult whose images are not finite, and why; "" for others."""
    count = int(np.count_nonzero(~np.isfinite(result.df)))
    if not count:
        return ""
    return (
        f"{count} of {result.df.size} values are not finite, {result.n_unconverged} points of the "
        "probe particle did not converge; expected finite ones: heights of the tip where the "
        "particle stays clear of the atoms, and stiffnesses as of a real tip (0.25 0.25 30 N/m)"
    )
