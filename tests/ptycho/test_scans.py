"""Scan positions against the reference data and closed forms."""

from pathlib import Path

import numpy as np
import pytest
from numpy.random import default_rng

from simlab.core.config import parse_config
from simlab.core.errors import ConfigError, InputFileError
from simlab.core.files import read_npz
from simlab.core.random import generator
from simlab.ptycho.config import ScanConfig
from simlab.ptycho.probes import get_default_probe, incoherent_modes
from simlab.ptycho.scans import (
    build_positions,
    coverage_report,
    effective_buffer,
    scan_positions,
)

DATA = Path(__file__).parents[1] / "data" / "ptycho"
SHAPE = (150, 224)
FREE = ["uniform_random", "jittered_grid", "full_frame", "spiral"]
LAYOUTS = [*FREE, "raster", "fixed_pitch_raster"]


def config(**keys):
    return parse_config(ScanConfig, keys)


def report(x, y, shape=SHAPE, index=None, probe=None, buffer=32):
    x, y = np.asarray(x, float), np.asarray(y, float)
    index = np.zeros(len(x), np.int64) if index is None else np.asarray(index)
    probe = get_default_probe(64, scale=0.7) if probe is None else probe
    return coverage_report(x, y, index, shape, probe, buffer)


# --- layouts --------------------------------------------------------------------------------


def test_uniform_positions_of_a_legacy_seed_are_the_peers():
    arrays = read_npz(DATA / "end_to_end_n32.npz")
    x, y = scan_positions("uniform_random", (112, 112), 32, 64, legacy_seed=42, buffer=16)
    np.testing.assert_array_equal(x, arrays["xcoords"])
    np.testing.assert_array_equal(y, arrays["ycoords"])
    spec = config(n_images=64, buffer=16, legacy_seed=42)
    built = build_positions(spec, (112, 112), 32, 1, 0)
    for key in built:
        np.testing.assert_array_equal(built[key], arrays.get(key, 0))


def test_uniform_positions_fill_the_object_but_its_buffer():
    x, y = scan_positions("uniform_random", SHAPE, 64, 5000, buffer=20)
    for values, extent in ((x, 224), (y, 150)):
        assert 20 <= values.min() < 21
        assert extent - 21 < values.max() <= extent - 20
        scatter = (extent - 40) / np.sqrt(12 * 5000)
        assert values.mean() == pytest.approx(extent / 2, abs=4 * scatter)


def test_default_buffer_is_half_the_probe():
    x, y = scan_positions("raster", SHAPE, 64, 9)
    assert (x.min(), x.max(), y.min(), y.max()) == (32, 192, 32, 118)


def test_raster_runs_row_by_row_or_column_by_column():
    x, y = scan_positions("raster", SHAPE, 64, 16, buffer=25)
    nodes_x, nodes_y = 25 + np.arange(4) * 174 / 3, 25 + np.arange(4) * 100 / 3
    np.testing.assert_allclose(x.reshape(4, 4), np.tile(nodes_x, (4, 1)), rtol=1e-15)
    np.testing.assert_allclose(y.reshape(4, 4), np.tile(nodes_y, (4, 1)).T, rtol=1e-15)
    turned_x, turned_y = scan_positions("raster", SHAPE, 64, 16, buffer=25, transpose=True)
    np.testing.assert_array_equal(turned_x.reshape(4, 4), x.reshape(4, 4).T)
    np.testing.assert_array_equal(turned_y.reshape(4, 4), y.reshape(4, 4).T)


def test_fixed_pitch_raster_starts_at_the_first_whole_patch():
    x, y = scan_positions("fixed_pitch_raster", SHAPE, 64, 25, pitch=3.5)
    expected = 32 + 3.5 * np.arange(5)
    np.testing.assert_array_equal(x.reshape(5, 5)[0], expected)
    np.testing.assert_array_equal(y.reshape(5, 5)[:, 0], expected)
    np.testing.assert_array_equal(np.unique(x), np.unique(y))
    x, _ = scan_positions("fixed_pitch_raster", SHAPE, 64, 4, outer_offset=9)
    np.testing.assert_array_equal(np.unique(x), [32, 36.5])
    turned, _ = scan_positions("fixed_pitch_raster", SHAPE, 64, 25, pitch=3.5, transpose=True)
    np.testing.assert_array_equal(turned, y)


def test_fixed_pitch_raster_ends_at_the_last_whole_patch():
    # 150 - 64 + 32 = 118 = 32 + 2 * 43
    scan_positions("fixed_pitch_raster", SHAPE, 64, 9, pitch=43)
    with pytest.raises(
        ConfigError, match=r"3 x 3 positions of pitch 43\.1 px end at 118\.2 px.*118"
    ):
        scan_positions("fixed_pitch_raster", SHAPE, 64, 9, pitch=43.1)


