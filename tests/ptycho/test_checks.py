"""Every consistency check fails for the defect it names, and only it; good data pass all."""

import json
import shutil
import zlib
from contextlib import ExitStack
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from ptycho_campaign import SmallDataset, small_dataset

from simlab.core.config import parse_config
from simlab.core.errors import ChecksFailedError, ConfigError
from simlab.core.files import read_csv, read_json, read_npz, write_csv, write_json, write_npz
from simlab.ptycho import specs
from simlab.ptycho.checks import measured_amplitude, run_checks
from simlab.ptycho.config import DetectorConfig
from simlab.ptycho.export import convert
from simlab.ptycho.files.readers import open_dataset
from simlab.ptycho.forward import ForwardModel
from simlab.ptycho.photons import counts_of
from simlab.ptycho.physics_checks import physics_checks, rotated
from simlab.ptycho.probes import get_default_probe, incoherent_modes
from simlab.ptycho.stages.checks import write_dataset_checks
from simlab.ptycho.statistics import frame_statistics, observed_norm

IDS = [
    *("parseval", "dose", "integer_counts", "poisson", "determinism", "patch_truth"),
    *("translation", "flat_object", "global_phase", "scaling", "conjugate_symmetry"),
    *("phase_ramp", "gaussian_probe", "airy", "modes", "conjugation"),
    *("coordinates", "files", "statistics", "measured_data", "split"),
]
USUALLY_SKIPPED = {
    "airy": "N = 32 is too small for an aperture of 8 px radius",
    "modes": "the probe has one mode",
    "measured_data": "the source file holds no measured frames with positions",
}


def rows_of(data, model=None):
    with ExitStack() as stack:
        case = data.case(stack)
        if model is not None:
            case.__dict__["model"] = model(case)
        return {row.id: row for row in run_checks(case)}


def failed(data, model=None):
    return {name for name, row in rows_of(data, model).items() if not row.passed}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return small_dataset(tmp_path_factory.mktemp("good"))


@pytest.fixture
def spoilable(good, tmp_path):
    shutil.copytree(good.folder, tmp_path / "spoiled")
    return SmallDataset(tmp_path / "spoiled", good.dataset)


def picked(data):
    with ExitStack() as stack:
        return data.case(stack).picked


def rewrite_frames(data, change):
    """Let `change(diff3d, patches, case)` alter the frames; statistics follow the new frames."""
    with ExitStack() as stack:
        case = data.case(stack)
        arrays = {key: case.frames.read(key) for key in ("diff3d", "ground_truth_patches")}
        change(arrays["diff3d"], arrays["ground_truth_patches"][..., 0], case)
        scale = case.scale_of(np.arange(case.count))
    counts = np.rint(counts_of(arrays["diff3d"], data.dataset.output.measurement, scale))
    frames = frame_statistics(arrays["diff3d"], counts, arrays["ground_truth_patches"][..., 0])
    write_npz(data.shards(".statistics.npz")[0], {**frames, "frame_scale": scale})
    with h5py.File(data["simulated.h5"], "r+") as file:
        for key, values in arrays.items():
            file[key][...] = values
        nphotons = data.dataset.detector.nphotons
        file["norm_Y_I"][()] = observed_norm(counts.sum(axis=(1, 2)), scale, nphotons)
    data.make_normalization()


def test_a_good_data_set_passes_every_check_and_says_which_do_not_apply(good):
    rows = rows_of(good)
    assert list(rows) == IDS
    assert all(row.passed for row in rows.values())
    skipped = {name: row.what for name, row in rows.items() if row.measured is None}
    assert skipped == {name: f"skipped: {why}" for name, why in USUALLY_SKIPPED.items()}
    assert all(row.worst_sample is None for row in rows.values())


