"""Neighbor groups against the peer's, by their definition, and their tensor layouts."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from ptycho_data import raw_data

from simlab.core.errors import ConfigError, PhysicsError
from simlab.ptycho import params
from simlab.ptycho.dataset import RawData, write_dataset
from simlab.ptycho.files.grouped import write_grouped_npz
from simlab.ptycho.grouping import (
    channel_to_flat,
    channel_to_grid,
    flat_to_channel,
    flat_to_grid,
    full_scale,
    grid_to_channel,
    grid_to_flat,
    group_coordinates,
    neighbor_groups,
)

DATA = Path(__file__).parents[1] / "data" / "ptycho"

CASES = {
    "g1_K4_ns10_seed3": {"gridsize": 1, "K": 4, "nsamples": 10, "seed": 3},
    "g2_K4_ns12_seed3": {"gridsize": 2, "K": 4, "nsamples": 12, "seed": 3},
    "g2_K7_ns12_seed5": {"gridsize": 2, "K": 7, "nsamples": 12, "seed": 5},
    "g2_K4_ns12_seed5_seq": {
        "gridsize": 2,
        "K": 4,
        "nsamples": 12,
        "seed": 5,
        "sequential_sampling": True,
    },
    "g2_K6_ns90_seed7_over_pool7": {
        "gridsize": 2,
        "K": 6,
        "nsamples": 90,
        "seed": 7,
        "enable_oversampling": True,
        "neighbor_pool_size": 7,
    },
}


@pytest.fixture(scope="module")
def reference():
    with np.load(DATA / "grouping.npz") as data:
        return dict(data)


@pytest.fixture(scope="module")
def positions():
    return np.random.default_rng(5).uniform(0, 100, (2, 60))


@pytest.mark.parametrize("name", CASES)
def test_legacy_groups_are_the_peers(reference, name):
    x, y = reference["xcoords"], reference["ycoords"]
    raw = RawData.from_coords_without_pc(
        x, y, reference["diff3d"], np.ones((16, 16), complex), np.zeros(60, np.int64)
    )
    grouped = raw.generate_grouped_data(16, legacy=True, **CASES[name])
    np.testing.assert_array_equal(grouped["nn_indices"], reference[f"{name}/nn_indices"])
    assert grouped["nn_indices"].dtype == np.int64
    for key in ("coords_offsets", "coords_relative", "coords_nn"):
        np.testing.assert_allclose(grouped[key], reference[f"{name}/{key}"], atol=1e-12)
    np.testing.assert_allclose(
        grouped["X_full_scale"], reference[f"{name}/X_full_scale"], rtol=1e-6
    )
    assert grouped["diffraction"].shape == tuple(reference[f"{name}/diffraction_shape"])


def nearest(x, y, frame, count):
    """By sorting all distances, ties by index."""
    distance = np.hypot(x - x[frame], y - y[frame])
    order = [j for j in np.lexsort((np.arange(len(x)), distance)) if j != frame]
    return order[:count]


def test_a_group_is_its_seed_and_frames_among_its_nearest(positions):
    x, y = positions
    groups, sampled = neighbor_groups(x, y, gridsize=2, K=6, nsamples=25, seed=1)
    assert groups.shape == (25, 4)
    np.testing.assert_array_equal(groups[:, 0], sampled)
    for group in groups:
        assert len(set(group)) == 4
        assert set(group[1:]) <= set(nearest(x, y, group[0], 6))


def test_without_its_seed_a_group_is_drawn_from_the_nearest(positions):
    x, y = positions
    groups, sampled = neighbor_groups(
        x, y, gridsize=2, K=5, nsamples=25, seed=1, include_seed=False
    )
    for frame, group in zip(sampled, groups, strict=True):
        assert set(group) <= set(nearest(x, y, frame, 5))


def test_equal_seeds_give_equal_groups_and_other_seeds_others(positions):
    def groups(seed):
        return neighbor_groups(*positions, gridsize=2, K=6, nsamples=20, seed=seed)[0]

    np.testing.assert_array_equal(groups(3), groups(3))
    np.testing.assert_array_equal(groups(None), groups(42))
    assert np.any(groups(3) != groups(4))


def test_equal_distances_on_a_raster_are_ordered_by_index():
    pitch = 1 / 3  # not exact in floating point
    x, y = (axis.ravel() * pitch for axis in np.meshgrid(np.arange(7), np.arange(7)))
    groups, _ = neighbor_groups(x, y, gridsize=2, K=4, nsamples=49, include_seed=False)
    inner = [r * 7 + c for r in range(1, 6) for c in range(1, 6)]
    for frame in inner:
        assert sorted(groups[frame]) == [frame - 7, frame - 1, frame + 1, frame + 7]
    groups, _ = neighbor_groups(x, y, gridsize=2, K=5, nsamples=49, include_seed=False)
    for frame in inner:
        # the fifth is the first of the four diagonal frames
        assert set(groups[frame]) <= {frame - 8, frame - 7, frame - 1, frame + 1, frame + 7}


def test_frames_at_one_place_are_neighbors_of_each_other():
    x = y = np.zeros(6)
    groups, _ = neighbor_groups(x, y, gridsize=2, K=4, nsamples=6)
    for frame, group in enumerate(groups):
        assert group[0] == frame
        assert len(set(group)) == 4


def test_few_frames_are_all_neighbors():
    x = y = np.arange(4.0)
    for include_seed in (True, False):
        groups, _ = neighbor_groups(x, y, gridsize=2, K=9, nsamples=4, include_seed=include_seed)
        assert all(sorted(group) == [0, 1, 2, 3] for group in groups)


def test_more_groups_than_frames_are_capped_with_a_warning(positions, caplog):
    groups, sampled = neighbor_groups(*positions, gridsize=1, nsamples=100)
    np.testing.assert_array_equal(groups, np.arange(60)[:, None])
    assert sampled is None
    assert "100 groups" in caplog.text


def test_sequential_groups_start_at_the_first_frames_whatever_the_seed(positions):
    a, sampled = neighbor_groups(
        *positions, gridsize=2, K=6, nsamples=9, seed=1, sequential_sampling=True
    )
    b, _ = neighbor_groups(
        *positions, gridsize=2, K=6, nsamples=9, seed=2, sequential_sampling=True
    )
    np.testing.assert_array_equal(sampled, np.arange(9))
    np.testing.assert_array_equal(a, b)


def test_oversampling_draws_from_combinations_of_neighbors(positions):
    x, y = positions
    groups, sampled = neighbor_groups(
        x, y, gridsize=2, K=4, nsamples=200, enable_oversampling=True, neighbor_pool_size=6
    )
    assert sampled is None
    assert groups.shape == (200, 4)
    for group in groups:
        allowed = combinations(nearest(x, y, group[0], 6), 3)
        assert tuple(group[1:]) in set(allowed)
    assert len({tuple(group) for group in groups}) == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"gridsize": 2, "K": 3}, r"K is 3.*4"),
        ({"gridsize": 8, "K": 64}, r"60 frames.*64"),
        ({"gridsize": 0}, "gridsize is 0"),
        ({"nsamples": 0}, "nsamples is 0"),
        ({"neighbor_pool_size": 0}, "neighbor_pool_size is 0"),
        ({"gridsize": 2, "nsamples": 61}, "enable_oversampling=True.*neighbor_pool_size"),
        (
            {"gridsize": 2, "nsamples": 61, "enable_oversampling": True, "neighbor_pool_size": 3},
            r"neighbor_pool_size \(now 3\) >= 4",
        ),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_impossible_groups_are_refused_with_their_numbers(positions, arguments, words):
    with pytest.raises(ConfigError, match=words):
        neighbor_groups(*positions, **arguments)


def test_coordinates_of_a_group_are_relative_to_its_mean_with_negative_sign():
    x, y = np.array([0.0, 4.0]), np.array([1.0, 3.0])
    nn, offsets, relative = group_coordinates(x, y, np.array([[0, 1]]))
    assert nn.tolist() == [[[[0.0, 4.0], [1.0, 3.0]]]]
    assert offsets.tolist() == [[[[2.0], [2.0]]]]
    assert relative.tolist() == [[[[2.0, -2.0], [1.0, -1.0]]]]


def test_full_scale_gives_the_mean_frame_the_power_of_n_squared_over_four():
    diffraction = np.random.default_rng(0).uniform(0, 300, (9, 16, 16)).astype(np.float32)
    groups = np.array([[0, 1], [1, 5]])
    q = full_scale((diffraction.astype(float) ** 2).sum(axis=(1, 2)), groups, 16)
    power = ((q * diffraction[groups].astype(float)) ** 2).sum(axis=(2, 3)).mean()
    np.testing.assert_allclose(power, 64, rtol=1e-12)


def test_layouts_convert_into_each_other():
    channel = np.random.default_rng(0).normal(size=(5, 16, 16, 9))
    flat = channel_to_flat(channel)
    grid = channel_to_grid(channel, 3)
    assert flat.shape == (45, 16, 16, 1)
    assert grid.shape == (5, 3, 3, 16, 16, 1)
    np.testing.assert_array_equal(grid[2, 1, 2, ..., 0], channel[2, ..., 1 * 3 + 2])
    np.testing.assert_array_equal(flat[2 * 9 + 5, ..., 0], channel[2, ..., 5])
    np.testing.assert_array_equal(flat_to_channel(flat, 3), channel)
    np.testing.assert_array_equal(flat_to_grid(flat, 3), grid)
    np.testing.assert_array_equal(grid_to_flat(grid), flat)
    np.testing.assert_array_equal(grid_to_channel(grid), channel)


def test_grouped_frames_and_truth_are_those_of_their_indices():
    raw = raw_data(20)
    grouped = raw.generate_grouped_data(16, K=5, nsamples=7, gridsize=2)
    for b, group in enumerate(grouped["nn_indices"]):
        for c, frame in enumerate(group):
            np.testing.assert_array_equal(grouped["diffraction"][b, ..., c], raw.diff3d[frame])
            np.testing.assert_array_equal(grouped["Y"][b, ..., c], raw.Y[frame])
            assert grouped["coords_nn"][b, 0, 0, c] == raw.xcoords[frame]
            assert grouped["coords_start_nn"][b, 0, 1, c] == raw.ycoords_start[frame]
    assert grouped["X_full"].dtype == np.float32
    assert grouped["Y"].dtype == np.complex64


def test_truth_of_groups_is_cut_at_the_position_of_every_frame():
    raw = raw_data(20)
    raw.Y = None
    raw.xcoords, raw.ycoords = np.round(raw.xcoords), np.round(raw.ycoords)
    grouped = raw.generate_grouped_data(16, K=5, nsamples=7, gridsize=2)
    padded = np.pad(raw.objectGuess, 40)
    for b, group in enumerate(grouped["nn_indices"]):
        for c, frame in enumerate(group):
            row, column = int(raw.ycoords[frame]) + 32, int(raw.xcoords[frame]) + 32
            expected = padded[row : row + 16, column : column + 16]
            np.testing.assert_array_equal(grouped["Y"][b, ..., c], expected)


def test_counts_are_squared_in_double_precision():
    raw = raw_data(6, counts=True)
    raw.diff3d = np.full(raw.diff3d.shape, 300, np.uint16)
    grouped = raw.generate_grouped_data(16, nsamples=6)
    np.testing.assert_allclose(grouped["X_full_scale"], 8 / (300 * 16), rtol=1e-12)


def test_the_grid_size_of_legacy_calls_comes_from_the_compatibility_dictionary():
    raw = raw_data(20)
    with params.scope(gridsize=2):
        assert raw.generate_grouped_data(16, legacy=True)["nn_indices"].shape == (1, 4)
        assert raw.generate_grouped_data(16)["nn_indices"].shape == (1, 1)


def test_a_grouped_call_for_another_side_is_refused():
    with pytest.raises(ConfigError, match=r"N is 32.*16"):
        raw_data().generate_grouped_data(32)


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_the_streamed_file_holds_the_arrays_of_the_call(tmp_path, monkeypatch, suffix, stored):
    monkeypatch.setattr("simlab.ptycho.files.shards.BLOCK_BYTES", 3 * 16 * 16 * 8 * 4)
    raw = raw_data(20, objects=2)
    if not stored:
        raw.Y = None
    write_dataset(tmp_path / f"d{suffix}", raw)
    grouped = raw.generate_grouped_data(16, K=5, nsamples=11, gridsize=2)
    write_grouped_npz(
        tmp_path / "grouped_g2.npz",
        tmp_path / f"d{suffix}",
        grouped["nn_indices"],
        sample_indices=grouped["sample_indices"],
    )
    with np.load(tmp_path / "grouped_g2.npz") as written:
        assert set(written) == set(grouped)
        for key, values in grouped.items():
            assert written[key].dtype == np.asarray(values).dtype, key
            np.testing.assert_array_equal(written[key], values, err_msg=key)


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_groups_of_dark_frames_have_no_scale_and_write_nothing(tmp_path, suffix):
    raw = raw_data(6)
    raw.diff3d = np.zeros_like(raw.diff3d)
    with pytest.raises(PhysicsError, match="no counts in the 3 groups"):
        raw.generate_grouped_data(16, nsamples=3)
    write_dataset(tmp_path / f"d{suffix}", raw)
    with pytest.raises(PhysicsError, match="no counts in the 2 groups"):
        write_grouped_npz(tmp_path / "g.npz", tmp_path / f"d{suffix}", [[0, 1], [2, 3]])
    assert not (tmp_path / "g.npz").exists()


def test_legacy_draws_refuse_a_seed_that_their_generator_cannot_take(positions):
    with pytest.raises(ConfigError, match=r"seed is 4294967296, with legacy=True.*0\.\.4294967295"):
        neighbor_groups(*positions, nsamples=3, seed=2**32, legacy=True)
    assert neighbor_groups(*positions, nsamples=3, seed=2**32 - 1, legacy=True)[0].shape == (3, 1)
    assert neighbor_groups(*positions, nsamples=3, seed=2**32)[0].shape == (3, 1)


@pytest.mark.parametrize("name", ["gridsize", "K", "nsamples", "neighbor_pool_size"])
@pytest.mark.parametrize("value", [2.0, "2", True, [2]])
def test_numbers_of_groups_must_be_whole(positions, name, value):
    with pytest.raises(TypeError, match=rf"{name} is .*, a whole number is expected"):
        neighbor_groups(*positions, **{name: value})


def test_positions_of_groups_must_be_finite_numbers():
    with pytest.raises(TypeError, match="x has dtype <U3, numbers are expected"):
        neighbor_groups(["1.5", "2.5"], [1.0, 2.0])
    with pytest.raises(ConfigError, match="y: 1 positions are not finite"):
        neighbor_groups([1.0, 2.0], [1.0, np.nan])