@pytest.mark.parametrize("layout", ["raster", "fixed_pitch_raster"])
@pytest.mark.parametrize(
    ("number", "below", "above"), [(10, 9, 16), (8, 4, 9), (1, 4, 9), (2000, 1936, 2025)]
)
def test_raster_of_no_square_names_the_neighboring_squares(layout, number, below, above):
    message = rf"n_images is {number} \(neighboring squares: {below} and {above}\)"
    with pytest.raises(ConfigError, match=message):
        scan_positions(layout, SHAPE, 64, number)


def test_jittered_grid_stays_within_three_tenths_of_the_smaller_step():
    x, y = scan_positions("jittered_grid", SHAPE, 64, 95)
    nodes_y, nodes_x = np.meshgrid(
        np.linspace(32, 118, 10), np.linspace(32, 192, 10), indexing="ij"
    )
    reach = 0.3 * 86 / 9
    for values, nodes in ((x, nodes_x), (y, nodes_y)):
        assert len(values) == 95
        moved = np.abs(values - nodes.ravel()[:95])
        assert 0.9 * reach < moved.max() <= reach
    rounded = scan_positions("jittered_grid", SHAPE, 64, 95, round=2)
    np.testing.assert_array_equal(rounded, np.round([x, y], 2))


def test_single_position_of_a_jittered_grid_is_its_node():
    x, y = scan_positions("jittered_grid", SHAPE, 64, 1)
    assert (x.tolist(), y.tolist()) == ([32], [32])


def test_full_frame_covers_the_object_from_edge_to_edge():
    # aspect 224/150: 8 rows, 12 columns, 4 of 100 positions repeat others
    x, y = scan_positions("full_frame", SHAPE, 64, 100)
    assert (x.min(), x.max(), y.min(), y.max()) == (32, 192, 32, 118)
    np.testing.assert_allclose(np.unique(x), 32 + np.arange(12) * 160 / 11, rtol=1e-15)
    np.testing.assert_allclose(np.unique(y), 32 + np.arange(8) * 86 / 7, rtol=1e-15)
    places = np.stack([x, y], axis=1)
    assert len(x) == 100
    assert len(np.unique(places, axis=0)) == 96
    assert report(x, y)["n_duplicates"] == 4


def test_full_frame_of_an_overlap_selects_or_repeats_nodes():
    # step int(64 * 0.25) = 16: 11 columns, 6 rows
    x, y = scan_positions("full_frame", SHAPE, 64, 66, overlap=0.75)
    np.testing.assert_array_equal(x, np.tile(32 + 16 * np.arange(11), 6))
    np.testing.assert_array_equal(y, np.repeat(32 + 16 * np.arange(6), 11))
    few = np.stack(scan_positions("full_frame", SHAPE, 64, 40, overlap=0.75), axis=1)
    assert len(np.unique(few, axis=0)) == 40
    order = few[:, 1] * 1000 + few[:, 0]
    assert (np.diff(order) > 0).all()
    many = np.stack(scan_positions("full_frame", SHAPE, 64, 80, overlap=0.75), axis=1)
    np.testing.assert_array_equal(many[:66], np.stack([x, y], axis=1))
    assert len(np.unique(many, axis=0)) == 66


def test_spiral_follows_fermat():
    x, y = scan_positions("spiral", SHAPE, 64, 300, spacing=2.0)
    assert (x[0], y[0]) == (111.5, 74.5)
    dx, dy = x - 111.5, y - 74.5
    k = np.arange(300)
    np.testing.assert_allclose(dx**2 + dy**2, 4 * k, atol=1e-9)
    turn = np.angle((dx[2:] + 1j * dy[2:]) / (dx[1:-1] + 1j * dy[1:-1]))
    np.testing.assert_allclose(turn % (2 * np.pi), np.pi * (3 - np.sqrt(5)), rtol=1e-9)
    x, y = scan_positions("spiral", SHAPE, 64, 300, buffer=35)
    assert np.hypot(x - 111.5, y - 74.5).max() == pytest.approx(40 * np.sqrt(299 / 300))


