"""Descriptors drawn from the atoms alone: spheres, disks, bonds, radial profiles."""

import math

import numpy as np

from simlab.afm.auxmap import AuxMap
from simlab.afm.errors import AfmPhysicsError
from simlab.afm.molecules import covalent_radii, findBonds_, vdw_radii
from simlab.afm.species import atomic_number, symbol_of

DIMENSIONS = (128, 128)
WINDOW = ((-8, -8), (8, 8))
OCCLUSION_TOLERANCE = 0.02
CENTER_OFFSET = -1.0
PROFILE_DECAY = 5.0
NEGLIGIBLE = 1e-7
REFERENCE_RADIUS = 1.4


class _SphereMap(AuxMap):
    """Base of the maps of spheres of radius R_a + Rpp below their common top."""

    @property
    def floor(self):
        """Lowest height shown, Å."""
        return self.zmin

    def closed_range(self, Zs):
        """[zmin, 0] for every channel."""
        return ((self.zmin, 0.0),) * self.n_channels

    def _spheres(self, xyz, Zs):
        """Rows x, y, height of the center below the top, radius."""
        radii = vdw_radii(Zs) + self.Rpp
        top = (xyz[:, 2] + radii).max()
        return np.column_stack([xyz[:, :2], xyz[:, 2] - top, radii])


class vdwSpheres(_SphereMap):  # noqa: N801
    """Height of the van der Waals spheres seen from above.

    out = max(zmin, max over atoms with rho <= r_a of z_a - top + sqrt(r_a² - rho²)), with
    r_a = R_a + Rpp and top = max(z_a + r_a). From zmin to 0 Å.
    """

    def __init__(self, scan_dim=DIMENSIONS, scan_window=WINDOW, zmin=-1.5, Rpp=-0.5):
        super().__init__(scan_dim, scan_window, zmin=zmin, Rpp=Rpp)

    def _draw(self, xyz, Zs):
        out = self._image(self.zmin)
        channels = np.zeros(len(Zs), np.int64)
        self.maps.spheres(self.xs, self.ys, self._spheres(xyz, Zs), channels, out[:, :, None])
        return out


class SphereCaps(_SphereMap):
    """vdwSpheres without their flanks.

    With t = rho / r_a the height above zmin is multiplied by 1 - smoothstep(tgMax - tgWidth,
    tgMax, t). From zmin to 0 Å.
    """

    def __init__(
        self, scan_dim=DIMENSIONS, scan_window=WINDOW, zmin=-1.5, Rpp=-0.5, tgMax=0.5, tgWidth=0.1
    ):
        super().__init__(scan_dim, scan_window, zmin=zmin, Rpp=Rpp, tgMax=tgMax, tgWidth=tgWidth)

    def _draw(self, xyz, Zs):
        out = self._image(self.zmin)
        spheres = self._spheres(xyz, Zs)
        self.maps.caps(self.xs, self.ys, spheres, self.zmin, self.tgMax, self.tgWidth, out)
        return out


class _SphereChannels(_SphereMap):
    """Base of the maps of spheres with a channel axis."""

    numbered = True

    def _draw(self, xyz, Zs):
        channels = self.channels_of(Zs)
        out = np.full((*self.scan_dim, self.n_channels), self.zmin, np.float32)
        self.maps.spheres(self.xs, self.ys, self._spheres(xyz, Zs), channels, out)
        if self.bOccl:
            out[out < out.max(axis=2, keepdims=True) - OCCLUSION_TOLERANCE] = self.zmin
        return out

    def channels_of(self, Zs):
        """Channel (n,) int64 of each atom, -1 = not shown."""
        raise NotImplementedError


