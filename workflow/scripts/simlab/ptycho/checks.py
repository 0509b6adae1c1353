"""Consistency checks of a data set: its files against the configuration and the forward model.

`run_checks` gives all rows of checks.json; `physics_checks` holds those that need no data.
"""

import math

import numpy as np

from simlab.core.checks import Check, skip
from simlab.ptycho.check_case import INTEGER_BOUND, PATCHES
from simlab.ptycho.patches import PatchSource, as_stack
from simlab.ptycho.physics_checks import physics_checks
from simlab.ptycho.scan_checks import position_faults, split_faults
from simlab.ptycho.statistics import normalization

RECOMPUTED = 4
PARSEVAL_BOUND = 2e-6
PATCH_BOUND = 1e-6
STATISTICS_BOUND = 1e-9
EXACT_COUNTS = 1e6
"""Counts up to here follow exactly from amplitudes of single precision."""
COUNT_KEYS = (
    "norm_Y_I",
    "mean_measured_intensity",
    "rms_input_scale",
    "mean_counts",
    "min_counts",
    "max_counts",
    "radial_mean_counts",
)
MEASURED_CORRELATION = 0.97
MEASURED_R_FACTOR = 0.26


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
    off = np.divide(np.abs(total - power), power, where=power > 0, out=total.copy())
    return _row("parseval", "sum A^2 / sum |psi|^2 - 1", off, PARSEVAL_BOUND, frames=case.picked)


def dose(case):
    """Mean counts per frame against the photons asked for and the background."""
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
        if block.dose is not None:
            recorded = [case.take(key, rows[i : i + 1])[0] for key in ("frame_scale", "dose")]
            differing[i] += recorded != [block.frame_scale[0], block.dose[0]]
    return _row("determinism", "values that differ from a new run", differing, 0, "", rows)


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
    """Positions keep the limits and spacing of their layout and, where promised, the object."""
    if case.dataset.scan.layout == "file":
        return skip(
            "coordinates", f"layout: file; {case.report['n_outside']} patches reach outside"
        )
    return _counted("coordinates", *position_faults(case))


def files(case):
    """The file fulfills the data contract and belongs to this configuration."""
    problems = case.file_problems
    what = problems[0] if problems else "problems of simulated.h5 against the data contract"
    return Check("files", what, len(problems), 0, "problems", not problems)


def statistics(case):
    """normalization.json is what the file gives.

    Large counts are known from stored amplitudes only to float32 rounding, hence the wider
    allowance of what follows from them.
    """
    again = normalization(
        case.dataset.output.measurement,
        case.objects,
        case.side,
        case.positions,
        case.report,
        case.scales,
        case.splits,
        case.frame_values,
    )
    written = dict(case.normalization)
    if not case.stored:
        for values in (again, written):
            values.pop("norm_Y_I_patch", None)
    detector, output = case.dataset.detector, case.dataset.output
    exact = detector.poisson and (
        output.measurement == "count_intensity" or again["max_counts"] <= EXACT_COUNTS
    )
    worst, key = max(
        (off / (STATISTICS_BOUND if exact or name not in COUNT_KEYS else INTEGER_BOUND), name)
        for off, name in _differences(again, written)
    )
    what = (
        f"largest relative difference from simulated.h5 ({key}), in units of {STATISTICS_BOUND:g}"
    )
    if not exact:
        what += f" ({INTEGER_BOUND:g} for counts, which are rounded in the file)"
    return Check("statistics", what, worst, 1.0, "", worst <= 1)


def measured_data(case):
    """Noise-free amplitudes at measured positions look like the measured frames."""
    why = _not_comparable(case)
    if why:
        return skip("measured_data", why)
    frames = case.measured["diffraction"]
    valid = np.ones(frames.shape[1:], bool) if case.mask is None else case.mask.astype(bool)
    pairs = [_measured_pair(case, valid, *block) for block in case.blocks(len(frames))]
    simulated, measured = (np.concatenate(part) for part in zip(*pairs, strict=True))
    lit = np.ptp(measured, axis=1) > 0
    if not lit.any():
        return skip("measured_data", "the measured frames are dark")
    simulated, measured = simulated[lit], measured[lit]
    simulated *= np.vdot(simulated, measured) / np.vdot(simulated, simulated)
    correlation = [np.corrcoef(a, b)[0, 1] for a, b in zip(simulated, measured, strict=True)]
    mean = float(np.mean(correlation))
    r_factor = float(np.abs(simulated - measured).sum() / measured.sum())
    worst = np.flatnonzero(lit)[np.argmin(correlation)]
    what = (
        f"R-factor of {len(measured)} measured frames ({len(lit) - len(measured)} dark ones left "
        f"out); mean correlation {mean:.4f} (bound {MEASURED_CORRELATION}), lowest in frame {worst}"
    )
    passed = bool(mean > MEASURED_CORRELATION and r_factor < MEASURED_R_FACTOR)
    return Check("measured_data", what, r_factor, MEASURED_R_FACTOR, "", passed)


