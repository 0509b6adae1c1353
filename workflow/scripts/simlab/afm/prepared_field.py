"""Access to the force field that a simulator made last."""

import numpy as np

from simlab.afm.errors import AfmConfigError, AfmPhysicsError


class PreparedField:
    """The force field of the last call."""

    def __init__(self):
        self.field = None

    def downloadFF(self, index=None):
        """Fx, Fy, Fz (eV/Å) and E (eV) of the last call.

        Parameters
        ----------
        index : (m, 3) int, optional
            Rows of grid indices, m may be 0; the whole box without it.

        Returns
        -------
        (nx, ny, nz, 4) or (m, 4) float32

        Raises
        ------
        AfmPhysicsError
            Before the first call.
        AfmConfigError
            For an index of another shape, or not of integers.
        """
        if self.field is None:
            raise AfmPhysicsError("afm: forcefield: none yet; call the AFMulator first")
        if index is None:
            return self.field.whole()
        rows = np.asarray(index)
        if rows.size == 0:
            return np.empty((0, 4), np.float32)
        if rows.shape == (3,):
            rows = rows[None]
        if rows.ndim != 2 or rows.shape[1] != 3 or rows.dtype.kind not in "iu":
            raise AfmConfigError(
                f"afm: index: {rows.dtype} of shape {rows.shape}; expected integers (m, 3)"
            )
        rows = rows.astype(np.int64)
        low = rows.min(axis=0)
        piece = self.field.fill(low, rows.max(axis=0) - low + 1)
        return piece[tuple((rows - low).T)]