class MultiMapSpheres(_SphereChannels):
    """vdwSpheres by size: channel = trunc((R_a - Rmin) / Rstep), clipped to 0 ... nChan - 1.

    With bOccl = 1 a channel keeps its value only within 0.02 Å of the overall top.
    """

    def __init__(
        self,
        scan_dim=DIMENSIONS,
        scan_window=WINDOW,
        zmin=-1.5,
        Rpp=-0.5,
        nChan=3,
        Rmin=1.4,
        Rstep=0.3,
        bOccl=0,
    ):
        super().__init__(
            scan_dim,
            scan_window,
            zmin=zmin,
            Rpp=Rpp,
            nChan=nChan,
            Rmin=Rmin,
            Rstep=Rstep,
            bOccl=bOccl,
        )
        self.n_channels = self.nChan

    def channels_of(self, Zs):
        """Channel (n,) int64 of each atom."""
        steps = np.trunc((vdw_radii(Zs) - self.Rmin) / self.Rstep)
        return np.clip(steps, 0, self.nChan - 1).astype(np.int64)


class MultiMapSpheresElements(_SphereChannels):
    """vdwSpheres by element: `elems` lists the symbols or atomic numbers of each channel.

    An element in no list is an AfmPhysicsError, which is a RuntimeError here.
    """

    def __init__(
        self,
        scan_dim=DIMENSIONS,
        scan_window=WINDOW,
        zmin=-1.5,
        Rpp=-0.5,
        bOccl=0,
        elems=(("H",), ("N", "O", "F"), ("C", "Si", "P", "S", "Cl", "Br")),
    ):
        super().__init__(scan_dim, scan_window, zmin=zmin, Rpp=Rpp, bOccl=bOccl, elems=elems)
        self.n_channels = len(self.elems)
        self._channel = {
            atomic_number(element): k for k, group in enumerate(self.elems) for element in group
        }

    def channels_of(self, Zs):
        """Channel (n,) int64 of each atom."""
        missing = [int(Z) for Z in Zs if int(Z) not in self._channel]
        if missing:
            raise UnlistedElementError(
                f"afm: MultiMapSpheresElements: {symbol_of(missing[0])} (Z = {missing[0]}) is in "
                f"no channel; expected elements of {self.elems}"
            )
        return np.array([self._channel[int(Z)] for Z in Zs], np.int64)


class UnlistedElementError(AfmPhysicsError, RuntimeError):
    """A molecule has an element that no channel of a map shows."""


class SpheresType(_SphereChannels):
    """vdwSpheres by a list of types: `types` maps elements to channels, -1 or unlisted = none."""

    def __init__(
        self,
        scan_dim=DIMENSIONS,
        scan_window=WINDOW,
        zmin=-1.5,
        Rpp=-0.5,
        bOccl=0,
        nChan=3,
        types=None,
    ):
        super().__init__(
            scan_dim,
            scan_window,
            zmin=zmin,
            Rpp=Rpp,
            bOccl=bOccl,
            nChan=nChan,
            types=types,
        )
        self.n_channels = self.nChan
        self._channel = {atomic_number(element): k for element, k in self.types.items()}

    def channels_of(self, Zs):
        """Channel (n,) int64 of each atom, -1 = not shown."""
        return np.array([self._channel.get(int(Z), -1) for Z in Zs], np.int64)


class AtomicDisks(AuxMap):
    """Cones of the covalent radius c that fade with depth.

    With top = max(z_a + R_a) + Rpp, offset = top - max z_a (- 1 Å for "center"),
    D_a = top - z_a, z = D_a - offset, z_s = D_a - R_a - Rpp: the map is the sum of
    (1 - z / |zmin|) (1 - rho / c_a) over atoms with rho < c_a, z < |zmin| and, for "sphere",
    z_s < |zmax_s|.
    """

    def __init__(
        self,
        scan_dim=DIMENSIONS,
        scan_window=WINDOW,
        zmin=-1.2,
        zmax_s=-1.2,
        Rpp=-0.5,
        diskMode="sphere",
    ):
        super().__init__(
            scan_dim, scan_window, zmin=zmin, zmax_s=zmax_s, Rpp=Rpp, diskMode=diskMode
        )

    def closed_range(self, Zs):
        """[0, infinity)."""
        return ((0.0, math.inf),)

    def _draw(self, xyz, Zs):
        out = self._image()
        radii, z = vdw_radii(Zs), xyz[:, 2]
        centered = self.diskMode == "center"
        top = (z + radii).max() + self.Rpp
        offset = top - z.max() + (CENTER_OFFSET if centered else 0.0)
        depth = (top - z) - offset
        below_sphere = (top - z) - radii - self.Rpp
        shown = (depth < -self.zmin) & (centered | (below_sphere < -self.zmax_s))
        weights = 1 - depth / -self.zmin
        atoms = np.column_stack([xyz[:, :2], weights, covalent_radii(Zs)])
        self.maps.disks(self.xs, self.ys, atoms[shown], out)
        return out


