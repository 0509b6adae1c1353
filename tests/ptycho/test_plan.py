"""What a dry run knows: sizes from headers, what is impossible, jobs and bytes."""

import re

import h5py
import numpy as np
import pytest
from ptycho_campaign import merged, small_dataset

from simlab.campaign import load_campaign
from simlab.core.config import parse_config
from simlab.core.errors import ConfigError, InputFileError, MissingKeyError
from simlab.core.files import read_json, read_npz, write_csv, write_npz
from simlab.ptycho import plan
from simlab.ptycho.config import DatasetConfig
from simlab.ptycho.files.coordinates import read_coordinates
from simlab.ptycho.headers import coordinate_layout

BASE = {
    "object": {"kind": "dead_leaves", "size": 96},
    "probe": {"N": 32},
    "scan": {"n_images": 24},
    "detector": {"nphotons": 1e5},
}
FROM_FILE = {"layout": "file", "n_images": None}


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def dataset_of(*changes):
    return parse_config(DatasetConfig, merged(BASE, *changes))


def problems_of(*changes):
    """What the dry run of the workflow says of BASE with `changes`, one line a problem."""
    campaign = {"ptycho": {"datasets": {"x": merged(BASE, *changes)}}}
    with pytest.raises(ConfigError) as error:
        load_campaign(campaign)
    count, *lines = str(error.value).splitlines()
    assert int(re.search(r"(\d+) problem", count)[1]) == len(lines)
    return lines


def coordinates(path, **columns):
    x, y = np.random.default_rng(5).uniform(16, 80, (2, 6))
    write_npz(path, {"xcoords": x, "ycoords": y} | columns)


# Coordinate files


def test_coordinates_shared_by_several_objects_are_frames_of_each(tmp_path):
    coordinates("xy.npz")
    scan = FROM_FILE | {"file": "xy.npz", "order": "coordinate-major"}
    data = small_dataset(
        tmp_path / "made", {"object": {"count": 2}, "scan": scan, "frames_per_shard": 5}, base=BASE
    )
    assert data.sizes.frames == 12
    assert len(data.sizes.shards) == 3
    index = read_npz(data["simulated.npz"])["object_index"]
    np.testing.assert_array_equal(index, np.tile([0, 1], 6))
    assert read_json(data["normalization.json"])["n"] == 12


@pytest.mark.parametrize(
    ("scan", "indexed", "frames"),
    [
        ({"order": "coordinate-major"}, False, 12),
        ({"order": "coordinate-major", "n_images": 12}, False, 12),
        ({"order": "coordinate-major", "n_images": 8}, False, 8),
        ({"order": "coordinate-major"}, True, 6),
        ({"order": "object-major"}, False, 6),
        ({"order": "object-major", "n_images": 4}, False, 4),
    ],
)
def test_planned_frames_are_those_of_the_positions(tmp_path, scan, indexed, frames):
    coordinates("xy.npz", **({"object_index": np.array([0, 1, 1, 0, 1, 0])} if indexed else {}))
    changes = {"object": {"count": 2}, "scan": FROM_FILE | {"file": "xy.npz"} | scan}
    data = small_dataset(tmp_path / "made", changes, base=BASE)
    assert data.sizes.frames == frames
    assert len(read_npz(data["positions.npz"])["xcoords"]) == frames


def test_more_frames_than_the_file_has_are_refused():
    coordinates("xy.npz")
    scan = {"layout": "file", "file": "xy.npz", "n_images": 14, "order": "coordinate-major"}
    (line,) = problems_of({"object": {"count": 2}, "scan": scan})
    assert "n_images is 14" in line
    assert "6 rows for each of 2 objects" in line
    (line,) = problems_of({"scan": scan | {"n_images": 7, "order": "object-major"}})
    assert line.endswith("xy.npz has 6 rows")


def test_objects_of_a_file_share_the_coordinates_evenly():
    coordinates("xy.npz")
    write_npz("in.npz", {"objectGuess": np.ones((3, 96, 96), np.complex64)})
    scan = {"layout": "file", "file": "xy.npz", "n_images": 8, "order": "coordinate-major"}
    (line,) = problems_of({"object": None, "scan": scan}, {"object": {"file": "in.npz"} | KIND})
    assert "n_images (8)" in line
    assert "number of objects (3)" in line


