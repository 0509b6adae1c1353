"""Videos straight from a specification: gray levels, chunks, errors, nothing left behind."""

import resource
import warnings

import numpy as np
import pytest
from calcium_specs import small

from simlab.calcium import video
from simlab.calcium.errors import SpecError, VideoWriterError
from simlab.calcium.files.avi import iter_video
from simlab.calcium.perf import PerfTracker
from simlab.calcium.render import iter_frames
from simlab.calcium.spec import SpecWarning
from simlab.calcium.video import simulate_video, write_miniscope_folder
from simlab.core.errors import SimlabError
from simlab.core.files import read_csv, read_json

CELLS = {"kind": "place_neurons", "density_per_mm3": 3e5, "soma_radius_um": 4.0}
BRIGHT = {"kind": "sensor", "photons_per_unit": 300.0}
STEPS = (CELLS, "cell_activity", "optics", "composite", "neuropil")


def spec_of(*steps, n_px=(24, 34), frames=9, **fields):
    return small(*STEPS, *steps, n_px=n_px, frames=frames, **fields)


def made(tmp_path, spec, name="movie.avi", **options):
    """Gray levels of the video of a specification."""
    path = simulate_video(spec, tmp_path / "new" / name, progress=False, **options)
    assert path == tmp_path / "new" / name
    return np.array(list(iter_video(path)))


def frames_of(spec):
    return np.array([frame for _, frame in iter_frames(spec)])


@pytest.mark.parametrize("n_px", [(24, 34), (25, 33), (24, 33)])
def test_8_bit_counts_are_stored_exactly(tmp_path, n_px):
    spec = spec_of(BRIGHT, n_px=n_px)
    counts = frames_of(spec)
    assert np.ptp(counts) > 20
    np.testing.assert_array_equal(made(tmp_path, spec), counts)


def test_a_sensor_of_one_row_gives_a_video(tmp_path):
    spec = small("neuropil", BRIGHT, n_px=(1, 31), frames=3)
    np.testing.assert_array_equal(made(tmp_path, spec), frames_of(spec))


@pytest.mark.parametrize("n_px", [(24, 34), (25, 33)])
def test_any_chunk_gives_the_same_bytes(tmp_path, n_px):
    spec = spec_of(BRIGHT, {"kind": "brain_motion", "max_shift_um": 11.0}, n_px=n_px)
    files = []
    for i, chunk in enumerate((1, 4, 9, None)):
        path = simulate_video(spec, tmp_path / f"{i}.avi", chunk_frames=chunk, progress=False)
        files.append(path.read_bytes())
    assert len(set(files)) == 1


def test_gray_levels_follow_vmin_and_vmax(tmp_path):
    spec = spec_of(BRIGHT)
    counts = frames_of(spec).astype(float)
    gray = made(tmp_path, spec, vmin=40.0, vmax=140.5)
    expected = np.floor(np.clip((counts - 40) / 100.5, 0, 1) * 255 + 0.5)
    np.testing.assert_array_equal(gray, expected)
    step = made(tmp_path, spec, vmin=90.0, vmax=90.0)
    np.testing.assert_array_equal(step, np.where(counts > 90, 255, 0))


def test_fewer_bits_use_the_whole_gray_scale(tmp_path):
    spec = spec_of({"kind": "sensor", "photons_per_unit": 9.0}, sensor={"bit_depth": 4})
    np.testing.assert_array_equal(made(tmp_path, spec), 17 * frames_of(spec))


def test_more_bits_are_reduced_with_a_warning(tmp_path):
    spec = spec_of({"kind": "sensor", "photons_per_unit": 2000.0}, sensor={"bit_depth": 12})
    with pytest.warns(SpecWarning, match="12 bits are reduced to 256") as caught:
        gray = made(tmp_path, spec)
    assert len(caught) == 1
    counts = frames_of(spec)
    assert counts.max() > 600
    np.testing.assert_array_equal(gray, np.floor(counts / 4095 * 255 + 0.5))