def test_grid_groups_are_the_patch_centers_of_the_legacy_grid():
    # bigN = 36, stride 10: (56 - 36)//10 + 1 = 3 regions an axis, 2 x 2 patches 4 px apart
    x, y = scan_positions("grid_groups", (56, 56), 32, None, gridsize=2, offset=4, outer_offset=20)
    assert len(x) == 9 * 4
    np.testing.assert_array_equal(x[:4], [16, 20, 16, 20])
    np.testing.assert_array_equal(y[:4], [16, 16, 20, 20])
    np.testing.assert_array_equal(x[4:8], x[:4] + 10)
    np.testing.assert_array_equal(y[12:16], y[:4] + 10)
    built = build_positions(
        config(layout="grid_groups", options={"outer_offset": 20}), (56, 56), 32, 1, 42
    )
    np.testing.assert_array_equal(built["xcoords"], x)
    np.testing.assert_array_equal(built["ycoords"], y)
    assert not built["scan_index"].any()
    with pytest.raises(ConfigError, match="n_images is 5, layout grid_groups"):
        scan_positions("grid_groups", (56, 56), 32, 5)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_positions_belong_to_seed_and_object_and_touch_no_global_state(layout):
    state = np.random.get_state()[1].copy()
    first = scan_positions(layout, SHAPE, 64, 25, seed=3, object_index=1)
    assert all(axis.dtype == np.float64 and axis.shape == (25,) for axis in first)
    np.testing.assert_array_equal(
        first, scan_positions(layout, SHAPE, 64, 25, seed=3, object_index=1)
    )
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    drawn = layout in ("uniform_random", "jittered_grid", "full_frame")  # 24 nodes and a repeat
    for seed, index in ((4, 1), (3, 2)):
        other = scan_positions(layout, SHAPE, 64, 25, seed=seed, object_index=index)
        assert np.array_equal(first, other) != drawn


@pytest.mark.parametrize("layout", FREE)
def test_layouts_accept_the_legacy_generator(layout):
    first = scan_positions(layout, SHAPE, 64, 30, legacy_seed=1)
    np.testing.assert_array_equal(
        first, scan_positions(layout, SHAPE, 64, 30, seed=9, legacy_seed=1)
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"layout": "hexagonal"}, ConfigError, r"'hexagonal' is unknown.*uniform_random, raster"),
        ({"layout": "spirl"}, ConfigError, "did you mean spiral"),
        ({"layout": "file"}, ConfigError, "coordinate file"),
        ({"n_images": 0}, ConfigError, "n_images is 0, it must be >= 1"),
        ({"n_images": 2.5}, TypeError, r"n_images is 2\.5"),
        ({"n_images": True}, TypeError, "n_images is True"),
        ({"pitch": 3}, ConfigError, "pitch: unknown key"),
        (
            {"layout": "spiral", "spacin": 3},
            ConfigError,
            "spacin: unknown key, did you mean spacing",
        ),
        ({"buffer": -1}, ConfigError, r"buffer is -1, it must be 0\.\.74 px"),
        ({"seed": -3}, ConfigError, "seed is -3"),
        ({"seed": 1.0}, TypeError, r"seed is 1\.0"),
        ({"legacy_seed": 2**32}, ConfigError, "legacy_seed is 4294967296"),
    ],
)
def test_unusable_scans_are_named(arguments, error, message):
    keys = {"layout": "uniform_random", "n_images": 25, **arguments}
    with pytest.raises(error, match=message):
        scan_positions(keys.pop("layout"), SHAPE, 64, keys.pop("n_images"), **keys)


def test_too_large_buffer_is_clamped_with_a_warning(caplog):
    assert effective_buffer(30, SHAPE) == 30
    assert not caplog.records
    assert effective_buffer(80, SHAPE) == 74
    assert "80" in caplog.text
    assert "74" in caplog.text
    x, y = scan_positions("uniform_random", SHAPE, 64, 100, buffer=80)
    assert 74 <= y.min() <= y.max() <= 76
    assert 74 <= x.min() <= x.max() <= 150


# --- build_positions ------------------------------------------------------------------------


def test_buffer_of_a_configuration_is_never_clamped():
    with pytest.raises(ConfigError, match=r"scan\.buffer is 80, the largest.*\(150, 224\) is 74"):
        build_positions(config(buffer=80), SHAPE, 64, 1, 42)


def test_object_major_frames_are_the_stream_of_each_object():
    built = build_positions(config(n_images=10), SHAPE, 64, 3, 7)
    np.testing.assert_array_equal(built["object_index"], [0] * 3 + [1] * 3 + [2] * 4)
    np.testing.assert_array_equal(built["scan_index"], built["object_index"])
    for index, count in enumerate((3, 3, 4)):
        x, y = scan_positions("uniform_random", SHAPE, 64, count, seed=7, object_index=index)
        own = built["object_index"] == index
        np.testing.assert_array_equal(built["xcoords"][own], x)
        np.testing.assert_array_equal(built["ycoords"][own], y)
    assert built["object_index"].dtype == built["scan_index"].dtype == np.int64


