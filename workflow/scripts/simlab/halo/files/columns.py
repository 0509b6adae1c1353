"""Columns of a particle file, read block by block and converted on the way.

The blocks are small enough to stay in the processor's cache, so that conversion costs little
beside reading, and no array of a file's own precision is ever held as a whole.
"""

import numpy as np

from simlab.halo.errors import SnapshotError
from simlab.halo.files.hdf5 import blocks

BLOCK_ROWS = 2**15


def read_positions(data, start, stop, out, factor, side):
    """Rows start..stop of `Coordinates` as positions in [0, side), in `out` (stop - start, 3).

    x = code length * factor, x - side floor(x / side) where x lies outside, in float64; rounded
    to the type of `out`, where x = side becomes 0.
    """
    work = np.empty((min(BLOCK_ROWS, stop - start), 3))
    for row, raw in _raw(data, start, stop):
        x = work[: len(raw)]
        np.multiply(raw, factor, out=x, dtype=np.float64)
        low, high = x.min(), x.max()  # NaN if there is one
        if not (np.isfinite(low) and np.isfinite(high)):
            _refuse(data, row, raw, ~np.isfinite(raw), "expected finite numbers")
        if low < 0 or high >= side:
            np.mod(x, side, out=x)
            high = side
        part = out[row - start : row - start + len(raw)]
        part[...] = x
        if part.dtype.type(high) >= side:
            part[part >= side] = 0


def read_masses(data, start, stop, factor):
    """Rows start..stop of `Masses`, (stop - start,) float32, Msun/h; 0 is legal."""
    masses = np.empty(stop - start, np.float32)
    work = np.empty(min(BLOCK_ROWS, stop - start))
    for row, raw in _raw(data, start, stop):
        mass = work[: len(raw)]
        np.multiply(raw, factor, out=mass, dtype=np.float64)
        part = masses[row - start : row - start + len(raw)]
        with np.errstate(over="ignore"):
            part[...] = mass
        if not (part.min() >= 0 and np.isfinite(part.max())):
            _refuse(data, row, raw, ~((part >= 0) & np.isfinite(part)), "expected a mass >= 0")
    return masses


def read_positive(data, start, stop):
    """Where rows start..stop of a column are > 0, (stop - start,) bool."""
    positive = np.empty(stop - start, bool)
    for row, raw in _raw(data, start, stop):
        if not np.isfinite(raw).all():
            _refuse(data, row, raw, ~np.isfinite(raw), "expected finite numbers")
        np.greater(raw, 0, out=positive[row - start : row - start + len(raw)])
    return positive


def _raw(data, start, stop):
    """(row, stored values from there on), at most BLOCK_ROWS at a time, out of one buffer."""
    spans = list(blocks(data, start, stop, BLOCK_ROWS))
    longest = max((last - first for first, last in spans), default=0)
    buffer = np.empty((longest, *data.shape[1:]), data.dtype.newbyteorder("="))
    for first, last in spans:
        data.read_direct(buffer, np.s_[first:last], np.s_[: last - first])
        for row in range(first, last, BLOCK_ROWS):
            yield row, buffer[row - first : min(row + BLOCK_ROWS, last) - first]


def _refuse(data, row, raw, bad, expected):
    """Name the first bad row."""
    first = int(np.argmax(bad.reshape(len(raw), -1).any(axis=1)))
    raise SnapshotError(
        f"{data.file.filename}: {data.name.lstrip('/')}[{row + first}] is {raw[first].tolist()}, "
        f"{expected}"
    )
