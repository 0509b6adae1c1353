"""Heights of constant vertical force: strokes of a rigid probe particle on a grid."""

import math

import numpy as np

from simlab.afm.errors import AfmPhysicsError
from simlab.afm.kernels import direct, strokes
from simlab.afm.kernels.threads import over_rows
from simlab.afm.pieces import cut, grid_frame, span

PLANES = 12
"""Planes of the grid that are added at a time when strokes go below what is there."""


def _on_cpu(piece, points, direction, iso, nz, step, force, zeta):
    def task(first, last):
        strokes.stroke_rows(
            first, last, *piece.arguments, points, direction, iso, nz, step, force, zeta
        )

    over_rows(task, len(step))


def stroke_heights(job, piece, iso, nz, depth=None, cut=cut, carry_on=_on_cpu):
    """Where strokes from the highest anchors first exceed a vertical force.

    Parameters
    ----------
    job : ScanJob
    piece : Piece
        The part of the grid that is there already.
    iso : float
        Force, eV/Å.
    nz : int
        Steps of job.dz.
    depth : float, optional
        What lies more than this below the highest crossing need not be found, Å: the strokes that
        are left end once one crossing is that deep.
    cut : callable
        Makes further pieces; see `pieces.cut`.
    carry_on : callable
        Carries the strokes on in a piece.

    Returns
    -------
    zeta : float32 (nx, ny)
        i + (iso - F(i-1)) / (F(i) - F(i-1)), i being the first step beyond iso; -1 without one.
    lowest : (3,) float64
        Lowest grid coordinates that heights depend on: where a stroke begins, or meets the level
        not more than `depth` below the highest crossing. A stroke that leaves the box without a
        crossing counts if the exact field crosses the level there; a field that exists on a grid
        only cannot tell, and there it counts always.
    """
    nx, ny = job.scan_dim[:2]
    start = np.vstack([job.frame[0] + job.rest, job.frame[1:]])
    points = grid_frame(job.field.box, start)
    direction = job.tip_axes[2].astype(np.float32)
    step, force = np.zeros((nx, ny), np.int32), np.zeros((nx, ny), np.float32)
    zeta = np.full((nx, ny), -1, np.float32)
    at_once = max(1, math.floor(PLANES / max(1e-9, np.abs(points[3]).max())))
    while True:
        carry_on(piece, points, direction, np.float32(iso), nz, step, force, zeta)
        rows, columns = np.nonzero(step < nz)
        if len(rows) == 0 or _deep_enough(zeta, depth, job.dz):
            break
        begin = step[rows, columns].min()
        first = (rows.min(), columns.min(), begin)
        last = (rows.max(), columns.max(), min(nz, begin + at_once) - 1)
        mask = _column_mask(points, rows, columns) if _is_upright(points) else None
        piece = cut(job.field, span(points, first, last), np.zeros(3), np.zeros(3), columns=mask)
    return zeta, _lowest(job, points, start, zeta, iso, nz, depth)


def _lowest(job, points, start, zeta, iso, nz, depth):
    nx, ny = zeta.shape
    ends = np.ceil(zeta) - 1  # zeta is up to a step beyond the first step that exceeds the level
    deepest = nz - 1
    if depth is not None and (zeta >= 0).any():
        deepest = min(deepest, math.floor(zeta[zeta >= 0].min() + depth / job.dz))
    ends[zeta < 0] = deepest
    index = np.stack([*np.indices((nx, ny)), ends], axis=-1)
    places = points[0] + index @ points[1:]
    outside = ((places < 0) & ~np.array(job.periodic)).any(axis=2) & (ends <= deepest)
    doubtful = outside & (zeta < 0)
    if doubtful.any():
        outside &= (zeta >= 0) | _crosses_below(job, points, start, doubtful, iso, deepest)
    corners = span(points, (0, 0, 0), (nx - 1, ny - 1, 0))
    return np.vstack([corners, places[outside]]).min(axis=0)


def _crosses_below(job, points, start, doubtful, iso, deepest):
    """Which strokes cross the level in the exact field once some of `doubtful` left the box."""
    try:
        job.field.at(np.zeros((0, 3)))
    except AfmPhysicsError:
        return doubtful
    rows, columns = np.nonzero(doubtful)
    index = np.column_stack([rows, columns, np.zeros(len(rows))])
    first = points[0] + index @ points[1:]
    inside = [
        (first[:, c] / -points[3, c]).min()
        for c in range(3)
        if points[3, c] < 0 and not job.periodic[c]
    ]
    begin = max(0, math.floor(min(inside, default=0.0)) - 1)
    frame = np.vstack([start[0] + begin * start[3], start[1:]])
    direction = np.array(job.tip_axes[2], np.float64)
    zeta = np.full(doubtful.shape, -1, np.float32)

    def task(first, last):
        direct.stroke_rows(
            first, last, job.field.direct, frame, direction, float(iso), deepest + 1 - begin, zeta
        )

    over_rows(task, len(zeta))
    return zeta >= 0


def _deep_enough(zeta, depth, dz):
    crossed = zeta[zeta >= 0]
    return depth is not None and crossed.size > 0 and np.ptp(crossed) * dz > depth


def _is_upright(points):
    """Whether strokes go along the grid's columns and the pixels along its axes."""
    off_diagonal = points[1:] - np.diag(np.diag(points[1:]))
    return not off_diagonal.any()


def _column_mask(points, rows, columns):
    """Mask of the columns around the strokes of the pixels (rows, columns)."""

    def mask(start, shape):
        needed = np.zeros(shape[:2], bool)
        x = np.floor(points[0, 0] + rows * points[1, 0]).astype(np.int64) - start[0]
        y = np.floor(points[0, 1] + columns * points[2, 1]).astype(np.int64) - start[1]
        needed[x, y] = True
        needed[1:] |= needed[:-1]
        needed[:, 1:] |= needed[:, :-1]
        return needed

    return mask