def test_checks_json_holds_all_rows_and_a_failure_is_written_before_it_is_raised(spoilable):
    spec = specs.checks_spec(spoilable.dataset, spoilable.sizes, spoilable.patches)
    files, target = spoilable.check_files, spoilable["checks.json"]
    write_dataset_checks(spec, files, None, None, target)
    assert [row["id"] for row in json.loads(target.read_text())] == IDS
    target.unlink()
    spoil_entry(spoilable["normalization.json"], "mean_counts", lambda value: value * 1.001)
    with pytest.raises(ChecksFailedError, match="1 of 21 checks failed: statistics"):
        write_dataset_checks(spec, files, None, None, target)
    assert not target.exists()
    rows = json.loads(spoilable["checks.failed.json"].read_text())
    assert [row["id"] for row in rows if not row["passed"]] == ["statistics"]


POSITIONS_FILE, MASK_FILE = "given.csv", "mask.npy"

VARIANTS = {
    "raster": {"scan": {"layout": "raster"}},
    "transpose": {"scan": {"layout": "raster", "options": {"transpose": True}}},
    "jittered_grid": {"scan": {"layout": "jittered_grid", "n_images": 60}},
    "rounded grid": {
        "scan": {"layout": "jittered_grid", "n_images": 60, "options": {"round": 0}},
        "seed": 1,
    },
    "spiral": {"scan": {"layout": "spiral", "n_images": 300}},
    "wide spiral": {"scan": {"layout": "spiral", "options": {"spacing": 4}}},
    "full_frame": {"scan": {"layout": "full_frame"}},
    "overlap": {"scan": {"layout": "full_frame", "options": {"overlap": 0.8}}},
    "fixed pitch": {"scan": {"layout": "fixed_pitch_raster", "options": {"pitch": 5.5}}},
    "grid_groups": {
        "object": {"kind": "lines", "size": 48},
        "scan": {"layout": "grid_groups", "n_images": None},
    },
    "file": {"scan": {"layout": "file", "n_images": None, "file": POSITIONS_FILE}},
    "jitter": {"scan": {"jitter": 1.5}},
    "no buffer": {"scan": {"buffer": 0}},
    "objects": {"object": {"count": 3}},
    "objects on rasters": {"object": {"count": 4}, "scan": {"layout": "raster"}},
    "objects on spirals": {"object": {"count": 3}, "scan": {"layout": "spiral"}},
    "coordinate-major": {"object": {"count": 4}, "scan": {"order": "coordinate-major"}},
    "coordinate-major raster": {
        "object": {"count": 4},
        "scan": {"order": "coordinate-major", "layout": "raster"},
    },
    "per_pattern": {"detector": {"dose": "per_pattern"}},
    "dose range": {"detector": {"dose": {"range": [1e3, 1e6]}}},
    "beamstop": {"detector": {"beamstop_diameter": 6, "background": 0.5}},
    "background": {"detector": {"background": 0.5}},
    "mask": {"detector": {"mask_file": MASK_FILE}},
    "read-out noise": {"detector": {"gaussian_sigma": 1.5}},
    "saturation": {"detector": {"saturation": 300}},
    "large counts": {"detector": {"nphotons": 1e9, "saturation": 6e6}},
    "no noise": {"detector": {"poisson": False, "saturation": 300}},
    "uint16": {"output": {"measurement": "count_intensity", "counts_dtype": "uint16"}},
    "expected counts": {
        "output": {"measurement": "count_intensity"},
        "detector": {"poisson": False},
    },
    "count_amplitude": {"output": {"measurement": "count_amplitude"}},
    "intensity": {"output": {"measurement": "intensity"}},
    "virtual": {"frames_per_shard": 10, "output": {"merge": "virtual"}},
    "no patches": {"output": {"store_patches": False}},
    "canonical": {"output": {"contract": "canonical"}},
    "modes": {"probe": {"modes": {"count": 3}}},
    "complex probe": {"probe": {"kind": "zernike"}},
    "nearest": {"subpixel": "nearest"},
    "fourier": {"subpixel": "fourier"},
    "small fourier": {"subpixel": "fourier", "probe": {"N": 16}},
    "one frame": {"scan": {"n_images": 1}, "split": None},
    "five frames": {"scan": {"n_images": 5}},
    "wide gap": {"object": {"size": 140}, "split": {"gap": "auto", "axis": "x"}},
    "N = 128": {"probe": {"N": 128}, "object": {"size": 300}, "scan": {"n_images": 8}},
}
SKIPPED = {
    "file": {"coordinates"},
    "beamstop": {"dose"},
    "mask": {"dose"},
    "read-out noise": {"dose", "poisson"},
    "saturation": {"dose", "poisson"},
    "large counts": {"dose", "poisson"},
    "no noise": {"dose", "integer_counts", "poisson"},
    "expected counts": {"integer_counts", "poisson"},
    "no patches": {"patch_truth"},
    "modes": {"conjugate_symmetry"},
    "complex probe": {"conjugate_symmetry"},
    "small fourier": {"gaussian_probe"},
    "one frame": {"split"},
}
APPLY = {"modes": {"modes"}, "N = 128": {"airy"}}


