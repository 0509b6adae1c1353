"""Patches, far field, photon scale and the streamed forward model."""

import hashlib
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.fft

from simlab.core.errors import ConfigError, InputFileError, PhysicsError
from simlab.ptycho.diffraction import extract_patches, frame_power, photon_scale, propagate
from simlab.ptycho.forward import ForwardModel
from simlab.ptycho.probes import get_default_probe

DATA = Path(__file__).parents[1] / "data" / "ptycho"
STAGES = ["stages_n32", "stages_n64_phasefree"]


@pytest.fixture(params=STAGES)
def stages(request):
    with np.load(DATA / f"{request.param}.npz") as file:
        return dict(file)


def rough_object(shape, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


def gaussian(n, width):
    r = np.arange(n) - n // 2
    return np.exp(-(r[:, None] ** 2 + r**2) / (2 * width**2)).astype(np.complex64)


def model(obj, probe, **options):
    return ForwardModel(obj, probe, **{"seed": 5, "nphotons": 1e5, **options})


def frames(forward, x, y, scale=30.0, first=0, **options):
    blocks = list(
        forward.frames(x, y, intensity_scale=scale, mean_power=1.0, first_frame=first, **options)
    )
    assert [b.start for b in blocks[1:]] == [b.stop for b in blocks[:-1]]
    return blocks


def bits(blocks):
    joined = [np.concatenate([b.diff3d for b in blocks])]
    joined.append(np.concatenate([b.patches for b in blocks]))
    for key in sorted(blocks[0].statistics):
        joined.append(np.concatenate([b.statistics[key] for b in blocks]))
    return [values.tobytes() for values in joined]


def bilinear_by_hand(obj, x, y, n):
    """The definition, corner by corner, in float64."""

    def value(r, c):
        inside = (r >= 0) & (r < obj.shape[0]) & (c >= 0) & (c < obj.shape[1])
        return np.where(inside, obj[r.clip(0, len(obj) - 1), c.clip(0, obj.shape[1] - 1)], 0)

    out = []
    for px, py in zip(x, y, strict=True):
        row = math.floor(py) + np.arange(n)[:, None] - n // 2
        col = math.floor(px) + np.arange(n)[None, :] - n // 2
        wy, wx = py - math.floor(py), px - math.floor(px)
        out.append(
            (1 - wy) * (1 - wx) * value(row, col)
            + (1 - wy) * wx * value(row, col + 1)
            + wy * (1 - wx) * value(row + 1, col)
            + wy * wx * value(row + 1, col + 1)
        )
    return np.array(out)


def test_patches_equal_the_reference(stages):
    obj, x, y = stages["objectGuess"], stages["xcoords"], stages["ycoords"]
    patches = extract_patches(obj, x, y, len(stages["probeGuess"]))
    assert patches.dtype == np.complex64
    error = np.abs(patches - stages["patches"]).max(axis=(1, 2))
    assert error.max() < 3e-5 * np.abs(obj).max()
    whole = (x % 1 == 0) & (y % 1 == 0)
    assert whole.any()
    assert error[whole].max() == 0


def test_patches_fade_linearly_over_the_border_and_are_zero_beyond():
    obj = rough_object((40, 50))
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-30, 80, 200), rng.uniform(-30, 70, 200)
    expected = bilinear_by_hand(obj.astype(complex), x, y, 16)
    np.testing.assert_allclose(extract_patches(obj, x, y, 16), expected, atol=3e-6)


@pytest.mark.parametrize("subpixel", ["bilinear", "nearest", "fourier"])
@pytest.mark.parametrize("far", [(-1e3, 5), (5, -1e3), (1e3, 5), (5, 1e3), (1e300, -1e300)])
def test_patches_far_outside_the_object_are_zero(subpixel, far):
    obj = np.ones((20, 24), np.complex64)
    assert not extract_patches(obj, [far[0]], [far[1]], 16, subpixel=subpixel).any()


