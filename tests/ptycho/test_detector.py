"""Counter stream, exact Poisson counts, detector effects and statistics of frames."""

import math
from pathlib import Path

import mpmath
import numpy as np
import pytest
import scipy.stats
from numba import njit

from simlab.core.errors import ConfigError, InputFileError, PhysicsError
from simlab.ptycho.config import DetectorConfig
from simlab.ptycho.detector import statistics_tables, valid_pixels
from simlab.ptycho.diffraction import sample_counts
from simlab.ptycho.forward import ForwardModel
from simlab.ptycho.histogram import histogram_edges, radial_rings
from simlab.ptycho.kernels.elementary import cos_and_sin_of_turns, exp, log
from simlab.ptycho.photons import detector_key
from simlab.ptycho.statistics import frame_statistics

DATA = Path(__file__).parents[1] / "data" / "ptycho"
N = 32
MASK64 = 2**64 - 1


def uniform(key, frame, pixels, pixel, number):
    """Section by section what the stream is defined to be, in whole numbers."""
    c = (frame * pixels + pixel) * 256 + number
    z = (int(key) + (c + 1) * 0x9E3779B97F4A7C15) & MASK64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
    z ^= z >> 31
    return (z >> 11) * 2.0**-53


def below_poisson(left, rate, k):
    """ln(left) <= -l + k ln l - ln k!, with 40 digits where float64 could not decide."""
    right = -rate + k * math.log(rate) - math.lgamma(k + 1)
    margin = right - math.log(left)
    if abs(margin) > 1e-14 * (rate + k * math.log(rate)) + 1e-12:
        return margin >= 0
    with mpmath.workdps(40):
        exact = -mpmath.mpf(rate) + k * mpmath.log(rate) - mpmath.loggamma(k + 1)
        return mpmath.log(left) <= exact


