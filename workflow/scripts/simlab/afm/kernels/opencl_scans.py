"""Relaxation and strokes of the probe particle on an OpenCL device."""

from typing import NamedTuple

import numpy as np

from simlab.afm.kernels.opencl import SCAN, table

GROUPS = {False: (1, 1, 1), True: (8, 8, 1)}
PIXEL_GROUPS = {False: (16, 1), True: (8, 8)}
"""Work-groups on devices that are (True) and are not GPUs."""

FAR = np.iinfo(np.int32).max
BELOW_ONE = np.nextafter(np.float32(1), np.float32(0))


class Scan(NamedTuple):
    """One scan over a piece of a grid.

    Attributes
    ----------
    start, shape : (3,) int
        First grid index and points of the piece.
    out : int
        Its first point in the buffer of the pieces.
    anchors : (4, 3) float64
        Grid coordinates of the first anchor; steps along x, along y, and down.
    inverse : (3, 3) float64
        Grid coordinates = Å coordinates @ inverse.
    spring : tuple
        S (3, 3), s0 (3,), K_r, R; see `kernels.relax`.
    axes : (2, 3)
        Displacement of the unloaded particle, Å; direction of the measured force.
    weights : (W,)
        Hz per eV/Å.
    period : (3,) int
        Points after which a piece of the whole box repeats; 0 for a part of it.
    """

    start: np.ndarray
    shape: np.ndarray
    out: int
    anchors: np.ndarray
    inverse: np.ndarray
    spring: tuple
    axes: np.ndarray
    weights: np.ndarray
    period: np.ndarray

    @property
    def constants(self):
        """The numbers of the kernels, float64 (26,)."""
        s, s0, kr, length = self.spring
        upper = np.asarray(s, np.float64)[np.triu_indices(3)]
        kr, length = np.float32(kr), np.float32(length)
        return np.concatenate(
            [upper, s0, [kr, kr * length], np.ravel(self.axes), np.ravel(self.inverse)]
        )


class Relaxed(NamedTuple):
    """What scans give.

    Attributes
    ----------
    todo : bool (scans, nx, ny)
        Pixels whose particle left the piece.
    counts : int32 (scans, 2)
        Fallbacks and unconverged points of the other pixels.
    extents : int64 (scans, 2, 3)
        Lowest and highest grid index of relaxed points.
    df : float32 (scans, nx, ny, nz')
    forces : float32 (scans, nx, ny, nz, 4)
    paths : float32 (scans, nx, ny, nz, 3)
        Empty unless asked for.
    """

    todo: np.ndarray
    counts: np.ndarray
    extents: np.ndarray
    df: np.ndarray
    forces: np.ndarray
    paths: np.ndarray


class _Outputs:
    """Device memory that a relaxation writes."""

    def __init__(self, device, pixels, heights, terms, keep, measured):
        scans, nx, ny = pixels
        self._device, self._pixels = device, pixels
        self._heights, self._slices = heights, heights - terms + 1
        points = scans * nx * ny * heights if keep else 0
        self.counts = device.upload("counts", np.zeros((scans, 2)), np.int32)
        limits = np.tile(np.array([[FAR] * 3, [-FAR] * 3]), (scans, 1, 1))
        self.extents = device.upload("extents", limits, np.int32)
        self.measured = device.space("measured", measured * scans * nx * ny * heights)
        self.df = device.space("df", 4 * scans * nx * ny * self._slices)
        self.forces = device.space("forces", 16 * points)
        self.paths = device.space("paths", 12 * points)
        self._shape = (*pixels, heights) if keep else (scans, 0, 0, 0)

    @property
    def arguments(self):
        return self.counts, self.extents, self.measured, self.df, self.forces, self.paths

    def download(self, todo):
        """Relaxed, with the mask `todo` (scans, nx, ny)."""
        scans = self._pixels[0]
        down = self._device.download
        return Relaxed(
            todo.astype(bool),
            down(self.counts, np.empty((scans, 2), np.int32)),
            down(self.extents, np.empty((scans, 2, 3), np.int32)).astype(np.int64),
            down(self.df, np.empty((*self._pixels, self._slices), np.float32)),
            down(self.forces, np.empty((*self._shape, 4), np.float32)),
            down(self.paths, np.empty((*self._shape, 3), np.float32)),
        )


