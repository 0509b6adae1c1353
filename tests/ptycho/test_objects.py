"""Objects against the reference data, closed forms and the rules of their random streams."""

import logging
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.random import RandomState, default_rng

from simlab.core.config import parse_config
from simlab.core.errors import ConfigError, InputFileError, MissingFileError, PhysicsError
from simlab.core.files import read_npz
from simlab.core.random import generator
from simlab.ptycho import params
from simlab.ptycho.config import ObjectConfig
from simlab.ptycho.drawn_objects import corner_angles, lines, sprite, three_blurs
from simlab.ptycho.filters import gaussian_blur, rescaled
from simlab.ptycho.kernels.drawing import draw_lines
from simlab.ptycho.kinds import OBJECT_PARAMS
from simlab.ptycho.noise_objects import gradient_noise
from simlab.ptycho.objects import (
    as_object,
    build_objects,
    make_lines_object,
    make_object,
    sim_object_image,
    tanh_phase,
)
from simlab.ptycho.source_config import COMPLEX_KINDS

DATA = Path(__file__).parents[1] / "data" / "ptycho"
TILES = ("testimg", "testimg_reverse")
GENERATED = [kind for kind in OBJECT_PARAMS if kind not in TILES]
SEEDLESS = ("flat", "disk", "siemens_star", "checkerboard")


def config(**keys):
    return parse_config(ObjectConfig, keys)


# --- reference data -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lines", "grf", "points", "diagonals"])
def test_kind_equals_the_peers_object_of_seed_42_in_single_precision(kind):
    expected = read_npz(DATA / "objects.npz")[f"{kind}_size96_seed42"]
    image = sim_object_image(96, data_source=kind, rng=RandomState(42))
    assert image.shape == (96, 96, 1)
    assert image.dtype == np.float64
    np.testing.assert_array_equal(image[..., 0].astype(np.float32), expected)


def test_tanh_phase_equals_the_peers():
    arrays = read_npz(DATA / "objects.npz")
    phase = tanh_phase(arrays["lines_size96_seed42"])
    assert phase.dtype == np.float32
    np.testing.assert_allclose(phase, arrays["dummy_phi_of_lines"], atol=2.4e-7, rtol=0)


def test_complex_lines_object_equals_the_peers():
    expected = read_npz(DATA / "end_to_end_n32.npz", ["objectGuess"])["objectGuess"]
    made = make_object("lines", 112, rng=RandomState(42), phase="tanh")
    assert made.dtype == np.complex64
    np.testing.assert_allclose(made, expected, atol=1e-7 * np.abs(expected).max(), rtol=0)


def test_phase_free_lines_object_equals_the_peers_exactly():
    expected = read_npz(DATA / "stages_n64_phasefree.npz", ["objectGuess"])["objectGuess"]
    np.testing.assert_array_equal(make_object("lines", 160, rng=RandomState(9)), expected)


# --- lines ----------------------------------------------------------------------------------


def test_a_line_visits_the_rounded_points_of_the_straight_line():
    # after i steps of the long axis (length a), the short one (b) has made floor(b i/a + 1/2)
    rng = default_rng(0)
    for row0, col0, row1, col1 in rng.integers(0, 40, (500, 4)):
        image = np.zeros((40, 40))
        draw_lines(image, np.array([[row0, col0, row1, col1]]))
        rows, cols = abs(row1 - row0), abs(col1 - col0)
        long, short = max(rows, cols), min(rows, cols)
        steps = np.arange(long + 1)
        minor = (2 * short * steps + long) // (2 * long) if long else steps
        down, right = (steps, minor) if rows > cols else (minor, steps)
        expected = np.zeros((40, 40))
        expected[row0 + np.sign(row1 - row0) * down, col0 + np.sign(col1 - col0) * right] = 1
        np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("size", [32, 101, 160])