def test_the_position_lies_at_the_center_pixel_of_the_patch():
    obj = np.zeros((64, 64), np.complex64)
    obj[40, 25] = 1  # row y, column x
    for n in (16, 18):
        patch = extract_patches(obj, [25], [40], n)[0]
        assert patch[n // 2, n // 2] == 1
        assert np.abs(patch).sum() == 1


def test_nearest_rounds_half_to_even():
    obj = np.arange(400, dtype=np.complex64).reshape(20, 20)
    for x, column in ((9.5, 10), (10.5, 10), (10.51, 11)):
        near = extract_patches(obj, [x], [8.49], 4, subpixel="nearest")
        np.testing.assert_array_equal(near, extract_patches(obj, [column], [8], 4))


def test_fourier_patches_at_whole_positions_equal_bilinear_ones():
    obj = rough_object((50, 40))
    x, y = [20, 3, -5, 39], [25, 49, 10, 0]
    fourier = extract_patches(obj, x, y, 24, subpixel="fourier")
    np.testing.assert_allclose(fourier, extract_patches(obj, x, y, 24), atol=1e-6)


def test_fourier_patches_shift_a_smooth_object_without_blur():
    obj = gaussian(96, 3.0)
    x, y, n = 48.3, 47.8, 48
    r = np.arange(n) - n // 2
    expected = np.exp(-((y + r[:, None] - 48) ** 2 + (x + r - 48) ** 2) / 18)
    fourier = extract_patches(obj, [x], [y], n, subpixel="fourier")[0]
    np.testing.assert_allclose(fourier, expected, atol=2e-6)


@pytest.mark.parametrize("frequency", [0.1, 0.25, 0.4])
def test_bilinear_patches_at_half_a_pixel_damp_by_the_cosine(frequency):
    obj = np.tile(np.exp(2j * np.pi * frequency * np.arange(64)), (64, 1))
    patch = extract_patches(obj, [32.5], [32], 16)
    np.testing.assert_allclose(np.abs(patch), math.cos(math.pi * frequency), atol=1e-6)


def test_frames_take_their_patch_from_their_object():
    objects = np.stack([rough_object((30, 30), k) for k in range(3)])
    x, y, index = [15.2, 14.0, 12.7], [15, 13.5, 17], [2, 0, 1]
    (block,) = frames(model(objects, gaussian(16, 3)), x, y, object_index=index)
    for j, k in enumerate(index):
        one = extract_patches(objects[k], x[j : j + 1], y[j : j + 1], 16)[0]
        np.testing.assert_array_equal(block.patches[j], one)


def test_amplitudes_equal_the_reference(stages):
    probe, x, y = stages["probeGuess"], stages["xcoords"], stages["ycoords"]
    amplitude = propagate(probe * extract_patches(stages["objectGuess"], x, y, len(probe)))
    reference = stages["amplitude_noiseless"]
    assert amplitude.dtype == np.float32
    assert np.abs(amplitude - reference).max() < 5e-7 * reference.max()
    expected = model(stages["objectGuess"], probe).expected(x, y)
    assert np.abs(np.sqrt(expected) - reference).max() < 5e-7 * reference.max()


def test_the_photon_scale_equals_the_reference(stages):
    power = frame_power(
        stages["objectGuess"], stages["probeGuess"], stages["xcoords"], stages["ycoords"]
    )
    scale = photon_scale(power, float(stages["nphotons"]))
    assert scale == pytest.approx(float(stages["intensity_scale"]), rel=1e-6)


def test_the_recorded_energy_of_the_reference_is_a_whole_number_of_photons(stages):
    n = (stages["amplitude_noisy"].astype(float) * float(stages["intensity_scale"])) ** 2
    assert np.all(np.abs(n - np.rint(n)) <= 4e-7 * np.maximum(n, 1))


def test_the_reference_scan_is_a_poisson_draw_from_our_amplitudes():
    with np.load(DATA / "end_to_end_n32.npz") as file:
        scan = dict(file)
    forward = model(scan["objectGuess"], scan["probeGuess"])
    x, y = scan["xcoords"], scan["ycoords"]
    scale = photon_scale(forward.power(x, y), float(scan["nphotons"]))
    rate = forward.expected(x, y) * scale**2
    counts = (scan["diff3d"].astype(float) * scale) ** 2
    bright = rate > 5
    z = (counts - rate)[bright] / np.sqrt(rate[bright])
    assert abs(z.mean()) < 5 / math.sqrt(z.size)
    assert abs(z.var() - 1) < 5 * math.sqrt((2 + 1 / rate[bright].mean()) / z.size)
    assert counts.sum() == pytest.approx(64 * 1e6, abs=5 * math.sqrt(64e6))


@pytest.mark.parametrize("n", [16, 18, 48, 64, 96, 128, 250])
def test_energy_is_conserved_for_every_even_side(n):
    obj, probe = rough_object((2 * n, 2 * n)), gaussian(n, n / 8)
    x, y = np.array([n + 0.3, n - 2]), np.array([n - 0.6, n + 1.0])
    forward = model(obj, probe)
    energy = forward.expected(x, y).sum(axis=(1, 2))
    np.testing.assert_allclose(energy, forward.power(x, y), rtol=2e-6)


def test_the_far_field_has_its_zero_frequency_at_the_center():
    amplitude = propagate(np.ones((1, 18, 18), np.complex64))[0]
    expected = np.zeros((18, 18))
    expected[9, 9] = 18  # sum |psi|^2 = 18^2 lies in one pixel
    np.testing.assert_allclose(amplitude, expected, atol=1e-5)


def test_a_phase_ramp_shifts_the_pattern_by_whole_pixels():
    n = 32
    r = np.arange(n)
    wave = rough_object((n, n))
    ramp = np.exp(2j * np.pi * (3 * r[:, None] - 5 * r) / n)
    plain, moved = propagate(np.stack([wave, wave * ramp]))
    np.testing.assert_allclose(moved, np.roll(plain, (3, -5), (0, 1)), atol=1e-5 * plain.max())


def test_conjugation_rotates_the_pattern_by_half_a_turn():
    wave = rough_object((24, 24))
    plain, rotated = propagate(np.stack([wave, wave.conj()]))
    expected = np.roll(plain[::-1, ::-1], (1, 1), (0, 1))
    np.testing.assert_allclose(rotated, expected, atol=1e-6 * plain.max())


def test_a_gaussian_probe_on_a_flat_object_gives_a_gaussian():
    n, w = 64, 3.0
    (intensity,) = model(np.ones((96, 96)), gaussian(n, w)).expected([48], [48])
    k = np.arange(n) - n // 2
    width = n / (2 * math.pi * w)
    central = gaussian(n, w).real.sum() / n
    expected = central * np.exp(-(k[:, None] ** 2 + k**2) / (2 * width**2))
    np.testing.assert_allclose(np.sqrt(intensity), expected, atol=1e-5 * central)


def test_modes_add_as_intensities():
    obj, probes = rough_object((60, 60)), rough_object((3, 32, 32), 4)
    x, y = [30.3, 20.1], [28.9, 33.3]
    each = [model(obj, p).expected(x, y) for p in probes]
    together = model(obj, probes).expected(x, y)
    np.testing.assert_allclose(together, sum(each), rtol=1e-12)
    power = sum(frame_power(obj, p, x, y) for p in probes)
    np.testing.assert_allclose(frame_power(obj, probes, x, y), power, rtol=1e-12)
    waves = probes * extract_patches(obj, x, y, 32)[:, None]
    amplitude = propagate(waves)
    np.testing.assert_allclose(amplitude, np.sqrt(together), atol=1e-6 * amplitude.max())


def test_the_power_is_summed_pixel_after_pixel():
    obj, probe = rough_object((40, 40)), rough_object((16, 16), 3)
    wave = probe * extract_patches(obj, [20.25], [19.5], 16)[0]
    re, im = probe.real, probe.imag
    patch = extract_patches(obj, [20.25], [19.5], 16)[0]
    real = re * patch.real - im * patch.imag
    imaginary = re * patch.imag + im * patch.real
    np.testing.assert_allclose(real + 1j * imaginary, wave, atol=1e-5)
    total = 0.0
    for a, b in zip(real.ravel().tolist(), imaginary.ravel().tolist(), strict=True):
        total += a * a + b * b
    assert frame_power(obj, probe, [20.25], [19.5])[0] == total


def test_the_photon_scale_does_not_depend_on_the_order_of_the_frames():
    power = 10 ** np.random.default_rng(0).uniform(-8, 8, 1000)
    assert photon_scale(power, 1e6) == photon_scale(power[::-1], 1e6)


def test_fourier_positions_have_the_power_of_their_own_patches():
    obj, probe = rough_object((60, 60)), gaussian(32, 5)
    x, y = [30.4, 25.5], [29.1, 33.5]
    patches = extract_patches(obj, x, y, 32, subpixel="fourier")
    expected = (np.abs(probe * patches).astype(float) ** 2).sum(axis=(1, 2))
    np.testing.assert_allclose(
        frame_power(obj, probe, x, y, subpixel="fourier"), expected, rtol=1e-6
    )
    (block,) = frames(model(obj, probe, subpixel="fourier"), x, y)
    np.testing.assert_array_equal(block.patches, patches)


CASES = {
    "amplitude": {},
    "counts": {"measurement": "count_intensity", "counts_dtype": "uint16"},
    "read-out": {"detector": {"gaussian_sigma": 1.5, "saturation": 900, "beamstop_diameter": 3}},
    "doses": {"detector": {"dose": {"range": [1e3, 1e5]}, "background": 0.3}},
    "per_pattern": {"detector": {"dose": "per_pattern"}, "measurement": "count_amplitude"},
    "expectation": {"detector": {"poisson": False}, "measurement": "intensity"},
    "fourier": {"subpixel": "fourier"},
}


@pytest.mark.parametrize("case", CASES)
def test_bits_do_not_depend_on_batch_threads_or_cut(case):
    obj, probe = rough_object((60, 60)), np.stack([gaussian(20, 4), 0.5j * gaussian(20, 3)])
    rng = np.random.default_rng(2)
    x, y = rng.uniform(0, 60, 23), rng.uniform(0, 60, 23)
    forward = model(obj, probe, **CASES[case])
    whole = frames(forward, x, y, first=100)
    assert len(whole) == 1
    for options in ({"batch": 1}, {"batch": 7}, {"batch": 3, "threads": 3}, {"threads": 2}):
        assert bits(frames(forward, x, y, first=100, **options)) == bits(whole)
    parts = [
        block
        for a, b in ((0, 5), (5, 6), (6, 23))
        for block in frames(forward, x[a:b], y[a:b], first=100 + a)
    ]
    joined = bits([*parts])
    assert joined == bits(whole)
    if whole[0].dose is not None:
        np.testing.assert_array_equal(np.concatenate([b.dose for b in parts]), whole[0].dose)
    power = np.concatenate([forward.power(x[:4], y[:4]), forward.power(x[4:], y[4:])])
    np.testing.assert_array_equal(power, forward.power(x, y))


DIGEST = """
import hashlib, sys
import numpy as np
from simlab.ptycho.forward import ForwardModel
rng = np.random.default_rng(0)
obj = rng.normal(size=(60, 60)) + 1j * rng.normal(size=(60, 60))
probe = rng.normal(size=(20, 20)) + 0j
x, y = rng.uniform(0, 60, (2, 40))
digest = hashlib.sha256()
for detector in ({}, {"gaussian_sigma": 1.5}, {"poisson": False, "gaussian_sigma": 0.5}):
    for subpixel in ("bilinear", "fourier"):
        forward = ForwardModel(
            obj, probe, seed=1, nphotons=1.0, detector=detector, subpixel=subpixel
        )
        digest.update(forward.power(x, y).tobytes())
        for scale in (0.1, 100.0):
            for b in forward.frames(x, y, intensity_scale=scale, mean_power=1.0, first_frame=0):
                digest.update(b.diff3d.tobytes() + b.patches.tobytes())
                for key in sorted(b.statistics):
                    digest.update(b.statistics[key].tobytes())
print(digest.hexdigest())
"""


@pytest.mark.full
@pytest.mark.parametrize("processor", ["x86-64", "haswell"])
def test_bits_are_those_of_other_processors(processor, tmp_path, monkeypatch):
    def digest():
        command = [sys.executable, "-c", DIGEST]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "workflow" / "scripts"))
    here = digest()
    monkeypatch.setenv("NUMBA_CPU_NAME", processor)
    monkeypatch.setenv("NUMBA_CPU_FEATURES", "")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert digest() == here


