"""Similarity of footprints and their one-to-one assignment, without dense stacks of images.

Footprints are rows of sparse matrices, so that thousands of units on a megapixel need only the
pixels they light.
"""

import numpy as np
from scipy import sparse

from simlab.calcium.errors import SpecError
from simlab.calcium.footprints import FootprintStack

SUPPORT_LEVEL = 0.01
"""Share of the maximum above which a pixel of the summed footprints counts as lit."""
SEARCH_FRACTION = 0.25
"""Largest shift looked for, as a share of each axis."""
MAX_WHOLE_FRAMES = 300
"""Units up to which equal weights are ranked as in whole frames."""


class FootprintRows:
    """Non-negative weights of n footprints.

    Attributes
    ----------
    matrix : CSR float64 (n, H*W)
    shape : (H, W)
    """

    def __init__(self, matrix, shape):
        self.matrix, self.shape = matrix, shape

    @classmethod
    def of(cls, footprints, name):
        """Rows of a (n, H, W) array or a FootprintStack; negative weights become 0."""
        if isinstance(footprints, FootprintStack):
            matrix, shape = footprints.to_csr(), tuple(footprints.canvas_shape)
        else:
            dense = np.asarray(footprints)
            if dense.ndim != 3:
                raise SpecError(f"{name} must be (units, height, width), found {dense.shape}")
            shape = dense.shape[1:]
            matrix = sparse.csr_matrix(dense.reshape(len(dense), shape[0] * shape[1]))
        matrix = matrix.astype(np.float64)
        matrix.data = np.maximum(matrix.data, 0.0)
        matrix.eliminate_zeros()
        matrix.sort_indices()
        return cls(matrix, shape)

    def __len__(self):
        return self.matrix.shape[0]

    def shifted(self, dy, dx):
        """These footprints moved down by dy and right by dx pixels; what leaves is lost."""
        height, width = self.shape
        triplets = self.matrix.tocoo()
        y, x = triplets.col // width + dy, triplets.col % width + dx
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        place = triplets.row[inside], y[inside] * width + x[inside]
        moved = sparse.csr_matrix((triplets.data[inside], place), shape=self.matrix.shape)
        moved.sort_indices()
        return FootprintRows(moved, self.shape)

    def support(self):
        """Where the sum of all footprints exceeds 1 % of its maximum: bool (H, W)."""
        total = np.asarray(self.matrix.sum(axis=0)).reshape(self.shape)
        return total > SUPPORT_LEVEL * total.max(initial=0.0)

    def masks(self, energy_frac, whole_frames):
        """CSR of ones on the fewest brightest pixels that hold `energy_frac` of each sum.

        If only some of several equal weights are needed, `whole_frames` picks those that come
        first when numpy sorts a whole frame, which is what the original program does (the order
        depends on the CPU); else the first ones row by row.
        """
        matrix = self.matrix
        if energy_frac >= 1:
            return _like(matrix, np.ones_like(matrix.data))
        kept = np.zeros_like(matrix.data)
        for start, end in _rows(matrix):
            order = np.argsort(-matrix.data[start:end], kind="stable")
            weights = matrix.data[start + order]
            energy = np.cumsum(weights)
            if len(energy):
                needed = np.searchsorted(energy, energy_frac * energy[-1]) + 1
                divided = needed < len(weights) and weights[needed - 1] == weights[needed]
                if whole_frames and divided:
                    order = self._ranked_in_frame(start, end)
                kept[start + order[:needed]] = 1.0
        mask = _like(matrix, kept).copy()
        mask.eliminate_zeros()
        return mask

    def _ranked_in_frame(self, start, end):
        """Positions in a row of the matrix, the brightest first, as a sorted frame has them."""
        pixels = self.matrix.indices[start:end]
        frame = np.zeros(self.matrix.shape[1])
        frame[pixels] = self.matrix.data[start:end]
        order = np.argsort(frame)[::-1]
        return np.searchsorted(pixels, order[: len(pixels)])

    def boxes(self):
        """First and one past the last row and column of each footprint: int64 (n, 2, 2)."""
        width = self.shape[1]
        boxes = np.zeros((len(self), 2, 2), np.int64)
        for i, (start, end) in enumerate(_rows(self.matrix)):
            if end > start:
                y, x = np.divmod(self.matrix.indices[start:end], width)
                boxes[i] = (y.min(), x.min()), (y.max() + 1, x.max() + 1)
        return boxes