def test_lines_are_the_middle_of_the_whole_blurred_canvas(size):
    rng = default_rng(3)
    ends = (2 * size * rng.random((400, 4))).astype(np.int64)
    canvas = np.zeros((2 * size, 2 * size))
    draw_lines(canvas, ends)
    middle = slice(size // 2, -((size + 1) // 2))
    expected = three_blurs(canvas)[middle, middle]
    np.testing.assert_array_equal(lines(size, default_rng(3), nlines=400), expected)


def test_lines_of_typical_size_have_the_typical_values_and_small_ones_warn(caplog):
    image = sim_object_image(224, data_source="lines", seed=1)
    assert 1 < image.min() < image.max() < 8
    assert not caplog.records
    sim_object_image(64, data_source="lines", seed=1)
    assert "saturated" in caplog.text


def test_fewer_lines_are_darker():
    few = sim_object_image(128, data_source="lines", seed=1, nlines=20)
    assert few.mean() < 0.3 * sim_object_image(128, data_source="lines", seed=1).mean()


# --- filters --------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.75, 1, 5])
def test_blur_of_a_point_is_the_truncated_gaussian(sigma):
    radius = int(4 * sigma + 0.5)
    weights = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    image = np.zeros((64, 64))
    image[30, 32] = 1
    expected = np.zeros((64, 64))
    window = np.s_[30 - radius : 31 + radius, 32 - radius : 33 + radius]
    expected[window] = weights[:, None] * weights
    np.testing.assert_allclose(gaussian_blur(image, sigma), expected, atol=1e-16)


def test_blur_repeats_the_edge_sample():
    image = default_rng(0).random((12, 12))
    mirrored = np.pad(image, 12, mode="symmetric")
    inside = gaussian_blur(mirrored, 2)[12:-12, 12:-12]
    np.testing.assert_allclose(gaussian_blur(image, 2), inside, rtol=1e-13)


# --- random fields --------------------------------------------------------------------------


def radial_exponent(fields):
    side = fields.shape[-1]
    power = np.mean(np.abs(np.fft.fft2(fields)) ** 2, axis=0)
    f = np.fft.fftfreq(side)
    k = np.hypot(f[:, None], f)
    used = (k > 0.05) & (k < 0.45)
    return np.polyfit(np.log(k[used]), np.log(power[used]), 1)[0]


def test_parameters_of_a_kind_may_be_a_mapping_beside_the_number_of_the_object():
    params = {"index": -2.0, "sigma": 0}
    made = make_object("grf_exact", 64, seed=3, index=1, params=params)
    rng = generator(3, "ptycho.object", 1)
    expected = sim_object_image(64, data_source="grf_exact", rng=rng, **params)[..., 0]
    np.testing.assert_array_equal(made, expected.astype(np.complex64))


@pytest.mark.parametrize("index", [-0.4, -2.0])
def test_exact_gaussian_field_has_the_spectrum_asked_for(index):
    fields = np.stack(
        [
            sim_object_image(64, data_source="grf_exact", seed=s, index=index, sigma=0)[..., 0]
            for s in range(40)
        ]
    )
    fields -= fields.mean(axis=(1, 2), keepdims=True)
    fields /= fields.std(axis=(1, 2), keepdims=True)
    # the log of a mean of 40 exponential variables scatters by 0.16 on about 2500 frequencies
    assert radial_exponent(fields) == pytest.approx(index, abs=0.03)


def test_exact_gaussian_field_fills_zero_to_one_before_the_blur():
    image = sim_object_image(64, data_source="grf_exact", seed=1, sigma=0)
    assert (image.min(), image.max()) == (0, 1)


@pytest.mark.parametrize("size", [64, 66])
def test_peers_field_stays_within_zero_and_one_and_fills_it_without_blur(size):
    image = sim_object_image(size, data_source="grf", seed=1)
    assert 0 < image.min() < image.max() < 1
    sharp = sim_object_image(size, data_source="grf", seed=1, sigma=0)
    assert sharp.max() - sharp.min() > 0.8  # its extremes lie between the interpolated points


def test_odd_field_is_refused():
    with pytest.raises(ConfigError, match="even"):
        sim_object_image(65, data_source="grf", seed=1)


@pytest.mark.parametrize("kind", ["white_noise", "blurred_white_noise", "perlin"])
def test_noise_amplitude_and_phase_come_from_one_map(kind):
    made = make_object(kind, 64, seed=3, phase="source").astype(np.complex128)
    amplitude, angle = np.abs(made), np.angle(made)
    assert amplitude.min() == pytest.approx(0.8, abs=1e-6)
    assert amplitude.max() == pytest.approx(1.2, abs=1e-6)
    inside = (amplitude > 0.801) & (amplitude < 1.199)  # pi and -pi are one phase
    base = (1.2 - amplitude) / 0.4
    np.testing.assert_allclose(angle[inside], -np.pi + 2 * np.pi * base[inside], atol=5e-6)


def test_blurred_noise_is_smoother_where_its_width_is_larger():
    def roughness(low, high):
        made = sim_object_image(128, data_source="blurred_white_noise", seed=1, sigma=(low, high))
        return np.diff(made[..., 0], axis=0).std()

    assert roughness(1, 1) > 2 * roughness(3, 3)


def test_gradient_noise_of_parallel_gradients_is_the_faded_saw_tooth():
    # all gradients along x: (1-f) u + f (u-1) = u - f(u) in every cell
    size, cells = 64, 4
    u = ((np.arange(size) + 0.5) / size * cells) % 1
    expected = np.tile(u - (6 * u**5 - 15 * u**4 + 10 * u**3), (size, 1))
    made = gradient_noise(size, np.zeros((cells + 1, cells + 1)))
    np.testing.assert_allclose(made, expected, atol=1e-14)
    turned = gradient_noise(size, np.full((cells + 1, cells + 1), np.pi / 2))
    np.testing.assert_allclose(turned, expected.T, atol=1e-14)


# --- points, diagonals, glyphs --------------------------------------------------------------


@pytest.mark.parametrize("fraction", [0.1, 0.03])
def test_points_keep_their_number_through_the_blurs(fraction):
    # reflecting blurs keep the sum: A = a + 5 G a has 6 times the sum of the points
    image = sim_object_image(96, data_source="points", seed=2, fraction=fraction)
    assert image.sum() == pytest.approx(6 * int(96 * 96 * fraction), rel=1e-12)


def test_unblurred_diagonals_are_whole_rows_columns_and_diagonals():
    image = sim_object_image(96, data_source="diagonals", seed=2, num=3, sigma=0.01)[..., 0]
    assert set(np.unique(image)) == {0, 6}
    drawn = image > 0
    rows, cols = drawn.all(axis=1), drawn.all(axis=0)
    assert 1 <= rows.sum() <= 3
    assert 1 <= cols.sum() <= 3
    rest = drawn & ~rows[:, None] & ~cols
    index = np.arange(96)
    whole = np.zeros_like(drawn)
    for shift in range(-95, 96):
        r, c = index[max(0, shift) : 96 + min(0, shift)], index[max(0, -shift) : 96 - max(0, shift)]
        for col in (c, -c):
            if drawn[r, col].all() and len(r) > 10:
                whole[r, col] = True
    assert rest.any()
    assert not (rest & ~whole).any()


def test_glyph_is_a_centered_v():
    glyph = sprite("V")
    rows, cols = np.nonzero(glyph)
    assert set(np.unique(glyph)) == {0, 1}
    assert abs(rows.min() - (59 - rows.max())) <= 1
    assert abs(cols.min() - (59 - cols.max())) <= 1
    width = [np.ptp(np.flatnonzero(glyph[r])) for r in range(rows.min(), rows.max() + 1)]
    assert width[0] > 2 * width[-1]  # wide above, pointed below
    middle = glyph[rows.min() + 3]
    assert middle[30] == 0  # open above
    assert glyph[rows.max() - 3, 29] == 1


def test_letters_are_positive_with_maximum_one_and_depend_on_their_text():
    v = sim_object_image(128, data_source="V", seed=1, repetitions=50)
    assert v.min() >= 0
    assert v.max() == 1
    o = sim_object_image(128, data_source="V", seed=1, repetitions=50, text="O")
    assert not np.array_equal(v, o)


@pytest.mark.parametrize("size", [26, 129])
def test_letters_refuse_odd_and_too_small_sizes(size):
    with pytest.raises(ConfigError, match=r"even one of at least 28"):
        sim_object_image(size, data_source="V", seed=1)


# --- photographs ----------------------------------------------------------------------------


@pytest.fixture
def photograph(tmp_path):
    """110 x 80 px: 3 x 2 tiles of 32 px below the first 10 rows, tile t has the gray 20 (t+1)."""
    image = np.zeros((110, 80), np.uint8)
    for tile in range(6):
        row, col = divmod(tile, 2)
        image[10 + 32 * row : 42 + 32 * row, 32 * col : 32 * col + 32] = 20 * (tile + 1)
    path = tmp_path / "photograph.png"
    cv2.imwrite(str(path), image)
    return {"image": str(path), "crop_top": 10}, image.mean()


def test_tiles_are_counted_row_by_row_and_from_the_end(photograph):
    keys, mean = photograph

    def gray(tile, source="testimg", which="train"):
        image = sim_object_image(32, which, data_source=source, tile=tile, **keys)
        assert np.ptp(image) < 1e-12  # one gray: the blur does not look beyond the tile
        return image.mean() * mean / 20

    assert [round(gray(t)) for t in range(6)] == [1, 2, 3, 4, 5, 6]
    assert [round(gray(t, which="test")) for t in range(6)] == [6, 5, 4, 3, 2, 1]
    assert round(gray(0, "testimg_reverse")) == 6
    assert gray(2) == pytest.approx(3, rel=1e-12)


def test_objects_of_a_photograph_are_its_first_tiles(photograph):
    keys, mean = photograph
    spec = config(kind="testimg", count=3, params=keys)
    objects, record = build_objects(spec, 32, 42)
    np.testing.assert_allclose(objects.real.mean(axis=(1, 2)) * mean, [20, 40, 60], rtol=1e-6)
    assert record["params"]["image"] == "photograph.png"


def test_photographs_that_cannot_be_used_are_named(photograph, tmp_path):
    keys, _ = photograph

    def make(size=32, tile=0, **changed):
        return make_object("testimg", size, tile=tile, **{**keys, **changed})

    with pytest.raises(ConfigError, match=r"tile is 6, .*photograph\.png has tiles 0\.\.5"):
        make(tile=6)
    with pytest.raises(InputFileError, match=r"photograph\.png: shape \(100, 80\)"):
        make(size=96)
    with pytest.raises(MissingFileError, match=r"nowhere\.png"):
        make(image=str(tmp_path / "nowhere.png"))
    (tmp_path / "text.png").write_text("not an image")
    with pytest.raises(InputFileError, match=r"text\.png: not a picture"):
        make(image=str(tmp_path / "text.png"))
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((64, 64), np.uint8))
    with pytest.raises(InputFileError, match=r"black\.png: the image is black"):
        make(image=str(tmp_path / "black.png"), crop_top=0)
    with pytest.raises(ConfigError, match="image: missing"):
        make_object("testimg", 32)