def test_a_transform_has_the_same_bits_alone_and_in_a_batch():
    waves = rough_object((9, 48, 48))
    together = scipy.fft.fft2(waves.copy(), overwrite_x=True)
    for wave, field in zip(waves, together, strict=True):
        np.testing.assert_array_equal(scipy.fft.fft2(wave), field)


def test_fftw_gives_the_same_frames_up_to_rounding():
    pytest.importorskip("pyfftw")
    obj, probe = rough_object((80, 80)), gaussian(32, 5)
    x, y = np.random.default_rng(0).uniform(20, 60, (2, 21))
    plain, fast = (model(obj, probe, fft=fft) for fft in ("scipy", "fftw"))
    a, b = plain.expected(x, y), fast.expected(x, y)
    assert np.abs(np.sqrt(a) - np.sqrt(b)).max() < 1e-6 * np.sqrt(a.max())
    assert fast.device["fft"] == "fftw"
    (whole,) = frames(fast, x, y)
    parts = frames(fast, x, y, batch=4, threads=2)
    assert sum(len(p.diff3d) for p in parts) == len(whole.diff3d)


def test_frames_are_written_into_given_arrays():
    obj, probe = rough_object((40, 40)), gaussian(16, 3)
    x, y = np.random.default_rng(0).uniform(5, 35, (2, 11))
    plain = frames(model(obj, probe), x, y)
    diff3d = np.full((11, 16, 16), -1, np.float32)
    patches = np.full((11, 16, 16), -1, np.complex64)
    blocks = frames(model(obj, probe), x, y, into=(diff3d, patches), batch=4, threads=2)
    assert all(np.shares_memory(b.diff3d, diff3d) for b in blocks)
    np.testing.assert_array_equal(diff3d, plain[0].diff3d)
    np.testing.assert_array_equal(patches, plain[0].patches)
    (bare,) = frames(model(obj, probe), x, y, store_patches=False, statistics=False)
    assert bare.patches is None
    assert bare.statistics is None
    np.testing.assert_array_equal(bare.diff3d, diff3d)