class DiskOcclusion(AuxMap):
    """Cones of twice the covalent radius that fade with depth and hide each other.

    D_a = max z - z_a; h_a = 2 r_a - rho² / r_a² - D_a with r_a = R_a + Rpp; the sum runs over
    atoms with occl_a = 1 - (max(zmin, max h) - h_a) / zmargin > 0, rho < 2 c_a, D_a < |zmin|, of
    (1 - D_a / |zmin|) (1 - rho / 2 c_a) occl_a.
    """

    def __init__(self, scan_dim=DIMENSIONS, scan_window=WINDOW, zmin=-1.2, zmargin=0.2, Rpp=-0.5):
        super().__init__(scan_dim, scan_window, zmin=zmin, zmargin=zmargin, Rpp=Rpp)

    def closed_range(self, Zs):
        """[0, infinity)."""
        return ((0.0, math.inf),)

    def _draw(self, xyz, Zs):
        out = self._image()
        depth = xyz[:, 2].max() - xyz[:, 2]
        radii = vdw_radii(Zs) + self.Rpp
        atoms = np.column_stack([xyz[:, :2], depth, radii, covalent_radii(Zs)])
        self.maps.occluded_disks(self.xs, self.ys, atoms, self.zmin, self.zmargin, -self.zmin, out)
        return out


class _ProfileMap(AuxMap):
    """Base of the maps that draw a radial profile f.

    f is the cubic Hermite spline through `Rfunc` with node k at (k - 1) drStep; without Rfunc
    y_k = exp(-5 (k - 1) drStep), so f(r) is exp(-5 r) and f(0) = 1.
    """

    def __init__(self, scan_dim, scan_window, **arguments):
        super().__init__(scan_dim, scan_window, **arguments)
        if self.Rfunc is None:
            count = math.ceil(self.Rmax / self.drStep) + 4
            samples = np.exp(-PROFILE_DECAY * (np.arange(count) - 1) * self.drStep)
        else:
            samples = np.array(self.Rfunc, np.float64)
        seen = np.flatnonzero(np.abs(samples) >= NEGLIGIBLE)
        # Beyond, all four nodes of an interval are below 1e-7, and so is what would be drawn.
        self._reach = min(self.Rmax, (seen[-1] + 1) * self.drStep if len(seen) else 0.0)
        # One more node: a distance just below Rmax may round up to the end of the spline.
        self._samples = np.append(samples, samples[-1])