def test_coordinate_major_frames_share_their_positions():
    built = build_positions(config(n_images=12, order="coordinate-major"), SHAPE, 64, 3, 7)
    x, _ = scan_positions("uniform_random", SHAPE, 64, 4, seed=7)
    np.testing.assert_array_equal(built["xcoords"].reshape(4, 3), np.tile(x, (3, 1)).T)
    np.testing.assert_array_equal(built["object_index"], [0, 1, 2] * 4)
    with pytest.raises(ConfigError, match=r"n_images \(13\).*object\.count \(3\)"):
        build_positions(config(n_images=13, order="coordinate-major"), SHAPE, 64, 3, 7)


def test_fewer_positions_than_objects_are_refused():
    with pytest.raises(ConfigError, match="n_images is 2, fewer than the 3 objects"):
        build_positions(config(n_images=2), SHAPE, 64, 3, 7)


def test_legacy_objects_draw_one_after_the_other():
    built = build_positions(config(n_images=8, legacy_seed=5), SHAPE, 64, 2, 0)
    draws = np.random.RandomState(5).random(16).reshape(2, 2, 4)
    np.testing.assert_allclose(built["xcoords"].reshape(2, 4), 32 + 160 * draws[:, 0], rtol=1e-14)
    np.testing.assert_allclose(built["ycoords"].reshape(2, 4), 32 + 86 * draws[:, 1], rtol=1e-14)


@pytest.mark.parametrize("layout", ["raster", "grid_groups"])
def test_jitter_moves_the_true_positions_only(layout):
    options = {"outer_offset": 20} if layout == "grid_groups" else {"n_images": 400}
    keys = {"options": options} if layout == "grid_groups" else options
    still = build_positions(config(layout=layout, **keys), SHAPE, 64, 1, 3)
    moved = build_positions(config(layout=layout, jitter=0.5, **keys), SHAPE, 64, 1, 3)
    n = len(still["xcoords"])
    rng = generator(3, "ptycho.jitter", 0)
    for axis in "xy":
        np.testing.assert_array_equal(still[f"{axis}coords"], still[f"{axis}coords_start"])
        np.testing.assert_array_equal(moved[f"{axis}coords_start"], still[f"{axis}coords"])
        expected = still[f"{axis}coords"] + rng.normal(0, 0.5, n)
        np.testing.assert_array_equal(moved[f"{axis}coords"], expected)


def test_jitter_of_each_object_is_its_own():
    built = build_positions(config(n_images=8, jitter=1.0), SHAPE, 64, 2, 3)
    shift = (built["xcoords"] - built["xcoords_start"]).reshape(2, 4)
    for index in range(2):
        expected = generator(3, "ptycho.jitter", index).normal(0, 1.0, 4)
        np.testing.assert_allclose(shift[index], expected, atol=1e-12)


def from_file(count=1, n_images=None, order="object-major", **source):
    spec = config(layout="file", file="scan.csv", n_images=n_images, order=order)
    given = {"xcoords": np.arange(6) + 40.0, "ycoords": np.arange(6) + 50.0, **source}
    return build_positions(spec, SHAPE, 64, count, 3, given)


def test_coordinates_of_a_file_are_taken_as_they_are():
    built = from_file()
    np.testing.assert_array_equal(built["xcoords"], np.arange(6) + 40)
    np.testing.assert_array_equal(built["ycoords_start"], np.arange(6) + 50)
    np.testing.assert_array_equal(from_file(n_images=4)["xcoords"], np.arange(4) + 40)


def test_coordinates_of_a_file_are_dealt_to_the_objects():
    column = np.array([1, 0, 1, 0, 0, 1])
    built = from_file(2, object_index=column, n_images=5)
    np.testing.assert_array_equal(built["object_index"], column[:5])
    np.testing.assert_array_equal(built["scan_index"], column[:5])
    np.testing.assert_array_equal(from_file(2)["object_index"], [0, 0, 0, 1, 1, 1])
    shared = from_file(2, order="coordinate-major")
    np.testing.assert_array_equal(shared["object_index"], [0, 1] * 6)
    np.testing.assert_array_equal(shared["xcoords"], np.repeat(np.arange(6) + 40, 2))
    np.testing.assert_array_equal(
        from_file(2, n_images=4, order="coordinate-major")["xcoords"], [40, 40, 41, 41]
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"ycoords": np.arange(5.0)}, r"scan\.csv: 6 xcoords but 5 ycoords"),
        (
            {"xcoords": np.array([1, 2, np.nan, 4, np.inf, 6])},
            r"scan\.csv: position of row 3 is not finite: \(nan, 52\)",
        ),
        (
            {"object_index": np.array([0, 1, 0, 0, 0, 0])},
            r"object_index of row 2 is 1, .*0\.\.0",
        ),
        ({"object_index": np.zeros(4)}, r"scan\.csv: 6 xcoords but 4 object_index"),
        ({"n_images": 7}, r"scan\.csv: scan\.n_images is 7, the file has positions for 6"),
        ({"xcoords": np.zeros(0), "ycoords": np.zeros(0)}, "the file has positions for 0"),
    ],
)
def test_unusable_coordinate_files_are_named(source, message):
    with pytest.raises(InputFileError, match=message):
        from_file(**source)


