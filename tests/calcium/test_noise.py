"""Counter noise: equal to an independent implementation, normal, Poisson."""

import numpy as np
import pytest
from calcium_reference import recorded, recorded_spec
from calcium_specs import arrays, small

from simlab.calcium import noise, sensor
from simlab.calcium.errors import SpecError
from simlab.calcium.kernels import noise as kernels

SEEDS = (0, 42, 1099511627776)
FRAMES = (0, 1, 777)


@pytest.fixture(scope="module")
def stored():
    return arrays("counter_noise")


@pytest.mark.parametrize(
    ("word", "block"),
    [
        (0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        (0xFFFFFFFF, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ],
)
def test_blocks_are_those_of_the_published_generator(word, block):
    word = np.uint32(word)
    found = kernels.philox(word, word, word, word, kernels.round_keys((word, word)))
    assert [f"{int(w):08x}" for w in found] == block.split()


def test_rows_of_blocks_are_the_single_blocks():
    keys = kernels.round_keys((5, 6))
    words = np.empty((4, 9), np.uint32)
    kernels.fill_blocks(100, 3, 2, keys, *words)
    for j in range(9):
        counter = [np.uint32(c) for c in (100 + j, 0, 3, 2)]
        assert tuple(words[:, j]) == kernels.philox(*counter, keys)


@pytest.mark.parametrize("seed", SEEDS)
def test_keys_of_seeds(seed, stored):
    assert noise.noise_key(seed).dtype == np.uint32
    assert np.array_equal(noise.noise_key(seed), stored[f"key_seed{seed}"])


def test_tables_of_the_ziggurat(stored):
    for found, name in zip(noise.ziggurat_tables(), ("KI", "WI", "FI"), strict=True):
        assert found.dtype == stored[name].dtype
        assert np.array_equal(found, stored[name])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("frame", FRAMES)
def test_normals_of_frames(seed, frame, stored):
    expected = stored[f"z_seed{seed}_frame{frame}"]
    found = noise.normals(seed, frame, expected.size)
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("first", [0, 1, 2, 3, 607, 4096])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 51])
def test_a_pixel_has_its_number_wherever_a_row_begins(first, n):
    whole = noise.normals(9, 4, first + n)
    words, z = np.empty((4, n // 4 + 2), np.uint32), np.empty(n, np.float32)
    keys = kernels.round_keys(noise.noise_key(9))
    kernels.fill_normals(first, 4, 0, keys, words, np.empty(words.size, np.float32), z)
    assert np.array_equal(z, whole[first:])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((-3, 0, 5), "seed is -3; expected a whole number >= 0"),
        ((3, -1, 2), "frame is -1; expected a whole number >= 0 and < 4294967296"),
        ((3, 2**32, 2), "frame is 4294967296"),
        ((3, 1.5, 2), "frame is 1.5"),
        ((3, 1, -2), "n_pixels is -2"),
        ((3, 1, 2, -1), "stream is -1"),
    ],
)
def test_numbers_that_no_counter_has_are_refused(arguments, text):
    with pytest.raises(SpecError, match=text):
        noise.normals(*arguments)


def test_normals_are_normal():
    z = noise.normals(1, 0, 1_000_000).astype(float)
    n = z.size
    assert abs(z.mean()) < 5 / np.sqrt(n)
    assert abs(z.var() - 1) < 5 * np.sqrt(2 / n)
    for threshold, share in ((1, 0.3173105), (3, 0.0026998), (4, 6.334e-5)):
        error = np.sqrt(share * (1 - share) / n)
        assert abs((abs(z) > threshold).mean() - share) < 5 * error
    assert abs((z > 0).mean() - 0.5) < 5 * 0.5 / np.sqrt(n)


def test_streams_frames_and_seeds_have_numbers_of_their_own():
    numbers = [
        noise.normals(seed, frame, 4000, stream)
        for seed, frame, stream in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 2))
    ]
    off_diagonal = np.corrcoef(numbers) - np.eye(4)
    assert abs(off_diagonal).max() < 5 / np.sqrt(4000)