# --- dead leaves ----------------------------------------------------------------------------


def test_dead_leaves_are_flat_pieces_in_the_stated_ranges():
    made = make_object("dead_leaves", 128, seed=4, phase="source")
    amplitude, angle = np.abs(made), np.angle(made)
    assert amplitude.min() == pytest.approx(0.6, abs=1e-6)
    assert amplitude.max() == pytest.approx(1.1, abs=1e-6)
    assert angle.min() < -3
    assert angle.max() > 3
    assert 50 < len(np.unique(made)) <= 501
    assert np.mean(made[:, 1:] == made[:, :-1]) > 0.6  # of white noise: 0


def test_one_leaf_is_one_piece_no_larger_than_its_largest_disk():
    areas = []
    for seed in range(30):
        amplitude = np.abs(make_object("dead_leaves", 100, seed=seed, phase="source", leaves=1))
        leaf = amplitude < 0.85
        assert len(np.unique(amplitude)) == 2
        pieces, _ = cv2.connectedComponents(leaf.astype(np.uint8))
        assert pieces == 2  # ground and leaf
        areas.append(leaf.sum())
    assert max(areas) <= np.pi * 21**2
    assert min(areas) >= 1


@pytest.mark.parametrize(("shape", "corners"), [(1, 4), (2, 4), (3, 3), (4, 4)])
def test_leaves_have_their_shapes(shape, corners):
    angles = corner_angles(shape, default_rng(shape))
    points = np.exp(1j * angles)
    sides = np.diff(np.append(points, points[0]))
    assert len(angles) == corners
    if shape <= 2:  # right angles
        turns = np.roll(sides, -1) / sides
        np.testing.assert_allclose(turns.real / np.abs(turns), 0, atol=1e-12)
        np.testing.assert_allclose(np.abs(sides[0]), np.abs(sides[2]), rtol=1e-12)
    if shape == 1:
        np.testing.assert_allclose(np.abs(sides), np.sqrt(2), rtol=1e-12)
    if shape > 2:
        assert (np.diff(angles) > 0).all()


