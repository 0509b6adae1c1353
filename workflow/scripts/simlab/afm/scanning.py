"""Scans: where the tip goes, how the probe particle relaxes there, which engine computes it."""

import logging
import math
from dataclasses import dataclass, field

import numpy as np

from simlab.afm.errors import AfmConfigError, AfmPhysicsError
from simlab.afm.heights import stroke_heights
from simlab.afm.kernels import direct, maps, newton, relax
from simlab.afm.kernels.threads import over_rows
from simlab.afm.pieces import cut, grid_frame, span, whole_box
from simlab.afm.units import EVA2_NM
from simlab.core.opencl import gpu_exists, opencl_platforms

logger = logging.getLogger("simlab.afm")

RELAX_METHODS = {"newton": newton.newton_rows, "fire": relax.fire_rows}
DIRECT_METHODS = {"newton": direct.NEWTON, "fire": direct.FIRE}
MODES = ("grid", "direct")

BELOW, ABOVE = np.array([0.4, 0.4, 0.3]), np.array([0.4, 0.4, 0.2])
"""How far the grid is computed beyond the unloaded particle's places at first, Å: the usual
deflections. Pixels that go further are done again on a larger part."""

GROWTH = (1.0, 2.0, 4.0, 8.0)
"""Margins of the further attempts, Å."""


def internal_stiffness(tipStiffness):
    """Spring constants (kx, ky, kz, kr) in N/m as force per displacement, (4,) float64, eV/Å²."""
    return -np.asarray(tipStiffness, np.float64) / EVA2_NM


@dataclass(frozen=True, eq=False)
class ScanJob:
    """One scan of one tip over one sample.

    Attributes
    ----------
    field : ForceField
    scan_window : (2, 3) float64
        Lower and upper corner of the tip anchors, Å. The first height is the upper one, the last
        a step above the lower one.
    scan_dim : tuple of 3 int
        Anchors along x, y and z.
    dpos0 : (3,) float64
        Displacement of the unloaded probe particle from its anchor in tip axes, Å; its length is
        the rest length R of the radial spring.
    stiffness : (4,) float64
        Kx, Ky, Kz, Kr as force per displacement (negative), eV/Å².
    tip_axes : (3, 3) float64
        Rows are the axes of the tip; it approaches against the third.
    weights : (W,) float64
        Of the forces in a frequency shift, Hz per eV/Å.
    relax : "newton" or "fire"
    mode : "grid" or "direct"
        Forces interpolated on the grid, or exact sums over atoms.
    periodic : tuple of 3 bool
        Cell vectors along which the box may be left.
    """

    field: object
    scan_window: np.ndarray
    scan_dim: tuple
    dpos0: np.ndarray
    stiffness: np.ndarray
    tip_axes: np.ndarray
    weights: np.ndarray
    relax: str = "newton"
    mode: str = "grid"
    periodic: tuple = (False, False, False)

    def __post_init__(self):
        if self.relax not in RELAX_METHODS:
            raise AfmConfigError(f"afm: relax: {self.relax!r}; expected newton or fire")
        if self.mode not in MODES:
            raise AfmConfigError(f"afm: mode: {self.mode!r}; expected grid or direct")

    @property
    def dz(self):
        """Distance of the heights, Å."""
        return float(self.scan_window[1][2] - self.scan_window[0][2]) / self.scan_dim[2]

    @property
    def frame(self):
        """(4, 3) float64, Å: first and highest anchor; steps along x, along y, and down."""
        lower, upper = np.asarray(self.scan_window, np.float64)
        pitch = (upper - lower)[:2] / np.maximum(1, np.array(self.scan_dim[:2]) - 1)
        steps = np.array([*pitch, -self.dz])[:, None] * self.tip_axes
        return np.vstack([[lower[0], lower[1], upper[2]], steps])

    @property
    def rest(self):
        """(3,) float64: displacement of the unloaded probe particle, Å."""
        return self.tip_axes.T @ self.dpos0

    def anchors(self):
        """(nx, ny, nz, 3) float64: all anchors, Å."""
        index = np.stack(np.meshgrid(*map(np.arange, self.scan_dim), indexing="ij"), axis=-1)
        return self.frame[0] + index @ self.frame[1:]

    def spring(self, dtype):
        """Constants of the spring in the sample's axes, as `kernels.relax` wants them."""
        lateral = self.tip_axes.T @ np.diag(self.stiffness[:3]) @ self.tip_axes
        radius = np.linalg.norm(self.dpos0)
        return (
            np.ascontiguousarray(lateral, dtype),
            np.ascontiguousarray(lateral @ self.rest, dtype),
            dtype(self.stiffness[3]),
            dtype(radius),
        )


