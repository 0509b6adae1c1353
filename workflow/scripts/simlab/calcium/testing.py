"""Small recordings for tests of analysis programs, and the scoring of what those find."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simlab.calcium.errors import EstimateError, SpecError
from simlab.calcium.metrics import (
    MATCH_THRESHOLD,
    activity_similarity,
    global_shift_from_trajectories,
    hungarian_match,
    shift_rmse,
    trace_pearson,
)
from simlab.calcium.simulation import simulate
from simlab.calcium.spec import (
    Acquisition,
    BrainMotion,
    CellActivity,
    CellOptics,
    Composite,
    ImageSensor,
    NeuronPopulation,
    Optics,
    Output,
    PlaceNeurons,
    Sensor,
    Spec,
)

PIXEL_PITCH_UM = 8.0
GRID_FRACTION = 0.7
JITTER = 0.15


def make_recording(
    *,
    n_cells=6,
    n_px=128,
    pixel_size_um=1.0,
    duration_s=2.0,
    fps=20.0,
    seed=0,
    depth_um=50.0,
    focal_depth_um="auto",
    soma_radius_um=5.0,
    morphology="soma",
    population=None,
    motion=False,
    activity=None,
    sensor=None,
    extra_steps=(),
    save_intermediates=False,
):
    """Simulate a small recording of well separated, lively cells.

    The cells lie on the smallest nearly square grid whose outermost rows and columns are 70 % of
    the field of view apart, each off its place by up to 15 % of that width over the number of
    rows or columns, whichever are more.

    Parameters
    ----------
    n_cells : int >= 1
        Number of cells.
    n_px : int
        Rows and columns of the sensor, px.
    pixel_size_um : float
        Side of a pixel in the object, µm.
    duration_s : float
        Length, s.
    fps : float
        Frame rate, Hz.
    seed : int
        Of the recording and of the cells' places.
    depth_um : float
        Depth of all cells, µm.
    focal_depth_um : float or "auto"
        Depth of the focal plane, µm.
    soma_radius_um : float
        Radius of the somata, µm.
    morphology : "soma" or "cytosolic"
        Somata alone, or with dendrites.
    population : NeuronPopulation, optional
        Cells instead of the grid; n_cells, depth_um, soma_radius_um, morphology are not used.
    motion : bool or BrainMotion
        True: `BrainMotion()`, 10 µm as a rule and 15 µm at most, which warns on fields of view
        below 300 µm.
    activity : CellActivity, optional
        By default one that is active ten times as often as usual.
    sensor : Sensor, optional
        By default 40 photons per unit.
    extra_steps : sequence of steps
        Steps of other kinds.
    save_intermediates : bool
        Keep the movie after each step.

    Returns
    -------
    Recording

    Raises
    ------
    SpecError, pydantic.ValidationError
    """
    fov_um = n_px * pixel_size_um
    if population is None:
        population = NeuronPopulation(
            soma_radius_um=soma_radius_um,
            morphology=morphology,
            positions_um=_grid(n_cells, fov_um, depth_um, seed),
        )
    if motion is True:
        motion = BrainMotion()
    spec = Spec(
        acquisition=Acquisition(
            optics=Optics(magnification=PIXEL_PITCH_UM / pixel_size_um),
            image_sensor=ImageSensor(
                n_px_height=n_px, n_px_width=n_px, pixel_pitch_um=PIXEL_PITCH_UM
            ),
            fps=fps,
            duration_s=duration_s,
            focal_depth_in_tissue_um=focal_depth_um,
        ),
        seed=seed,
        steps=[
            PlaceNeurons(populations=[population]),
            activity or CellActivity(p_quiescent_to_active=0.05),
            CellOptics(),
            Composite(),
            *([motion] if motion else []),
            sensor or Sensor(photons_per_unit=40.0),
            *extra_steps,
        ],
        output=Output(save_intermediates=save_intermediates),
    )
    return simulate(spec)


def _grid(n_cells, fov_um, depth_um, seed):
    """Centers (z, y, x) of the cells, µm, row by row."""
    if n_cells < 1:
        raise SpecError(f"n_cells is {n_cells}, it must be at least 1")
    columns = math.ceil(math.sqrt(n_cells))
    rows = math.ceil(n_cells / columns)
    usable = GRID_FRACTION * fov_um
    reach = JITTER * usable / max(rows, columns)
    y, x = _spread(rows, usable), _spread(columns, usable)
    rng = np.random.default_rng(seed)
    centers = []
    for i in range(n_cells):
        row, column = divmod(i, columns)
        dy, dx = rng.uniform(-reach, reach, 2)
        centers.append((depth_um, float(y[row] + dy), float(x[column] + dx)))
    return centers


def _spread(n, width):
    """n equidistant places from -width/2 to width/2; a single one is in the middle."""
    return np.linspace(-width / 2, width / 2, n) if n > 1 else np.zeros(1)


class Estimate:
    """What an analysis program found.

    Parameters
    ----------
    A or footprints : array (units, height, width) or FootprintStack
    C or traces : array (units, frames), optional
        Calcium.
    S or activity : array (units, frames), optional
        Spikes, or their rate.
    shifts : array (frames, 2), optional
        Correction (dy, dx) that undoes the motion of each frame, px.

    Raises
    ------
    EstimateError
        If there are no footprints, or both names of one thing are used.
    """

    def __init__(
        self,
        A=None,
        C=None,
        S=None,
        shifts=None,
        *,
        footprints=None,
        traces=None,
        activity=None,
    ):
        self.A = _one_of("A", A, "footprints", footprints)
        self.C = _one_of("C", C, "traces", traces)
        self.S = _one_of("S", S, "activity", activity)
        self.shifts = shifts
        if self.A is None:
            raise EstimateError("an estimate needs footprints: A or footprints")

    @property
    def footprints(self):
        """`A`."""
        return self.A

    @property
    def traces(self):
        """`C`."""
        return self.C

    @property
    def activity(self):
        """`S`."""
        return self.S

    @classmethod
    def of(cls, estimate):
        """`estimate` itself, or one made of a mapping such as an npz file's arrays."""
        if isinstance(estimate, cls):
            return estimate
        if not isinstance(estimate, Mapping):
            raise EstimateError(
                f"an Estimate or a mapping is expected, found {type(estimate).__name__}"
            )
        known = ("A", "footprints", "C", "traces", "S", "activity", "shifts")
        unknown = sorted(str(name) for name in estimate if name not in known)
        if unknown:
            raise EstimateError(
                f"an estimate has no {', '.join(unknown)} (known: {', '.join(known)})"
            )
        return cls(**estimate)