def test_leaves_without_contrast_get_the_middle_values():
    ground = np.zeros((4, 4))
    np.testing.assert_allclose(rescaled(np.exp(-3 * ground), 0.6, 1.1), 0.85)
    np.testing.assert_allclose(rescaled(-3 * ground, -np.pi, np.pi), 0)


# --- analytic objects -----------------------------------------------------------------------


def test_flat_object_is_one():
    np.testing.assert_array_equal(make_object("flat", 32, phase="source"), 1)


@pytest.mark.parametrize("size", [32, 33])
def test_disk_has_its_radius_and_value(size):
    made = make_object("disk", size, phase="source", radius=5.0, value=0.25)
    rows, cols = np.indices((size, size)) - (size - 1) / 2
    np.testing.assert_array_equal(made, np.where(rows**2 + cols**2 <= 25, 0.25, 1))
    default = make_object("disk", size, phase="source")
    np.testing.assert_array_equal(default == 0.5, rows**2 + cols**2 <= (size / 4) ** 2)


def test_star_alternates_spokes_times_around_the_circle():
    size, spokes = 257, 12
    made = make_object("siemens_star", size, phase="source", spokes=spokes)
    angle = np.deg2rad(np.arange(0, 360, 0.1) + 0.05)
    c = (size - 1) / 2
    on_circle = made[
        np.round(c + 100 * np.sin(angle)).astype(int), np.round(c + 100 * np.cos(angle)).astype(int)
    ]
    second = on_circle != 1
    np.testing.assert_allclose(on_circle[second], 0.5 * np.exp(-0.7j), rtol=1e-6)
    assert np.count_nonzero(np.diff(second.astype(int))) == pytest.approx(2 * spokes - 1, abs=1)
    # the first sector from the x axis on (downward, y = row) holds the first value
    assert made[128 + 3, 128 + 100] == 1
    assert made[128 - 3, 128 + 100] != 1


