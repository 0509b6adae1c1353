"""Scans on an OpenCL device: the methods of `scanning.NumbaEngine`, many jobs at a time."""

from typing import NamedTuple

import numpy as np

from simlab.afm.errors import AfmPhysicsError
from simlab.afm.heights import stroke_heights
from simlab.afm.kernels.opencl import Device
from simlab.afm.kernels.opencl_forces import POINT_BYTES, Forces, Region
from simlab.afm.kernels.opencl_maps import Maps
from simlab.afm.kernels.opencl_scans import (
    Scan,
    exact_atoms,
    relax,
    relax_exactly,
    strokes,
    strokes_exactly,
)
from simlab.afm.pieces import PART, bounds, grid_frame
from simlab.afm.scanning import GROWTH, Pass, reach_of, usual_reach
from simlab.core.errors import SimlabError

SLACK = 1e-4
"""Room for the single precision of places in pieces that are cut without margins, Å."""


class DevicePiece(NamedTuple):
    """Forces on some of the grid points of a field, on the device.

    Attributes
    ----------
    buffer : buffer of float4
    start, shape : (3,) int64
        Grid index of the first point; points along each axis.
    out : int
        Place of the first point in the buffer.
    energy : bool
        Whether E is there.
    """

    buffer: object
    start: np.ndarray
    shape: np.ndarray
    out: int
    energy: bool
    period: np.ndarray = PART