KIND = {"kind": "file"}


@pytest.mark.parametrize("value", [np.float64(20), np.array([20.0]), np.full((2, 3), 20.0)])
@pytest.mark.parametrize("suffix", ["npz", "h5"])
def test_coordinates_of_any_shape_are_counted_as_they_are_read(tmp_path, value, suffix):
    path = tmp_path / f"xy.{suffix}"
    if suffix == "npz":
        write_npz(path, {"xcoords": value, "ycoords": value})
    else:
        with h5py.File(path, "w") as file:
            file["xcoords"] = file["ycoords"] = value
    assert coordinate_layout(path) == (len(read_coordinates(path)["xcoords"]), False)


def test_one_position_given_as_a_number_is_a_frame(tmp_path):
    write_npz("xy.npz", {"xcoords": np.float64(40), "ycoords": np.float64(50)})
    changes = {"scan": FROM_FILE | {"file": "xy.npz"}}
    assert small_dataset(tmp_path / "made", changes, base=BASE).sizes.frames == 1


def test_positions_in_meters_are_counted(tmp_path):
    product, cxi = tmp_path / "p.h5", tmp_path / "c.cxi"
    with h5py.File(product, "w") as file:
        for axis in "xy":
            file[f"probe_position_{axis}_m"] = np.zeros(7)
    with h5py.File(cxi, "w") as file:
        file["entry_1/data_1/translation"] = np.zeros((9, 3))
    assert coordinate_layout(product) == (7, False)
    assert coordinate_layout(cxi) == (9, False)