def test_checkerboard_alternates_every_period():
    made = make_object("checkerboard", 64, phase="source", period=8, amplitude=[1, 0.2])
    assert made[0, 0] == made[7, 7] == made[8, 8] == made[0, 16] == 1
    np.testing.assert_allclose(made[[0, 8, 63], [8, 0, 0]], 0.2 * np.exp(-0.7j), rtol=1e-6)
    np.testing.assert_array_equal(made[:48, :48], made[16:, 16:])


# --- phase rules ----------------------------------------------------------------------------


def test_zero_rule_gives_a_purely_real_object():
    made = make_object("points", 64, seed=1)
    assert not made.imag.any()
    image = sim_object_image(64, data_source="points", seed=1)
    np.testing.assert_array_equal(made.real, image[..., 0].astype(np.float32))


def test_tanh_rules_follow_their_formula():
    amplitude = sim_object_image(64, data_source="points", seed=1)[..., 0]
    for rule, largest, mean in [
        ("tanh", amplitude.max(), amplitude.mean()),
        ("tanh_fixed", 1.1, 0.95),
    ]:
        made = make_object("points", 64, seed=1, phase=rule)
        phi = np.pi * np.tanh((amplitude - largest / 2) / (3 * mean))
        np.testing.assert_allclose(made, amplitude * np.exp(1j * phi), atol=1e-6)


def test_rules_use_the_modulus_of_complex_kinds():
    modulus = np.abs(make_object("siemens_star", 64, phase="source"))
    np.testing.assert_allclose(make_object("siemens_star", 64, phase="zero"), modulus, rtol=1e-7)
    np.testing.assert_allclose(
        sim_object_image(64, data_source="siemens_star")[..., 0], modulus, rtol=1e-7
    )


def test_impossible_phases_are_refused():
    with pytest.raises(ConfigError, match="phase: source needs a kind with a phase"):
        make_object("points", 64, phase="source")
    with pytest.raises(ConfigError, match="phase: source needs kind: file or one of dead_leaves"):
        config(kind="points", phase="source")
    with pytest.raises(ConfigError, match=r"phase is 'tan', valid: zero, tanh"):
        make_object("points", 64, phase="tan")
    with pytest.raises(PhysicsError, match="mean amplitude is 0"):
        tanh_phase(np.zeros((4, 4)))


# --- streams --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", GENERATED)
def test_object_belongs_to_seed_and_index_alone(kind):
    phase = "source" if kind in COMPLEX_KINDS else "zero"
    np.random.seed(7)
    before = np.random.get_state()[1].copy()
    first = make_object(kind, 64, seed=5, index=2, phase=phase)
    np.random.random(10)
    again = make_object(kind, 64, seed=5, index=2, phase=phase)
    np.testing.assert_array_equal(first, again)
    np.random.seed(7)
    make_object(kind, 64, seed=5, index=2, phase=phase)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    same = [
        np.array_equal(first, make_object(kind, 64, seed=s, index=i, phase=phase))
        for s, i in [(5, 3), (6, 2)]
    ]
    assert same == [kind in SEEDLESS] * 2


