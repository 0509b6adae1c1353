"""Maps of all scales at once, without a full-box map: particles sorted into cells, then tasks.

A task is one (halo, rotation). Chunks of particles are sorted once for all tasks; every task adds
chunks, cells and particles in one fixed order to sums of its own, so that results are the same bits
for any number of threads and any choice of tasks.
"""

import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from simlab.halo.cutouts import fine_pixels
from simlab.halo.particles import check_box

BLOCKS = 16
"""Parts in which a chunk is sorted; fixed, as they decide nothing but the share of threads."""


@dataclass(frozen=True)
class Geometry:
    """Grids and windows of maps at nested scales; lengths in Mpc/h."""

    box_size: float
    resolution: int
    npix: int
    factors: tuple[int, ...]

    @classmethod
    def of(cls, box_size, resolution, scales):
        """Geometry of maps of `scales`, or CutoutError."""
        npix, factors = fine_pixels(box_size, resolution, scales)
        return cls(check_box(box_size), int(resolution), npix, factors)

    @property
    def pitch(self):
        """Pixels along the sums: a border of one on one side and of two on the other."""
        return self.resolution + 3

    @property
    def whole(self):
        """Is the last map the whole box?"""
        return self.factors[-1] * self.resolution == self.npix

    @property
    def nested(self):
        """Are the pixels of each map made of whole pixels of the one before?"""
        pairs = itertools.pairwise(self.factors)
        return all(b % a == 0 and self.resolution % (2 * (b // a)) == 0 for a, b in pairs)

    def windows(self):
        """The tuples `windows` and `levels` of `kernels.multiscale.project_task`."""
        factors = np.array(self.factors, np.float64)
        pixel = self.box_size / self.npix
        cuts = self.resolution * factors
        nodes = self.npix // 2 - cuts / 2
        windows = (nodes, 1 / (pixel * factors), cuts * pixel / 2, pixel, self.whole, self.nested)
        return windows, (factors, self.pitch)

    def maps(self, sums):
        """Sums (..., S, P P) -> means per fine pixel (..., S, res, res) float64."""
        planes = sums.reshape(*sums.shape[:-1], self.pitch, self.pitch)
        end = self.resolution + 1
        if self.whole:
            # the node beyond the last one is the first one
            last = planes[..., -1, :, :]
            last[..., 1, :] += last[..., end, :]
            last[..., :, 1] += last[..., :, end]
        area = np.array(self.factors, np.float64)[:, None, None] ** 2
        return planes[..., 1:end, 1:end] / area


class SortedParticles:
    """A chunk of particles in order of cells: rows x rows columns along z, of `cells` cells."""

    def __init__(self, positions, masses, box_size, pool):
        """positions (N, 3) float32 in [0, L), N > 0; masses (N,) or, equal for all, (1,)."""
        from simlab.halo.kernels import sorting
        from simlab.halo.kernels.weights import LANES

        count = len(positions)
        self.rows, self.cells = cell_grid(count)
        columns_total = self.rows**2
        columns = np.empty(count, np.uint16)
        counts = np.zeros((BLOCKS, columns_total), np.int64)
        edges = np.linspace(0, count, BLOCKS + 1).astype(np.int64)
        blocks = list(zip(itertools.pairwise(edges), counts, strict=True))
        # one mass for all is not sorted
        each, self.mass = masses[: masses.size if masses.size > 1 else 0], float(masses[0])

        def find(block):
            (start, stop), here = block
            scale = self.rows / box_size
            sorting.find_columns(positions, start, stop, scale, self.rows, columns, here)

        run(pool, find, blocks)
        first = sorting.place_blocks(counts)
        words = _words(each, count)
        dealt = np.empty((count, 3 + words.shape[1]), np.float32)

        def deal(block):
            (start, stop), here = block
            sorting.deal_to_columns(positions, words, columns, start, stop, here, dealt)

        run(pool, deal, blocks)
        x, y, z = (np.empty(count + LANES, np.float32) for _ in range(3))
        # none are float32, so that the kernels meet no other type
        m = np.empty(count + LANES, masses.dtype) if len(each) else np.empty(0, np.float32)
        self.arrays = x, y, z, m
        for array in self.arrays:
            array[count:] = 0
        sorted_words = _words(m, count + LANES)
        self.starts = np.empty(columns_total * self.cells + 1, np.int64)
        self.starts[-1] = count

        def order(edge):
            low, high = edge
            scale = self.cells / box_size
            sorting.order_columns(
                dealt, first, low, high, scale, self.cells, x, y, z, sorted_words, self.starts
            )

        parts = np.linspace(0, columns_total, BLOCKS + 1).astype(np.int64)
        run(pool, order, itertools.pairwise(parts))


def _words(masses, count):
    """Masses (count,) or none as rows (count, W) of float32 words of the same memory."""
    return masses.view(np.float32).reshape(count, masses.itemsize // 4 if len(masses) else 0)


def cell_grid(count):
    """(rows, cells): columns along x and y, cells along z, for a chunk of `count` particles.

    Small cells waste fewer particles at the borders of maps, but every cell costs time by itself.
    """
    rows = min(32, max(4, 2 ** round(math.log2(max(count, 1) / 64) / 3)))
    return rows, 2 * rows


def run(pool, function, items):
    """Call `function` with each of `items`, in the threads of `pool` if there is one."""
    for _ in (pool.map if pool else map)(function, items):
        pass


class Projector:
    """Sums of many tasks, to which chunks of particles are added."""

    def __init__(self, geometry, centers, rotations, half_depth, threads):
        """centers (T, 3) in Mpc/h, rotations (T, 3, 3)."""
        self.geometry, self.half_depth = geometry, half_depth
        self.centers = np.mod(centers, geometry.box_size)
        self.rotations = rotations
        shape = len(centers), len(geometry.factors), geometry.pitch**2
        self.sums = np.zeros(shape)
        self.threads = max(1, min(threads, len(centers)))
        self.buffers = [self._new_buffers() for _ in range(self.threads)]

    def add(self, positions, masses):
        """Add a chunk: positions (N, 3) float32 in [0, L), masses (N,) or (1,)."""
        if not len(positions) or not len(self.sums):
            return
        if self.threads == 1:
            self._add(positions, masses, None)
            return
        with ThreadPoolExecutor(self.threads) as pool:
            self._add(positions, masses, pool)

    def _add(self, positions, masses, pool):
        from simlab.halo.kernels.multiscale import project_task

        chunk = SortedParticles(positions, masses, self.geometry.box_size, pool)
        for buffers in self.buffers:
            buffers[1][:] = chunk.mass
        free = list(self.buffers)
        windows, levels = self.geometry.windows()

        def project(task):
            buffers = free.pop()
            project_task(
                chunk.arrays,
                chunk.starts,
                chunk.rows,
                chunk.cells,
                self.geometry.box_size,
                self.centers[task],
                self.rotations[task],
                self.half_depth,
                windows,
                levels,
                self.sums[task].reshape(-1),
                buffers,
            )
            free.append(buffers)

        run(pool, project, range(len(self.sums)))

    def _new_buffers(self):
        from simlab.halo.kernels.weights import BATCH

        index = np.empty(BATCH, np.int32)
        n_levels, pixels = len(self.geometry.factors), self.geometry.pitch**2
        return (
            np.zeros((n_levels * pixels, 4)),
            np.empty(BATCH),
            np.empty(BATCH),
            index,
            index.view(np.uint32),
            np.empty((4, BATCH)),
        )