def _one_of(name, value, alias, aliased):
    if value is not None and aliased is not None:
        raise EstimateError(f"{name} and {alias} are the same; give one of them")
    return aliased if value is None else value


@dataclass(frozen=True, eq=False)
class Report:
    """How well an estimate agrees with the truth.

    Attributes
    ----------
    n_true, n_est, n_matched : int
        True units that count, estimated units, pairs at least as similar as the threshold.
    recall, precision, f1 : float
    mean_overlap : float
        Mean similarity of the matched pairs; 0 without any.
    trace_corr : float
        Median correlation of the matched traces; NaN without traces.
    activity_corr, activity_variance_explained, activity_scale : float
        Medians of `metrics.activity_similarity` over the matched pairs; NaN without activity.
    shift_rmse : float or None
        Error of the motion, px, a constant offset left out; None if there is none to compare.
    n_requested, n_detectable : int
        All true units, and the detectable ones.
    match_metric : str
    footprint_shift : (int, int)
        Pixels by which the estimated footprints were moved.
    """

    n_true: int
    n_est: int
    n_matched: int
    recall: float
    precision: float
    f1: float
    mean_overlap: float
    trace_corr: float
    activity_corr: float
    activity_variance_explained: float
    activity_scale: float
    shift_rmse: float | None
    n_requested: int
    n_detectable: int
    match_metric: str
    footprint_shift: tuple

    def summary(self):
        """The report as text, one line a topic."""
        lines = [
            f"units      {self.n_matched} matched of {self.n_true} true and {self.n_est} estimated"
            f" ({self.n_detectable} of {self.n_requested} detectable)",
            f"detection  recall {self.recall:.3f}, precision {self.precision:.3f}, "
            f"F1 {self.f1:.3f}",
            f"footprints mean {self.match_metric} {self.mean_overlap:.3f}, moved by "
            f"({self.footprint_shift[0]}, {self.footprint_shift[1]}) px",
            f"traces     median correlation {self.trace_corr:.3f}",
            f"activity   median correlation {self.activity_corr:.3f}, variance explained "
            f"{self.activity_variance_explained:.3f}, scale {self.activity_scale:.3g}",
        ]
        if self.shift_rmse is not None:
            lines.append(f"motion     RMSE {self.shift_rmse:.3f} px")
        return "\n".join(lines)


