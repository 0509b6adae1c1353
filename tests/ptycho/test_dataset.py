"""RawData, its split, and simulation in memory."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from ptycho_data import ARRAYS, N, assert_equal_data, raw_data

from simlab.core.errors import ConfigError, InputFileError, MissingKeyError, PhysicsError
from simlab.core.files import read_npz
from simlab.ptycho.config import SplitConfig
from simlab.ptycho.dataset import RawData, read_dataset, split_raw_data_by_axis, write_dataset
from simlab.ptycho.objects import make_object
from simlab.ptycho.patches import extract_patches
from simlab.ptycho.probes import get_default_probe
from simlab.ptycho.simulation import simulate, simulate_nongrid_raw_data
from simlab.ptycho.splits import frame_splits, split_labels
from simlab.ptycho.stages.split import export_split_sides

DATA = Path(__file__).parents[1] / "data" / "ptycho"


# --- container ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ycoords": np.zeros(4)}, r"ycoords has shape \(4,\)"),
        ({"xcoords": np.zeros((5, 1))}, r"xcoords has shape \(5, 1\)"),
        (
            {"diff3d": np.zeros((4, N, N))},
            r"diff3d has shape \(4, 16, 16\), expected \(5, 16, 16\)",
        ),
        ({"diff3d": np.zeros((5, N, 15))}, "diff3d"),
        ({"diff3d": np.zeros((N, N))}, "diff3d"),
        ({"probeGuess": np.zeros((N, 15))}, r"probeGuess has shape \(16, 15\)"),
        ({"probeGuess": np.zeros(N)}, "probeGuess"),
        ({"probeGuess": np.zeros((32, 32))}, "diff3d"),
        ({"scan_index": np.zeros(3)}, "scan_index"),
        ({"Y": np.zeros((5, N, N, 1))}, "Y"),
        ({"objectGuess": np.zeros(7)}, "objectGuess"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(change, words):
    raw = raw_data(5)
    arrays = {name: getattr(raw, name) for name in ARRAYS} | change
    with pytest.raises(ValueError, match=words):
        RawData(**arrays)


def test_frames_and_scan_index_may_be_missing():
    raw = RawData([1.0], [2.0], [1.0], [2.0], None, np.ones((3, N, N)), None)
    assert len(raw) == 1
    assert raw.diff3d is None


def test_constructing_prints_nothing(capsys):
    raw_data()
    assert capsys.readouterr() == ("", "")


def test_nominal_positions_default_to_copies_of_the_true_ones():
    raw = raw_data()
    made = RawData.from_coords_without_pc(
        raw.xcoords, raw.ycoords, raw.diff3d, raw.probeGuess, raw.scan_index, raw.objectGuess
    )
    np.testing.assert_array_equal(made.xcoords_start, raw.xcoords)
    made.xcoords_start[0] = -1
    assert made.xcoords[0] == raw.xcoords[0]
    assert made.objectGuess is not None


@pytest.mark.parametrize("name", ["d.npz", "d.h5"])
def test_a_file_keeps_everything(tmp_path, name):
    raw = raw_data(dose=True, mask=True, objects=2, modes=2)
    raw.to_file(tmp_path / name)
    assert_equal_data(RawData.from_file(tmp_path / name), raw)


def test_train_and_test_files_are_read_together(tmp_path):
    raw_data(3).to_file(tmp_path / "train.npz")
    raw_data(2).to_file(tmp_path / "test.npz")
    train, test = RawData.from_files(tmp_path / "train.npz", tmp_path / "test.npz")
    assert (len(train), len(test)) == (3, 2)


def test_a_file_is_compared_with_a_configuration_on_request(tmp_path, caplog):
    raw_data().to_file(tmp_path / "d.npz")
    RawData.from_file(tmp_path / "d.npz", current_config={"nphotons": 5})
    assert caplog.text == ""
    RawData.from_file(tmp_path / "d.npz", validate_config=True, current_config={"nphotons": 5})
    assert "nphotons is 10000.0 in the file and 5" in caplog.text


@pytest.mark.parametrize(
    "item",
    [slice(1, 4), slice(None, None, -2), [3, 0, 3], np.array([True, False, True, False, False]), 2],
    ids=str,
)
def test_selections_cut_every_array_of_frames_and_share_the_rest(item):
    raw = raw_data(5, dose=True, mask=True)
    part = raw[item]
    rows = [item] if isinstance(item, int) else item
    for name in ("xcoords", "ycoords_start", "diff3d", "Y", "scan_index", "dose", "frame_scale"):
        np.testing.assert_array_equal(getattr(part, name), getattr(raw, name)[rows])
    assert part.objectGuess is raw.objectGuess
    assert part.metadata is raw.metadata
    assert part.intensity_scale == raw.intensity_scale


def test_the_text_has_one_line_an_array():
    lines = str(raw_data(5)).splitlines()
    assert lines[0] == "RawData: 5 frames"
    assert "  diff3d: (5, 16, 16) float32" in lines
    assert "  detector_mask: None" in lines


def test_patches_are_cut_again_where_they_are_not_stored(monkeypatch):
    monkeypatch.setattr("simlab.ptycho.dataset.PATCH_BATCH", 3)
    raw = raw_data(8, objects=2)
    expected = np.stack(
        [
            extract_patches(raw.objectGuess[o], [x], [y], N)[0]
            for x, y, o in zip(raw.xcoords, raw.ycoords, raw.object_index, strict=True)
        ]
    )
    np.testing.assert_array_equal(np.concatenate(list(raw.iter_patches())), raw.Y)
    raw.Y = None
    blocks = list(raw.iter_patches())
    assert [len(block) for block in blocks] == [3, 3, 2]
    np.testing.assert_array_equal(np.concatenate(blocks), expected)
    raw.metadata["physics_parameters"]["subpixel"] = "nearest"
    assert np.any(np.concatenate(list(raw.iter_patches())) != expected)
    raw.objectGuess = None
    with pytest.raises(MissingKeyError, match="no ground truth"):
        list(raw.iter_patches())


# --- split ----------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize(
    ("frames", "fraction", "expected"), [(10, 0.3, 3), (5, 0.5, 2), (7, 0.5, 4)]
)
def test_the_largest_coordinates_are_test_frames(axis, frames, fraction, expected):
    raw = raw_data(frames)
    train, test = split_raw_data_by_axis(raw, split_fraction=fraction, axis=axis)
    assert (len(train), len(test)) == (frames - expected, expected)
    order = np.argsort(getattr(raw, f"{axis}coords"), kind="stable")
    np.testing.assert_array_equal(train.diff3d, raw.diff3d[order[: len(train)]])
    np.testing.assert_array_equal(test.Y, raw.Y[order[len(train) :]])
    assert test.objectGuess is raw.objectGuess


def test_frames_at_one_coordinate_are_dealt_in_their_order():
    raw = raw_data(6)
    raw.ycoords = np.zeros(6)
    train, test = split_raw_data_by_axis(raw)
    np.testing.assert_array_equal(train.xcoords, raw.xcoords[:3])
    np.testing.assert_array_equal(test.xcoords, raw.xcoords[3:])


def test_with_a_gap_no_train_patch_overlaps_a_test_patch():
    raw = raw_data(400)
    raw.ycoords = np.random.default_rng(0).uniform(0, 100, 400)
    train, test = split_raw_data_by_axis(raw, gap=N)
    assert test.ycoords.min() - train.ycoords.max() >= N
    assert 0 < len(train) + len(test) < 400


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"split_fraction": 0.0}, "0.0"),
        ({"split_fraction": 1.0}, "1.0"),
        ({"split_fraction": 0.01}, "test fraction of 0.01 leaves one side of 5 frames empty"),
        ({"gap": -1.0}, r"gap of the split is -1\.0 px"),
        ({"gap": np.nan}, "gap of the split is nan px"),
        ({"gap": np.inf}, "gap of the split is inf px"),
        ({"axis": "z"}, "'z'"),
        ({"gap": 1e6}, "gap"),
    ],
)
def test_impossible_splits_are_refused(arguments, words):
    with pytest.raises(ConfigError, match=words):
        split_raw_data_by_axis(raw_data(), **arguments)


def test_data_without_frames_are_not_split():
    raw = raw_data()
    raw.diff3d = None
    with pytest.raises(ConfigError, match="diff3d is None"):
        split_raw_data_by_axis(raw)


# --- simulation -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scene():
    """Object, probe, positions of a small scan."""
    sample = make_object("lines", 128, seed=3, phase="tanh")
    x, y = np.random.default_rng(1).uniform(16, 112, (2, 24))
    return sample, get_default_probe(32, "c64"), x, y


def test_simulated_data_are_the_peers_but_for_their_noise():
    reference = read_npz(DATA / "end_to_end_n32.npz")
    raw = simulate(
        reference["objectGuess"],
        reference["probeGuess"],
        reference["xcoords"],
        reference["ycoords"],
        nphotons=1e6,
        seed=42,
    )
    scale = raw.intensity_scale
    ours, peers = (
        (amplitude.astype(np.float64) * scale) ** 2
        for amplitude in (raw.diff3d, reference["diff3d"])
    )
    np.testing.assert_allclose(raw.norm_Y_I, float(reference["norm_Y_I"]), rtol=1e-3)
    # two Poisson draws of one rate: the variance of their difference is the sum of the counts
    bright = ours + peers > 20
    z = (ours - peers)[bright] / np.sqrt((ours + peers)[bright])
    assert abs(z.mean()) < 5 / np.sqrt(z.size)
    assert abs(z.var() - 1) < 0.05


def test_equal_seeds_give_equal_data_and_other_seeds_other_counts(scene):
    first, again, other = (simulate(*scene, nphotons=1e4, seed=seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.diff3d, again.diff3d)
    assert np.any(first.diff3d != other.diff3d)
    np.testing.assert_array_equal(first.Y, other.Y)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"measurement": "count_intensity"},
        {"detector": {"dose": "per_pattern"}},
        {"detector": {"gaussian_sigma": 1.0, "background": 0.2}},
        {"subpixel": "fourier"},
    ],
    ids=str,
)
def test_a_part_with_its_first_frame_is_the_part_of_the_whole(scene, options):
    sample, probe, x, y = scene
    whole = simulate(sample, probe, x, y, nphotons=1e4, **options)
    part = simulate(
        sample,
        probe,
        x[5:17],
        y[5:17],
        nphotons=1e4,
        first_frame=5,
        intensity_scale=whole.intensity_scale,
        batch=5,
        threads=2,
        **options,
    )
    np.testing.assert_array_equal(part.diff3d, whole.diff3d[5:17])
    np.testing.assert_array_equal(part.Y, whole.Y[5:17])
    if whole.frame_scale is not None:
        np.testing.assert_array_equal(part.frame_scale, whole.frame_scale[5:17])


def test_the_mean_number_of_counts_is_the_number_of_photons(scene):
    raw = simulate(*scene, nphotons=1e6)
    counts = (raw.diff3d.astype(np.float64) * raw.intensity_scale) ** 2
    np.testing.assert_allclose(counts.sum() / len(raw), 1e6, rtol=5 / np.sqrt(24e6))
    np.testing.assert_allclose(
        raw.norm_Y_I,
        np.sqrt(1e6 / np.mean((raw.diff3d.astype(float) ** 2).sum(axis=(1, 2)))),
        rtol=1e-6,
    )


def test_a_drawn_dose_is_stored_with_its_scales(scene):
    raw = simulate(*scene, detector={"dose": {"range": [1e3, 1e5]}})
    assert np.all((raw.dose >= 1e3) & (raw.dose <= 1e5))
    counts = (raw.diff3d.astype(np.float64) * raw.frame_scale[:, None, None]) ** 2
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-2)
    part = simulate(
        *(scene[0], scene[1], scene[2][3:9], scene[3][3:9]),
        detector={"dose": {"range": [1e3, 1e5]}},
        first_frame=3,
        intensity_scale=raw.intensity_scale,
    )
    photons = math.sqrt(1e3 * 1e5)
    assert raw.metadata["physics_parameters"]["nphotons"] == photons
    np.testing.assert_allclose(raw.norm_Y_I, raw.intensity_scale, rtol=5 / math.sqrt(24 * 1e3))
    np.testing.assert_array_equal(part.dose, raw.dose[3:9])
    np.testing.assert_allclose(part.frame_scale, raw.frame_scale[3:9], rtol=1e-15)


def test_counts_are_stored_as_integers_and_expectations_as_floats(scene):
    assert simulate(*scene, measurement="count_intensity", nphotons=1e4).diff3d.dtype == np.uint32
    expected = simulate(
        *scene, measurement="count_intensity", nphotons=1e4, detector={"poisson": False}
    )
    assert expected.diff3d.dtype == np.float32
    np.testing.assert_allclose(expected.diff3d.sum(axis=(1, 2)).mean(), 1e4, rtol=1e-5)


def test_a_mask_file_and_a_beamstop_make_the_stored_mask(scene, tmp_path):
    mask = np.ones((32, 32), np.uint8)
    mask[2] = 0
    np.save(tmp_path / "mask.npy", mask)
    raw = simulate(
        *scene, detector={"beamstop_diameter": 4, "mask_file": str(tmp_path / "mask.npy")}
    )
    assert raw.detector_mask[2].sum() == 0
    assert raw.detector_mask[16, 16] == 0
    assert not raw.diff3d[:, raw.detector_mask == 0].any()
    assert simulate(*scene).detector_mask is None


def test_several_objects_are_simulated_together(scene):
    sample, probe, x, y = scene
    index = np.arange(24) % 2
    raw = simulate(np.stack([sample, sample * 0.5]), probe, x, y, object_index=index, nphotons=1e4)
    expected = extract_patches(sample, x, y, 32) * np.where(index, 0.5, 1)[:, None, None]
    np.testing.assert_allclose(raw.Y, expected, rtol=1e-6)
    np.testing.assert_array_equal(raw.object_index, index)


def test_patches_are_left_out_on_request(scene):
    raw = simulate(*scene, store_patches=False)
    assert raw.Y is None
    assert raw.metadata["simulation"]["patches"] == "recompute"
    np.testing.assert_array_equal(np.concatenate(list(raw.iter_patches())), simulate(*scene).Y)


def test_a_simulated_file_is_a_simulated_object(scene, tmp_path):
    raw = simulate(*scene, nphotons=1e4)
    for name in ("s.npz", "s.h5"):
        raw.to_file(tmp_path / name)
        assert_equal_data(read_dataset(tmp_path / name), raw)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"seed": -1}, ConfigError, "seed is -1"),
        ({"seed": 1.5}, TypeError, "seed is 1.5"),
        ({"seed": True}, TypeError, "seed is True"),
        ({"nphotons": 0}, ConfigError, "nphotons"),
        ({"nphotons": np.inf}, ConfigError, "nphotons"),
        ({"nphotons": 1e3, "detector": {"nphotons": 1e4}}, ConfigError, "give one"),
        ({"measurement": "photons"}, ConfigError, "photons.*count_intensity"),
        ({"detector": {"beamstop": 3}}, ConfigError, "beamstop_diameter"),
        ({"x": []}, ConfigError, "equal length|n_images"),
        ({"x": [np.nan], "y": [3.0]}, ConfigError, "finite"),
        ({"x": [-900.0], "y": [3.0]}, PhysicsError, "no energy"),
        ({"probe_guess": np.zeros((32, 32), complex)}, PhysicsError, "no energy"),
        ({"probe_guess": np.ones((31, 31), complex)}, InputFileError, "even"),
        ({"object_guess": np.ones((20, 128), complex)}, InputFileError, r"20, 128.*32, 32"),
        ({"intensity_scale": -1.0}, ConfigError, "intensity_scale is -1.0"),
    ],
    ids=str,
)
def test_impossible_simulations_are_refused(scene, change, error, words):
    arguments = dict(zip(("object_guess", "probe_guess", "x", "y"), scene, strict=True)) | change
    with pytest.raises(error, match=words):
        simulate(**arguments)


def test_counts_that_do_not_fit_are_refused(scene):
    with pytest.raises(PhysicsError, match="nphotons"):
        simulate(*scene, nphotons=1e14)


def test_from_simulation_takes_seeds_and_generators(scene):
    sample, probe, x, y = scene

    def counts(rng):
        return RawData.from_simulation(x, y, probe, sample, nphotons=1e4, rng=rng).diff3d

    np.testing.assert_array_equal(counts(3), simulate(*scene, nphotons=1e4, seed=3).diff3d)
    np.testing.assert_array_equal(counts(None), counts(42))
    for kind in (np.random.default_rng, np.random.RandomState):
        np.testing.assert_array_equal(counts(kind(5)), counts(kind(5)))
        assert np.any(counts(kind(5)) != counts(kind(6)))
    index = np.arange(24)
    raw = RawData.from_simulation(x, y, probe, sample, scan_index=index)
    np.testing.assert_array_equal(raw.scan_index, index)


# --- helper with cache ----------------------------------------------------------------------


def nongrid(scene, tmp_path, **changes):
    return simulate_nongrid_raw_data(
        scene[0],
        scene[1],
        **{"N": 32, "n_images": 9, "nphotons": 1e4, "seed": 4, "cache_dir": tmp_path} | changes,
    )


def test_nongrid_positions_keep_a_third_of_the_object_from_its_edges(scene, tmp_path):
    raw = nongrid(scene, tmp_path, n_images=200)
    assert min(raw.xcoords.min(), raw.ycoords.min()) >= 0.35 * 128
    assert max(raw.xcoords.max(), raw.ycoords.max()) <= 0.65 * 128
    near = nongrid(scene, tmp_path, n_images=200, buffer=16)
    assert near.xcoords.min() < 30
    assert raw.Y is not None


def test_nongrid_data_follow_from_the_seed(scene, tmp_path):
    raw = nongrid(scene, tmp_path, use_cache=False)
    again = nongrid(scene, tmp_path, use_cache=False)
    np.testing.assert_array_equal(raw.xcoords, again.xcoords)
    np.testing.assert_array_equal(raw.diff3d, again.diff3d)
    other = nongrid(scene, tmp_path, use_cache=False, seed=5)
    assert np.any(raw.xcoords != other.xcoords)
    assert list(tmp_path.iterdir()) == []


def test_nongrid_data_are_read_from_the_cache(scene, tmp_path):
    raw = nongrid(scene, tmp_path)
    (path,) = tmp_path.iterdir()
    before = path.read_bytes()
    assert_equal_data(nongrid(scene, tmp_path, sim_gridsize=1, nphotons=10000), raw)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_buffer_that_is_too_large_is_clamped_with_both_numbers(scene, tmp_path, caplog):
    raw = nongrid(scene, tmp_path, buffer=90)
    assert "90" in caplog.text
    assert "63" in caplog.text
    assert np.all((raw.xcoords >= 63) & (raw.xcoords <= 65))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sim_gridsize": 2}, "sim_gridsize is 2"),
        ({"N": 64}, r"N is 64.*\(32, 32\)"),
        ({"buffer": -1.0}, "buffer is -1"),
        ({"n_images": 0}, "n_images"),
    ],
)
def test_impossible_nongrid_requests_are_refused_and_store_nothing(scene, tmp_path, change, words):
    with pytest.raises(ConfigError, match=words):
        nongrid(scene, tmp_path, **change)
    assert list(tmp_path.iterdir()) == []


def test_splits_speak_of_the_fraction_that_was_given():
    x, y = np.random.default_rng(0).uniform(0, 50, (2, 20))
    for name in ("train", "test"):
        key = f"{name}_fraction"
        with pytest.raises(ConfigError, match=rf"a {name} fraction of 0\.99 leaves"):
            split_labels(x, y, axis="y", **{key: 0.99})
        with pytest.raises(ConfigError, match=rf"{name} fraction of the split is 1\.5"):
            split_labels(x, y, axis="y", **{key: 1.5})
    with pytest.raises(ConfigError, match=r"train fraction of 0\.99"):
        frame_splits(x, y, SplitConfig(fraction=0.99), 16)
    with pytest.raises(ConfigError, match="not both"):
        split_labels(x, y, axis="y", train_fraction=0.5, test_fraction=0.5)
    line = np.arange(10.0)
    with pytest.raises(ConfigError, match=r"no test frames: .*1\.5 px.*y = 7\.5;.*below 3 px"):
        split_labels(line, line, axis="y", train_fraction=0.8, gap=3.0)
    labels = split_labels(line, line, axis="y", train_fraction=0.8, gap=2.9)
    assert labels.tolist() == [0, 0, 0, 0, 0, 0, 0, 3, 3, 2]
    np.testing.assert_array_equal(
        split_labels(x, y, axis="x", train_fraction=0.75),
        split_labels(x, y, axis="x", test_fraction=0.25),
    )


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"first_frame": 1.5}, TypeError, "first_frame is 1.5, a whole number"),
        ({"first_frame": -1}, ConfigError, "first_frame is -1, it must be >= 0"),
        ({"threads": 0}, ConfigError, "threads is 0"),
        ({"threads": -3}, ConfigError, "threads is -3"),
        ({"threads": 2.5}, TypeError, "threads is 2.5"),
        ({"batch": 0}, ConfigError, "batch is 0"),
        ({"batch": 2.5}, TypeError, "batch is 2.5"),
        ({"object_index": [0.5] * 24}, ConfigError, "object_index of frame 0 is 0.5"),
        ({"object_index": [0.0, np.nan] * 12}, ConfigError, "object_index of frame 1 is nan"),
        ({"object_index": ["0"] * 24}, TypeError, "object_index has dtype <U1"),
    ],
)
def test_arguments_that_would_be_rounded_are_refused(scene, arguments, error, words):
    with pytest.raises(error, match=re.escape(words)):
        simulate(*scene, **arguments)


def test_positions_must_be_numbers(scene):
    with pytest.raises(TypeError, match="x has dtype <U2, numbers are expected"):
        simulate(scene[0], scene[1], ["50"], [50])


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"seed": 5.0}, TypeError),
        ({"n_images": 6.0}, TypeError),
        ({"N": 32.0}, TypeError),
        ({"sim_gridsize": 1.0}, TypeError),
    ],
)
def test_a_stored_result_does_not_hide_wrong_arguments(
    scene, tmp_path, arguments, error, use_cache
):
    allowed = {"N": 32, "n_images": 6, "seed": 5, "nphotons": 1e4, "cache_dir": tmp_path}
    simulate_nongrid_raw_data(*scene[:2], **allowed)
    with pytest.raises(error, match=f"{next(iter(arguments))} is .*, a whole number"):
        simulate_nongrid_raw_data(*scene[:2], **allowed | arguments, use_cache=use_cache)


def test_the_files_of_a_split_tell_their_side(tmp_path):
    write_dataset(tmp_path / "d.npz", raw_data(20))
    paths = {name: tmp_path / f"{name}.npz" for name in ("train", "test")}
    assert export_split_sides(tmp_path / "d.npz", *paths.values(), "x", 0.75, 0.0) == (15, 5)
    for name, path in paths.items():
        (step,) = read_dataset(path).metadata["data_transformations"]
        assert step == {
            "tool": "simlab ptycho",
            "timestamp": None,
            "operation": "split",
            "parameters": {
                "side": name,
                "frames": len(read_dataset(path)),
                "axis": "x",
                "train_fraction": 0.75,
                "gap": 0.0,
            },
        }
