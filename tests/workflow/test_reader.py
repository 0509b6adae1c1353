"""`simlab.open_dataset` reads finished data sets of all domains."""

import csv
import shutil

import h5py
import numpy as np
import pytest

import simlab
from simlab.calcium.dataset import load_training
from simlab.core.errors import ConfigError, InputFileError, MissingFileError
from simlab.core.files import read_csv, read_json, write_csv, write_json
from simlab.halo import load_normalization_stats, normalize_sample

DOMAINS = ("ptycho", "afm", "halo", "calcium", "lensing")
TRUTH = {
    "ptycho": ("diff3d", "ground_truth_patches"),
    "afm": ("afm", "desc", "mol"),
    "halo": ("condition", "target", "large_scale", "params"),
    "calcium": ("observed",),
    "lensing": ("images", "alpha", "beta"),
}
"""Inputs and outputs of a network."""
NORMALIZED = {
    "ptycho": ("diff3d",),
    "afm": ("afm", "desc"),
    "halo": ("condition", "target", "large_scale"),
    "calcium": ("observed",),
    "lensing": ("images", "original", "actual", "apparent", "alpha", "beta"),
}


@pytest.fixture(scope="module")
def folders(finished, finished_afm, finished_halo, finished_calcium, finished_lensing):
    """{domain: folder of a finished data set}."""
    tiny = finished / "results" / "ptycho" / "tiny"
    return dict(
        zip(
            DOMAINS,
            (tiny, finished_afm, finished_halo, finished_calcium, finished_lensing),
            strict=True,
        )
    )


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_sample_is_a_row_of_the_index(folders, domain):
    dataset = simlab.open_dataset(folders[domain])
    _, rows = read_csv(folders[domain] / "index.csv")
    assert dataset.domain == dataset.manifest["domain"] == domain
    assert len(dataset) == len(rows)
    assert [list(row.values()) for row in dataset.index] == rows
    for name in TRUTH[domain]:
        assert isinstance(dataset[0][name], np.ndarray), name
    for name in ("train", "val", "validation", "test", "excluded"):
        count = sum(row[3] == name.removesuffix("idation") for row in rows)
        assert len(simlab.open_dataset(folders[domain], split=name)) == count


@pytest.mark.parametrize("domain", DOMAINS)
def test_batches_and_single_samples_are_the_same(folders, domain):
    dataset = simlab.open_dataset(folders[domain], normalized=True)
    for batch in dataset.batches(3, shuffle=2, drop_last=True):
        assert {len(values) for values in batch.values()} == {3}
    shuffled = dataset.shuffled(2)
    batch = next(dataset.batches(3, shuffle=2))
    assert isinstance(batch.get("mol", []), list)
    for k in range(3):
        for name, values in shuffled[k].items():
            np.testing.assert_array_equal(batch[name][k], values, err_msg=name, strict=True)


@pytest.mark.parametrize("domain", DOMAINS)
def test_normalized_arrays_are_float32_and_turn_back(folders, domain):
    raw = simlab.open_dataset(folders[domain], split="train")
    dataset = simlab.open_dataset(folders[domain], split="train", normalized=True)
    for k in (0, len(raw) - 1):
        there, sample = raw[k], dataset[k]
        assert sample.keys() == there.keys()
        back = dataset.denormalize(sample)
        for name, values in there.items():
            if name in NORMALIZED[domain]:
                assert sample[name].dtype == np.float32
                scale = np.abs(values).max()
                np.testing.assert_allclose(back[name], values, rtol=2e-6, atol=2e-6 * scale)
            else:
                np.testing.assert_array_equal(sample[name], values, strict=True)
    with pytest.raises(ConfigError, match="not opened with normalized=True"):
        raw.denormalize(raw[0])


def _mean_and_std(dataset, name, axes):
    values = np.stack([sample[name].astype(np.float64) for sample in dataset])
    return values.mean(axis=axes), values.std(axis=axes)


def test_normalized_training_frames_have_the_energy_networks_expect(folders):
    """x_full_scale makes the mean sum of squares of a pattern (N/2)^2."""
    dataset = simlab.open_dataset(folders["ptycho"], split="train", normalized=True)
    energies = [np.sum(sample["diff3d"].astype(np.float64) ** 2) for sample in dataset]
    assert np.mean(energies) == pytest.approx(16**2, rel=1e-6)