def test_no_frames_are_no_blocks():
    assert frames(model(rough_object((40, 40)), gaussian(16, 3)), [], []) == []


def test_the_default_probe_is_accepted_at_every_usual_size():
    for n in (48, 64, 96):
        (block,) = frames(
            model(np.ones((2 * n, 2 * n)), get_default_probe(n, "c64", 0.7)), [n], [n]
        )
        assert block.diff3d.shape == (1, n, n)
        assert np.isfinite(block.diff3d).all()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"probe": np.ones((15, 15))}, InputFileError, "even"),
        ({"probe": np.ones((16, 18))}, InputFileError, r"\(16, 18\)"),
        ({"obj": np.full((40, 40), np.nan)}, InputFileError, "1600"),
        ({"measurement": "electrons"}, ConfigError, "electrons.*count_intensity"),
        ({"subpixel": "cubic"}, ConfigError, "cubic.*bilinear"),
        ({"backend": "cuda"}, ConfigError, "cuda.*numba"),
        ({"detector": {"nphoton": 1}}, ConfigError, "nphotons"),
        ({"detector": {"mask_file": "mask.npy"}}, ConfigError, "mask_file"),
        ({"mask": np.ones((8, 8))}, InputFileError, r"\(8, 8\).*\(16, 16\)"),
        ({"index": [0, 3]}, ConfigError, "3.*1 object"),
        ({"index": [0]}, ConfigError, "object_index"),
        ({"x": [1.0, np.nan]}, ConfigError, "x.*frame 1"),
        ({"x": [1.0]}, ConfigError, "equal length"),
        ({"batch": 0}, ConfigError, "batch"),
        ({"scale": 0.0}, PhysicsError, "intensity_scale"),
    ],
)
def test_unusable_arguments_are_named(options, error, text):
    options = {"obj": rough_object((40, 40)), "probe": gaussian(16, 3), **options}
    obj, probe = options.pop("obj"), options.pop("probe")
    x, batch = options.pop("x", [1.0, 2.0]), options.pop("batch", None)
    index, scale = options.pop("index", None), options.pop("scale", 1.0)
    with pytest.raises(error, match=text):
        frames(model(obj, probe, **options), x, [1.0, 2.0], scale, object_index=index, batch=batch)