def test_more_bits_are_kept_by_the_lossless_codec(tmp_path):
    spec = spec_of({"kind": "sensor", "photons_per_unit": 2000.0}, sensor={"bit_depth": 12})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = made(tmp_path, spec, name="movie.mkv", codec="FFV1")
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, frames_of(spec))


def test_intensities_need_vmax(tmp_path):
    spec = spec_of("leakage")
    with pytest.raises(SpecError, match="vmax is required"):
        made(tmp_path, spec)
    assert not (tmp_path / "new").exists()
    light = frames_of(spec).astype(np.float64)
    top = float(light.max())
    expected = np.floor(np.clip((light - 0.1) / (top - 0.1), 0, 1) * 255 + 0.5)
    np.testing.assert_array_equal(made(tmp_path, spec, vmin=0.1, vmax=top), expected)
    unit = np.floor(np.clip(light - 0.1, 0, 1) * 255 + 0.5)
    np.testing.assert_array_equal(made(tmp_path, spec, vmin=0.1, vmax=0.1), unit)


def test_motion_jpeg_is_an_option(tmp_path):
    gray = made(tmp_path, spec_of(BRIGHT), codec="MJPG", fps=7.5)
    assert gray.shape == (9, 24, 34)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"chunk_frames": 0}, "chunk_frames is 0"),
        ({"chunk_frames": -3}, "chunk_frames is -3"),
        ({"chunk_frames": 2.5}, "chunk_frames is 2.5, it must be a whole number"),
        ({"codec": "Y8"}, "four characters"),
        ({"vmin": 9.0, "vmax": 1.0}, "must be >= 0 and finite"),
        ({"vmax": float("nan")}, "must be >= 0 and finite"),
        ({"vmin": float("-inf")}, "must be >= 0 and finite"),
        ({"fps": 0}, "fps of a video"),
        ({"name": "movie.mkv"}, "suffix .avi"),
    ],
)
def test_bad_arguments_are_refused_before_anything_runs(tmp_path, monkeypatch, options, text):
    monkeypatch.setattr(video, "build_scene", lambda *a, **k: pytest.fail("simulated"))
    with pytest.raises(SpecError, match=text):
        made(tmp_path, spec_of(BRIGHT), **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (small(CELLS, "cell_activity", "optics"), "no step that makes a movie"),
        (small("sensor", sensor={"bit_depth": 20}), "up to 16"),
        (small("sensor", n_px=(1001, 1001), frames=1100), "plain AVI file"),
    ],
)
def test_specifications_without_a_video_are_refused_before_anything_runs(
    tmp_path, monkeypatch, spec, text
):
    monkeypatch.setattr(video, "build_scene", lambda *a, **k: pytest.fail("simulated"))
    with pytest.raises(SpecError, match=text):
        made(tmp_path, spec)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_codec_is_named_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "build_scene", lambda *a, **k: pytest.fail("simulated"))
    with pytest.raises(VideoWriterError, match=r"new/movie\.avi with codec ZZZZ"):
        made(tmp_path, spec_of(BRIGHT), codec="ZZZZ")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("n_px", [(24, 34), (25, 33)])
def test_an_interrupted_video_leaves_nothing(tmp_path, monkeypatch, n_px):
    class Interrupted(video.Renderer):
        def frames(self, t0, t1, *, perf=None):
            if t0 >= 4:
                raise KeyboardInterrupt
            return super().frames(t0, t1, perf=perf)

    monkeypatch.setattr(video, "Renderer", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path, spec_of(BRIGHT, n_px=n_px), chunk_frames=2)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("n_px", [(48, 64), (49, 63)])
def test_a_full_disk_is_noticed(tmp_path, n_px):
    spec = small("neuropil", "sensor", n_px=n_px, frames=60)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(SimlabError, match=r"movie\.avi"):
            made(tmp_path, spec)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "new").exists()


