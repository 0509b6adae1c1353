"""Training pairs: cut where the streams say, clean beside noisy, truth of their recordings."""

import pickle

import h5py
import numpy as np
import pytest
from calcium_finished import ONE, SMALL, SPEC, SmallDataset
from scipy import sparse

from simlab.calcium import Recording, load_training, simulate
from simlab.calcium.files.training import open_training
from simlab.calcium.plan import training_samples, training_shards
from simlab.core.errors import ConfigError, InputFileError, MissingFileError
from simlab.core.random import generator


def test_samples_are_cut_where_their_streams_say(small_calcium):
    by_key = small_calcium.dataset.expansion.by_key
    pairs = load_training(small_calcium.folder, "train")
    samples = [
        sample
        for shard in training_shards(small_calcium.dataset)["train"]
        for sample in training_samples(small_calcium.dataset, "train", shard)
    ]
    assert len(pairs) == len(samples)
    for k, (key, number) in enumerate(samples):
        rng = generator(by_key[key].spec.seed, "calcium.sample", number)
        t0, y0, x0 = (int(rng.integers(n)) for n in (24 - 4 + 1, 40 - 16 + 1, 48 - 16 + 1))
        assert pairs.place(k) == {"key": key, "sample": number, "t0": t0, "y0": y0, "x0": x0}
        recording = Recording.load(small_calcium.path("recordings", f"{key}.h5"))
        cut = (slice(t0, t0 + 4), slice(y0, y0 + 16), slice(x0, x0 + 16))
        noisy, clean = pairs[k]
        np.testing.assert_array_equal(noisy, recording.observed_counts[cut])
        light = simulate(by_key[key].spec, until="leakage").observed
        np.testing.assert_array_equal(clean, light[cut])


def test_expected_counts_follow_from_the_clean_movie(small_calcium):
    [path] = small_calcium.path("training").glob("test-*.h5")
    with open_training(path) as file:
        assert file.attrs["expected_scale"] == 1.0 * 0.7 * 60.0
        assert file.attrs["bit_depth"] == 8
        expected = file.attrs["expected_scale"] * file["clean"][...] - 0.5
        off = file["noisy"][...] - expected
    lam = expected + 0.5
    inside = (lam > 25) & (lam < 180)
    error = np.sqrt((lam[inside] + 4 + 1 / 12).sum()) / inside.sum()
    assert abs(off[inside].mean()) < 5 * error


def test_units_are_the_truth_of_the_recording(small_calcium):
    pairs = load_training(small_calcium.folder, "train")
    units = pairs.units(0)
    key = pairs.place(0)["key"]
    truth = Recording.load(small_calcium.path("recordings", f"{key}.h5")).ground_truth
    parts = (units["data"], units["indices"], units["indptr"])
    footprints = sparse.csr_matrix(parts, shape=units["shape"])
    dense = footprints.toarray().reshape(-1, 40, 48)
    np.testing.assert_array_equal(dense, truth.A_observed)
    for name in ("C", "S", "detectable", "shifts"):
        np.testing.assert_array_equal(units[name], getattr(truth, name))


def test_shards_have_the_published_types(small_calcium):
    path = small_calcium.path("training", "train-00000.h5")
    with h5py.File(path, "r") as file:
        assert file["noisy"].dtype == np.uint8
        assert file["clean"].dtype == np.float32
        assert file["noisy"].shape == file["clean"].shape == (4, 4, 16, 16)
        names = {name: str(dtype) for name, (dtype, _) in file["index"].dtype.fields.items()}
        integers = dict.fromkeys(("sample", "t0", "y0", "x0"), "int64")
        assert names == {"key": "|S16", **integers}
        key = next(iter(file["units"]))
        types = {
            n: str(file["units"][key][n].dtype) for n in ("data", "indices", "indptr", "shape")
        }
        assert types == {
            "data": "float32",
            "indices": "int32",
            "indptr": "int64",
            "shape": "int64",
        }


def test_whole_frames_of_a_movie_without_sensor_have_no_clean_twin(tmp_path):
    spec = {**SPEC, "steps": SPEC["steps"][:-1]}
    training = {"patch": None, "frames": 2, "samples_per_recording": 2, "clean": False}
    mapping = {**ONE, "video": False, "spec": spec, "training": training}
    data = SmallDataset.of(tmp_path / "light", mapping)
    data.make_movie(data.points[0])
    data.make_training()
    pairs = load_training(data.folder)
    light, clean = pairs[1]
    place = pairs.place(1)
    assert clean is None
    assert (place["y0"], place["x0"]) == (0, 0)
    movie = Recording.load(data.recording()).observed
    np.testing.assert_array_equal(light, movie[place["t0"] : place["t0"] + 2])


def test_recordings_of_different_light_have_scales_of_their_own(tmp_path):
    axes = {"steps.sensor.photons_per_unit": [40.0, 80.0]}
    splits = {"train": 1.0, "val": 0.0, "test": 0.0}
    training = {"patch": 8, "frames": 1, "samples_per_recording": 4}
    mapping = {**ONE, "video": False, "sweep": {"axes": axes}, "splits": splits}
    data = SmallDataset.of(tmp_path / "lights", {**mapping, "training": training})
    for point in data.points:
        data.make_movie(point)
    data.make_training()
    with h5py.File(data.path("training", "train-00000.h5"), "r") as file:
        assert "expected_scale" not in file.attrs
        scales = {key: units.attrs["expected_scale"] for key, units in file["units"].items()}
    assert scales == {
        point.key: 0.7 * point.axes["steps.sensor.photons_per_unit"] for point in data.points
    }


def test_the_cut_into_shards_changes_no_sample(small_calcium, tmp_path):
    training = {**SMALL["training"], "samples_per_shard": 6}
    data = SmallDataset.of(
        small_calcium.copy(tmp_path / "six").folder, {**SMALL, "training": training}
    )
    for path in [*data.path("training").glob("*.h5"), data.path("manifest.json")]:
        path.unlink()
    data.make_training()
    few, many = load_training(data.folder), load_training(small_calcium.folder)
    assert len(few) == len(many)
    for a, b in zip(few, many, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])


def test_pairs_survive_the_way_to_a_worker_process(small_calcium):
    pairs = load_training(small_calcium.folder)
    first = pairs[0][0]
    again = pickle.loads(pickle.dumps(pairs))
    np.testing.assert_array_equal(again[0][0], first)
    pairs.close()


def test_shards_of_an_earlier_run_are_not_loaded(small_calcium, tmp_path):
    data = small_calcium.copy(tmp_path / "older")
    kept = data.path("training", "train-00000.h5")
    for name in ("train-00009.h5", "excluded-00000.h5"):
        data.path("training", name).write_bytes(kept.read_bytes())
    assert len(load_training(data.folder)) == len(load_training(small_calcium.folder))
    data.path("manifest.json").unlink()
    with pytest.raises(InputFileError, match="4 training shards of split train are of different"):
        load_training(data.folder)
    data.path("training", "train-00009.h5").unlink()
    assert len(load_training(data.folder)) == len(load_training(small_calcium.folder))


def test_what_is_no_shard_is_refused(small_calcium, tmp_path):
    with pytest.raises(InputFileError, match="format is 'calcium-recording'"):
        load_training(small_calcium.recording())
    with pytest.raises(ConfigError, match="split 'training' is unknown"):
        load_training(small_calcium.folder, "training")
    with pytest.raises(MissingFileError, match="no training shards of split train"):
        load_training(tmp_path)
