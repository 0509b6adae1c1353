"""What the workflow's stages write: the same bytes however the work is dealt."""

import csv
import json

import h5py
import numpy as np
import pytest
from calcium_finished import ONE, SMALL, SPEC, SmallDataset
from calcium_specs import EVERY_EXTENSION
from PIL import Image

from simlab.calcium import Recording, iter_frames, simulate
from simlab.calcium.errors import RecordingFileError
from simlab.calcium.specs import recording_spec
from simlab.calcium.stages.recordings import assemble_recording
from simlab.calcium.stages.scenes import write_part, write_scene
from simlab.core.dataset import Dataset
from simlab.core.errors import InputFileError
from simlab.core.files import read_json
from simlab.core.manifest import verify

ALIKE = ("index.csv", "normalization.json", "checks.json")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The small data set with every recording made by one job."""
    folder = tmp_path_factory.mktemp("whole") / "small"
    return SmallDataset.of(folder, {**SMALL, "frames_per_part": None}).make()


def test_a_recording_is_what_simulate_saves(small_calcium, tmp_path):
    point = small_calcium.points[0]
    simulate(point.spec).save(tmp_path / "saved.h5")
    assert small_calcium.recording().read_bytes() == (tmp_path / "saved.h5").read_bytes()


@pytest.mark.parametrize("frames_per_part", [1, 7, 24])
def test_no_byte_depends_on_the_cut_into_parts(whole, tmp_path, frames_per_part):
    few = {**SMALL, "frames_per_part": frames_per_part, "sweep": {"axes": {"seed": [1]}}}
    few["set"] = {"acquisition.optics.na": 0.3}
    data = SmallDataset.of(tmp_path / "small", few)
    [point] = data.points
    data.make_movie(point)
    for what, suffix in (("recordings", "h5"), ("statistics", "json"), ("specs", "json")):
        name = f"{point.key}.{suffix}"
        assert data.path(what, name).read_bytes() == whole.path(what, name).read_bytes()


def test_no_byte_of_a_data_set_depends_on_the_cut_into_parts(small_calcium, whole):
    for file in sorted(whole.folder.rglob("*")):
        name = file.relative_to(whole.folder)
        if file.is_dir() or name.name == "manifest.json" or name.name.endswith(".perf.json"):
            continue
        assert file.read_bytes() == small_calcium.path(name).read_bytes(), name


def test_a_movie_with_extensions_is_the_same_in_parts(tmp_path):
    made = []
    for frames_per_part in (None, 7):
        folder = tmp_path / str(frames_per_part)
        spec = {**SPEC, "ext": EVERY_EXTENSION}
        mapping = {**ONE, "video": False, "spec": spec, "frames_per_part": frames_per_part}
        data = SmallDataset.of(folder, mapping)
        data.make_movie(data.points[0])
        made.append((data.recording().read_bytes(), data.statistics().read_bytes()))
    assert made[0] == made[1]


def test_a_movie_without_sensor_is_the_same_in_parts(tmp_path):
    spec = {**SPEC, "steps": SPEC["steps"][:-1], "output": {"store_dtype": "float64"}}
    made = []
    for frames_per_part in (None, 7):
        folder = tmp_path / str(frames_per_part)
        mapping = {**ONE, "video": False, "spec": spec, "frames_per_part": frames_per_part}
        data = SmallDataset.of(folder, mapping)
        data.make_movie(data.points[0])
        made.append((data.recording().read_bytes(), data.statistics().read_bytes()))
    assert made[0] == made[1]


def test_snapshots_are_kept_where_they_are_asked_for(tmp_path):
    data = SmallDataset.of(
        tmp_path / "kept", {**ONE, "video": False, "set": {"output.save_intermediates": True}}
    )
    data.make_movie(data.points[0])
    recording = Recording.load(data.recording())
    assert recording.stage("leakage").shape == (24, 40, 48)
    clean = read_json(data.statistics())["clean"]
    assert clean["mean"] == pytest.approx(recording.stage("leakage").mean(dtype=float), rel=1e-12)


def test_parts_of_another_recording_are_refused(small_calcium, tmp_path):
    first, second = (recording_spec(point) for point in small_calcium.points[:2])
    for name, spec in (("first", first), ("second", second)):
        write_scene(spec, tmp_path / f"{name}.h5")
    write_part((0, 24), tmp_path / "second.h5", tmp_path / "part.h5")
    outputs = [tmp_path / name for name in ("recording.h5", "spec.json", "statistics.json")]
    with pytest.raises(RecordingFileError, match=r"part\.h5: frames from 0 of"):
        assemble_recording(first, tmp_path / "first.h5", [tmp_path / "part.h5"], *outputs)
    assert not any(path.exists() for path in outputs)


def test_a_damaged_part_is_refused_and_nothing_is_written(small_calcium, tmp_path):
    spec = recording_spec(small_calcium.points[0])
    write_scene(spec, tmp_path / "scene.h5")
    write_part((0, 24), tmp_path / "scene.h5", tmp_path / "part.h5")
    with h5py.File(tmp_path / "part.h5", "r+") as file:
        file["observed"][2, 3, 4] ^= 1
    outputs = [tmp_path / name for name in ("recording.h5", "spec.json", "statistics.json")]
    with pytest.raises(RecordingFileError, match="sha256"):
        assemble_recording(spec, tmp_path / "scene.h5", [tmp_path / "part.h5"], *outputs)
    assert not any(path.exists() for path in outputs)


def test_statistics_are_those_of_the_movie_and_of_the_light(small_calcium):
    content = read_json(small_calcium.statistics())
    recording = Recording.load(small_calcium.recording())
    counts = recording.observed_counts
    assert content["mean"] == pytest.approx(counts.mean(), rel=1e-13)
    assert content["p50"] == np.quantile(counts, 0.5, method="inverted_cdf")
    light = simulate(small_calcium.points[0].spec, until="leakage").observed
    assert content["clean"]["mean"] == pytest.approx(light.mean(dtype=float), rel=1e-12)
    assert content["clean"]["max"] == light.max()


def test_specs_are_the_canonical_text_behind_the_key(small_calcium):
    for point in small_calcium.points:
        text = small_calcium.path("specs", f"{point.key}.json").read_text()
        assert text == point.spec.model_dump_json() + "\n"


def test_the_index_has_one_row_a_recording_with_its_axes(small_calcium):
    with open(small_calcium.path("index.csv"), newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0])[:4] == ["id", "file", "position", "split"]
    assert [row["id"] for row in rows] == sorted(point.key for point in small_calcium.points)
    by_key = small_calcium.dataset.expansion.by_key
    for row in rows:
        point = by_key[row["id"]]
        assert row["file"] == f"recordings/{point.key}.h5"
        assert (row["split"], int(row["seed"])) == (point.split, point.spec.seed)
        assert (row["n_frames"], row["height"], row["width"]) == ("24", "40", "48")
        axis = "acquisition.optics.na"
        assert json.loads(row[axis]) == point.axes[axis]


def test_the_common_reader_finds_every_recording(small_calcium):
    data = Dataset(small_calcium.folder)
    assert len(data) == 4
    sample = data[0]
    recording = Recording.load(small_calcium.recording())
    np.testing.assert_array_equal(sample["observed"], recording.observed_counts)


def test_a_stage_is_the_movie_before_the_sensor(small_calcium):
    point = small_calcium.points[0]
    stage = Recording.load(small_calcium.path("stages", point.key, "vignette.h5"))
    assert stage.until == "vignette"
    expected = simulate(point.spec, until="vignette").observed
    np.testing.assert_array_equal(stage.observed, expected)


def test_the_manifest_verifies_and_names_every_file_but_timings(small_calcium):
    assert verify(small_calcium.folder) == []
    named = set(read_json(small_calcium.path("manifest.json"))["files"])
    there = {
        path.relative_to(small_calcium.folder).as_posix()
        for path in small_calcium.folder.rglob("*")
        if path.is_file()
    }
    timings = {f"videos/{point.key}.perf.json" for point in small_calcium.points}
    assert there - named == {"manifest.json"} | timings


def test_the_contact_sheet_is_wide_enough_and_not_empty(small_calcium, one_recording):
    for data in (small_calcium, one_recording):
        with Image.open(data.path("preview.png")) as image:
            assert 1200 <= image.width <= 2400
            assert np.asarray(image.convert("L")).std() > 20


def test_a_data_set_of_videos_alone_has_statistics_index_and_preview(tmp_path):
    data = SmallDataset.of(tmp_path / "videos", {**ONE, "recordings": False}).make()
    [point] = data.points
    whole = np.stack([frame for _, frame in iter_frames(point.spec)])
    assert read_json(data.statistics())["mean"] == pytest.approx(whole.mean(), rel=1e-13)
    assert f"videos/{point.key}.avi" in data.path("index.csv").read_text()
    assert data.path("preview.png").exists()
    assert not data.path("recordings").exists()
    with pytest.raises(InputFileError, match="avi holds no arrays"):
        Dataset(data.folder)[0]