@pytest.mark.parametrize("kind", [k for k in GENERATED if k not in SEEDLESS])
def test_every_random_kind_accepts_the_legacy_generator(kind):
    images = [sim_object_image(64, data_source=kind, rng=RandomState(k)) for k in (1, 1, 2)]
    np.testing.assert_array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])
    assert np.isfinite(images[0]).all()


def test_compatibility_dictionary_is_read_only_where_nothing_is_passed():
    with params.scope(data_source="points", npseed=7):
        np.testing.assert_array_equal(
            sim_object_image(64), sim_object_image(64, data_source="points", seed=7)
        )
        np.testing.assert_array_equal(sim_object_image(64), sim_object_image(64))
        np.testing.assert_array_equal(
            sim_object_image(64, data_source="flat", seed=1), np.ones((64, 64, 1))
        )
    with pytest.raises(ValueError, match=r"data_source 'generic' describes measured data"):
        sim_object_image(64)


def test_lines_object_is_seeded_by_42_unless_told():
    made = make_lines_object(128)
    assert made.shape == (128, 128)
    assert made.dtype == np.complex64
    np.testing.assert_array_equal(made, make_object("lines", 128, seed=42))
    np.testing.assert_array_equal(
        make_lines_object(128, data_source="points", seed=3), make_object("points", 128, seed=3)
    )


# --- build_objects --------------------------------------------------------------------------


def test_objects_of_a_data_set_are_the_stream_indices():
    objects, record = build_objects(config(kind="points", count=3), 64, 11)
    assert objects.shape == (3, 64, 64)
    for index in range(3):
        np.testing.assert_array_equal(
            objects[index], make_object("points", 64, seed=11, index=index)
        )
    assert record["shape"] == [3, 64, 64]
    single, _ = build_objects(config(kind="points"), 64, 11)
    np.testing.assert_array_equal(single, objects[0])


def test_legacy_objects_draw_one_after_the_other_from_one_state():
    objects, record = build_objects(config(kind="points", count=2, legacy_seed=42), 96, 0)
    state = RandomState(42)
    for made in objects:
        np.testing.assert_array_equal(made, make_object("points", 96, rng=state))
    assert record["legacy_seed"] == 42


def test_record_says_what_was_made(caplog):
    objects, record = build_objects(config(kind="lines"), 64, 3)
    assert record["kind"] == "lines"
    assert record["phase"] == "zero"
    assert record["seed"] == 3
    assert record["params"] == {"nlines": 400}
    assert record["notes"] == ["object has no phase: it is purely real"]
    assert "saturated" in record["warnings"][0]
    assert caplog.text.count("saturated") == 1
    low, high = record["amplitude_range"]
    assert (low, high) == (np.abs(objects).min(), np.abs(objects).max())
    _, complex_record = build_objects(config(kind="perlin"), 64, 3)
    assert complex_record["notes"] == []
    assert complex_record["phase_range_rad"][1] == pytest.approx(np.pi, abs=0.1)


def test_objects_of_a_file_keep_or_lose_their_phase():
    wave = (np.ones((40, 50)) * np.exp(0.3j)).astype(np.complex64)
    spec = config(kind="file", file="/somewhere/scan.npz")
    kept, record = build_objects(spec, None, 42, wave[None])
    np.testing.assert_array_equal(kept, wave)
    assert record["file"] == "scan.npz"
    assert record["phase"] == "source"
    lost, _ = build_objects(
        config(kind="file", file="scan.npz", phase="zero"), None, 42, np.stack([wave, 2 * wave])
    )
    np.testing.assert_allclose(
        lost, np.stack([np.ones((40, 50)), 2 * np.ones((40, 50))]), rtol=1e-6
    )


def test_real_object_of_a_file_is_taken_with_a_warning(caplog):
    spec = config(kind="file", file="photo.npy")
    made, record = build_objects(spec, None, 42, np.full((32, 32), 3, np.uint8))
    np.testing.assert_array_equal(made, 3)
    assert made.dtype == np.complex64
    assert "photo.npy: objectGuess is real" in record["warnings"][0]
    assert "photo.npy: objectGuess is real" in caplog.text