def iou(estimated, true, energy_frac):
    """Jaccard index of the masks of each pair: (n_est, n_true).

    Equal weights are ranked in one way on both sides: equal footprints must have equal masks.
    """
    whole_frames = max(len(estimated), len(true)) <= MAX_WHOLE_FRAMES
    first, second = (rows.masks(energy_frac, whole_frames) for rows in (estimated, true))
    common = (first @ second.T).toarray()
    sizes = _sums(first)[:, None] + _sums(second)
    return _ratio(common, sizes - common)


def cosine(estimated, true, energy_frac=None):
    """Cosine of the angle between the weights of each pair: (n_est, n_true)."""
    products = (estimated.matrix @ true.matrix.T).toarray()
    norms = [np.sqrt(_sums(rows.matrix.power(2))) for rows in (estimated, true)]
    return _ratio(products, np.outer(*norms))


def weighted_jaccard(estimated, true, energy_frac=None):
    """Sum of minima over sum of maxima of the weights, each footprint's sum being 1."""
    first, second = _normalized(estimated.matrix), _normalized(true.matrix)
    minima = np.zeros((len(estimated), len(true)))
    candidates = _overlapping(estimated.boxes(), true.boxes())
    weights = np.zeros(first.shape[1])
    for i, (start, end) in enumerate(_rows(first)):
        others = np.flatnonzero(candidates[i])
        if not len(others):
            continue
        weights[first.indices[start:end]] = first.data[start:end]
        rows = second[others]
        smaller = np.minimum(weights[rows.indices], rows.data)
        minima[i, others] = _sums(_like(rows, smaller))
        weights[first.indices[start:end]] = 0.0
    totals = _sums(first)[:, None] + _sums(second)
    return _ratio(minima, totals - minima)


def phase_shift(moving, fixed):
    """(dy, dx) whole pixels by which `moving` must be moved to lie on `fixed`.

    The maximum of the phase correlation of both supports (bool (H, W)), looked for within a
    quarter of each axis.
    """
    spectrum = np.fft.fft2(fixed) * np.conj(np.fft.fft2(moving))
    correlation = np.fft.ifft2(spectrum / (np.abs(spectrum) + 1e-12)).real
    reach = [int(SEARCH_FRACTION * n) for n in fixed.shape]
    shifts = [np.arange(-r, r + 1) for r in reach]
    window = correlation[np.ix_(*shifts)]
    y, x = np.unravel_index(np.argmax(window), window.shape)
    return int(shifts[0][y]), int(shifts[1][x])


def _rows(matrix):
    """(start, end) of each row in the data of a CSR matrix."""
    return zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True)


def _like(matrix, data):
    """Other values in the same places; the places are shared, not copied."""
    return sparse.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def _sums(matrix):
    return np.asarray(matrix.sum(axis=1)).ravel()


def _normalized(matrix):
    sums = _sums(matrix)
    scale = np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0)
    return _like(matrix, matrix.data * np.repeat(scale, np.diff(matrix.indptr)))


def _ratio(over, under):
    return np.divide(over, under, out=np.zeros_like(over), where=under > 0)


def _overlapping(first, second):
    """Which boxes of `first` (n, 2, 2) share a pixel with which of `second`: bool (n, m)."""
    begins = np.maximum(first[:, None, 0], second[None, :, 0])
    ends = np.minimum(first[:, None, 1], second[None, :, 1])
    return (ends > begins).all(axis=-1)