@dataclass(frozen=True, eq=False)
class ScanResult:
    """What a scan gives.

    Attributes
    ----------
    df : float32 (nx, ny, nz - W + 1)
        Frequency shift, Hz; the first slice is the highest.
    n_fallback : int
        Points for which the Newton iteration gave up and FIRE took over.
    n_unconverged : int
        Points with a remaining force above 1e-3 eV/Å.
    left_box : bool
        Whether a probe particle left the box along an axis that is not periodic.
    """

    df: np.ndarray
    n_fallback: int
    n_unconverged: int
    left_box: bool


@dataclass
class Pass:
    """Arrays that a relaxation writes, whatever its mode and engine.

    `todo` (nx, ny) marks the pixels that are not done, `keep` tells whether `forces` and `paths`
    are wanted; counts and extents are by rows of pixels.
    """

    job: ScanJob
    keep: bool
    todo: np.ndarray = field(init=False)

    def __post_init__(self):
        nx, ny, nz = self.job.scan_dim
        weights = self.job.weights
        self.todo = np.ones((nx, ny), np.uint8)
        self.counts = np.zeros((nx, 2), np.int64)
        limit = np.iinfo(np.int64).max
        self.extent = np.tile(np.array([[limit] * 3, [-limit] * 3]), (nx, 1, 1))
        self.df = np.full((nx, ny, nz - len(weights) + 1), np.nan, np.float32)
        shape = (nx, ny, nz) if self.keep else (0, 0, 0)
        self.forces = np.full((*shape, 4), np.nan, np.float32)
        self.paths = np.full((*shape, 3), np.nan, np.float32)

    def result(self):
        """The ScanResult; pixels that are not done are NaN and count as unconverged."""
        lost = int(self.todo.sum()) * self.job.scan_dim[2]
        fallbacks, unconverged = (int(n) for n in self.counts.sum(axis=0))
        low, high = self.extent[:, 0].min(axis=0), self.extent[:, 1].max(axis=0)
        outside = (low < 0) | (high + 1 > np.array(self.job.field.box.shape) - 1)
        left = bool((outside & ~np.array(self.job.periodic)).any()) or lost > 0
        return ScanResult(self.df, fallbacks, unconverged + lost, left)


class NumbaEngine:
    """Relaxation, frequency shifts and strokes on the CPU."""

    description = {"backend": "numba", "device": "CPU"}  # noqa: RUF012
    maps = maps
    """Kernels of the descriptors."""

    def __init__(self):
        self._kept = (None, None)

    def scan(self, jobs):
        """Frequency shifts of jobs: list of ScanResult, in their order."""
        return [self._relax(job, keep=False).result() for job in jobs]

    def relaxed(self, job):
        """Field and place of the relaxed probe particle at every anchor.

        Returns
        -------
        FE : float32 (nx, ny, nz, 4)
            Fx, Fy, Fz (eV/Å) in the axes of the tip, E (eV).
        paths : float32 (nx, ny, nz, 3)
            Å, in the frame of the sample.
        """
        done = self._relax(job, keep=True)
        forces = done.forces
        forces[..., :3] = forces[..., :3] @ job.tip_axes.T.astype(np.float32)
        return forces, (job.anchors() + done.paths).astype(np.float32)

    def _relax(self, job, keep):
        work = Pass(job, keep)
        if job.mode == "direct":
            self._relax_direct(work)
        else:
            self._relax_on_grid(work)
        return work

    def _relax_on_grid(self, work):
        job = work.job
        box = job.field.box
        anchors = grid_frame(box, job.frame)
        axes = np.stack([job.rest, job.tip_axes[2]]).astype(np.float32)
        spring, relax_rows = job.spring(np.float32), RELAX_METHODS[job.relax]
        weights = job.weights.astype(np.float32)
        inverse = box.inverse.astype(np.float32)
        piece = self._piece(job, work.keep)
        for margin in (*GROWTH, math.inf, None):

            def task(first, last, piece=piece):
                relax_rows(
                    first, last, *piece.arguments, anchors, inverse, spring, axes, weights,
                    work.todo, work.counts, work.extent, work.df, work.forces, work.paths,
                )  # fmt: skip

            over_rows(task, job.scan_dim[0])
            if margin is None or not work.todo.any():
                return
            if margin == math.inf:
                piece = whole_box(job.field, energy=work.keep)
                continue
            margins = np.full(3, margin)
            piece = cut(job.field, reach_of(job, work.todo), margins, margins, energy=work.keep)

    def _piece(self, job, energy):
        """The part of the grid that the job usually needs; kept until the next job."""
        kept_job, piece = self._kept
        if kept_job is not job or (energy and not piece.energy):
            self._kept = (None, None)
            piece = cut(job.field, *usual_reach(job), energy=energy)
            self._kept = (job, piece)
        return piece

    def _relax_direct(self, work):
        job = work.job
        spring, weights = job.spring(np.float64), np.asarray(job.weights, np.float64)
        axes = np.stack([job.rest, job.tip_axes[2]])
        box = job.field.box
        inverse, atoms = np.array(box.inverse), exact_atoms(job)

        def task(first, last):
            direct.relax_rows(
                first, last, atoms, job.frame, spring, axes, DIRECT_METHODS[job.relax],
                weights, box.origin, inverse, work.counts, work.extent, work.df, work.forces,
                work.paths,
            )  # fmt: skip

        over_rows(task, job.scan_dim[0])
        work.todo[:] = 0

    def heights(self, job, iso, nz=100, depth=None):
        """Steps down to where a rigid probe particle feels the vertical force `iso`, eV/Å.

        Returns
        -------
        zeta : float32 (nx, ny)
            -1 where it never does; see `heights.stroke_heights`.
        left_box : bool
            Whether a stroke left the box along an axis that is not periodic.
        """
        if job.mode == "direct":
            return _direct_heights(job, iso, nz), False
        zeta, lowest = stroke_heights(job, self._piece(job, False), iso, nz, depth)
        return zeta, bool(((lowest < 0) & ~np.array(job.periodic)).any())

    def forget(self):
        """Drop the part of the grid kept of the last job."""
        self._kept = (None, None)