# --- errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["experimental", "xpp", "generic"])
def test_measured_sources_cannot_be_generated(name):
    message = (
        f"data_source '{name}' describes measured data and cannot be generated; use kind: file"
    )
    with pytest.raises(ValueError, match=message):
        sim_object_image(64, data_source=name)


def test_unknown_kind_lists_the_valid_ones():
    with pytest.raises(ValueError, match=r"'lins' is unknown, did you mean lines\?") as error:
        sim_object_image(64, data_source="lins")
    assert all(kind in str(error.value) for kind in OBJECT_PARAMS)


def test_misspelt_parameter_is_named_with_its_neighbor():
    with pytest.raises(ConfigError, match=r"nline: unknown key, did you mean nlines\?"):
        make_object("lines", 64, nline=3)


@pytest.mark.parametrize(
    ("seed", "error", "message"),
    [
        (-1, ConfigError, "seed is -1"),
        (1.5, TypeError, "seed is 1.5"),
        (True, TypeError, "seed is True"),
    ],
)
def test_unusable_seed_is_named(seed, error, message):
    with pytest.raises(error, match=message):
        make_object("points", 64, seed=seed)


@pytest.mark.parametrize(
    ("size", "error"), [(8, ConfigError), (64.0, TypeError), (70000, ConfigError)]
)
def test_unusable_size_is_named(size, error):
    with pytest.raises(error, match=f"size is {size}"):
        make_object("points", size)


def test_unknown_which_is_refused():
    with pytest.raises(ConfigError, match="which is 'validation', valid: train, test"):
        sim_object_image(64, "validation", data_source="flat")


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 1), (1, 40, 50), (1, 40, 50, 1)])
def test_object_loses_its_axes_of_length_one(shape):
    assert as_object(np.ones(shape, complex), "o").shape == (40, 50)


def test_unusable_objects_are_named():
    assert as_object(np.ones((3, 40, 50), complex), "o").shape == (3, 40, 50)
    with pytest.raises(InputFileError, match=r"o: shape \(5,\)"):
        as_object(np.ones(5), "o")
    with pytest.raises(InputFileError, match=r"o: shape \(2, 2, 4, 4\)"):
        as_object(np.ones((2, 2, 4, 4)), "o")
    with pytest.raises(InputFileError, match=r"o: dtype <U1 is not numeric"):
        as_object(np.array([["a"]]), "o")
    bad = np.ones((4, 4), complex)
    bad[0, 0], bad[1, 1], bad[2, 2] = np.nan, complex(0, np.inf), 1e60
    with pytest.raises(InputFileError, match="o: 3 of 16 entries are not finite"):
        as_object(bad, "o")


def test_complex_object_is_taken_without_a_word(caplog):
    with caplog.at_level(logging.WARNING):
        as_object(np.ones((4, 4), complex), "o")
    assert not caplog.records


def test_what_is_no_generator_or_index_is_refused():
    for make in (lambda **k: make_object("grf", 32, **k), lambda **k: sim_object_image(32, **k)):
        with pytest.raises(TypeError, match="rng is 3, a numpy Generator or RandomState"):
            make(rng=3)
    with pytest.raises(ConfigError, match="index is -3"):
        make_object("grf", 32, index=-3)
    with pytest.raises(TypeError, match=r"index is 1\.0"):
        make_object("grf", 32, index=1.0)


def test_the_phase_rule_needs_finite_numbers():
    with pytest.raises(InputFileError, match="1 of 4 entries are not finite"):
        tanh_phase([[1.0, np.nan], [1.0, 2.0]])
    with pytest.raises(InputFileError, match="0 of 0 entries"):
        tanh_phase([])
    for name in ("max_ref", "mean_ref"):
        with pytest.raises(ConfigError, match=f"{name} is nan, a finite number"):
            tanh_phase([1.0, 2.0], **{name: np.nan})


@pytest.mark.parametrize("make", [sim_object_image, partial(make_object, "lines")])
def test_an_impossible_size_is_refused_without_a_remark_on_it(make, caplog):
    arguments = {"data_source": "lines"} if make is sim_object_image else {}
    with pytest.raises(ConfigError, match="size is -4"):
        make(-4, **arguments)
    assert "saturated" not in caplog.text
