"""Scores of estimated footprints, traces and motion against the truth."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import linear_sum_assignment

from simlab.calcium.errors import SpecError
from simlab.calcium.matching import (
    FootprintRows,
    cosine,
    iou,
    phase_shift,
    weighted_jaccard,
)
from simlab.core.config import nearest

SIMILARITIES = {"iou": iou, "cosine": cosine, "weighted_jaccard": weighted_jaccard}
MATCH_THRESHOLD = 0.5
MASK_LEVEL = 0.18


@dataclass(frozen=True, eq=False)
class Match:
    """Estimated units assigned to true ones, at most one to one.

    Attributes
    ----------
    similarity_matrix : float64 (n_est, n_true)
        0 ... 1.
    pairing : list of (int, int)
        Assigned (estimated, true) units of similarity above 0.
    metric : str
    shift : (int, int)
        Pixels (down, right) by which the estimate was moved before.
    """

    similarity_matrix: np.ndarray
    pairing: list
    metric: str
    shift: tuple

    @property
    def n_est(self):
        """Number of estimated units."""
        return self.similarity_matrix.shape[0]

    @property
    def n_true(self):
        """Number of true units."""
        return self.similarity_matrix.shape[1]

    @cached_property
    def similarities(self):
        """Similarity of each pair of `pairing`: (n_pairs,)."""
        return np.array([self.similarity_matrix[pair] for pair in self.pairing])

    def matched_pairs(self, threshold=MATCH_THRESHOLD):
        """The pairs that are at least `threshold` similar."""
        return [pair for pair in self.pairing if self.similarity_matrix[pair] >= threshold]

    def recall(self, threshold=MATCH_THRESHOLD):
        """Share of the true units that are matched; 0 if there are none."""
        return len(self.matched_pairs(threshold)) / self.n_true if self.n_true else 0.0

    def precision(self, threshold=MATCH_THRESHOLD):
        """Share of the estimated units that are matched; 0 if there are none."""
        return len(self.matched_pairs(threshold)) / self.n_est if self.n_est else 0.0

    @property
    def mean_similarity(self):
        """Mean over all pairs of `pairing`; 0 if there are none."""
        return float(self.similarities.mean()) if self.pairing else 0.0

    @property
    def iou_matrix(self):
        """`similarity_matrix` under its older name."""
        return self.similarity_matrix

    @property
    def mean_iou(self):
        """`mean_similarity` under its older name."""
        return self.mean_similarity


def hungarian_match(A_est, A_true, *, metric="iou", energy_frac=0.9, shift=None):
    """Assign estimated to true footprints so that the sum of similarities is largest.

    Parameters
    ----------
    A_est, A_true : array (units, height, width) or FootprintStack
        Weights; negative ones count as 0. Stacks are compared without dense images.
    metric : "iou", "cosine" or "weighted_jaccard"
        iou: Jaccard index of masks; cosine: of the angle between weights; weighted_jaccard: sum of
        minima over sum of maxima of the weights, whose sums are 1.
    energy_frac : float in (0, 1]
        A mask holds the brightest pixels that make up this share of the sum (iou).
    shift : (dy, dx), "auto" or None
        Pixels by which the estimate is moved first, rounded; auto: the phase correlation of both
        supports, used only if it raises the sum of similarities.

    Returns
    -------
    Match

    Raises
    ------
    SpecError
        Unknown metric or shift, energy_frac outside (0, 1], frames of different size.
    """
    if metric not in SIMILARITIES:
        known = ", ".join(SIMILARITIES)
        raise SpecError(
            f"unknown metric {metric!r}{nearest(metric, SIMILARITIES)} (known: {known})"
        )
    if not 0 < energy_frac <= 1:
        raise SpecError(f"energy_frac must be above 0 and at most 1, found {energy_frac!r}")
    estimated, true = FootprintRows.of(A_est, "A_est"), FootprintRows.of(A_true, "A_true")
    if estimated.shape != true.shape:
        raise SpecError(
            f"A_est has frames of {estimated.shape} px, A_true of {true.shape} px; "
            "they must be equal"
        )
    auto = isinstance(shift, str)
    if auto and shift != "auto":
        raise SpecError(f"shift must be (dy, dx), auto or None, found {shift!r}")

    def match(dy, dx):
        moved = estimated.shifted(dy, dx) if (dy, dx) != (0, 0) else estimated
        return _assigned(SIMILARITIES[metric](moved, true, energy_frac), metric, (dy, dx))

    if not auto:
        return match(*_whole_pixels(shift))
    unmoved = match(0, 0)
    moved = match(*phase_shift(estimated.support(), true.support()))
    return moved if moved.similarities.sum() > unmoved.similarities.sum() else unmoved


def _whole_pixels(shift):
    if shift is None:
        return 0, 0
    values = np.asarray(shift, dtype=float)
    if values.shape != (2,) or not np.isfinite(values).all():
        raise SpecError(f"shift must be (dy, dx), auto or None, found {shift!r}")
    return tuple(round(float(value)) for value in values)


def _assigned(similarity, metric, shift):
    rows, columns = linear_sum_assignment(similarity, maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return Match(similarity, [pair for pair in pairs if similarity[pair] > 0], metric, shift)


def trace_pearson(C_est, C_true, pairing):
    """Pearson correlation of the traces of each pair, NaN if one is constant.

    Parameters
    ----------
    C_est, C_true : array (units, frames)
    pairing : list of (int, int)
        Pairs (estimated, true).

    Returns
    -------
    float64 (n_pairs,)
    """
    C_est, C_true = _traces(C_est, C_true)
    return np.array([_pearson(C_est[i], C_true[j]) for i, j in pairing], dtype=float)


@dataclass(frozen=True, eq=False)
class ActivityScore:
    """How well estimated activity follows the truth, per pair: float64 (n_pairs,) each.

    Attributes
    ----------
    correlation : array
        Pearson correlation, NaN if one is constant.
    scale : array
        Factor >= 0 of the estimate in the affine least-squares fit to the truth.
    variance_explained : array
        Share of the truth's variance that the fit explains.
    """

    correlation: np.ndarray
    scale: np.ndarray
    variance_explained: np.ndarray


def activity_similarity(S_est, S_true, pairing):
    """ActivityScore of the pairs (estimated, true) of two arrays (units, frames).

    The factor of the fit is max(0, covariance/variance of the estimate). A constant estimate has
    factor 0 and explains 0; of a constant truth there is nothing to explain: 0 and NaN.
    """
    S_est, S_true = _traces(S_est, S_true)
    scores = [_affine_fit(S_est[i], S_true[j]) for i, j in pairing]
    columns = np.array(scores, dtype=float).reshape(-1, 3).T
    return ActivityScore(*columns)


def _affine_fit(estimate, truth):
    correlation = _pearson(estimate, truth)
    if np.ptp(truth) == 0:
        return correlation, 0.0, np.nan
    if np.ptp(estimate) == 0:
        return correlation, 0.0, 0.0
    x, y = estimate - estimate.mean(), truth - truth.mean()
    scale = max(0.0, (x @ y) / (x @ x))
    residual = y - scale * x
    return correlation, scale, 1.0 - (residual @ residual) / (y @ y)


def _traces(estimated, true):
    estimated, true = np.asarray(estimated, dtype=float), np.asarray(true, dtype=float)
    if estimated.ndim != 2 or true.ndim != 2 or estimated.shape[1] != true.shape[1]:
        raise SpecError(
            "traces must be (units, frames) with equally many frames, found "
            f"{estimated.shape} and {true.shape}"
        )
    return estimated, true


def _pearson(a, b):
    if a.size == 0 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return np.nan
    a, b = a - a.mean(), b - b.mean()
    return float((a @ b) / np.sqrt((a @ a) * (b @ b)))


def shift_rmse(est, true, *, correction=False, align=False):
    """Root-mean-square difference of two trajectories over frames and axes, px.

    Parameters
    ----------
    est, true : array (frames, 2)
        Displacement (dy, dx) of the content.
    correction : bool
        `est` is the correction that undoes the motion: its sign is turned.
    align : bool
        A constant offset of each axis does not count (trajectories relative to a template).
    """
    difference = _trajectory_difference(est, true, correction)
    if align:
        difference = difference - difference.mean(axis=0)
    return float(np.sqrt(np.mean(difference**2)))


def global_shift_from_trajectories(est, true, correction=True):
    """Whole pixels (dy, dx) that move estimated footprints onto the true ones.

    The rounded mean difference of the trajectories: how far the template of the estimate lies off.
    Parameters as `shift_rmse`.
    """
    dy, dx = _trajectory_difference(est, true, correction).mean(axis=0)
    return round(float(dy)), round(float(dx))


def _trajectory_difference(est, true, correction):
    est, true = np.asarray(est, dtype=float), np.asarray(true, dtype=float)
    if est.shape != true.shape or est.ndim != 2 or est.shape[1] != 2 or not len(est):
        raise SpecError(
            f"trajectories must both be (frames, 2), found {est.shape} and {true.shape}"
        )
    return (-est if correction else est) - true


def field_pearson(a, b):
    """Pearson correlation of two fields of equal shape, NaN if one is constant."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape:
        raise SpecError(f"fields must have equal shapes, found {a.shape} and {b.shape}")
    return _pearson(a.ravel(), b.ravel())


def footprint_mask(a, rel=MASK_LEVEL):
    """Where a footprint (height, width) exceeds `rel` times its maximum; nowhere if that is 0."""
    a = np.asarray(a)
    top = a.max(initial=0.0)
    return a > rel * top if top > 0 else np.zeros(a.shape, dtype=bool)


def footprint_roi_trace(movie, a, rel=MASK_LEVEL):
    """Mean of a movie (frames, height, width) over `footprint_mask(a, rel)`; zeros if empty."""
    movie, mask = np.asarray(movie), footprint_mask(a, rel)
    if not mask.any():
        return np.zeros(len(movie))
    return movie[:, mask].mean(axis=1, dtype=float)
