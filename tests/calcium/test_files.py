"""Recording, scene and part files."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from calcium_reference import NAMES, recorded_spec, scene
from calcium_specs import EVERY_EXTENSION, small

from simlab import __version__
from simlab.calcium.errors import RecordingFileError, SpecError
from simlab.calcium.files.parts import part_writer, read_part
from simlab.calcium.files.rows import write_text_list
from simlab.calcium.recording import FormatWarning, Recording, header_of, open_recording_writer
from simlab.calcium.render import Renderer
from simlab.calcium.scene import build_scene
from simlab.calcium.scene_types import Scene
from simlab.calcium.simulation import finalize, simulate
from simlab.calcium.sweeps import sweep
from simlab.core.errors import MissingFileError, SimlabError
from simlab.core.files import read_npz, sha256_of


@pytest.fixture(scope="module")
def recording():
    return simulate(recorded_spec("full", hot_pixels={"fraction": 0.01}))


@pytest.fixture
def path(recording, tmp_path):
    recording.save(tmp_path / "rec.h5")
    return tmp_path / "rec.h5"


def spoil(path, change):
    with h5py.File(path, "r+") as file:
        change(file)


def assert_same_truth(found, expected):
    assert found.present == expected.present
    for name in expected.present:
        values = getattr(expected, name)
        assert np.array_equal(getattr(found, name), values, equal_nan=values.dtype.kind == "f")
        assert getattr(found, name).dtype == values.dtype
    for part in ("offsets", "shapes", "data"):
        assert np.array_equal(getattr(found.planted, part), getattr(expected.planted, part))
    for name in ("fov_offset", "fov_shape", "focal_depth_um"):
        assert getattr(found, name) == getattr(expected, name)
    assert set(found.ext) == set(expected.ext)
    for name, values in expected.ext.items():
        assert np.array_equal(found.ext[name], values)


@pytest.mark.parametrize("lazy", [True, False])
def test_a_recording_survives_its_file(recording, path, lazy):
    loaded = Recording.load(path, lazy=lazy)
    assert loaded.spec == recording.spec
    assert (loaded.shape, loaded.dtype) == (recording.shape, recording.dtype)
    assert np.array_equal(loaded.frames(3, 7), recording.observed_counts[3:7])
    assert np.array_equal(loaded.observed_counts, recording.observed_counts)
    assert np.array_equal(loaded.observed, recording.observed)
    assert loaded.observed.dtype == recording.observed.dtype == np.float32
    assert list(loaded.snapshots) == list(recording.snapshots)
    for stage in recording.snapshots:
        assert np.array_equal(loaded.stage(stage), recording.stage(stage))
    assert_same_truth(loaded.ground_truth, recording.ground_truth)


@pytest.mark.parametrize("name", NAMES)
def test_equal_recordings_are_equal_bytes(name, tmp_path):
    spec = recorded_spec(name)
    for file in "ab":
        simulate(spec).save(tmp_path / file)
    Recording.load(tmp_path / "a").save(tmp_path / "c")
    assert len({sha256_of(tmp_path / file) for file in "abc"}) == 1


@pytest.mark.parametrize("pieces", [1, 5, 16, 40])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_pieces_of_any_length_give_the_same_bytes(recording, tmp_path, pieces, compression):
    recording.save(tmp_path / "whole.h5", compression=compression)
    truth, spec = recording.ground_truth, recording.spec
    header = header_of(spec, truth, list(recording.snapshots))
    with open_recording_writer(
        tmp_path / "pieces.h5", spec, header, recording.shape, recording.dtype,
        compression=compression,
    ) as writer:  # fmt: skip
        for t0 in range(0, recording.n_frames, pieces):
            writer.append(recording.frames(t0, min(t0 + pieces, recording.n_frames)))
        writer.write_truth(truth.content(), recording.snapshots)
    assert sha256_of(tmp_path / "pieces.h5") == sha256_of(tmp_path / "whole.h5")


def test_the_header_says_what_the_file_holds(recording, path):
    with h5py.File(path) as file:
        attributes = dict(file.attrs)
        assert attributes["format"] == "calcium-recording"
        assert attributes["format_version"] == 1
        assert attributes["spec_json"] == recording.spec.model_dump_json()
        assert attributes["spec_cache_key"] == recording.spec.cache_key()
        assert attributes["software_version"] == __version__
        assert attributes["noise_mode"] == "counter"
        assert attributes["until"] == ""
        assert list(attributes["snapshot_names"]) == list(recording.snapshots)
        assert list(attributes["gt_present"]) == recording.ground_truth.present
        observed = file["observed"]
        assert observed.dtype == np.uint8
        assert observed.chunks == (16, 60, 52)
        assert observed.compression is None
        assert list(observed.attrs["axes"]) == ["frame", "height", "width"]
        assert observed.attrs["fps"] == 20
        assert observed.attrs["pixel_size_um"] == 1.0
        truth = file["ground_truth"]
        assert truth.attrs["focal_depth_um"] == recording.ground_truth.focal_depth_um
        assert tuple(truth["planted"].attrs["fov_offset"]) == recording.ground_truth.fov_offset
        assert truth["ext/hot_pixels"].dtype == np.uint16
        assert file["snapshots/cells_only"].dtype == np.float32


def test_a_recording_without_movie_survives_its_file(tmp_path):
    spec = small({"kind": "place_neurons", "density_per_mm3": 60000.0}, "optics", "sensor")
    simulate(spec, until="optics").save(tmp_path / "rec.h5")
    loaded = Recording.load(tmp_path / "rec.h5")
    assert loaded.until == "optics"
    assert loaded.observed.shape == (0, 32, 40)
    with pytest.raises(SpecError, match="no frame"):
        loaded.write_video(tmp_path / "movie.avi", vmax=1.0)


def test_swept_recordings_are_saved_without_their_axes(tmp_path):
    spec = next(iter(sweep(small("neuropil", "sensor"), {"seed": [7]})))
    recording = simulate(spec)
    assert recording.spec.axes == {"seed": 7}
    recording.save(tmp_path / "rec.h5")
    loaded = Recording.load(tmp_path / "rec.h5", strict=True)
    assert not hasattr(loaded.spec, "axes")
    assert loaded.spec.cache_key() == spec.cache_key()


def test_another_key_is_warned_of_or_refused(path):
    spoil(path, lambda file: file.attrs.modify("spec_cache_key", "0" * 16))
    with pytest.warns(FormatWarning, match="spec_cache_key is 0000000000000000"):
        Recording.load(path)
    with pytest.raises(RecordingFileError, match="spec_cache_key"):
        Recording.load(path, strict=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.attrs.modify("format", "other"), "format is 'other'"),
        (lambda f: f.attrs.modify("format_version", 2), "format_version is 2"),
        (lambda f: f.attrs.__delitem__("until"), "'until' is missing"),
        (lambda f: f.__delitem__("observed"), "/observed is missing"),
        (lambda f: f["ground_truth"].__delitem__("C"), "/ground_truth/C is missing"),
        (lambda f: f["ground_truth/planted"].__delitem__("data"), "planted/data is missing"),
        (lambda f: f.__delitem__("snapshots"), "'snapshots' is missing"),
        (lambda f: write_text_list(f, "gt_present", ["C"]), "the ground truth lacks S, centers_um"),
    ],
)
def test_incomplete_files_are_refused(path, change, message):
    spoil(path, change)
    with pytest.raises(RecordingFileError, match=message) as caught:
        Recording.load(path)
    assert str(path) in str(caught.value)


def test_files_that_are_no_recordings_are_refused(path, tmp_path):
    content = path.read_bytes()
    for damaged in (b"", b"text", content[: len(content) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(RecordingFileError, match=r"rec\.h5"):
            Recording.load(path)
    with pytest.raises(MissingFileError):
        Recording.load(tmp_path / "none.h5")


def test_unknown_compressions_are_refused(recording, tmp_path):
    with pytest.raises(SpecError, match="compression is 'zip'"):
        recording.save(tmp_path / "rec.h5", compression="zip")
    assert not list(tmp_path.iterdir())


def test_export_as_npz(recording, tmp_path):
    recording.to_npz(tmp_path / "rec.npz")
    arrays = read_npz(tmp_path / "rec.npz")
    assert np.array_equal(arrays["observed"], recording.observed_counts)
    assert np.array_equal(arrays["C"], recording.ground_truth.C)
    assert np.array_equal(arrays["stage_leakage"], recording.stage("leakage"))
    assert np.array_equal(arrays["ext_hot_pixels"], recording.ground_truth.ext["hot_pixels"])
    assert str(arrays["spec_json"]) == recording.spec.model_dump_json()


@pytest.fixture(scope="module")
def extended():
    """A scene with every extension."""
    cells = {"kind": "place_neurons", "soma_radius_um": 4.0, "density_per_mm3": 2e5}
    steps = (cells, "cell_activity", "optics", "composite", "sensor")
    return build_scene(small(*steps, ext=EVERY_EXTENSION))


def test_recordings_with_extensions_are_the_same_bytes_after_their_file(extended, tmp_path):
    simulate(extended.spec).save(tmp_path / "rec.h5")
    Recording.load(tmp_path / "rec.h5").save(tmp_path / "again.h5")
    assert sha256_of(tmp_path / "again.h5") == sha256_of(tmp_path / "rec.h5")


def test_scenes_with_extensions_are_the_same_bytes_after_their_file(extended, tmp_path):
    assert list(extended.ext) == ["exposure", "emission", "hot_pixels", "dropped"]
    extended.save(tmp_path / "scene.h5")
    Scene.load(tmp_path / "scene.h5").save(tmp_path / "again.h5")
    assert sha256_of(tmp_path / "again.h5") == sha256_of(tmp_path / "scene.h5")


def test_exports_do_not_depend_on_the_order_of_extensions(extended, tmp_path):
    recording = simulate(extended.spec)
    recording.save(tmp_path / "rec.h5")
    recording.to_npz(tmp_path / "made.npz")
    Recording.load(tmp_path / "rec.h5").to_npz(tmp_path / "loaded.npz")
    assert sha256_of(tmp_path / "made.npz") == sha256_of(tmp_path / "loaded.npz")


@pytest.mark.parametrize("name", NAMES)
def test_a_scene_survives_its_file(name, tmp_path):
    made = scene(name)
    made.save(tmp_path / "scene.h5")
    stored = Scene.load(tmp_path / "scene.h5")
    assert_same_truth(finalize(stored), finalize(made))
    assert stored.rng_state == made.rng_state
    assert np.array_equal(stored.noise_key, made.noise_key)
    stored.save(tmp_path / "again.h5")
    assert sha256_of(tmp_path / "again.h5") == sha256_of(tmp_path / "scene.h5")


def test_sequential_noise_survives_a_scene_file(tmp_path):
    made = scene("minimal_sensor", "sequential")
    made.save(tmp_path / "scene.h5")
    stored = Scene.load(tmp_path / "scene.h5")
    assert np.array_equal(Renderer(stored).frames(0, 30), Renderer(made).frames(0, 30))


def test_only_the_rows_of_the_frames_are_read(tmp_path):
    scene("full").save(tmp_path / "scene.h5")
    stored = Scene.load(tmp_path / "scene.h5")
    assert stored.cells.emission.shape == (40, stored.n_units_canvas)
    assert stored.cells.emission[3:5].shape == (2, stored.n_units_canvas)
    assert stored.neuropil.temporal[:, 3:5].shape == (3, 2)
    assert len(stored.motion.shifts) == 40
    spoil(tmp_path / "scene.h5", lambda file: file["cells"].__delitem__("emission"))
    with pytest.raises(RecordingFileError, match="emission is missing"):
        stored.cells.emission[3:5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.attrs.modify("format", "calcium-part"), "format is 'calcium-part'"),
        (lambda f: f.attrs.__delitem__("margin"), "'margin' is missing"),
        (lambda f: f["cells"].__delitem__("planted"), "'planted' is missing"),
        (lambda f: f.attrs.modify("spec_json", json.dumps({"steps": 1})), "spec_json is no spec"),
    ],
)
def test_incomplete_scenes_are_refused(tmp_path, change, message):
    scene("full").save(tmp_path / "scene.h5")
    spoil(tmp_path / "scene.h5", change)
    with pytest.raises(RecordingFileError, match=message):
        Scene.load(tmp_path / "scene.h5")


def write_part(path, frames, **sums):
    with part_writer(path, 4, 4 + len(frames), frames.shape[1:], frames.dtype, "k" * 16) as part:
        part.append(frames[:2])
        part.append(frames[2:])
        part.finish(**sums)


def test_a_part_survives_its_file(tmp_path):
    frames = np.random.default_rng(0).integers(0, 99, (5, 3, 4)).astype(np.uint16)
    sums = {"clean_moments": np.ones((5, 5)), "pixel_sums": np.ones((3, 4), np.uint64)}
    write_part(tmp_path / "part.h5", frames, **sums)
    part = read_part(tmp_path / "part.h5")
    assert (part.t0, part.t1, part.key) == (4, 9, "k" * 16)
    assert part.frames.dtype == np.uint16
    assert [len(block) for block in part.blocks(2)] == [2, 2, 1]
    assert np.array_equal(np.concatenate(list(part.blocks(3))), frames)
    assert np.array_equal(part.clean_moments, sums["clean_moments"])
    assert part.pixel_sums.dtype == np.uint64
    assert part.pixel_square_sums is None


def test_changed_parts_are_refused(tmp_path):
    write_part(tmp_path / "part.h5", np.ones((4, 3, 4), np.uint8))
    spoil(tmp_path / "part.h5", lambda file: file["observed"].__setitem__((2, 1, 1), 7))
    with pytest.raises(RecordingFileError, match="sha256"):
        list(read_part(tmp_path / "part.h5").blocks(2))
    spoil(tmp_path / "part.h5", lambda file: file.attrs.modify("t1", 9))
    with pytest.raises(RecordingFileError, match="4 frames, expected 5"):
        read_part(tmp_path / "part.h5")


def test_unfinished_parts_leave_no_file(tmp_path):
    with (
        pytest.raises(ValueError, match="2 frames written, 5 announced"),
        part_writer(tmp_path / "part.h5", 0, 5, (3, 4), np.uint8, "k") as part,
    ):
        part.append(np.ones((2, 3, 4), np.uint8))
        part.finish()
    assert not list(tmp_path.iterdir())


class Group(dict):
    """Stands for a zarr group in a folder; no array named `failing` can be written."""

    def __init__(self, path, mode, failing=None):
        Path(path).mkdir()
        self.folder, self.mode, self.failing, self.attrs = Path(path), mode, failing, {}

    def __setitem__(self, name, values):
        if name == self.failing:
            raise OSError(28, "No space left on device")
        (self.folder / name).write_bytes(values.tobytes())
        super().__setitem__(name, values)


def test_export_as_zarr(recording, monkeypatch, tmp_path):
    opened = []

    def open_group(path, mode):
        opened.append(Group(path, mode))
        return opened[-1]

    monkeypatch.setitem(sys.modules, "zarr", SimpleNamespace(open_group=open_group))
    recording.to_zarr(tmp_path / "rec.zarr")
    recording.to_zarr(tmp_path / "rec.zarr")
    group = opened[1]
    assert group.mode == "w"
    assert [path.name for path in tmp_path.iterdir()] == ["rec.zarr"]
    assert {path.name for path in (tmp_path / "rec.zarr").iterdir()} == set(group)
    assert np.array_equal(group["observed"], recording.observed_counts)
    assert np.array_equal(group["planted_data"], recording.ground_truth.planted.data)
    assert group.attrs["spec_json"] == recording.spec.model_dump_json()
    assert group.attrs["focal_depth_um"] == recording.ground_truth.focal_depth_um


@pytest.mark.parametrize("there", [True, False])
def test_an_export_that_fails_leaves_what_was_there(recording, monkeypatch, tmp_path, there):
    if there:
        (tmp_path / "rec.zarr").mkdir()
        (tmp_path / "rec.zarr" / "C").write_bytes(b"old")
    zarr = SimpleNamespace(open_group=lambda path, mode: Group(path, mode, "planted_data"))
    monkeypatch.setitem(sys.modules, "zarr", zarr)
    with pytest.raises(SimlabError, match=r"cannot write .*rec\.zarr: No space left on device"):
        recording.to_zarr(tmp_path / "rec.zarr")
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert left == ({"rec.zarr", "rec.zarr/C"} if there else set())


@pytest.mark.parametrize("package", ["zarr", "xarray"])
def test_packages_that_are_not_installed_are_named(recording, monkeypatch, tmp_path, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=f"needs the package {package}"):
        recording.to_zarr(tmp_path / "a") if package == "zarr" else recording.observed_movie


def test_the_labelled_movie_has_times_and_positions(recording, monkeypatch):
    made = []
    monkeypatch.setitem(
        sys.modules, "xarray", SimpleNamespace(DataArray=lambda *a, **k: made.append((a, k)))
    )
    recording.observed_movie  # noqa: B018
    (movie, coordinates), options = made[0]
    assert movie is recording.observed
    assert options["dims"] == ("frame", "height", "width")
    assert coordinates["frame"][:3] == pytest.approx([0.0, 0.05, 0.1])
    assert coordinates["height"][[0, -1]] == pytest.approx([-29.5, 29.5])
    assert coordinates["width"][[0, -1]] == pytest.approx([-25.5, 25.5])