def poisson(rate, number):
    """One count by the definition; number(a) is uniform number a of the pixel."""
    if rate <= 0:
        return 0
    if rate < 10:
        u, p, k = number(0), math.exp(-rate), 0
        s = p
        if u <= 1 - rate:
            return 0
        while u >= s:
            k += 1
            p *= rate / k
            grown = s + p
            if grown == s:
                break
            s = grown
        return k
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    vr = 0.9277 - 3.6224 / (b - 2)
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    turn = 0
    while True:
        u, v = number(turn) - 0.5, number(turn + 1)
        turn += 2
        us = 0.5 - abs(u)
        if us == 0:
            continue
        k = math.floor((2 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= vr:
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        if v == 0 or below_poisson(v * inverse_alpha / (a / us**2 + b), rate, k):
            return k


def test_the_stream_equals_the_reference():
    with np.load(DATA / "detector_stream.npz") as file:
        reference = dict(file)
    seed, first = int(reference["seed"]), int(reference["first_frame"])
    assert detector_key(seed) == reference["key"]
    numbers = [uniform(reference["key"], first, 256, p, 0) for p in range(256)]
    np.testing.assert_array_equal(np.reshape(numbers, (16, 16)), reference["first_uniform"])
    counts = sample_counts(reference["expected"], seed, first_frame=first)
    assert counts.dtype == np.uint32
    np.testing.assert_array_equal(counts, reference["counts"])


@pytest.mark.parametrize("seed", [0, 12345])
def test_counts_equal_the_scalar_definition_at_every_rate(seed):
    rates = np.concatenate([np.logspace(-3, 9, 73), [0.999, 1, 9.99, 10, 4.2e9, 0, 1e-300]])
    expected = np.repeat(rates, 16 * 16).reshape(-1, 16, 16)
    key, first = detector_key(seed), 3
    counts = sample_counts(expected, seed, first_frame=first)
    for j, rate in enumerate(rates.tolist()):
        by_hand = [
            poisson(rate, lambda a, p=p, j=j: uniform(key, first + j, 256, p, a))
            for p in range(256)
        ]
        np.testing.assert_array_equal(counts[j].ravel(), by_hand, err_msg=f"rate {rate}")


def test_counts_equal_the_scalar_definition_where_rates_are_mixed():
    expected = 10 ** np.random.default_rng(0).uniform(-4, 6, (2, 80, 80))
    expected[:, ::7] = 0
    counts = sample_counts(expected, 9)
    key = detector_key(9)
    for j, row, col in np.random.default_rng(1).integers(0, (2, 80, 80), (3000, 3)).tolist():
        p = row * 80 + col
        one = poisson(expected[j, row, col], lambda a, p=p, j=j: uniform(key, j, 6400, p, a))
        assert counts[j, row, col] == one


@pytest.mark.parametrize("rate", [0.01, 0.5, 1.0, 3.0, 9.9, 10.1, 30.0, 400.0, 1e5, 1e9])
def test_counts_are_poisson_distributed(rate):
    counts = sample_counts(np.full((8, 128, 128), rate), 77).astype(np.int64).ravel()
    low, high = scipy.stats.poisson.ppf([1e-4, 1 - 1e-4], rate).astype(int)
    edges = np.unique(np.linspace(low, high + 1, min(high - low + 2, 60)).astype(int))
    cdf = np.concatenate([[0], scipy.stats.poisson.cdf(edges - 1, rate), [1]])
    observed = np.histogram(counts, np.concatenate([[-1], edges, [np.iinfo(np.int64).max]]))[0]
    expected = np.diff(cdf) * counts.size
    used = expected > 5
    chi2 = ((observed - expected)[used] ** 2 / expected[used]).sum()
    assert 1e-5 < scipy.stats.chi2.sf(chi2, used.sum() - 1) < 1 - 1e-5


def test_counts_do_not_depend_on_the_cut_of_the_frames():
    expected = 10 ** np.random.default_rng(0).uniform(-2, 4, (7, 18, 18))
    whole = sample_counts(expected, 4, first_frame=10)
    parts = [sample_counts(expected[a:b], 4, first_frame=10 + a) for a, b in ((0, 3), (3, 7))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert np.any(sample_counts(expected, 4, first_frame=11) != whole)
    assert np.any(sample_counts(expected, 5, first_frame=10) != whole)


@pytest.mark.parametrize("bad", [np.nan, -1e-9, 4.3e9, np.inf])
def test_expectations_that_cannot_be_sampled_are_named(bad):
    """Fewer photons help against numbers that are too large, and against no others."""
    expected = np.ones((3, 16, 16))
    expected[1, 2, 5] = bad
    with pytest.raises(PhysicsError, match=r"frame 8, pixel \(2, 5\)") as caught:
        sample_counts(expected, 1, first_frame=7)
    assert ("use a smaller nphotons" in str(caught.value)) == (bad > 1)


def test_expectations_must_be_square_frames():
    with pytest.raises(ConfigError, match=r"\(3, 4\)"):
        sample_counts(np.ones((3, 4)), 1)


@njit
def _apply(x, exponential, logarithm, cosine, sine):
    for i in range(x.size):
        exponential[i] = exp(-x[i])
        logarithm[i] = log(x[i])
        cosine[i], sine[i] = cos_and_sin_of_turns(x[i])


def test_elementary_functions_are_right_to_the_last_place():
    x = 10 * np.random.default_rng(0).random(3000)
    x = np.concatenate([x, [2.0**-53, 0.25, 0.5, 0.75, 1.0, 1e-300]])
    results = [np.empty_like(x) for _ in range(4)]
    _apply(x, *results)
    with mpmath.workdps(40):
        exact = [(mpmath.mpf(v), mpmath.mpf(v) * 2 * mpmath.pi) for v in x.tolist()]
        truth = [[mpmath.exp(-v) for v, _ in exact], [mpmath.log(v) for v, _ in exact]]
        truth += [[mpmath.cos(t) for _, t in exact], [mpmath.sin(t) for _, t in exact]]
        for values, wanted, absolute in zip(results, truth, (0, 0, 1, 1), strict=True):
            for value, right in zip(values.tolist(), wanted, strict=True):
                unit = 2.0**-52 if absolute else math.ulp(float(right))
                assert abs(value - right) <= unit


# --- the detector inside the forward model


def scene():
    r = np.arange(N) - N // 2
    probe = np.exp(-(r[:, None] ** 2 + r**2) / 40).astype(np.complex64)
    rng = np.random.default_rng(8)
    obj = (0.7 + 0.3 * rng.random((70, 70))) * np.exp(1j * rng.random((70, 70)))
    x, y = rng.uniform(16, 54, (2, 30))
    return obj.astype(np.complex64), probe, x, y


OBJECT, PROBE, X, Y = scene()


def simulate(nphotons=1e5, mask=None, first=0, seed=5, measurement="count_amplitude", **options):
    """(block of all 30 frames, scale, expected counts, model)."""
    counts_dtype = options.pop("counts_dtype", "uint32")
    model = ForwardModel(
        OBJECT,
        PROBE,
        seed=seed,
        nphotons=nphotons,
        detector=options,
        mask=mask,
        measurement=measurement,
        counts_dtype=counts_dtype,
    )
    mean = math.fsum(model.power(X, Y)) / len(X)
    scale = math.sqrt(nphotons / mean)
    (block,) = model.frames(X, Y, intensity_scale=scale, mean_power=mean, first_frame=first)
    return block, scale, model.expected(X, Y) * scale**2, model


def counts_of(block):
    return block.diff3d.astype(float) ** 2


def test_the_mean_dose_is_the_number_of_photons():
    block, _, expected, _ = simulate(1e5)
    assert expected.sum() / 30 == pytest.approx(1e5, rel=1e-6)
    total = counts_of(block).sum(axis=(1, 2))
    assert total.mean() == pytest.approx(1e5, abs=5 * math.sqrt(1e5 / 30))
    assert total.std() > 5 * math.sqrt(1e5)  # frames differ by more than counting noise
    assert block.dose is None
    assert block.frame_scale is None


def test_the_counts_are_those_of_the_stream_at_the_stored_pixels():
    block, _, expected, _ = simulate(1e4, first=11, measurement="count_intensity")
    counts = sample_counts(expected, 5, first_frame=11)
    # lambda is (re^2 + im^2)(s^2/N^2) in the frame, not expected * s^2: they differ by rounding
    assert np.mean(counts != block.diff3d) < 1e-4


def test_each_pattern_can_have_the_same_dose():
    block, _, _, model = simulate(1e5, dose="per_pattern", poisson=False)
    np.testing.assert_allclose(counts_of(block).sum(axis=(1, 2)), 1e5, rtol=1e-5)
    np.testing.assert_array_equal(block.dose, 1e5)
    np.testing.assert_allclose(block.frame_scale, np.sqrt(1e5 / model.power(X, Y)))


def test_doses_can_be_drawn_log_uniformly():
    lo, hi = 1e3, 1e6
    block, scale, expected, _ = simulate(
        1e5, dose={"range": [lo, hi]}, measurement="normalized_amplitude", first=4
    )
    key = detector_key(5)
    for j in (0, 17):
        u = uniform(key, 4 + j, N * N, 0, 253)
        dose = math.exp(math.log(lo) + u * (math.log(hi) - math.log(lo)))
        assert block.dose[j] == pytest.approx(dose, rel=1e-14)
    counts = (block.diff3d.astype(float) * block.frame_scale[:, None, None]) ** 2
    assert np.all(np.abs(counts - np.rint(counts)) <= 4e-7 * np.maximum(counts, 1))
    rate = expected.sum(axis=(1, 2)) * (block.frame_scale / scale) ** 2
    np.testing.assert_allclose(rate.mean() / block.dose.mean(), 1, rtol=0.2)
    z = (counts.sum(axis=(1, 2)) - rate) / np.sqrt(rate)
    assert np.abs(z).max() < 5


def test_background_is_added_to_every_pixel_before_counting():
    dark, _, _, _ = simulate(1e3, poisson=False)
    lit, _, _, _ = simulate(1e3, poisson=False, background=2.5)
    np.testing.assert_allclose(counts_of(lit), counts_of(dark) + 2.5, rtol=1e-6)
    noisy, _, expected, _ = simulate(1e3, background=2.5, measurement="count_intensity")
    excess = noisy.diff3d.mean() - expected.mean() - 2.5
    assert abs(excess) < 5 * math.sqrt((expected.mean() + 2.5) / noisy.diff3d.size)


def test_without_counting_noise_the_expectation_is_stored():
    block, _, expected, _ = simulate(1e5, poisson=False, measurement="count_intensity")
    assert block.diff3d.dtype == np.float32
    np.testing.assert_allclose(block.diff3d, expected, rtol=1e-6)


@pytest.mark.parametrize("poisson_noise", [True, False])
def test_readout_noise_follows_the_stream(poisson_noise):
    sigma = 2.0
    plain, _, _, _ = simulate(1e4, poisson=poisson_noise, measurement="count_intensity")
    noisy, _, _, _ = simulate(
        1e4, poisson=poisson_noise, gaussian_sigma=sigma, measurement="count_intensity"
    )
    key = detector_key(5)
    for j, p in ((0, 0), (3, 528), (3, 529), (29, 1023), (7, 500)):
        u, v = (uniform(key, j, N * N, p, a) for a in (251, 252))
        value = float(plain.diff3d[j].ravel()[p])
        value += sigma * math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * v)
        value = max(0.0, round(value) if poisson_noise else value)
        assert noisy.diff3d[j].ravel()[p] == pytest.approx(value, rel=1e-6)
    if poisson_noise:
        bright = plain.diff3d > 20
        change = (noisy.diff3d.astype(float) - plain.diff3d)[bright]
        assert change.var() == pytest.approx(sigma**2 + 1 / 12, rel=0.1)
        assert abs(change.mean()) < 5 * sigma / math.sqrt(change.size)


def test_saturated_pixels_are_clipped_and_counted():
    plain, _, _, _ = simulate(1e5, measurement="count_intensity")
    clipped, _, _, _ = simulate(1e5, measurement="count_intensity", saturation=300)
    np.testing.assert_array_equal(clipped.diff3d, np.minimum(plain.diff3d, 300))
    np.testing.assert_array_equal(
        clipped.statistics["saturated"], (plain.diff3d >= 300).sum(axis=(1, 2))
    )
    assert plain.statistics["saturated"].sum() == 0


@pytest.mark.parametrize(
    ("diameter", "center", "covered"),
    [(1, "dc", 1), (2, "dc", 5), (3, "dc", 9), (1, "geometric", 0), (2, "geometric", 4)],
)
def test_the_beamstop_covers_the_pixels_around_its_center(diameter, center, covered):
    options = {"beamstop_diameter": diameter, "beamstop_center": center}
    block, _, _, model = simulate(1e5, **options)
    mask = model.detector_mask
    if covered == 0:
        assert mask is None
        return
    rows, columns = np.nonzero(mask == 0)
    assert len(rows) == covered
    middle = N // 2 if center == "dc" else (N - 1) / 2
    assert rows.mean() == columns.mean() == middle
    assert not block.diff3d[:, mask == 0].any()
    assert block.diff3d[:, mask == 1].any()


def test_mask_and_beamstop_combine_and_change_no_other_pixel():
    mask = np.ones((N, N), np.uint8)
    mask[3, 4] = mask[20, 16] = 0
    plain, _, _, whole = simulate(1e5, gaussian_sigma=1.0)
    block, _, _, model = simulate(1e5, gaussian_sigma=1.0, mask=mask, beamstop_diameter=3)
    valid = model.detector_mask
    assert valid.dtype == np.uint8
    assert (valid == 0).sum() == 11
    np.testing.assert_array_equal(block.diff3d, np.where(valid, plain.diff3d, 0))
    assert whole.detector_mask is None
    assert valid_pixels(N, DetectorConfig(), np.ones((N, N))) is None


def test_a_covered_pixel_may_be_brighter_than_any_count():
    with pytest.raises(PhysicsError, match=r"frame 0, pixel .*4\.2e\+09.*nphotons"):
        simulate(1e12)
    block, _, _, _ = simulate(3e10, beamstop_diameter=9)
    assert np.isfinite(block.diff3d).all()


def test_the_four_measurements_tell_the_same_counts():
    counts, scale, _, _ = simulate(1e5, measurement="count_intensity")
    n = counts.diff3d.astype(float)
    assert counts.diff3d.dtype == np.uint32
    for measurement, value in (
        ("normalized_amplitude", np.sqrt(n) / scale),
        ("count_amplitude", np.sqrt(n)),
        ("intensity", n / scale**2),
    ):
        block, _, _, _ = simulate(1e5, measurement=measurement)
        assert block.diff3d.dtype == np.float32
        np.testing.assert_array_equal(block.diff3d, value.astype(np.float32))
    amplitude, _, _, _ = simulate(1e5, measurement="normalized_amplitude")
    back = (amplitude.diff3d.astype(float) * scale) ** 2
    assert np.all(np.abs(back - n) <= 4e-7 * np.maximum(n, 1))


def test_counts_that_do_not_fit_name_frame_pixel_count_and_remedies():
    small, _, _, _ = simulate(1e5, measurement="count_intensity", counts_dtype="uint16")
    assert small.diff3d.dtype == np.uint16
    with pytest.raises(PhysicsError) as caught:
        simulate(1e8, measurement="count_intensity", counts_dtype="uint16", first=40)
    large, _, _, _ = simulate(1e8, measurement="count_intensity", first=40)
    j, p = np.argwhere(large.diff3d.reshape(30, -1) > 65535)[0].tolist()
    count = large.diff3d[j].ravel()[p]
    text = str(caught.value)
    for part in (f"frame {40 + j}", f"({p // N}, {p % N})", f"{count}", "nphotons", "uint32"):
        assert part in text
    fits, _, _, _ = simulate(
        1e8, measurement="count_intensity", counts_dtype="uint16", saturation=65535
    )
    assert fits.diff3d.max() == 65535


CASES = {
    "amplitude": {"measurement": "normalized_amplitude"},
    "counts": {"measurement": "count_intensity", "saturation": 500, "background": 0.01},
    "expectation": {"measurement": "intensity", "poisson": False},
    "masked": {"measurement": "normalized_amplitude", "beamstop_diameter": 5},
}


@pytest.mark.parametrize("case", CASES)
def test_statistics_are_those_of_the_stored_frames(case):
    block, scale, _, _ = simulate(3e4, **CASES[case])
    values = block.diff3d.astype(float)
    counts = {"normalized_amplitude": (values * scale) ** 2, "count_intensity": values}.get(
        CASES[case]["measurement"], values * scale**2
    )
    if case in ("amplitude", "masked"):
        counts = np.rint(counts)
    wanted = frame_statistics(block.diff3d, counts, block.patches, CASES[case].get("saturation"))
    assert set(block.statistics) == set(wanted)
    for key, value in wanted.items():
        found = block.statistics[key]
        assert found.shape == value.shape
        if found.dtype.kind == "i":
            np.testing.assert_array_equal(found, value, err_msg=key)
        else:
            rtol = 1e-6 if case == "expectation" else 1e-12
            np.testing.assert_allclose(found, value, rtol=rtol, err_msg=key)
    assert block.statistics["histogram"].dtype == np.int32
    assert np.all(block.statistics["histogram"].sum(axis=1) == N * N)


def test_histogram_edges_are_equal_in_the_logarithm():
    edges = histogram_edges()
    np.testing.assert_allclose(np.log2(edges), np.linspace(-40, 40, 256), atol=1e-12)
    assert edges[153] == 256.0  # 8 = -40 + 80 * 153/255


def test_values_on_an_edge_belong_to_the_upper_bin():
    block, _, _, _ = simulate(1e6, measurement="count_intensity", saturation=256, gaussian_sigma=0)
    at_edge = (block.diff3d == 256).sum(axis=(1, 2))
    assert at_edge.min() > 0
    np.testing.assert_array_equal(block.statistics["histogram"][:, 154], at_edge)


def test_sums_are_taken_row_by_row():
    block, _, _, _ = simulate(1e5, measurement="normalized_amplitude")
    for j in (0, 29):
        total = 0.0
        for value in block.diff3d[j].ravel().tolist():
            total += value
        assert block.statistics["sum"][j] == total


def test_a_detector_without_any_open_pixel_is_refused():
    """The open corners of a round stop are what the mask of the second case hides."""
    with pytest.raises(ConfigError, match=r"beamstop_diameter is 48 px.*all 32 x 32 pixels"):
        valid_pixels(N, DetectorConfig(beamstop_diameter=48))
    disk = DetectorConfig(beamstop_diameter=20)
    inner = valid_pixels(N, disk)
    with pytest.raises(ConfigError, match=r"20 px, which together with the mask hides all 32 x 32"):
        valid_pixels(N, disk, 1 - inner)
    with pytest.raises(InputFileError, match="mask hides all 32 x 32 pixels"):
        valid_pixels(N, DetectorConfig(), np.zeros((N, N)))


def test_rings_of_the_statistics_are_those_of_the_definition():
    offset = np.arange(N) - N // 2
    expected = np.floor(np.hypot(offset[:, None], offset))
    np.testing.assert_array_equal(radial_rings(N), expected)
    tables = statistics_tables(N)
    np.testing.assert_array_equal(tables.rings, np.minimum(expected, N // 2).ravel())