def test_a_file_that_was_there_stays_if_writing_fails(tmp_path, monkeypatch):
    old = tmp_path / "new" / "movie.avi"
    old.parent.mkdir()
    old.write_bytes(b"old")
    monkeypatch.setattr(video.Renderer, "frames", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        made(tmp_path, spec_of(BRIGHT))
    assert old.read_bytes() == b"old"


def test_phases_are_measured_and_change_nothing(tmp_path):
    spec = spec_of(BRIGHT, "vignette", "leakage", "brain_motion")
    perf = PerfTracker()
    timed = made(tmp_path, spec, chunk_frames=2, perf=perf)
    np.testing.assert_array_equal(timed, made(tmp_path, spec, chunk_frames=2))
    setup = ["place_neurons", "cell_activity", "optics"]
    setup += ["footprint_build", "neuropil_setup", "motion_setup"]
    chunks = ["composite", "neuropil", "motion_crop", "photon_field", "leakage", "digitize"]
    chunks.append("encode+write")
    calls = {name: span.calls for name, span in perf.spans.items()}
    assert calls == {**dict.fromkeys(setup, 1), **dict.fromkeys(chunks, 5)}


def test_the_miniscope_layout_holds_the_same_counts(tmp_path):
    spec = spec_of(BRIGHT, frames=9)
    folder = write_miniscope_folder(spec, tmp_path / "scope", frames_per_file=4, progress=False)
    names = ["0.avi", "1.avi", "2.avi", "metaData.json", "timeStamps.csv"]
    assert sorted(path.name for path in folder.iterdir()) == names
    parts = [np.array(list(iter_video(folder / name))) for name in names[:3]]
    assert [len(part) for part in parts] == [4, 4, 1]
    np.testing.assert_array_equal(np.concatenate(parts), frames_of(spec))
    header, rows = read_csv(folder / "timeStamps.csv")
    assert header == ["Frame Number", "Time Stamp (ms)", "Buffer Index"]
    assert [row[:2] for row in rows] == [[str(t), str(50 * t)] for t in range(9)]
    metadata = read_json(folder / "metaData.json")
    assert metadata["ROI"] == {"height": 24, "leftEdge": 0, "topEdge": 0, "width": 34}
    assert metadata["framesPerFile"] == 4
    assert metadata["spec_cache_key"] == spec.cache_key()
    with pytest.raises(SpecError, match="frames_per_file is 0"):
        write_miniscope_folder(spec, tmp_path / "none", frames_per_file=0)
    with pytest.raises(SpecError, match=r"frames_per_file is 4\.5, it must be a whole number"):
        write_miniscope_folder(spec, tmp_path / "none", frames_per_file=4.5)


def test_a_directory_is_no_video_file(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "build_scene", lambda *a, **k: pytest.fail("simulated"))
    (tmp_path / "scope" / "1.avi").mkdir(parents=True)
    with pytest.raises(SpecError, match=r"scope/1\.avi is a directory"):
        simulate_video(spec_of(BRIGHT), tmp_path / "scope" / "1.avi", progress=False)
    with pytest.raises(SpecError, match=r"scope/1\.avi is a directory"):
        write_miniscope_folder(spec_of(BRIGHT), tmp_path / "scope", frames_per_file=4)
    assert [path.name for path in (tmp_path / "scope").iterdir()] == ["1.avi"]


def test_the_miniscope_layout_is_warned_of_once(tmp_path):
    spec = spec_of({"kind": "sensor", "photons_per_unit": 2000.0}, sensor={"bit_depth": 12})
    with pytest.warns(SpecWarning, match="12 bits are reduced to 256") as caught:
        write_miniscope_folder(spec, tmp_path / "scope", frames_per_file=2, progress=False)
    assert len(caught) == 1


def test_files_of_a_longer_recording_are_not_mixed_with_a_shorter_one(tmp_path, monkeypatch):
    write_miniscope_folder(spec_of(BRIGHT), tmp_path, frames_per_file=2, progress=False)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    again = write_miniscope_folder(spec_of(BRIGHT), tmp_path, frames_per_file=2, progress=False)
    assert {path: path.read_bytes() for path in again.iterdir()} == before
    monkeypatch.setattr(video, "build_scene", lambda *a, **k: pytest.fail("simulated"))
    with pytest.raises(SpecError, match=r"/3\.avi belongs to a longer recording .* 3 files"):
        write_miniscope_folder(spec_of(BRIGHT), tmp_path, frames_per_file=4, progress=False)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