def test_normalized_images_of_every_slice_and_channel_have_mean_0_and_spread_1(folders):
    dataset = simlab.open_dataset(folders["afm"], split="train", normalized=True)
    for name, axes in (("afm", (0, 2, 3)), ("desc", (0, 2, 3))):
        mean, std = _mean_and_std(dataset, name, axes)
        np.testing.assert_allclose(mean, 0, atol=1e-5)
        assert np.logical_or(np.isclose(std, 1, atol=1e-5), np.isclose(std, 0, atol=1e-5)).all()


def test_normalized_maps_are_those_of_normalize_sample(folders):
    stats = load_normalization_stats(folders["halo"])
    raw = simlab.open_dataset(folders["halo"])
    for sample, other in zip(
        raw, simlab.open_dataset(folders["halo"], normalized=True), strict=True
    ):
        for name, values in normalize_sample(sample, stats).items():
            np.testing.assert_array_equal(other[name], values, strict=True)


def test_normalized_movies_have_mean_0_and_spread_1(folders):
    dataset = simlab.open_dataset(folders["calcium"], split="train", normalized=True)
    mean, std = _mean_and_std(dataset, "observed", None)
    assert mean == pytest.approx(0, abs=1e-4)
    assert std == pytest.approx(1, abs=1e-4)


def test_normalized_amplitudes_have_median_0_their_own_scale_and_no_giants(folders):
    folder = folders["lensing"]
    dataset = simlab.open_dataset(folder, split="train", normalized=True)
    values = np.stack([sample["alpha"] for sample in dataset])
    np.testing.assert_allclose(np.median(values, axis=0), 0, atol=1e-5)
    with h5py.File(folder / dataset.index[0]["file"]) as shard:
        assert values.shape[1] == shard["alpha"].shape[1]
    scale = read_json(folder / "normalization.json")["amplitudes"]["alpha[0][1]"]["scale"]
    raw = np.stack([s["alpha"] for s in simlab.open_dataset(folder, split="train")])
    linear = np.sinh(values.astype(np.float64))
    np.testing.assert_allclose(np.ptp(linear[:, 0]), np.ptp(raw[:, 0]) / scale, rtol=1e-5)
    assert np.abs(values).max() < 20
    restored = np.stack([dataset.denormalize(sample)["alpha"] for sample in dataset])
    np.testing.assert_allclose(restored, raw, rtol=1e-5, atol=1e-9 * np.abs(raw).max())
    mean, std = _mean_and_std(dataset, "images", None)
    assert mean == pytest.approx(0, abs=1e-4)
    assert std == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("domain", DOMAINS)
def test_single_arrays_can_be_chosen(folders, domain):
    name = TRUTH[domain][-1]
    sample = simlab.open_dataset(folders[domain], arrays=[name])[1]
    assert list(sample) == [name]
    np.testing.assert_array_equal(sample[name], simlab.open_dataset(folders[domain])[1][name])


def test_amplitudes_in_other_units_than_their_statistics_are_not_normalized(folders, tmp_path):
    folder = shutil.copytree(folders["lensing"], tmp_path / "copy")
    manifest = read_json(folder / "manifest.json")
    manifest["spec"]["simulator"]["amplitude_units"] = "lens"
    write_json(folder / "manifest.json", manifest)
    with pytest.raises(ConfigError, match="amplitude_units: lens"):
        simlab.open_dataset(folder, normalized=True)
    images = simlab.open_dataset(folder, normalized=True, arrays=["images"])
    expected = simlab.open_dataset(folders["lensing"], normalized=True)[2]["images"]
    np.testing.assert_array_equal(images[2]["images"], expected)


@pytest.mark.parametrize("domain", DOMAINS)
def test_an_option_of_another_domain_is_refused(folders, domain):
    option = {"bar": 1} if domain == "calcium" else {"item": "frame"}
    with pytest.raises(ConfigError, match=f"is no option of {domain} data sets, known: split"):
        simlab.open_dataset(folders[domain], **option)


def test_an_unknown_split_is_refused(folders):
    with pytest.raises(ConfigError, match="'tset' is unknown, known: train"):
        simlab.open_dataset(folders["halo"], split="tset")


def test_an_array_that_is_not_there_is_refused(folders):
    for domain in DOMAINS:
        with pytest.raises((InputFileError, ConfigError), match=r"no array '?foo"):
            simlab.open_dataset(folders[domain], arrays=["foo"])[0]