class OpenCLEngine:
    """Relaxation, frequency shifts and strokes on an OpenCL device.

    The force grids of the jobs of one call lie in one buffer, as many as the device's memory takes,
    and each kernel is started once for all of them. No bit of a result depends on the others.

    Parameters
    ----------
    platform : pyopencl.Platform, optional
        SIMLAB_OPENCL_DEVICE=platform:device wins over it.

    Raises
    ------
    AfmPhysicsError
        Where no device can be used; lists the platforms.
    """

    batched = True
    """Jobs of a batch should be handed over together."""

    def __init__(self, platform=None):
        try:
            self._device = Device(platform)
        except SimlabError as error:
            raise AfmPhysicsError(f"afm: {error}") from None
        self._forces = Forces(self._device)
        self._kept = []
        self.maps = Maps(self._device)
        """Kernels of the descriptors."""

    @property
    def description(self):
        """Backend and name of the device."""
        return dict(self._device.description)

    def scan(self, jobs):
        """Frequency shifts of jobs: list of ScanResult, in their order."""
        done = {}
        for those in self._groups(jobs):
            for number, work in zip(
                those, self._relax([jobs[n] for n in those], False), strict=True
            ):
                done[number] = work.result()
        return [done[number] for number in range(len(jobs))]

    def relaxed(self, job):
        """Field and place of the relaxed probe particle; see `NumbaEngine.relaxed`."""
        (done,) = self._relax([job], True)
        forces = done.forces
        forces[..., :3] = forces[..., :3] @ job.tip_axes.T.astype(np.float32)
        return forces, (job.anchors() + done.paths).astype(np.float32)

    def _groups(self, jobs):
        """Numbers of the jobs that are done together, in order of their first ones."""
        groups, sizes = [], []
        latest = {}
        for number, job in enumerate(jobs):
            size = POINT_BYTES * int(np.prod(bounds(job.field.box, *usual_reach(job))[1]))
            key = (job.scan_dim, len(job.weights), job.relax, job.mode)
            at = latest.get(key)
            full = at is not None and sizes[at] + size > self._device.memory
            if at is None or full or job.mode == "direct":
                at = latest[key] = len(groups)
                groups.append([])
                sizes.append(0)
            groups[at].append(number)
            sizes[at] += size
        return groups

    def _relax(self, jobs, keep):
        works = [Pass(job, keep) for job in jobs]
        if jobs[0].mode == "direct":
            self._relax_directly(works[0])
            return works
        self._relax_pieces(works, self._usual_pieces(jobs, keep))
        for work in works:
            self._repeat(work)
        return works

    def _repeat(self, work):
        """Do the pixels again whose particle left the piece, on larger ones."""
        for margin in GROWTH:
            if not work.todo.any():
                return
            margins = np.full(3, margin)
            places = reach_of(work.job, work.todo)
            (piece,) = self._cut("again", [(work.job, places, margins, margins)], work.keep)
            self._relax_pieces([work], [piece])
        if work.todo.any():
            self._relax_pieces([work], [self._whole_box(work.job, work.keep)])

    def _whole_box(self, job, energy):
        """The grid of the whole periodic box, which has a value at every place."""
        box, period = job.field.box, np.array(job.field.box.shape, np.int64)
        buffer = self._device.space("again", POINT_BYTES * int(np.prod(period + 1)))
        region = Region(job.field.parts, box.steps, box.shape, PART, period + 1, None, 0)
        self._forces.fill([region], buffer, energy)
        return DevicePiece(buffer, PART, period + 1, 0, energy, period)

    def _relax_pieces(self, works, pieces):
        job = works[0].job
        scans = [_scan(work.job, piece) for work, piece in zip(works, pieces, strict=True)]
        todo = np.stack([work.todo for work in works]).astype(bool)
        keep, nz = works[0].keep, job.scan_dim[2]
        done = relax(self._device, job.relax, scans, pieces[0].buffer, todo, nz, keep)
        for k, work in enumerate(works):
            _take(work, done, k)

    def _usual_pieces(self, jobs, energy):
        """The parts of the grids that jobs usually need; kept until the next call."""
        kept = [self._kept_piece(job, energy) for job in jobs]
        if all(piece is not None for piece in kept):
            return kept
        self._kept = []
        pieces = self._cut("pieces", [(job, *usual_reach(job)) for job in jobs], energy)
        self._kept = list(zip(jobs, pieces, strict=True))
        return pieces

    def _kept_piece(self, job, energy):
        for kept, piece in self._kept:
            if kept is job and (piece.energy or not energy):
                return piece
        return None

    def _cut(self, name, requests, energy, columns=None):
        """Pieces around the places of (job, places, below, above), in the buffer `name`."""
        regions, pieces, size = [], [], 0
        for job, *around in requests:
            box = job.field.box
            start, shape = bounds(box, *around)
            mask = None if columns is None else columns(start, shape)
            regions.append(Region(job.field.parts, box.steps, box.shape, start, shape, mask, size))
            pieces.append((start, shape, size, energy))
            size += int(np.prod(shape))
        buffer = self._device.space(name, POINT_BYTES * size)
        self._forces.fill(regions, buffer, energy)
        return [DevicePiece(buffer, *piece) for piece in pieces]

    def _relax_directly(self, work):
        job = work.job
        box = job.field.box
        done = relax_exactly(
            self._device,
            self._exact_atoms(job),
            job.relax == "newton",
            job.frame,
            job.spring(np.float64),
            np.stack([job.rest, job.tip_axes[2]]),
            np.vstack([box.origin, np.linalg.inv(box.steps)]),
            job.weights,
            job.scan_dim,
            work.keep,
        )
        _take(work, done, 0)

    def _exact_atoms(self, job):
        if not self._device.has_double:
            raise AfmPhysicsError(
                f"afm: mode: direct; {self._device.description['device']} has no double precision; "
                "expected mode: grid or backend: numba"
            )
        job.field.at(np.zeros((0, 3)))
        return exact_atoms(*job.field.direct)

    def heights(self, job, iso, nz=100, depth=None):
        """Heights of constant vertical force; see `NumbaEngine.heights`."""
        if job.mode == "direct":
            zeta = np.full(job.scan_dim[:2], -1, np.float32)
            start = np.vstack([job.frame[0] + job.rest, job.frame[1:]])
            atoms = self._exact_atoms(job)
            strokes_exactly(self._device, atoms, start, job.tip_axes[2], iso, nz, zeta)
            return zeta, False

        def cut(field, places, below, above, energy=False, columns=None):
            request = (job, places, below + SLACK, above + SLACK)
            return self._cut("deeper", [request], energy, columns)[0]

        def carry_on(piece, points, direction, iso, nz, step, force, zeta):
            scan = _scan(job, piece)._replace(anchors=points)
            strokes(self._device, piece.buffer, scan, direction, iso, nz, step, force, zeta)

        piece = self._kept_piece(job, False) or self._usual_pieces([job], False)[0]
        zeta, lowest = stroke_heights(job, piece, iso, nz, depth, cut, carry_on)
        return zeta, bool(((lowest < 0) & ~np.array(job.periodic)).any())

    def forget(self):
        """Drop the force grids that are kept of the last jobs."""
        self._kept = []


def _scan(job, piece):
    box = job.field.box
    return Scan(
        piece.start,
        piece.shape,
        piece.out,
        grid_frame(box, job.frame),
        np.linalg.inv(box.steps),
        job.spring(np.float32),
        np.stack([job.rest, job.tip_axes[2]]),
        job.weights,
        piece.period,
    )


def _take(work, done, k):
    """Enter what scan `k` of Relaxed gives into a Pass."""
    new = (work.todo != 0) & ~done.todo[k]
    work.df[new] = done.df[k][new]
    if work.keep:
        work.forces[new], work.paths[new] = done.forces[k][new], done.paths[k][new]
    work.todo[...] = done.todo[k]
    work.counts[0] += done.counts[k]
    low, high = done.extents[k]
    if new.any():
        work.extent[0] = np.minimum(work.extent[0, 0], low), np.maximum(work.extent[0, 1], high)
