"""Frames and windows of movies, read from recordings or rendered from scenes."""

import pickle
import shutil

import numpy as np
import pytest

import simlab
from simlab.calcium import Scene, render_frames
from simlab.core.errors import ConfigError, MissingFileError
from simlab.core.files import read_csv


@pytest.fixture(scope="module")
def movies(finished_calcium):
    """Recordings of 24 frames, in the order of the index."""
    return [sample["observed"] for sample in simlab.open_dataset(finished_calcium)]


def test_a_frame_is_one_of_a_recording(finished_calcium, movies):
    dataset = simlab.open_dataset(finished_calcium, item="frame")
    assert len(dataset) == sum(map(len, movies))
    _, rows = read_csv(finished_calcium / "index.csv")
    for number in (0, 23, 24, 70, -1):
        recording, frame = divmod(number % len(dataset), 24)
        np.testing.assert_array_equal(
            dataset[number]["observed"], movies[recording][frame], strict=True
        )
        row = dataset.index[number]
        assert row["id"] == f"{rows[recording][0]}-{frame}"
        assert (row["position"], row["split"]) == (str(frame), rows[recording][3])


@pytest.mark.parametrize(
    ("frames", "stride", "firsts"),
    [
        (8, None, [0, 8, 16]),
        (5, 8, [0, 8, 16]),
        (10, 5, [0, 5, 10]),
        (24, 1, [0]),
        (1, 10, [0, 10, 20]),
    ],
)
def test_windows_of_a_recording(finished_calcium, movies, frames, stride, firsts):
    dataset = simlab.open_dataset(finished_calcium, item="frame", frames=frames, stride=stride)
    assert len(dataset) == len(movies) * len(firsts)
    for number, sample in enumerate(dataset):
        recording, k = divmod(number, len(firsts))
        window = movies[recording][firsts[k] : firsts[k] + frames]
        np.testing.assert_array_equal(sample["observed"], window, strict=True)


def test_batches_of_frames_in_any_order(finished_calcium, movies):
    stacked = np.concatenate(movies)
    dataset = simlab.open_dataset(finished_calcium, item="frame")
    for batch in dataset.batches(7, shuffle=1):
        assert batch["observed"].shape[1:] == movies[0].shape[1:]
    order = [int(row["position"]) for row in dataset.shuffled(1).index][:7]
    assert order != list(range(7))
    batch = dataset.__getitems__([30, 3, 2, 31])
    for number, sample in zip([30, 3, 2, 31], batch, strict=True):
        np.testing.assert_array_equal(sample["observed"], stacked[number])


def test_splits_of_frames_are_those_of_their_recordings(finished_calcium):
    whole = simlab.open_dataset(finished_calcium)
    for name in ("train", "val", "test"):
        part = simlab.open_dataset(finished_calcium, split=name, item="frame", frames=12)
        assert len(part) == 2 * len(whole.split(name))
        assert {row["split"] for row in part.index} <= {name}


@pytest.fixture(params=["scene", "specification"])
def without_recordings(request, finished_calcium, tmp_path):
    """A copy of which the movies are gone."""
    folder = shutil.copytree(finished_calcium, tmp_path / "copy")
    shutil.rmtree(folder / "recordings")
    if request.param == "specification":
        shutil.rmtree(folder / "scenes")
    return folder


def test_frames_of_absent_recordings_are_rendered(without_recordings, movies):
    """Any frame, without those before it, with the same bits."""
    dataset = simlab.open_dataset(without_recordings, item="frame", frames=3, stride=7)
    for recording, first, number in ((0, 21, 3), (0, 0, 0), (1, 7, 5)):
        sample = dataset[number]
        expected = movies[recording][first : first + 3]
        np.testing.assert_array_equal(sample["observed"], expected, strict=True)
    with pytest.raises(MissingFileError, match=r"recordings.*missing"):
        simlab.open_dataset(without_recordings)[0]


def test_clean_frames_are_those_before_digitization(finished_calcium):
    dataset = simlab.open_dataset(finished_calcium, item="frame", frames=2, clean=True)
    sample = dataset[5]
    scene = Scene.load(finished_calcium / "scenes" / f"{dataset.index[5]['file'][11:-3]}.h5")
    expected = render_frames(scene, 10, 12, clean=True)
    np.testing.assert_array_equal(sample["clean"], expected, strict=True)
    assert sample["observed"].dtype.kind == "u"
    copy = pickle.loads(pickle.dumps(dataset))
    np.testing.assert_array_equal(copy[5]["clean"], expected)


def test_a_recording_without_anything_to_render_it_from_is_an_error(without_recordings):
    shutil.rmtree(without_recordings / "scenes", ignore_errors=True)
    shutil.rmtree(without_recordings / "specs")
    dataset = simlab.open_dataset(without_recordings, item="frame")
    with pytest.raises(MissingFileError, match=r"neither .*scenes.* nor .*specs"):
        dataset[0]


@pytest.mark.parametrize(("options", "told"), [
    ({"item": "movie"}, "item is 'movie', expected one of recording, frame, pair"),
    ({"frames": 4}, "frames is 4, which needs item='frame'"),
    ({"item": "pair", "clean": True}, "clean is True, which needs item='frame'"),
    ({"item": "frame", "frames": 0}, "frames is 0, expected a whole number above 0"),
    ({"item": "frame", "stride": 2.5}, "stride is 2.5, expected a whole number above 0"),
    ({"item": "frame", "frames": 25}, "frames is 25, no recording has so many"),
    ({"item": "frame", "arrays": ["clean"]}, "no array 'clean' of frames, known: observed"),
])  # fmt: skip
def test_options_that_do_not_fit_are_refused(finished_calcium, options, told):
    with pytest.raises(ConfigError, match=told):
        simlab.open_dataset(finished_calcium, **options)