# --- coverage -------------------------------------------------------------------------------


def test_coverage_of_one_position_is_the_probes_disk():
    # 376 px of the default probe exceed half its maximum; their number in intensity is smaller
    probe = get_default_probe(64, scale=0.7)
    area = np.count_nonzero(probe**2 > probe.max() ** 2 / 2)
    radius = np.sqrt(area / np.pi)
    found = report([100.3], [70.6])
    rows, cols = np.indices(SHAPE)
    disk = np.hypot(rows - 70.6, cols - 100.3) <= radius
    assert found["probe_fwhm"] == pytest.approx(2 * radius)
    assert found["coverage"] == disk.sum() / disk.size
    assert found["mean_nearest_distance"] is None
    assert found["linear_overlap"] is None
    assert found["n_images"] == 1


def test_coverage_is_the_union_of_the_disks_cut_at_the_edge():
    rng = default_rng(2)
    x, y = rng.uniform(-5, 230, 40), rng.uniform(-5, 155, 40)
    found = report(x, y)
    rows, cols = np.indices(SHAPE)
    radius = found["probe_fwhm"] / 2
    near = (np.hypot(rows[..., None] - y, cols[..., None] - x) <= radius).any(axis=-1)
    assert found["coverage"] == near.sum() / near.size


def test_overlap_follows_from_the_pitch():
    x, y = scan_positions("fixed_pitch_raster", SHAPE, 64, 100, pitch=5)
    found = report(x, y)
    assert found["mean_nearest_distance"] == pytest.approx(5, rel=1e-12)
    assert found["linear_overlap"] == pytest.approx(1 - 5 / found["probe_fwhm"], rel=1e-12)


def test_width_of_several_modes_is_that_of_their_summed_intensity():
    modes = incoherent_modes(get_default_probe(64, scale=0.7), 3, None, default_rng(0))
    intensity = np.sum(np.abs(modes) ** 2, axis=0)
    area = np.count_nonzero(intensity > intensity.max() / 2)
    assert report([50], [50], probe=modes)["probe_fwhm"] == pytest.approx(2 * np.sqrt(area / np.pi))


def test_patches_beyond_the_object_are_counted_and_warned_about(caplog):
    inside_x, inside_y = [32, 192], [32, 118]
    assert report(inside_x, inside_y)["n_outside"] == 0
    assert not caplog.records
    found = report([31.9, 192.1, 100, 100, 100], [70, 70, 31.9, 118.1, 70])
    assert found["n_outside"] == 4
    assert "4 of 5 patches" in found["warnings"][0]
    assert "4 of 5 patches" in caplog.text


def test_objects_are_averaged_and_kept_apart():
    # the same place on two objects is no duplicate and no neighbor
    found = report([50, 60, 50, 70], [50, 50, 50, 50], index=[0, 0, 1, 1])
    assert found["n_duplicates"] == 0
    assert found["mean_nearest_distance"] == 15
    single = [report([50, 60], [50, 50])["coverage"], report([50, 70], [50, 50])["coverage"]]
    assert found["coverage"] == pytest.approx(np.mean(single))
    lonely = report([50, 60, 50], [50, 50, 50], index=[0, 0, 1])
    assert lonely["mean_nearest_distance"] == 10
    repeated = report([50, 50, 50, 60], [50, 50, 50, 50])
    assert repeated["n_duplicates"] == 2


def test_report_keeps_the_effective_buffer():
    assert report([50], [50], buffer=17)["buffer_effective"] == 17.0


def test_the_object_of_scan_positions_is_a_whole_number():
    with pytest.raises(ConfigError, match="object_index is -3"):
        scan_positions("uniform_random", (64, 64), 16, 4, object_index=-3)
    with pytest.raises(TypeError, match=r"object_index is 0\.5"):
        scan_positions("uniform_random", (64, 64), 16, 4, object_index=0.5)