def exact_atoms(job):
    """Arguments of the exact kernels; AfmPhysicsError for fields that exist on a grid only."""
    job.field.at(np.zeros((0, 3)))
    return job.field.direct


def _direct_heights(job, iso, nz):
    zeta = np.full(job.scan_dim[:2], -1, np.float32)
    start = np.vstack([job.frame[0] + job.rest, job.frame[1:]])
    atoms, direction = exact_atoms(job), np.array(job.tip_axes[2], np.float64)

    def task(first, last):
        direct.stroke_rows(first, last, atoms, start, direction, float(iso), nz, zeta)

    over_rows(task, job.scan_dim[0])
    return zeta


def reach_of(job, todo):
    """Corners, in grid coordinates, of the unloaded particle's places over the pixels `todo`."""
    rows, columns = np.nonzero(todo)
    places = grid_frame(job.field.box, np.vstack([job.frame[0] + job.rest, job.frame[1:]]))
    first = (rows.min(), columns.min(), 0)
    return span(places, first, (rows.max(), columns.max(), job.scan_dim[2] - 1))


def usual_reach(job):
    """Places, margins below and above of the part of the grid that a job usually needs."""
    upright = np.array_equal(job.tip_axes, np.eye(3))
    margins = (BELOW, ABOVE) if upright else (BELOW.max(), BELOW.max())
    every = np.ones(job.scan_dim[:2], np.uint8)
    return reach_of(job, every), *(np.broadcast_to(margin, 3) for margin in margins)


_chosen_platform = None


def init_env(i_platform=0):
    """Choose the OpenCL platform that backends "auto" and "opencl" use, be it a CPU's.

    SIMLAB_OPENCL_DEVICE wins over it. Without pyopencl or any platform one line is logged and
    numba computes.

    Raises
    ------
    RuntimeError
        Where there is no platform of this number; lists those there are.
    """
    global _chosen_platform
    platforms = opencl_platforms()
    if not platforms:
        _chosen_platform = None
        logger.warning("afm: no OpenCL platform found; numba computes on the CPU")
        return
    if not 0 <= i_platform < len(platforms):
        names = ", ".join(f"{i}: {p.name.strip()}" for i, p in enumerate(platforms))
        raise RuntimeError(f"afm: i_platform: {i_platform}; expected one of {names}")
    _chosen_platform = platforms[i_platform]


def engine(name):
    """Engine of a backend: "numba", "opencl", or "auto".

    "auto" is OpenCL where `init_env` chose a platform or a GPU exists, else numba; where OpenCL
    cannot compute, one line is logged.

    Raises
    ------
    AfmConfigError
        For another name.
    AfmPhysicsError
        For "opencl" without a device that can be used; lists the platforms.
    """
    if name == "auto":
        return _automatic()
    if name == "numba":
        return NumbaEngine()
    if name == "opencl":
        if not opencl_platforms():
            raise AfmPhysicsError(
                "afm: backend: opencl; found no OpenCL platform; expected a driver, or numba"
            )
        from simlab.afm.opencl_scanning import OpenCLEngine

        return OpenCLEngine(_chosen_platform)
    raise AfmConfigError(f"afm: backend: {name!r}; expected auto, numba or opencl")


def _automatic():
    if _chosen_platform is None and not gpu_exists():
        return NumbaEngine()
    try:
        return engine("opencl")
    except AfmPhysicsError as error:
        logger.warning("%s; numba computes on the CPU", error)
        return NumbaEngine()