def test_a_folder_without_a_data_set_is_refused(tmp_path):
    with pytest.raises(MissingFileError, match=r"index\.csv"):
        simlab.open_dataset(tmp_path)
    write_csv(tmp_path / "index.csv", ["id", "file", "position", "split"], [])
    with pytest.raises(InputFileError, match="the table of no domain"):
        simlab.open_dataset(tmp_path)


@pytest.mark.parametrize("domain", DOMAINS)
def test_statistics_without_a_number_are_refused_when_they_are_needed(folders, domain, tmp_path):
    folder = shutil.copytree(folders[domain], tmp_path / "copy")
    write_json(folder / "normalization.json", {"format": 1})
    for file in folder.glob("*_normalization_stats.npz"):
        file.unlink()
    with pytest.raises(InputFileError, match="normalization"):
        simlab.open_dataset(folder, normalized=True)[0]
    assert simlab.open_dataset(folder)[0]


def test_pairs_are_those_of_the_training_shards(folders):
    folder = folders["calcium"]
    splits = {
        name: load_training(folder, name) for name in ("train", "val", "test") if _has(folder, name)
    }
    dataset = simlab.open_dataset(folder, item="pair")
    assert len(dataset) == sum(map(len, splits.values()))
    for name, pairs in splits.items():
        part = dataset.split(name)
        assert len(part) == len(pairs)
        for k, (noisy, clean) in enumerate(pairs):
            np.testing.assert_array_equal(part[k]["noisy"], noisy, strict=True)
            np.testing.assert_array_equal(part[k]["clean"], clean, strict=True)
            place = pairs.place(k)
            assert part.index[k]["recording"] == place["key"]
            assert part.index[k]["t0"] == str(place["t0"])


def _has(folder, split):
    return any((folder / "training").glob(f"{split}-*.h5"))


def test_normalized_pairs_share_the_scale_of_the_recordings(folders):
    raw = simlab.open_dataset(folders["calcium"], item="pair")[0]
    dataset = simlab.open_dataset(folders["calcium"], item="pair", normalized=True)
    statistics = read_json(folders["calcium"] / "normalization.json")
    noisy = (raw["noisy"] - statistics["mean"]) / statistics["std"]
    np.testing.assert_allclose(dataset[0]["noisy"], noisy, rtol=1e-5, atol=1e-5)
    back = dataset.denormalize(dataset[0])
    np.testing.assert_allclose(back["clean"], raw["clean"], rtol=1e-5, atol=1e-6)


def test_the_index_names_a_recording_in_one_split(folders):
    with open(folders["calcium"] / "index.csv", newline="") as table:
        split_of = {row["id"]: row["split"] for row in csv.DictReader(table)}
    for row in simlab.open_dataset(folders["calcium"], item="pair").index:
        assert row["split"] == split_of[row["recording"]]


def test_columns_of_the_user_do_not_make_another_domain_of_a_table(folders, tmp_path):
    header, rows = read_csv(folders["lensing"] / "index.csv")
    for name in ("index.csv", "manifest.json"):
        shutil.copy(folders["lensing"] / name, tmp_path)
    write_csv(tmp_path / "index.csv", [*header, "halo_idx"], [[*row, 7] for row in rows])
    assert simlab.open_dataset(tmp_path).domain == "lensing"
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(InputFileError, match=r"the table of halo or lensing; .*manifest\.json"):
        simlab.open_dataset(tmp_path)


def test_intensities_without_a_sensor_are_normalized_as_what_is_observed(folders, tmp_path):
    content = read_json(folders["calcium"] / "normalization.json")
    shutil.copy(folders["calcium"] / "index.csv", tmp_path)
    write_json(tmp_path / "normalization.json", content | {"bit_depth": None, "clean": None})
    dataset = simlab.open_dataset(tmp_path, normalized=True)
    z = np.array([-1.0, 2.0])
    again = dataset.denormalize({"clean": z, "observed": z})
    np.testing.assert_array_equal(again["clean"], again["observed"])
    assert not np.array_equal(again["clean"], z)


def test_contradicting_options_of_frames_are_refused(folders):
    with pytest.raises(ConfigError, match="clean is True, and arrays leave it out"):
        simlab.open_dataset(folders["calcium"], item="frame", clean=True, arrays=["observed"])