@pytest.mark.parametrize("mean", [0.1, 3, 9.99, 10, 50, 1e4])
def test_poisson_numbers_have_mean_and_variance_of_their_mean(mean):
    n, keys = 30_000, kernels.round_keys(noise.noise_key(2))
    k = np.array([kernels.poisson(mean, pixel, 7, keys) for pixel in range(n)])
    assert np.array_equal(k, np.floor(k))
    assert abs(k.mean() - mean) < 5 * np.sqrt(mean / n)
    assert abs(k.var() - mean) < 5 * mean * np.sqrt((2 + 1 / mean) / n)


def test_no_light_gives_no_photons():
    keys = kernels.round_keys((1, 2))
    assert kernels.poisson(0.0, 5, 6, keys) == kernels.poisson(-1.0, 5, 6, keys) == 0


def test_counts_of_the_reference_movie(stored):
    spec, movie = recorded_spec("full"), recorded("full")
    clean = dict(zip(movie["frames"], movie["stage_leakage"], strict=True))
    for frame, expected in zip(stored["counts_frames"], stored["counts_full"], strict=True):
        counts = sensor.digitize(clean[frame], int(frame), spec)
        assert counts.dtype == np.uint8
        differing = counts != expected
        assert differing.mean() <= 1e-4
        assert abs(counts.astype(int) - expected).max() <= 1


def flat_spec(light=40.0, bits=12, ext=None, **chip):
    chip = {"quantum_efficiency": 0.7, "read_noise_e": 2.0, "bit_depth": bits, **chip}
    step = {"kind": "sensor", "photons_per_unit": light}
    return small(step, n_px=(300, 300), frames=2, sensor=chip, ext=ext)


@pytest.mark.parametrize("ext", [None, {"shot_noise": "poisson"}])
@pytest.mark.parametrize("gain", [0.5, 1.0, 1.7])
def test_counts_of_a_flat_field_have_mean_and_variance_of_the_sensor(gain, ext):
    spec = flat_spec(light=400.0, gain_adu_per_e=gain, ext=ext)
    first, second = (
        sensor.digitize(np.ones((300, 300), np.float32), t, spec).astype(float) for t in (0, 1)
    )
    lam, n = 400 * 0.7, first.size
    variance = gain**2 * (lam + 4) + 1 / 12
    assert abs(first.mean() - (gain * lam - 0.5)) < 5 * np.sqrt(variance / n)
    assert abs(first.var() - variance) < 5 * variance * np.sqrt(2 / n)
    assert abs((first - second).var() / 2 - variance) < 5 * variance * np.sqrt(2 / n)


@pytest.mark.parametrize("ext", [None, {"shot_noise": "poisson"}])
def test_a_dark_quiet_sensor_counts_nothing(ext):
    spec = flat_spec(read_noise_e=0.0, ext=ext)
    assert not sensor.digitize(np.zeros((300, 300), np.float32), 0, spec).any()
    assert not sensor.digitize(-np.ones((300, 300), np.float32), 1, spec).any()


@pytest.mark.parametrize(("bits", "dtype"), [(1, "u1"), (8, "u1"), (9, "u2"), (16, "u2")])
def test_counts_end_at_the_largest_of_the_bit_depth(bits, dtype):
    counts = sensor.digitize(np.full((300, 300), 1e6, np.float32), 0, flat_spec(bits=bits))
    assert counts.dtype == dtype
    assert counts.min() == counts.max() == 2**bits - 1


def test_counts_need_a_sensor_and_a_frame_of_the_recording():
    frame = np.zeros((300, 300), np.float32)
    with pytest.raises(SpecError, match="sensor"):
        sensor.digitize(frame, 0, small())
    with pytest.raises(SpecError, match="frame is 2, the recording has 2"):
        sensor.digitize(frame, 2, flat_spec())


@pytest.mark.parametrize("shape", [(300, 299), (90000,), (1, 300, 300), ()])
def test_a_frame_has_the_size_of_the_sensor(shape):
    with pytest.raises(SpecError, match=r"the sensor has \(300, 300\)"):
        sensor.digitize(np.ones(shape, np.float32), 0, flat_spec())
