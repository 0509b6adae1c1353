"""Descriptors of the surface that the probe feels, and of the electric field above the molecule."""

import logging

import numpy as np

from simlab.afm.auxmap import AuxMap, rotated
from simlab.afm.errors import AfmConfigError
from simlab.afm.geometry_maps import DIMENSIONS, WINDOW, vdwSpheres
from simlab.afm.units import KE, R2SAFE

logger = logging.getLogger("simlab.afm")

STROKE_STEPS = 100
ESMAP_SOFTENING = 1e-4
FIELD_STEP = 0.05
FRAMES = ("sample", "box")


class _SurfaceMap(AuxMap):
    """Base of the maps over the surface Fz = iso met by a rigid probe.

    `missed` tells whether the last call found no surface at all.
    """

    needs_scanner = True

    def __init__(self, scanner, zmin, iso, scan_dim, scan_window):
        if not hasattr(scanner, "downloadZiso"):
            raise AfmConfigError(
                f"afm: scanner: {type(scanner).__name__}; expected the scanner of an AFMulator"
            )
        super().__init__(
            DIMENSIONS if scan_dim is None else scan_dim,
            WINDOW if scan_window is None else scan_window,
            zmin=zmin,
            iso=iso,
        )
        self.scanner = scanner
        self.missed = False
        self._asked_dim = None if scan_dim is None else self.scan_dim

    def _surface(self):
        """(depths below the first anchor, heights above the lowest shown), (nx, ny) float64, Å."""
        zeta = self.scanner.downloadZiso(self.iso, STROKE_STEPS, depth=-self.zmin)
        if self._asked_dim is not None and zeta.shape != self._asked_dim:
            raise AfmConfigError(
                f"afm: {type(self).__name__}: scan_dim {self._asked_dim}; expected that of the "
                f"scan, {zeta.shape}"
            )
        depth = zeta.astype(np.float64) * self.scanner.dz
        heights, self.missed = surface_heights(depth, self.zmin)
        if self.missed:
            logger.warning(
                "afm: %s: no pixel reaches a force of %g eV/Å within %g Å; the map is 0",
                type(self).__name__,
                self.iso,
                STROKE_STEPS * self.scanner.dz,
            )
        return depth, heights


def surface_heights(depth, zmin):
    """Heights of a surface over its lowest point shown.

    Y = -depth; Ymin = max(max(Y[Y <= 0]) + zmin, min Y); pixels without surface (Y > 0) are Ymin;
    the result is max(Y, Ymin) - Ymin.

    Parameters
    ----------
    depth : (nx, ny) float
        Below the first anchor, Å; negative = no surface.
    zmin : float
        Lowest height shown below the highest point, Å, < 0.

    Returns
    -------
    heights : (nx, ny) float64
        0 to -zmin, Å; all 0 where nothing was found.
    missed : bool
        Whether nothing was found.
    """
    Y = -np.asarray(depth, np.float64)
    found = Y <= 0
    if not found.any():
        return np.zeros_like(Y), True
    lowest = max(Y[found].max() + zmin, Y.min())
    return np.where(found, np.maximum(Y, lowest) - lowest, 0.0), False


class HeightMap(_SurfaceMap):
    """Height of the surface where the vertical force on the rigid probe reaches `iso`.

    The probe goes down 100 steps dz from the first anchor of the scan, unrelaxed. Needs an
    AFMulator's scanner and a scan before the call; after several tips the last one counts. From 0
    to -zmin Å; `missed` if no pixel met the force, then all 0.

    Parameters
    ----------
    scanner : scanner of an AFMulator
        Its pixels are those of the map.
    zmin : float
        Lowest height shown below the highest point, Å.
    iso : float
        eV/Å.
    """

    def __init__(self, scanner, zmin=-2.0, iso=0.1, *, scan_dim=None, scan_window=None):
        super().__init__(scanner, zmin, iso, scan_dim, scan_window)

    def closed_range(self, Zs):
        """[0, -zmin]."""
        return ((0.0, -self.zmin),)

    def _map(self, xyzqs, Zs, pot, rotation, center):
        return self._surface()[1].astype(np.float32)