def _not_comparable(case):
    """Why measured frames cannot be compared with this data set; None if they can."""
    sample, probe = case.dataset.object, case.dataset.probe
    if case.measured is None:
        return "the source file holds no measured frames with positions"
    shape = case.measured["diffraction"].shape
    if shape[1:] != (case.side, case.side):
        return f"the measured frames have shape {shape}, N is {case.side}"
    if case.objects.ndim == 3:
        return f"the source file holds {len(case.objects)} objects"
    if sample.phase_rule != "source":
        return f"object.phase: {sample.phase_rule} replaces the phase of the source"
    altered = probe.transform or probe.mask_diameter or probe.modes.count > 1
    if probe.file != sample.file or altered:
        return "the probe is not the one of the source file as it is"
    return None


def _measured_pair(case, valid, first, stop):
    """Simulated and measured amplitudes of valid pixels, float64 (m, pixels)."""
    x, y = (case.measured[key][first:stop] for key in ("xcoords", "ycoords"))
    frames = measured_amplitude(case.measured["diffraction"][first:stop], case.measured["domain"])
    return np.sqrt(case.model.expected(x, y))[:, valid], frames[:, valid]


def measured_amplitude(frames, domain):
    """Amplitudes of measured frames, float64 (m, N, N).

    Integers are counts, and so are numbers of a file that declares an intensity `domain`; other
    floating-point frames are amplitudes, as the data contract has them. Intensities below zero,
    left by the subtraction of a background, are no light.
    """
    values = np.asarray(frames, np.float64)
    if frames.dtype.kind in "iu" or domain in ("count_intensity", "intensity"):
        return np.sqrt(np.maximum(values, 0))
    return values


def split(case):
    """Train and test frames lie on their sides of the line."""
    frames, what = split_faults(case)
    if case.dataset.split is None and not len(frames):
        return skip("split", "the data set is not split, every frame is train")
    return _counted("split", frames, what)


def _counted(check_id, frames, what):
    """The row of a check that counts the frames at fault; the first one is named."""
    worst = int(frames[0]) if len(frames) else None
    return Check(check_id, what, len(frames), 0, "frames", not len(frames), worst)


def _row(check_id, what, off, bound, unit="", frames=None):
    """The row of a check that measures every frame; the worst one is named."""
    at = int(np.argmax(off))
    worst = at if frames is None else int(frames[at])
    passed = bool(off[at] <= bound)
    return Check(check_id, what, float(off[at]), bound, unit, passed, None if passed else worst)


def _differences(found, written, path=""):
    """(relative difference, key) of every number in `found` and `written`; inf if one lacks it."""
    for key in found.keys() | written.keys():
        name = f"{path}{key}"
        here, there = found.get(key), written.get(key)
        if isinstance(here, dict):
            yield from _differences(here, there if isinstance(there, dict) else {}, f"{name}.")
        elif isinstance(here, list):
            matching = isinstance(there, list) and len(here) == len(there)
            pairs = zip(here, there, strict=True) if matching else [(0.0, None)]
            yield max(_difference(*pair) for pair in pairs), name
        else:
            known = key in found and key in written
            yield _difference(here, there) if known else math.inf, name


def _difference(a, b):
    """Relative difference of two entries; what is not finite is null in JSON."""
    numbers = [isinstance(v, int | float) and math.isfinite(v) for v in (a, b)]
    if all(numbers):
        return abs(a - b) / max(abs(a), abs(b)) if a != b else 0.0
    if isinstance(a, float) and not math.isfinite(a):
        a = None
    return 0.0 if a == b else math.inf
