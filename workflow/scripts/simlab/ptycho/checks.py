"""Consistency checks of a data set: its files against the configuration and the forward model.

`run_checks` gives all rows of checks.json; `physics_checks` holds those that need no data.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simlab.core.checks import Check, skip
from simlab.core.random import generator
from simlab.ptycho.config import DatasetConfig
from simlab.ptycho.forward import ForwardModel
from simlab.ptycho.patches import PatchSource, as_stack
from simlab.ptycho.photons import counts_of
from simlab.ptycho.physics_checks import physics_checks
from simlab.ptycho.scan_checks import position_faults, split_faults
from simlab.ptycho.statistics import frame_statistics, merge

PATCHES = "ground_truth_patches"
PICKED = 16
RECOMPUTED = 4
READ_PIXELS = 1 << 22
PARSEVAL_BOUND = 2e-6
INTEGER_BOUND = 4e-7
PATCH_BOUND = 1e-6
STATISTICS_BOUND = 1e-9
COUNTS_BOUND = INTEGER_BOUND
COUNT_KEYS = (
    "mean_measured_intensity",
    "rms_input_scale",
    "mean_counts",
    "min_counts",
    "max_counts",
    "radial_mean_counts",
)
MEASURED_CORRELATION = 0.97
MEASURED_R_FACTOR = 0.26


@dataclass(frozen=True)
class Case:
    """A data set and what it was made from.

    Attributes
    ----------
    dataset : DatasetConfig
    objects : complex64 (H, W) or (K, H, W)
    probe : complex64 (N, N) or (P, N, N)
    positions, report, scales, normalization : dict
        Content of positions.npz, positions.json, scale.json, normalization.json.
    splits : (M,) str
    frames : source of per-frame arrays
        diff3d and, if stored, ground_truth_patches, frame_scale; see `files.shards.FrameFiles`.
    mask : uint8 (N, N) or None
        The user's detector mask.
    file_problems : list of str
        What the data contract's validator says of simulated.h5.
    measured : dict or None
        diffraction, xcoords, ycoords of the source file, if it holds measured frames.
    """

    dataset: DatasetConfig
    objects: np.ndarray
    probe: np.ndarray
    positions: dict
    report: dict
    scales: dict
    normalization: dict
    splits: np.ndarray
    frames: object
    mask: np.ndarray | None
    file_problems: list
    measured: dict | None

    @property
    def side(self):
        """Side N of probe and patterns, px."""
        return self.probe.shape[-1]

    @property
    def count(self):
        """Number of frames M."""
        return len(self.positions["xcoords"])

    @cached_property
    def model(self):
        """The forward model that made the frames, on the CPU."""
        return self.model_for(self.objects, self.probe)

    def model_for(self, objects, probe):
        """The forward model of other objects and probe with the same settings."""
        return ForwardModel(
            objects,
            probe,
            seed=self.dataset.seed,
            nphotons=self.dataset.detector.nphotons,
            detector=self.dataset.detector,
            mask=self.mask,
            subpixel=self.dataset.subpixel,
            measurement=self.dataset.output.measurement,
            counts_dtype=self.dataset.output.counts_dtype,
            fft=self.dataset.fft,
        )

    @cached_property
    def picked(self):
        """Sorted frames that single-frame checks look at, (min(16, M),)."""
        rng = generator(self.dataset.seed, "ptycho.checks", 0)
        return np.sort(rng.choice(self.count, min(PICKED, self.count), replace=False))

    def where(self, rows):
        """x, y, object_index of `rows`."""
        keys = ("xcoords", "ycoords", "object_index")
        return [self.positions[key][rows] for key in keys]

    def scale_of(self, rows):
        """Factor from amplitude to sqrt(counts) of `rows`, float64 (m,)."""
        if "frame_scale" in self.frames.keys:
            return self.frames.read("frame_scale")[rows]
        return np.full(len(rows), self.scales["intensity_scale"])

    def counts_of(self, stored, rows):
        """Counts of stored frames `stored` of `rows`, float64."""
        return counts_of(stored, self.dataset.output.measurement, self.scale_of(rows))

    @cached_property
    def stored_picked(self):
        """Stored measurement of the picked frames, (m, N, N)."""
        return self.take("diff3d", self.picked)

    def take(self, key, rows):
        """Rows of a per-frame array."""
        return self.frames.take(key, rows)

    @cached_property
    def expected_picked(self):
        """Noise-free intensity A^2 of the picked frames, float64 (m, N, N)."""
        x, y, index = self.where(self.picked)
        return self.model.expected(x, y, index)

    @property
    def valid(self):
        """Pixels that neither beamstop nor mask hides, bool (N, N)."""
        mask = self.model.detector_mask
        return np.ones((self.side, self.side), bool) if mask is None else mask.astype(bool)

    @cached_property
    def frame_values(self):
        """Per-frame statistics and largest deviation from whole counts, read from the file."""
        parts, deviations = [], []
        step = max(1, READ_PIXELS // self.side**2)
        detector = self.dataset.detector
        for first in range(0, self.count, step):
            stop = min(first + step, self.count)
            rows = np.arange(first, stop)
            stored = self.frames.read("diff3d", first, stop)
            counts = self.counts_of(stored, rows)
            whole = np.rint(counts)
            deviations.append(_worst(np.abs(counts - whole) / np.maximum(whole, 1)))
            patches = self.frames.read(PATCHES, first, stop)[..., 0] if self.stored else None
            exact = whole if detector.poisson else counts
            parts.append(frame_statistics(stored, exact, patches, detector.saturation))
        values = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        return {**values, "deviation": np.concatenate(deviations)}

    @property
    def stored(self):
        """Whether the ground-truth patches are stored."""
        return PATCHES in self.frames.keys


def run_checks(case):
    """All checks of a data set, in the order of their numbers in the documentation."""

    def amplitude(objects, probe, x, y):
        return np.sqrt(case.model_for(objects, probe).expected(x, y))

    def power(objects, probe, x, y):
        return case.model_for(objects, probe).power(x, y)

    return [
        parseval(case),
        dose(case),
        integer_counts(case),
        poisson(case),
        determinism(case),
        patch_truth(case),
        *physics_checks(case.probe, amplitude, power),
        coordinates(case),
        files(case),
        statistics(case),
        measured_data(case),
        split(case),
    ]


def parseval(case):
    """Sum of A^2 equals the power of the exit wave."""
    power = case.model.power(*case.where(case.picked))
    total = case.expected_picked.sum(axis=(1, 2))
    off = np.abs(total / power - 1, where=power > 0, out=np.zeros_like(power))
    return _row("parseval", "sum A^2 / sum |psi|^2 - 1", off, PARSEVAL_BOUND, frames=case.picked)


def dose(case):
    """Mean counts per frame against the photons asked for."""
    detector = case.dataset.detector
    for hidden, why in (
        (case.model.detector_mask is not None, "pixels are hidden by beamstop or mask"),
        (detector.saturation is not None, "the detector saturates"),
        (detector.gaussian_sigma > 0, "read-out noise is clipped at zero"),
    ):
        if hidden:
            return skip("dose", why)
    expected = detector.nphotons
    if not isinstance(detector.dose, str):
        rows = np.arange(case.count)
        photons = case.model.power(*case.where(rows)) * case.scale_of(rows) ** 2
        expected = math.fsum(photons.tolist()) / case.count
    expected += case.side**2 * detector.background
    counts = case.frame_values["counts_sum"]
    off = abs(math.fsum(counts.tolist()) / case.count - expected)
    bound = 5 * math.sqrt(expected / case.count) + 1e-6 * expected
    return Check(
        "dose", f"mean counts per frame - {expected:.6g}", off, bound, "counts", off < bound
    )


def integer_counts(case):
    """Stored values are square roots of whole numbers of photons."""
    if not case.dataset.detector.poisson:
        return skip("integer_counts", "poisson is off, frames hold expectations")
    off = case.frame_values["deviation"]
    return _row("integer_counts", "|n - round(n)| / max(n, 1)", off, INTEGER_BOUND)


def poisson(case):
    """Counts scatter about their expectation as Poisson numbers do."""
    detector = case.dataset.detector
    if not detector.poisson:
        return skip("poisson", "poisson is off")
    if detector.gaussian_sigma > 0 or detector.saturation is not None:
        return skip("poisson", "read-out noise or saturation changes the counts")
    scale = case.scale_of(case.picked)[:, None, None]
    rate = case.expected_picked * scale**2 + detector.background
    counts = np.rint(case.counts_of(case.stored_picked, case.picked))
    used = (rate > 5) & case.valid
    n = int(np.count_nonzero(used))
    if n < 2:
        return skip("poisson", "no pixel of the picked frames expects more than 5 counts")
    z = np.zeros_like(rate)
    np.divide(counts - rate, np.sqrt(rate), out=z, where=used)
    frame = int(case.picked[np.argmax(np.abs(z).max(axis=(1, 2)))])
    mean, variance = float(z[used].mean()), float(z[used].var())
    bound_mean = 5 / math.sqrt(n)
    bound_variance = 5 * math.sqrt((2 + 1 / float(rate[used].mean())) / n)
    measured = max(abs(mean) / bound_mean, abs(variance - 1) / bound_variance)
    what = f"z of {n} pixels: mean {mean:.2g}, variance {variance:.4g}, in units of their bounds"
    return Check("poisson", what, measured, 1.0, "", measured < 1, None if measured < 1 else frame)


def determinism(case):
    """Frames made again from the seed have the same bits."""
    if case.dataset.backend != "numba" or case.dataset.fft != "scipy":
        return skip("determinism", "bits are promised for backend: numba with fft: scipy only")
    rows = case.picked[:RECOMPUTED]
    differing = np.zeros(len(rows))
    for i, row in enumerate(rows):
        x, y, index = case.where(rows[i : i + 1])
        (block,) = case.model.frames(
            x,
            y,
            intensity_scale=case.scales["intensity_scale"],
            mean_power=case.scales["mean_exit_power"],
            first_frame=int(row),
            object_index=index,
            store_patches=False,
            statistics=False,
        )
        differing[i] = np.count_nonzero(block.diff3d[0] != case.stored_picked[i])
    return _row("determinism", "pixels that differ from a new run", differing, 0, "px", rows)


def patch_truth(case):
    """Stored patches are those of the object at the positions."""
    if not case.stored:
        return skip("patch_truth", "patches are not stored")
    stored = case.take(PATCHES, case.picked)[..., 0]
    source = PatchSource(as_stack(case.objects, "objects"), case.side, case.dataset.subpixel)
    again = np.empty_like(stored)
    source.cut(*source.locate(*case.where(case.picked)), again)
    off = np.abs(stored - again).max(axis=(1, 2)) / max(np.abs(case.objects).max(), 1e-30)
    return _row(
        "patch_truth",
        "patch - object at its position, / max |O|",
        off,
        PATCH_BOUND,
        "",
        case.picked,
    )


def coordinates(case):
    """Positions keep the buffer, the spacing of their layout and, where promised, the object."""
    faults = position_faults(case)
    if faults is None:
        return skip(
            "coordinates", f"layout: file; {case.report['n_outside']} patches reach outside"
        )
    frames, what = faults
    worst = int(frames[0]) if len(frames) else None
    return Check("coordinates", what, len(frames), 0, "frames", not len(frames), worst)


def files(case):
    """The file fulfills the data contract and belongs to this configuration."""
    problems = case.file_problems
    what = problems[0] if problems else "problems of simulated.h5 against the data contract"
    return Check("files", what, len(problems), 0, "problems", not problems)


def statistics(case):
    """normalization.json is what the file gives.

    Counts are known from stored amplitudes only to float32 rounding, hence the wider allowance of
    what follows from them.
    """
    train = case.splits == "train"
    again = merge(case.frame_values, train, case.side)
    if not case.stored:
        again.pop("norm_Y_I_patch")
    rounded = case.dataset.output.measurement != "count_intensity"
    worst, key = max(
        (
            off / (COUNTS_BOUND if rounded and name.startswith(COUNT_KEYS) else STATISTICS_BOUND),
            name,
        )
        for off, name in _differences(again, case.normalization)
    )
    what = (
        f"largest relative difference from simulated.h5 ({key}), in units of {STATISTICS_BOUND:g}"
        f" ({COUNTS_BOUND:g} for counts from stored amplitudes)"
    )
    return Check("statistics", what, worst, 1.0, "", worst <= 1)


def measured_data(case):
    """Noise-free amplitudes at measured positions look like the measured frames."""
    if case.measured is None:
        return skip("measured_data", "the source file holds no measured frames with positions")
    x, y = case.measured["xcoords"], case.measured["ycoords"]
    simulated = np.sqrt(case.model.expected(x, y))
    measured = np.sqrt(np.asarray(case.measured["diffraction"], np.float64))
    simulated *= np.vdot(simulated, measured) / np.vdot(simulated, simulated)
    correlation = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(simulated, measured, strict=True)
    ]
    mean = float(np.mean(correlation))
    r_factor = float(np.abs(simulated - measured).sum() / measured.sum())
    what = (
        f"{len(x)} measured frames: mean correlation {mean:.4f} (> {MEASURED_CORRELATION}), "
        f"R-factor {r_factor:.4f} (< {MEASURED_R_FACTOR}); R-factor shown"
    )
    passed = mean > MEASURED_CORRELATION and r_factor < MEASURED_R_FACTOR
    worst = None if passed else int(np.argmin(correlation))
    return Check("measured_data", what, r_factor, MEASURED_R_FACTOR, "", passed, worst)


def split(case):
    """Train and test frames lie on their sides of the line."""
    config = case.dataset.split
    if config is None:
        return skip("split", "the data set is not split, every frame is train")
    frames, what = split_faults(case)
    worst = int(frames[0]) if len(frames) else None
    return Check("split", what, len(frames), 0, "frames", not len(frames), worst)


def _row(check_id, what, off, bound, unit="", frames=None):
    """The row of a check that measures every frame; the worst one is named."""
    at = int(np.argmax(off))
    worst = at if frames is None else int(frames[at])
    passed = bool(off[at] <= bound)
    return Check(check_id, what, float(off[at]), bound, unit, passed, None if passed else worst)


def _worst(values):
    return values.reshape(len(values), -1).max(axis=1)


def _differences(found, written, path=""):
    """(relative difference, key) of every number in `found` against `written`."""
    for key, value in found.items():
        name = f"{path}{key}"
        other = written.get(key)
        if isinstance(value, dict):
            yield from _differences(value, other or {}, f"{name}.")
            continue
        pairs = (
            zip(value, other or [], strict=False) if isinstance(value, list) else [(value, other)]
        )
        if isinstance(value, list) and len(value) != len(other or []):
            yield math.inf, name
        for a, b in pairs:
            yield _difference(a, b), name


def _difference(a, b):
    if b is None:
        return 0.0 if not math.isfinite(a) else math.inf
    return abs(a - b) / max(abs(a), abs(b), 1e-300) if a != b else 0.0