class ESMap(_SurfaceMap):
    """Vertical electric field (V/Å) on the surface of HeightMap, and that surface (Å).

    Ez = KE sum of q_a (z - z_a) / (d² + 1e-4)^(3/2) of the point charges at the probe's
    equilibrium position on the surface, 0 where the height is 0. Arguments as for HeightMap.

    Parameters
    ----------
    frame : "sample" or "box"
        Where the positions of the probe are counted from. "box" counts them from the origin of
        the force-field box while the atoms keep their own origin, as the original program does:
        its field belongs to points displaced by minus the origin of the box. For comparisons.
    """

    n_channels = 2
    numbered = True

    def __init__(
        self, scanner, zmin=-2.0, iso=0.1, *, scan_dim=None, scan_window=None, frame="sample"
    ):
        if frame not in FRAMES:
            raise AfmConfigError(f"afm: frame: {frame!r}; expected one of {', '.join(FRAMES)}")
        super().__init__(scanner, zmin, iso, scan_dim, scan_window)
        self.frame = frame

    def closed_range(self, Zs):
        """Unbounded field; height in [0, -zmin]."""
        return ((-np.inf, np.inf), (0.0, -self.zmin))

    def _map(self, xyzqs, Zs, pot, rotation, center):
        if pot is not None:
            raise AfmConfigError(
                "afm: ESMap: the sample has a potential; expected point charges (ESMapConstant "
                "takes both)"
            )
        depth, heights = self._surface()
        job = self.scanner.job
        origin = np.zeros(3) if self.frame == "sample" else job.field.box.origin
        (x0, y0, _), (x1, y1, z1) = job.scan_window + job.rest - origin
        nx, ny = heights.shape
        atoms = np.column_stack([rotated(xyzqs[:, :3], rotation, center), xyzqs[:, 3]])
        field = np.zeros((nx, ny), np.float32)
        xs, ys = np.linspace(x0, x1, nx), np.linspace(y0, y1, ny)
        self.maps.vertical_field(xs, ys, z1 - depth, atoms, KE, ESMAP_SOFTENING, field)
        heights = heights.astype(np.float32)
        return np.stack([np.where(heights == 0, np.float32(0), field), heights], axis=-1)


class ESMapConstant(AuxMap):
    """Vertical electric field (V/Å) in the plane `height` above the topmost atom.

    Point charges: KE sum of q_a (z - z_a) / (d² + 1e-6)^(3/2). With a potential V `pot`, which
    turns with the molecule: (V(p - h e) - V(p + h e)) / 2h, h = 0.05 Å.

    Parameters
    ----------
    height : float
        Å.
    vdW_cutoff : float or None
        The map is 0 where vdwSpheres(zmin=vdW_cutoff, Rpp=Rpp) is lowest, Å.
    Rpp : float
        Å.
    """

    def __init__(
        self, scan_dim=DIMENSIONS, scan_window=WINDOW, height=4.0, vdW_cutoff=None, Rpp=0.5
    ):
        super().__init__(scan_dim, scan_window, height=height, vdW_cutoff=vdW_cutoff, Rpp=Rpp)

    def _map(self, xyzqs, Zs, pot, rotation, center):
        xyz = rotated(xyzqs[:, :3], rotation, center)
        plane = np.full(self.scan_dim, xyz[:, 2].max() + self.height)
        out = self._image()
        if pot is None:
            atoms = np.column_stack([xyz, xyzqs[:, 3]])
            self.maps.vertical_field(self.xs, self.ys, plane, atoms, KE, R2SAFE, out)
        else:
            fixed = xyzqs[:, :3].mean(axis=0) if center is None else center
            out[:] = self._field_of(pot, plane, rotation, fixed)
        if self.vdW_cutoff is not None:
            spheres = vdwSpheres(self.scan_dim, self.scan_window, self.vdW_cutoff, self.Rpp)
            spheres.maps = self.maps
            mask = spheres(np.column_stack([xyz, xyzqs[:, 3]]), Zs)
            out[mask == mask.min()] = 0
        return out

    def _field_of(self, pot, plane, rotation, center):
        x, y = np.meshgrid(self.xs, self.ys, indexing="ij")
        points = np.column_stack([x.ravel(), y.ravel(), plane.ravel()])
        up = np.array([0.0, 0.0, FIELD_STEP])
        if rotation is not None:
            points = rotated(points, rotation.T, center)
            up = rotation.T @ up
        below, above = (
            np.asarray(pot.interp_at(p), np.float64) for p in (points - up, points + up)
        )
        return ((below - above) / (2 * FIELD_STEP)).reshape(self.scan_dim)