@pytest.mark.parametrize("name", VARIANTS)
def test_good_data_sets_of_every_kind_pass(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    x, y = np.random.default_rng(0).uniform(2, 110, (2, 50))
    write_csv(tmp_path / POSITIONS_FILE, ["xcoords", "ycoords"], zip(x, y, strict=True))
    mask = np.ones((32, 32), np.uint8)
    mask[3:5, 7:20] = 0
    np.save(tmp_path / MASK_FILE, mask)
    rows = rows_of(small_dataset(tmp_path / "data", VARIANTS[name]))
    assert [row for row in rows.values() if not row.passed] == []
    expected = (set(USUALLY_SKIPPED) | SKIPPED.get(name, set())) - APPLY.get(name, set())
    assert {name for name, row in rows.items() if row.skipped} == expected


def test_frames_are_picked_by_the_checks_own_stream(good):
    rng = np.random.Generator(
        np.random.Philox(
            np.random.SeedSequence(entropy=7, spawn_key=(zlib.crc32(b"ptycho.checks"), 0))
        )
    )
    np.testing.assert_array_equal(picked(good), np.sort(rng.choice(64, 16, replace=False)))


# The data set itself


def test_parseval_sees_power_that_is_not_the_frames(good):
    def model(case):
        honest = case.model
        return SimpleNamespace(
            power=lambda *where: honest.power(*where) * (1 + 1e-5),
            expected=honest.expected,
            frames=honest.frames,
            detector_mask=honest.detector_mask,
        )

    assert failed(good, model) == {"parseval"}


def test_dose_sees_a_wrong_photon_scale(spoilable):
    spoil_entry(spoilable["scale.json"], "intensity_scale", lambda value: value * 1.01)
    spoilable.make_frames()
    spoilable.make_totals()
    assert failed(spoilable) == {"dose"}


def test_integer_counts_sees_a_frame_that_is_scaled(spoilable):
    def change(diff3d, patches, case):
        diff3d[last(case)] *= np.float32(1 + 1e-5)

    rewrite_frames(spoilable, change)
    assert failed(spoilable) == {"integer_counts"}
    assert rows_of(spoilable)["integer_counts"].worst_sample == last_picked(spoilable)


def test_poisson_sees_counts_without_noise(spoilable):
    def change(diff3d, patches, case):
        scale = case.scales["intensity_scale"]
        rows = case.picked[4:]
        expected = case.expected_picked[4:] * scale**2
        diff3d[rows] = np.sqrt(np.rint(expected)) / scale

    rewrite_frames(spoilable, change)
    assert failed(spoilable) == {"poisson"}


def test_poisson_sees_a_shifted_mean(spoilable):
    def change(diff3d, patches, case):
        scale = case.scales["intensity_scale"]
        rows = case.picked[4:]
        counts = np.rint((diff3d[rows].astype(float) * scale) ** 2)
        diff3d[rows] = np.sqrt(counts + (counts > 5)) / scale

    rewrite_frames(spoilable, change)
    assert failed(spoilable) == {"poisson"}


def test_determinism_sees_another_draw_of_the_same_frame(spoilable):
    def change(diff3d, patches, case):
        row = case.picked[1]
        x, y, index = case.where(np.array([row]))
        (block,) = case.model.frames(
            x,
            y,
            intensity_scale=case.scales["intensity_scale"],
            mean_power=case.scales["mean_exit_power"],
            first_frame=1000,
            object_index=index,
        )
        diff3d[row] = block.diff3d[0]

    rewrite_frames(spoilable, change)
    assert failed(spoilable) == {"determinism"}
    assert rows_of(spoilable)["determinism"].worst_sample == picked(spoilable)[1]


def test_determinism_sees_a_dose_that_was_not_drawn(tmp_path):
    data = small_dataset(tmp_path, {"detector": {"dose": {"range": [1e4, 1e6]}}})
    with h5py.File(data["simulated.h5"], "r+") as file:
        file["dose"][picked(data)[2]] *= 1.5
    assert failed(data) == {"determinism"}


def test_patch_truth_sees_a_patch_of_another_place(spoilable):
    def change(diff3d, patches, case):
        patches[last(case)] = patches[last(case) - 1]

    rewrite_frames(spoilable, change)
    assert failed(spoilable) == {"patch_truth"}


def last(case):
    return case.picked[-1]


def last_picked(data):
    return picked(data)[-1]


def spoil_entry(path, key, change):
    content = read_json(path)
    *parents, name = key.split(".")
    place = content
    for parent in parents:
        place = place[parent]
    place[name] = change(place[name])
    write_json(path, content)


# The forward operator


def honest(objects, probe):
    return ForwardModel(objects, probe, seed=1, nphotons=1e6)


def amplitude(objects, probe, x, y):
    return np.sqrt(honest(objects, probe).expected(x, y))


def power(objects, probe, x, y):
    return honest(objects, probe).power(x, y)


def is_flat(objects):
    return np.ptp(objects.real) == 0 == np.ptp(objects.imag)


def odd_columns_one_off(objects, probe, x, y):
    return amplitude(objects, probe, x + (x % 2 == 1), y)


def brighter(objects, probe, x, y):
    return amplitude(objects, probe, x, y) * (1 + 1e-5)


def phase_sensitive(objects, probe, x, y):
    return amplitude(objects, probe, x, y) * (1 + 1e-5 * abs(np.angle(objects)).min())


def saturating(objects, probe, x, y):
    return amplitude(objects, probe, x, y) * (1 - 1e-5 * (abs(objects).max() > 2))


def shifted_for_real_objects(objects, probe, x, y):
    real = not objects.imag.any() and not is_flat(objects)
    return np.roll(amplitude(objects, probe, x, y), int(real), axis=2)


def inverse_transform(objects, probe, x, y):
    return rotated(amplitude(objects, probe, x, y))


def brighter_at_the_edge(objects, probe, x, y):
    at_edge = objects.shape[-1] == probe.shape[-1]
    return amplitude(objects, probe, x, y) * (1 + 0.002 * at_edge)


def eats_hard_edges(objects, probe, x, y):
    aperture = probe.real if probe.ndim == 2 else probe[0].real
    if set(np.unique(aperture)) == {0, 1}:
        for _ in range(2):
            for axis in (0, 1):
                aperture = aperture * np.roll(aperture, 1, axis) * np.roll(aperture, -1, axis)
        probe = aperture.astype(np.complex64)
    return amplitude(objects, probe, x, y)


def coherent_modes(objects, probe, x, y):
    if probe.ndim == 3 and len(probe) > 1 and not is_flat(objects):
        probe = probe.sum(axis=0)
    return amplitude(objects, probe, x, y)


def absorbs_negative_phase(objects, probe, x, y):
    phase = np.angle(objects)
    delayed = phase.min() < -0.1 and phase.max() < 0.1
    return amplitude(objects, probe, x, y) * (1 - 1e-5 * delayed)


SPOILED_OPERATORS = {
    "translation": odd_columns_one_off,
    "flat_object": brighter,
    "global_phase": phase_sensitive,
    "scaling": saturating,
    "conjugate_symmetry": shifted_for_real_objects,
    "phase_ramp": inverse_transform,
    "gaussian_probe": brighter_at_the_edge,
    "airy": eats_hard_edges,
    "modes": coherent_modes,
    "conjugation": absorbs_negative_phase,
}


def probe_for(check_id):
    probe = get_default_probe(64).astype(np.complex64)
    if check_id == "modes":
        return incoherent_modes(probe, 3, None, np.random.default_rng(1))
    return probe


@pytest.mark.parametrize("check_id", SPOILED_OPERATORS)
def test_each_invariant_sees_the_operator_that_breaks_it(check_id):
    rows = physics_checks(probe_for(check_id), SPOILED_OPERATORS[check_id], power)
    assert [row.id for row in rows if not row.passed] == [check_id]


@pytest.mark.parametrize("check_id", ["modes", "airy"])
def test_the_honest_operator_keeps_every_invariant(check_id):
    rows = physics_checks(probe_for(check_id), amplitude, power)
    assert all(row.passed for row in rows)
    skipped = {row.id for row in rows if row.skipped}
    assert skipped == ({"conjugate_symmetry"} if check_id == "modes" else {"modes"})


def test_scaling_sees_a_photon_scale_that_does_not_follow_the_power():
    def wrong_power(objects, probe, x, y):
        return power(objects, probe, x, y) * (1 + 1e-5 * (abs(objects).max() > 2))

    rows = physics_checks(probe_for("scaling"), amplitude, wrong_power)
    assert [row.id for row in rows if not row.passed] == ["scaling"]


@pytest.mark.parametrize("side", [16, 22, 48, 512])
def test_the_invariants_hold_for_every_size(side):
    rows = physics_checks(get_default_probe(side).astype(np.complex64), amplitude, power)
    assert [row for row in rows if not row.passed] == []


# Positions


def with_positions(folder, change, *changes):
    """A data set, consistent in itself, whose positions `change` altered."""
    data = small_dataset(folder, *changes)
    positions = read_npz(data["positions.npz"])
    change(positions)
    write_npz(data["positions.npz"], positions)
    data.make_scale()
    data.make_frames()
    data.make_totals()
    return data


def move(frame, dx=0.0, dy=0.0):
    def change(positions):
        for end in ("", "_start"):
            positions[f"xcoords{end}"][frame] += dx
            positions[f"ycoords{end}"][frame] += dy

    return change


def place(frame, x):
    def change(positions):
        for end in ("", "_start"):
            positions[f"xcoords{end}"][frame] = x

    return change


def move_the_true_one(positions):
    positions["xcoords"][5] += 0.25


def repeat(positions):
    for key in ("xcoords", "ycoords", "xcoords_start", "ycoords_start"):
        positions[key][9] = positions[key][5]


def stretch(positions):
    for key in ("xcoords", "xcoords_start"):
        positions[key][:] = 56 + 0.9 * (positions[key] - 56)


POSITION_FAULTS = {
    "beyond the buffer": (place(5, 15.5), {}, 5),
    "repeated": (repeat, {}, 9),
    "moved without jitter": (move_the_true_one, {}, 5),
    "raster node": (move(5, 0.01), {"scan": {"layout": "raster"}}, 5),
    "raster pitch": (stretch, {"scan": {"layout": "raster"}}, 0),
    "transposed raster": (
        move(5, dy=0.01),
        {"scan": {"layout": "raster", "options": {"transpose": True}}},
        5,
    ),
    "fixed pitch": (
        move(5, 0.01),
        {"scan": {"layout": "fixed_pitch_raster", "options": {"pitch": 5}}},
        5,
    ),
    "jittered grid": (move(5, 8.0), {"scan": {"layout": "jittered_grid"}}, 5),
    "full frame": (move(5, 0.01), {"scan": {"layout": "full_frame"}}, 5),
    "spiral": (move(5, 0.01), {"scan": {"layout": "spiral"}}, 5),
    "grid groups": (
        move(5, 1.0),
        {
            "object": {"kind": "lines", "size": 48},
            "scan": {"layout": "grid_groups", "n_images": None},
        },
        5,
    ),
}


@pytest.mark.parametrize("name", POSITION_FAULTS)
def test_coordinates_sees_positions_that_are_not_the_layouts(tmp_path, name):
    change, changes, frame = POSITION_FAULTS[name]
    data = with_positions(tmp_path, change, changes)
    assert failed(data) == {"coordinates"}
    assert rows_of(data)["coordinates"].worst_sample == frame


@pytest.mark.parametrize(
    ("scan", "text"),
    [
        ({"n_images": 64}, "0 patches reach outside (none may)"),
        ({"buffer": 1}, "patches reach outside (allowed)"),
        ({"jitter": 20}, "patches reach outside (allowed)"),
    ],
)
def test_coordinates_counts_the_patches_outside(tmp_path, scan, text):
    row = rows_of(small_dataset(tmp_path, {"scan": scan}))["coordinates"]
    assert row.passed
    assert text in row.what
    assert row.what.split(";")[1].split()[0].isdigit()


# Files and statistics


def edit_h5(change):
    def edit(data):
        with h5py.File(data["simulated.h5"], "r+") as file:
            change(file)

    return edit


def set_item(key, place, value):
    def change(file):
        file[key][place] = value

    return edit_h5(change)


def replace_digest(file):
    record = json.loads(file.attrs["_metadata"])
    record["simulation"]["spec_sha256"] = "0" * 64
    file.attrs["_metadata"] = json.dumps(record)


def as_float64(file):
    values = file["diff3d"][()].astype(np.float64)
    del file["diff3d"]
    file["diff3d"] = values


FILE_FAULTS = {
    "missing key": (edit_h5(lambda file: file.pop("scan_index")), "scan_index is missing"),
    "dtype": (edit_h5(as_float64), "diff3d is float64"),
    "positions": (set_item("ycoords", 3, 50.0), "ycoords differs from positions.npz"),
    "object": (set_item("objectGuess", (0, 0), 2j), "objectGuess differs from input.npz"),
    "probe": (set_item("probeGuess", (16, 16), 2j), "probeGuess differs from input.npz"),
    "norm": (set_item("norm_Y_I", (), 2.0), "norm_Y_I differs from normalization.json"),
    "mask": (
        edit_h5(lambda file: file.create_dataset("detector_mask", data=np.ones((32, 32), "u1"))),
        "detector_mask differs from the detector",
    ),
    "not finite": (set_item("objectGuess", (0, 0), np.nan), "objectGuess: 1 of 12544 values"),
    "format": (edit_h5(lambda file: file.attrs.pop("format")), "attribute format"),
    "digest": (edit_h5(replace_digest), "the digest of the metadata"),
}


@pytest.mark.parametrize("name", FILE_FAULTS)
def test_files_sees_what_the_file_lacks_or_does_not_share_with_its_sources(spoilable, name):
    spoil, text = FILE_FAULTS[name]
    spoil(spoilable)
    rows = rows_of(spoilable)
    assert {row.id for row in rows.values() if not row.passed} == {"files"}
    assert text in rows["files"].what


def test_files_sees_negative_values(tmp_path):
    data = small_dataset(
        tmp_path,
        {"detector": {"poisson": False}, "output": {"measurement": "intensity"}},
    )

    def change(diff3d, patches, case):
        dark = np.unravel_index(np.argmin(diff3d[last(case)]), (32, 32))
        diff3d[last(case)][dark] *= -1

    with ExitStack() as stack:
        case = data.case(stack)
        frames = case.frames.read("diff3d")
        change(frames, None, case)
    with h5py.File(data["simulated.h5"], "r+") as file:
        file["diff3d"][...] = frames
    rows = rows_of(data)
    assert "1 values of frame" in rows["files"].what
    assert "negative" in rows["files"].what
    assert not rows["files"].passed


def test_files_sees_another_number_of_frames_than_configured(good):
    spec = specs.checks_spec(good.dataset, good.sizes, good.patches) | {"n_images": 65}
    with pytest.raises(ChecksFailedError, match=r"1 of 21 checks failed: files"):
        write_dataset_checks(spec, good.check_files, None, None, good["other.json"])


NORMALIZATION_FAULTS = {
    "diff3d.mean": lambda value: value * (1 + 1e-8),
    "diff3d.p99": lambda value: value * 1.01,
    "mean_counts": lambda value: value * (1 + 1e-8),
    "radial_mean_counts": lambda values: [*values[:3], values[3] * (1 + 1e-8), *values[4:]],
    "object.phase.std": lambda value: value * (1 + 1e-8),
    "norm_Y_I_patch": lambda value: value * (1 + 1e-8),
    "intensity_scale": lambda value: value * (1 + 1e-8),
    "n": lambda value: value + 1,
    "mean_nearest_distance": lambda value: None,
    "measurement_domain": lambda value: "intensity",
}


@pytest.mark.parametrize("key", NORMALIZATION_FAULTS)
def test_statistics_sees_a_number_that_the_file_does_not_give(spoilable, key):
    spoil_entry(spoilable["normalization.json"], key, NORMALIZATION_FAULTS[key])
    rows = rows_of(spoilable)
    assert {row.id for row in rows.values() if not row.passed} == {"statistics"}
    assert f"({key})" in rows["statistics"].what


@pytest.mark.parametrize("change", [lambda n: n.update(extra=1), lambda n: n.pop("mean_counts")])
def test_statistics_sees_missing_and_unknown_entries(spoilable, change):
    content = read_json(spoilable["normalization.json"])
    change(content)
    write_json(spoilable["normalization.json"], content)
    assert failed(spoilable) == {"statistics"}


# Splits


def relabel(data, label_of):
    header, rows = read_csv(data["index.csv"])
    column, y = header.index("split"), header.index("y")
    for number, row in enumerate(rows):
        row[column] = label_of(number, row[column], float(row[y]))
    write_csv(data["index.csv"], header, rows)
    data.make_normalization()


def first_of(data, label):
    header, rows = read_csv(data["index.csv"])
    return next(i for i, row in enumerate(rows) if row[header.index("split")] == label)


@pytest.mark.parametrize(
    ("old", "new"),
    [("test", "train"), ("train", "test"), ("excluded", "train"), ("train", "excluded")],
)
def test_split_sees_a_frame_on_the_wrong_side(spoilable, old, new):
    frame = first_of(spoilable, old)
    relabel(spoilable, lambda number, label, y: new if number == frame else label)
    assert failed(spoilable) == {"split"}
    assert rows_of(spoilable)["split"].worst_sample == frame


def test_split_sees_an_empty_side(spoilable):
    relabel(spoilable, lambda number, label, y: "train")
    assert failed(spoilable) == {"split"}


def test_split_counts_the_frames_in_the_gap(good):
    header, rows = read_csv(good["index.csv"])
    labels = [row[header.index("split")] for row in rows]
    excluded = labels.count("excluded")
    assert excluded > 0
    assert f"{excluded} excluded in the gap" in rows_of(good)["split"].what


def test_split_sees_labels_of_a_data_set_that_is_not_split(tmp_path):
    data = small_dataset(tmp_path, {"split": None})
    relabel(data, lambda number, label, y: "test" if number == 3 else "train")
    assert failed(data) == {"split"}


# Measured data


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    """A simulated data set that stands for an experiment."""
    return small_dataset(
        tmp_path_factory.mktemp("experiment"),
        {"detector": {"nphotons": 1e6}, "scan": {"n_images": 24}, "split": None},
    )


def measured_source(experiment, path, key, frames, order=slice(None)):
    arrays = read_npz(experiment["input.npz"]) | read_npz(experiment["positions.npz"])
    write_npz(path, {**arrays, key: frames[order]})


def from_source(folder, source, *changes):
    config = {
        "object": {"kind": "file", "size": None, "file": str(source)},
        "probe": {"kind": "file", "N": None, "file": str(source)},
        "split": None,
    }
    return small_dataset(folder, config, *changes)


def frames_of(experiment):
    with open_dataset(experiment["simulated.h5"]) as data:
        amplitudes = data.frames.read("diff3d")
        scale = float(data.shared["intensity_scale"])
    return amplitudes, np.rint((amplitudes.astype(np.float64) * scale) ** 2)


MEASURED = {
    "float amplitude, no record": ("diff3d", lambda amplitudes, counts: amplitudes),
    "float amplitude, new name": ("diffraction", lambda amplitudes, counts: amplitudes),
    "uint16 intensity": ("diff3d", lambda amplitudes, counts: counts.astype(np.uint16)),
    "int32 intensity": ("diffraction", lambda amplitudes, counts: counts.astype(np.int32)),
}


@pytest.mark.parametrize("kind", MEASURED)
def test_measured_data_compares_frames_of_an_experiment(tmp_path, experiment, kind):
    key, convert_frames = MEASURED[kind]
    frames = convert_frames(*frames_of(experiment))
    measured_source(experiment, tmp_path / "source.npz", key, frames)
    rows = rows_of(from_source(tmp_path / "good", tmp_path / "source.npz"))
    assert not rows["measured_data"].skipped
    assert all(row.passed for row in rows.values())
    assert rows["measured_data"].measured < 0.1
    measured_source(experiment, tmp_path / "source.npz", key, frames, slice(None, None, -1))
    assert failed(from_source(tmp_path / "bad", tmp_path / "source.npz")) == {"measured_data"}


@pytest.mark.parametrize("measurement", ["normalized_amplitude", "count_amplitude", "intensity"])
@pytest.mark.parametrize("suffix", ["npz", "h5"])
def test_measured_data_believes_the_domain_that_a_file_declares(tmp_path, measurement, suffix):
    config = {"detector": {"nphotons": 1e6}, "output": {"measurement": measurement}}
    source = small_dataset(tmp_path / "source", config, {"scan": {"n_images": 8}})
    data = from_source(tmp_path / "data", source[f"simulated.{suffix}"])
    row = rows_of(data)["measured_data"]
    assert row.passed
    assert row.measured < 0.1


def test_measured_data_takes_cxi_frames_for_what_the_detector_counted(tmp_path):
    config = {"detector": {"nphotons": 1e6}, "output": {"measurement": "count_intensity"}}
    source = small_dataset(tmp_path / "source", config, {"scan": {"n_images": 8}})
    convert(source["simulated.npz"], tmp_path / "scan.cxi", "cxi", pixel_size_m=1e-8)
    row = rows_of(from_source(tmp_path / "data", tmp_path / "scan.cxi"))["measured_data"]
    assert row.passed
    assert row.measured < 0.1


def test_measured_data_leaves_out_dark_frames_and_says_so(tmp_path, experiment):
    amplitudes, _ = frames_of(experiment)
    amplitudes[3] = 0
    measured_source(experiment, tmp_path / "source.npz", "diff3d", amplitudes)
    row = rows_of(from_source(tmp_path / "data", tmp_path / "source.npz"))["measured_data"]
    assert row.passed
    assert "23 measured frames (1 dark ones left out)" in row.what


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"object": {"phase": "zero"}}, "object.phase: zero replaces"),
        ({"probe": {"mask_diameter": 20}}, "not the one of the source"),
        ({"probe": {"transform": "smooth:1"}}, "not the one of the source"),
        ({"probe": {"modes": {"count": 2}}}, "not the one of the source"),
        ({"probe": {"kind": "default", "N": 32, "file": None}}, "not the one of the source"),
        ({"probe": {"kind": "default", "N": 64, "file": None}}, "N is 64"),
    ],
)
def test_measured_data_does_not_compare_another_object_or_probe(
    tmp_path, experiment, changes, reason
):
    measured_source(experiment, tmp_path / "source.npz", "diff3d", frames_of(experiment)[0])
    row = rows_of(from_source(tmp_path / "data", tmp_path / "source.npz", changes))["measured_data"]
    assert row.skipped
    assert reason in row.what


def test_measured_amplitudes_of_intensities_below_zero_are_dark():
    frames = np.array([[[-1.5, 4.0]]])
    np.testing.assert_array_equal(measured_amplitude(frames, "intensity"), [[[0, 2]]])
    np.testing.assert_array_equal(measured_amplitude(frames, "normalized_amplitude"), frames)


def test_saturation_with_counting_noise_is_a_whole_number():
    with pytest.raises(ConfigError, match=r"saturation is 300\.5"):
        parse_config(DetectorConfig, {"saturation": 300.5})
    assert parse_config(DetectorConfig, {"saturation": 300.5, "poisson": False}).saturation == 300.5