class Bonds(_ProfileMap):
    """Bonds as lines: the strongest f(r) max((zmin - z) / zmin, 0) of all bonds.

    Bonds are `findBonds_`. r is the distance from the middle of the bond with its part along the
    bond times `ellipticity`; z is the height of the line through both atoms below the topmost
    atom; only r < Rmax and z > zmin are drawn.
    """

    def __init__(
        self,
        scan_dim=DIMENSIONS,
        scan_window=WINDOW,
        zmin=-1.5,
        Rfunc=None,
        Rmax=10.0,
        drStep=0.1,
        ellipticity=0.5,
    ):
        super().__init__(
            scan_dim,
            scan_window,
            zmin=zmin,
            Rfunc=Rfunc,
            Rmax=Rmax,
            drStep=drStep,
            ellipticity=ellipticity,
        )

    def closed_range(self, Zs):
        """[0, infinity): lines rise above the topmost atom where they are extended (`ceiling`)."""
        return ((0.0, math.inf),)

    def ceiling(self, xyz, Zs):
        """Largest value that the bonds of a molecule can give, infinite with `Rfunc`.

        At s along a bond from its middle, with m = dz/L its slope, the value is at most
        1.01 exp(-5 ellipticity |s|) (1 + (z_middle + m s)/|zmin|), z below the top; 1.01 is the
        excess of the spline over the exponential. The maximum over s lies at
        1/(5 ellipticity) - (|zmin| + z_middle)/|m|, or at the middle.
        """
        if self.Rfunc is not None or self.ellipticity == 0:
            return math.inf
        decay, depth, largest = 5 * self.ellipticity, -self.zmin, 0.0
        top = xyz[:, 2].max()
        for i, j in findBonds_(xyz, np.asarray(Zs, np.int64)):
            length = math.hypot(*(xyz[i, :2] - xyz[j, :2]))
            if length == 0:
                continue
            slope = abs(xyz[i, 2] - xyz[j, 2]) / length
            middle = depth + (xyz[i, 2] + xyz[j, 2]) / 2 - top
            s = max(0.0, 1 / decay - middle / slope) if slope > 0 else 0.0
            largest = max(largest, math.exp(-decay * s) * (middle + slope * s) / depth)
        return 1.01 * largest

    def _draw(self, xyz, Zs):
        out = self._image()
        pairs = np.array(findBonds_(xyz, Zs), np.int64).reshape(-1, 2)
        relative = np.column_stack([xyz[:, :2], xyz[:, 2] - xyz[:, 2].max()])
        bonds = np.hstack([relative[pairs[:, 0]], relative[pairs[:, 1]]])
        self.maps.bond_profiles(
            self.xs,
            self.ys,
            bonds,
            self.zmin,
            self.ellipticity,
            self._samples,
            self.drStep,
            self._reach,
            out,
        )
        return out


class AtomRfunc(_ProfileMap):
    """Atoms as profiles: the strongest f(rho) max((zmin - z) / zmin, 0) of all atoms.

    z = z_a - max z + R_a - 1.4 Å; only rho < Rmax and z > zmin are drawn. Large atoms reach
    1 + (R_a - 1.4) / |zmin|.
    """

    def __init__(
        self,
        scan_dim=DIMENSIONS,
        scan_window=WINDOW,
        zmin=-1.5,
        Rfunc=None,
        Rmax=10.0,
        drStep=0.1,
    ):
        super().__init__(scan_dim, scan_window, zmin=zmin, Rfunc=Rfunc, Rmax=Rmax, drStep=drStep)

    def closed_range(self, Zs):
        """[0, 1 + (max R_a - 1.4) / |zmin|]."""
        if self.Rfunc is not None:
            return ((0.0, math.inf),)
        return ((0.0, 1 + (float(vdw_radii(Zs).max()) - REFERENCE_RADIUS) / -self.zmin),)

    def _draw(self, xyz, Zs):
        out = self._image()
        height = xyz[:, 2] - xyz[:, 2].max() + vdw_radii(Zs) - REFERENCE_RADIUS
        weights = (self.zmin - height) / self.zmin
        shown = (height > self.zmin) & (weights > 0)
        atoms = np.column_stack([xyz[:, :2], weights])[shown]
        self.maps.atom_profiles(
            self.xs, self.ys, atoms, self._samples, self.drStep, self._reach, out
        )
        return out


class Lorentz(AuxMap):
    """Sum of A / (d² + w²) with the distance d to the atoms in the plane of the topmost one."""

    def __init__(self, scan_dim=DIMENSIONS, scan_window=WINDOW, A=1.0, w=0.1):
        super().__init__(scan_dim, scan_window, A=A, w=w)

    def _draw(self, xyz, Zs):
        out = self._image()
        atoms = np.column_stack([xyz[:, :2], xyz[:, 2].max() - xyz[:, 2]])
        self.maps.lorentzians(self.xs, self.ys, atoms, self.A, self.w, out)
        return out