UNUSABLE = {
    "empty.csv": (["xcoords", "ycoords"], [], InputFileError, "holds no position"),
    "column.csv": (["x", "ycoords"], [[1, 2]], MissingKeyError, "no column 'xcoords'"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_tables_without_positions_are_refused_as_by_the_reader(tmp_path, name):
    header, rows, kind, text = UNUSABLE[name]
    write_csv(tmp_path / name, header, rows)
    for read in (coordinate_layout, read_coordinates):
        with pytest.raises(kind, match=text):
            read(tmp_path / name)


@pytest.mark.parametrize("suffix", ["npz", "h5"])
@pytest.mark.parametrize("key", ["ycoords", "object_index"])
def test_columns_of_different_length_are_refused_as_by_the_reader(tmp_path, suffix, key):
    path = tmp_path / f"xy.{suffix}"
    columns = {"xcoords": np.zeros(5), "ycoords": np.zeros(5), key: np.zeros(4)}
    if suffix == "npz":
        write_npz(path, columns)
    else:
        with h5py.File(path, "w") as file:
            for name, values in columns.items():
                file[name] = values
    for read in (coordinate_layout, read_coordinates):
        with pytest.raises(InputFileError, match="lengths differ"):
            read(path)


# What a dry run refuses


REFUSED = {
    "raster": (
        {"scan": {"layout": "raster", "n_images": 24}},
        ["raster", "n_images is 24", "16 and 25"],
    ),
    "raster of two objects": (
        {"scan": {"layout": "raster", "n_images": 36}, "object": {"count": 2}},
        ["n_images is 18", "for each of 2 objects"],
    ),
    "uneven rasters": (
        {"scan": {"layout": "raster", "n_images": 51}, "object": {"count": 2}},
        ["n_images is 26", "25 and 36"],
    ),
    "fixed pitch": (
        {"scan": {"layout": "fixed_pitch_raster", "n_images": 24}},
        ["fixed_pitch_raster", "16 and 25"],
    ),
    "wide raster": (
        {"scan": {"layout": "fixed_pitch_raster", "n_images": 400}},
        ["20 x 20", "end at 92", "(96, 96)", "80"],
    ),
    "small for grid groups": (
        {"scan": {"layout": "grid_groups", "n_images": None, "options": {"offset": 100}}},
        ["grid_groups", "(96, 96)", "132 px"],
    ),
    "no positions": ({"scan": FROM_FILE | {"file": "empty.csv"}}, ["empty.csv: holds no position"]),
    "no column": ({"scan": FROM_FILE | {"file": "column.csv"}}, ["column.csv", "'ycoords'"]),
    "split of one": (
        {"scan": {"n_images": 1}, "split": {}},
        ["split.fraction 0.8", "1 frames empty"],
    ),
    "split": ({"split": {"fraction": 0.99}}, ["split.fraction 0.99", "24 frames empty"]),
    "modes twice": (
        {"probe": {"kind": "file", "N": None, "file": "modes.npz", "modes": {"count": 2}}},
        ["probe.modes.count is 2", "modes.npz has 3 modes"],
    ),
    "probe": (
        {"probe": {"kind": "file", "N": None, "file": "oblong.npz"}},
        ["oblong.npz", "(32, 30)", "not square"],
    ),
    "mask": ({"detector": {"mask_file": "mask.npy"}}, ["mask.npy", "(8, 8)", "(32, 32)"]),
    "mask key": ({"detector": {"mask_file": "modes.npz"}}, ["modes.npz", "'mask'"]),
    "few frames": ({"grouping": {"gridsize": 5, "K": 25}}, ["24 frames", "gridsize^2 = 25"]),
    "many groups": ({"grouping": {"nsamples": 30}}, ["nsamples is 30", "enable_oversampling"]),
    "small pool": (
        {"grouping": {"nsamples": 30, "enable_oversampling": True, "neighbor_pool_size": 3}},
        ["neighbor_pool_size is 3", "4"],
    ),
    "legacy seed": (
        {"seed": 2**32, "grouping": {"legacy": True}},
        ["seed (4294967296)", "grouping.legacy"],
    ),
    "letters": (
        {"object": {"kind": "V", "size": 26}, "probe": {"N": 16}},
        ["object.size is 26", "28"],
    ),
    "beamstop": (
        {"detector": {"beamstop_diameter": 45.3}},
        ["beamstop_diameter is 45.3", "all 32 x 32"],
    ),
    "grid of objects": (
        {"object": {"count": 2}, "scan": {"layout": "grid_groups", "n_images": None}},
        ["grid_groups", "object.count"],
    ),
    "grid of objects in a file": (
        {
            "object": {"kind": "file", "size": None, "file": "objects.npz"},
            "scan": {"layout": "grid_groups", "n_images": None},
        },
        ["grid_groups needs one object, found 2"],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_work_is_refused_before_anything_runs(name):
    write_csv("empty.csv", ["xcoords", "ycoords"], [])
    write_csv("column.csv", ["x", "xcoords"], [[20, 20]])
    write_npz("modes.npz", {"probeGuess": np.ones((3, 32, 32), np.complex64)})
    write_npz("oblong.npz", {"probeGuess": np.ones((32, 30), np.complex64)})
    write_npz("objects.npz", {"objectGuess": np.ones((2, 96, 96), np.complex64)})
    np.save("mask.npy", np.ones((8, 8), np.uint8))
    changes, texts = REFUSED[name]
    (line,) = problems_of(changes)
    for text in texts:
        assert text in line


ACCEPTED = {
    "rasters": {"scan": {"layout": "raster", "n_images": 32}, "object": {"count": 2}},
    "largest raster": {"scan": {"layout": "fixed_pitch_raster", "n_images": 289}},
    "largest beamstop": {"detector": {"beamstop_diameter": 45.2}},
    "geometric beamstop": {"detector": {"beamstop_diameter": 43.8, "beamstop_center": "geometric"}},
    "smallest letters": {"object": {"kind": "V", "size": 28}, "probe": {"N": 16}},
    "as many groups as frames": {"grouping": {"nsamples": 24}},
    "groups of one": {"grouping": {"gridsize": 1, "nsamples": 99}},
    "legacy groups": {"seed": 2**32 - 1, "grouping": {"legacy": True}},
    "one group": {"scan": {"n_images": 4}, "grouping": {"legacy": True}},
    "smallest split": {"scan": {"n_images": 2}, "split": {"fraction": 0.5}},
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_just_works_is_planned_and_made(tmp_path, name):
    dataset = dataset_of(ACCEPTED[name])
    assert plan.problems(dataset) == []
    small_dataset(tmp_path / "made", ACCEPTED[name], base=BASE)


def test_grid_groups_take_objects_with_a_phase_of_their_own(tmp_path):
    changes = {"object": {"size": 48}, "scan": {"layout": "grid_groups", "n_images": None}}
    data = small_dataset(tmp_path / "made", changes, base=BASE)
    assert plan.group_sizes(data.dataset) == [2]
    assert len(read_npz(data["positions.npz"])["xcoords"]) == data.sizes.frames == 4 * 4**2


# Jobs and bytes


CAMPAIGN = {
    "plain": {"output": {"npz": False}},
    "all": {"frames_per_shard": 10, "split": {"files": True}, "grouping": {"gridsize": 2}},
}
JOBS = {"plain": 12 + 2, "all": 12 + 2 * 3 + 3}


def test_jobs_are_the_rules_of_a_data_set():
    for name, changes in CAMPAIGN.items():
        dataset = dataset_of(changes)
        assert plan.estimate("x", dataset).jobs == JOBS[name]


STATISTICS = 24 * (11 * 8 + 16 * 8 + 256 * 4)


def frame_bytes(**output):
    return plan.output_bytes(*sized({"output": output}))


def sized(*changes):
    dataset = dataset_of({"object": {"size": 32}}, *changes)
    return dataset, plan.geometry(dataset)


def test_bytes_count_each_file_that_is_written():
    pixels, an_object = 24 * 32**2, 32 * 32 * 8
    shards_only = pixels * 12 + 3 * an_object + STATISTICS
    assert frame_bytes(npz=False, merge="virtual") == shards_only
    assert frame_bytes(npz=False, merge="copy") == shards_only + pixels * 12
    assert frame_bytes(npz=False) == shards_only + pixels * 12
    assert frame_bytes() == shards_only + 2 * pixels * 12 + an_object
    assert frame_bytes(npz=False, merge="virtual", store_patches=False) == (
        pixels * 4 + 3 * an_object + STATISTICS
    )


def test_only_counts_are_small_numbers():
    pixels, an_object = 24 * 32**2, 32 * 32 * 8
    output = {"npz": False, "merge": "virtual", "store_patches": False, "counts_dtype": "uint16"}
    for measurement, size in (("count_intensity", 2), ("count_amplitude", 4), ("intensity", 4)):
        made = frame_bytes(**output, measurement=measurement)
        assert made == pixels * size + 3 * an_object + STATISTICS
    expected = {"output": output | {"measurement": "count_intensity"}}
    assert plan.output_bytes(*sized(expected, {"detector": {"poisson": False}})) == (
        pixels * 4 + 3 * an_object + STATISTICS
    )


def test_bytes_hold_groups_and_sides_of_the_split():
    frame, an_object = 32**2, 32 * 32 * 8
    plain = plan.output_bytes(*sized())
    for grouping, frames in (
        ({"gridsize": 2}, 24 * 4),
        ({"gridsize": 2, "nsamples": 10}, 10 * 4),
        ({"gridsize": 2, "nsamples": 100, "enable_oversampling": True}, 100 * 4),
        ({"gridsize": 1, "nsamples": 100}, 24),
    ):
        grouped = plan.output_bytes(*sized({"grouping": grouping}))
        assert grouped - plain == frames * frame * 16 + an_object
    split = plan.output_bytes(*sized({"split": {"files": True}}))
    assert split - plain == 24 * frame * 12 + 2 * an_object
    assert plan.output_bytes(*sized({"split": {}})) == plain


def test_estimated_bytes_are_those_of_the_files(tmp_path):
    changes = {"output": {"compression": "none"}, "scan": {"n_images": 128}}
    data = small_dataset(tmp_path / "made", changes, base=BASE)
    written = sum(path.stat().st_size for path in data.folder.rglob("*") if path.is_file())
    assert plan.output_bytes(data.dataset, data.sizes) == pytest.approx(written, rel=0.02)