@pytest.mark.parametrize(("nphotons", "power"), [(0, [1.0]), (np.inf, [1.0]), (-1, [1.0])])
def test_photon_numbers_that_make_no_sense_are_refused(nphotons, power):
    with pytest.raises(ConfigError, match="nphotons"):
        photon_scale(power, nphotons)


def test_a_scan_without_energy_is_refused():
    power = frame_power(np.zeros((40, 40)), gaussian(16, 3), [20], [20])
    with pytest.raises(PhysicsError, match="no energy"):
        photon_scale(power, 1e6)
    forward = model(np.zeros((40, 40)), gaussian(16, 3), detector={"dose": "per_pattern"})
    with pytest.raises(PhysicsError, match="frame 7 has no energy"):
        frames(forward, [20], [20], first=7)


def test_the_seed_alone_decides_the_noise():
    obj, probe = rough_object((40, 40)), gaussian(16, 3)

    def digest(seed):
        blocks = frames(model(obj, probe, seed=seed), [20.0, 18.0], [20.0, 21.5])
        return hashlib.sha256(blocks[0].diff3d.tobytes()).hexdigest()

    assert digest(1) == digest(1)
    assert digest(1) != digest(2)


@pytest.mark.parametrize("power", [[], [[1.0, 2.0]], 3.0])
def test_a_photon_scale_needs_the_power_of_every_frame(power):
    with pytest.raises(ConfigError, match="power has shape"):
        photon_scale(power, 1e4)
