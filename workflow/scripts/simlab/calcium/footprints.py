"""Footprints of many cells as tight patches in one flat array, instead of one image a cell."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse


@dataclass(frozen=True, eq=False)
class FootprintStack:
    """Weights of n cells on a canvas, stored as n rectangular patches.

    Attributes
    ----------
    offsets : int32 (n, 2)
        Row and column of each patch's first pixel on the canvas, px.
    shapes : int32 (n, 2)
        Height and width of each patch, px; (0, 0) for an empty footprint.
    data : float32 (sum of heights * widths,)
        The patches row by row, one after the other; weight 1 is a planted soma.
    canvas_shape : tuple of 2 int
        Height and width of the canvas, px.
    """

    offsets: np.ndarray
    shapes: np.ndarray
    data: np.ndarray
    canvas_shape: tuple

    @classmethod
    def from_patches(cls, patches, offsets, canvas_shape):
        """Stack of 2-D `patches` (any float dtype) at `offsets` (n, 2) of a canvas."""
        patches = [np.asarray(patch, np.float32) for patch in patches]
        shapes = np.array([patch.shape for patch in patches], np.int32).reshape(-1, 2)
        flat = [patch.ravel() for patch in patches]
        data = np.concatenate(flat) if flat else np.empty(0, np.float32)
        return cls(np.asarray(offsets, np.int32).reshape(-1, 2), shapes, data, tuple(canvas_shape))

    @classmethod
    def empty(cls, canvas_shape):
        """Stack of no cells."""
        return cls.from_patches([], [], canvas_shape)

    def __len__(self):
        return len(self.offsets)

    @cached_property
    def pointers(self):
        """Start of each patch in `data`, and the end of the last: int64 (n + 1,)."""
        sizes = np.prod(self.shapes, axis=1, dtype=np.int64)
        return np.concatenate(([0], np.cumsum(sizes)))

    def patch(self, i):
        """Weights of cell i, a float32 view (height, width)."""
        return self.data[self.pointers[i] : self.pointers[i + 1]].reshape(self.shapes[i])

    def select(self, index):
        """Stack of the cells `index` (integers or a mask), in that order."""
        index = np.arange(len(self))[index]
        return self.from_patches(
            [self.patch(i) for i in index], self.offsets[index], self.canvas_shape
        )

    def crop(self, top, left, height, width):
        """Stack on the rectangle whose first pixel is (top, left); outside parts are cut off."""
        corner, size = np.array([top, left]), np.array([height, width])
        patches, offsets = [], []
        for i in range(len(self)):
            start = self.offsets[i] - corner
            first = np.clip(start, 0, size)
            last = np.clip(start + self.shapes[i], first, size)
            if (last == first).any():
                first = last = np.zeros(2, int)
            (y0, x0), (y1, x1) = first - start, last - start
            patches.append(self.patch(i)[y0:y1, x0:x1] if (last > first).all() else _NOTHING)
            offsets.append(first)
        return self.from_patches(patches, offsets, (height, width))

    def overlaps(self, top, left, height, width):
        """Whether each patch shares a pixel with a rectangle: bool (n,)."""
        last = self.offsets + self.shapes
        inside = (self.offsets < (top + height, left + width)) & (last > (top, left))
        return inside.all(axis=1) & (self.shapes > 0).all(axis=1)

    def sums(self):
        """Sum of each cell's weights, summed in float64: (n,)."""
        return np.array([self.patch(i).sum(dtype=np.float64) for i in range(len(self))])

    def to_dense(self):
        """One image a cell: float32 (n, height, width)."""
        dense = np.zeros((len(self), *self.canvas_shape), np.float32)
        for i, ((y, x), (h, w)) in enumerate(zip(self.offsets, self.shapes, strict=True)):
            dense[i, y : y + h, x : x + w] = self.patch(i)
        return dense

    def to_csr(self):
        """Sparse matrix, float32 (n, height * width), of the pixels that are not zero."""
        width = self.canvas_shape[1]
        columns, values, pointers = [], [], [0]
        for i, (y, x) in enumerate(self.offsets):
            patch = self.patch(i)
            rows, cols = np.nonzero(patch)
            columns.append((rows + int(y)) * width + cols + int(x))
            values.append(patch[rows, cols])
            pointers.append(pointers[-1] + len(rows))
        shape = (len(self), self.canvas_shape[0] * width)
        if not columns:
            return sparse.csr_matrix(shape, dtype=np.float32)
        return sparse.csr_matrix(
            (np.concatenate(values), np.concatenate(columns), pointers), shape=shape
        )


_NOTHING = np.zeros((0, 0), np.float32)