def score(
    estimate,
    truth,
    match_metric="iou",
    match_threshold=MATCH_THRESHOLD,
    restrict_to_detectable=True,
    footprint_shift="auto",
):
    """Compare an estimate with the truth of a recording.

    Parameters
    ----------
    estimate : Estimate or mapping
    truth : Recording or GroundTruth
    match_metric : str
        As `metrics.hungarian_match`.
    match_threshold : float
        Similarity from which a pair counts as matched.
    restrict_to_detectable : bool
        Only true units that could be detected count.
    footprint_shift : (dy, dx), "auto" or None
        Pixels by which estimated footprints are moved first; auto: the offset of the trajectories
        if both are there, else as `metrics.hungarian_match` finds it.

    Returns
    -------
    Report

    Raises
    ------
    EstimateError, SpecError
        If the estimate is no estimate, or its arrays do not fit the truth.
    """
    estimate = Estimate.of(estimate)
    everything = getattr(truth, "ground_truth", truth)
    truth = everything.detectable_subset() if restrict_to_detectable else everything
    moved = estimate.shifts is not None and truth.shifts is not None
    if isinstance(footprint_shift, str) and footprint_shift == "auto" and moved:
        footprint_shift = global_shift_from_trajectories(estimate.shifts, truth.shifts)
    observed = truth.A_observed_sparse.crop(*truth.fov_offset, *truth.fov_shape)
    match = hungarian_match(estimate.A, observed, metric=match_metric, shift=footprint_shift)
    pairs = match.matched_pairs(match_threshold)
    recall, precision = match.recall(match_threshold), match.precision(match_threshold)
    activity = _activity(estimate, truth, match.n_est, pairs)
    overlaps = [match.similarity_matrix[pair] for pair in pairs]
    return Report(
        n_true=match.n_true,
        n_est=match.n_est,
        n_matched=len(pairs),
        recall=recall,
        precision=precision,
        f1=2 * recall * precision / (recall + precision) if pairs else 0.0,
        mean_overlap=float(np.mean(overlaps)) if overlaps else 0.0,
        trace_corr=_trace_correlation(estimate, truth, match.n_est, pairs),
        activity_corr=_median(activity.correlation) if activity else math.nan,
        activity_variance_explained=(
            _median(activity.variance_explained) if activity else math.nan
        ),
        activity_scale=_median(activity.scale) if activity else math.nan,
        shift_rmse=(
            shift_rmse(estimate.shifts, truth.shifts, correction=True, align=True)
            if moved
            else None
        ),
        n_requested=everything.n_units,
        n_detectable=int(np.count_nonzero(everything.detectable)),
        match_metric=match_metric,
        footprint_shift=match.shift,
    )


def _trace_correlation(estimate, truth, n_est, pairs):
    if estimate.C is None:
        return math.nan
    return _median(trace_pearson(_of_units("C", estimate.C, n_est), truth.C, pairs))


def _activity(estimate, truth, n_est, pairs):
    if estimate.S is None:
        return None
    return activity_similarity(_of_units("S", estimate.S, n_est), truth.S, pairs)


def _of_units(name, traces, n_est):
    if len(traces) != n_est:
        raise SpecError(f"{name} has {len(traces)} units, the footprints are {n_est}")
    return traces


def _median(values):
    values = values[~np.isnan(values)]
    return float(np.median(values)) if len(values) else math.nan