def relax(device, method, scans, pieces, todo, nz, keep):
    """Relax the probe particle in scans of equal numbers of anchors and weights.

    Parameters
    ----------
    device : opencl.Device
    method : "newton" or "fire"
    scans : list of Scan
    pieces : buffer of float4
    todo : bool (scans, nx, ny)
        Pixels to work on.
    nz : int
        Anchors along z.
    keep : bool
        Whether forces and paths are wanted.

    Returns
    -------
    Relaxed
        `df`, `forces` and `paths` are undefined where a pixel was not done.
    """
    count, nx, ny = todo.shape
    terms = len(scans[0].weights)
    outputs = _Outputs(device, todo.shape, nz, terms, keep, 4)
    tables = [place_tables(scan.anchors, (nx, ny, nz), scan.start) for scan in scans]
    rows = [_entry(scan) | {"tables": number * (nx + ny + nz)} for number, scan in enumerate(scans)]
    remaining = device.upload("todo", todo, np.uint8)
    lanes = device.lanes if method == "newton" else 1
    device.run(
        f"relax_{method}_df",
        (-(-ny // lanes), nx, count),
        GROUPS[device.is_gpu],
        device.upload("scans", table(SCAN, rows)),
        pieces,
        device.upload("indices", np.concatenate([index for index, _ in tables])),
        device.upload("fractions", np.concatenate([fraction for _, fraction in tables])),
        device.upload("constants", np.stack([scan.constants for scan in scans]), np.float32),
        device.upload("weights", np.stack([scan.weights for scan in scans]), np.float32),
        *(np.int32(n) for n in (count, nx, ny, nz, terms, keep)),
        remaining,
        *outputs.arguments,
    )
    done = outputs.download(device.download(remaining, np.empty(todo.shape, np.uint8)))
    starts = np.array([scan.start for scan in scans])[:, None]
    untouched = done.extents[:, :1] == FAR
    extents = np.where(untouched, done.extents, done.extents + starts)
    return done._replace(extents=extents)


def strokes(device, piece, scan, direction, iso, end, step, force, zeta):
    """Carry strokes on; arguments as of `kernels.strokes.stroke_rows`.

    Parameters
    ----------
    piece : buffer of float4
    scan : Scan
        `anchors` are the places of the particle; `spring` and `weights` are not used.
    """
    nx, ny = step.shape
    index, fraction = place_tables(scan.anchors, (nx, ny, end), scan.start)
    buffers = [device.upload(*pair) for pair in (("step", step), ("force", force), ("zeta", zeta))]
    device.run(
        "ziso",
        (ny, nx),
        PIXEL_GROUPS[device.is_gpu],
        device.upload("scans", table(SCAN, [_entry(scan)])),
        piece,
        device.upload("indices", index),
        device.upload("fractions", fraction),
        np.array([*direction, 0], np.float32),
        np.float32(iso),
        *(np.int32(n) for n in (nx, ny, end)),
        *buffers,
    )
    for buffer, array in zip(buffers, (step, force, zeta), strict=True):
        device.download(buffer, array)


def _entry(scan):
    members = ("sx", "sy", "sz", "px", "py", "pz")
    sizes = (int(n) for n in (*scan.shape, *scan.period))
    return {"piece": scan.out, **dict(zip(members, sizes, strict=True))}


def place_tables(frame, counts, start):
    """Places frame[0] + i frame[1] + j frame[2] + k frame[3] - start as sums of table rows.

    Where an axis of the frame moves one coordinate only, its cells are those of double precision.

    Returns
    -------
    index, fraction : int32, float32 (nx + ny + nz, 3)
        Row i, nx + j and nx + ny + k add up to the place.
    """
    rows = [np.arange(n)[:, None] * frame[1 + axis] for axis, n in enumerate(counts)]
    for axis in range(3):
        rows[axis][:, axis] = frame[0, axis] + rows[axis][:, axis]
    places = np.concatenate(rows)
    whole = np.floor(places)
    fraction = np.minimum((places - whole).astype(np.float32), BELOW_ONE)
    firsts = np.repeat(np.diag(start), counts, axis=0)
    return (whole - firsts).astype(np.int32), fraction


class Atoms(NamedTuple):
    """Atoms of the exact kernels: rows (n, 8), tip charges (t, 2); float64."""

    rows: np.ndarray
    tips: np.ndarray
    morse: bool

    def arguments(self, device):
        """Of the kernels, in their order."""
        return (
            device.upload("exact atoms", self.rows),
            np.int32(len(self.rows)),
            device.upload("exact tips", self.tips),
            np.int32(len(self.tips)),
            np.int32(self.morse),
        )


def exact_atoms(xyzs, parameters, charges, heights, tip_charges, morse):
    """Atoms of the arguments of `kernels.grid.atomic_at`."""
    rows = np.zeros((len(xyzs), 8))
    rows[:, :3], rows[:, 3:6], rows[:, 6] = xyzs, parameters, charges
    return Atoms(rows, np.column_stack([heights, tip_charges]), morse)


def relax_exactly(device, atoms, newton, frame, spring, axes, grid, weights, scan_dim, keep):
    """`kernels.direct.relax_rows` on a device with double precision: Relaxed of one scan.

    grid : (4, 3) float64: origin and inverse steps, of `extents`.
    """
    nx, ny, nz = scan_dim
    terms = len(weights)
    outputs = _Outputs(device, (1, nx, ny), nz, terms, keep, 8)
    lateral, s0, kr, length = spring
    constants = np.concatenate([np.ravel(lateral), s0, [kr, length]])
    device.run(
        "direct_df",
        (ny, nx),
        PIXEL_GROUPS[device.is_gpu],
        *atoms.arguments(device),
        device.upload("frame", frame, np.float64),
        device.upload("constants", constants, np.float64),
        device.upload("axes", axes, np.float64),
        device.upload("grid", grid, np.float64),
        device.upload("weights", weights, np.float64),
        np.int32(terms),
        np.int32(newton),
        *(np.int32(n) for n in (nx, ny, nz, keep)),
        *outputs.arguments,
    )
    return outputs.download(np.zeros((1, nx, ny)))


def strokes_exactly(device, atoms, frame, direction, iso, end, zeta):
    """`kernels.direct.stroke_rows` on a device with double precision; writes `zeta` (nx, ny)."""
    nx, ny = zeta.shape
    out = device.upload("zeta", zeta)
    device.run(
        "direct_ziso",
        (ny, nx),
        PIXEL_GROUPS[device.is_gpu],
        *atoms.arguments(device),
        device.upload("frame", np.vstack([frame, direction]), np.float64),
        np.float64(iso),
        *(np.int32(n) for n in (nx, ny, end)),
        out,
    )
    device.download(out, zeta)
