"""Reading samples for training, and constants from samples that are already there."""

import shutil

import numpy as np
import pytest
from halo_finished import small_dataset
from scipy.special import ndtri

from simlab.core.dataset import Dataset
from simlab.core.errors import ConfigError, InputFileError, MissingFileError
from simlab.core.files import read_json, read_npz, write_csv
from simlab.halo.dataset import compute_normalization_stats, iter_samples, validate_stats
from simlab.halo.errors import SampleError, StatisticsError
from simlab.halo.files.samples import DOCUMENTED, PROVENANCE
from simlab.halo.files.stats import FILES, load_normalization_stats
from simlab.halo.statistics import log_mass, normalize, normalize_sample

TEST_SIM, TRAIN = 0, 24
"""The only test simulation; samples of the others."""


@pytest.fixture(scope="module")
def index(finished):
    return finished["index.csv"]


@pytest.fixture(scope="module")
def stats(finished):
    return load_normalization_stats(finished.folder)


def same(a, b):
    assert list(a) == list(b)
    for key in a:
        np.testing.assert_array_equal(a[key], b[key])
        assert np.asarray(a[key]).dtype == np.asarray(b[key]).dtype


# Reading


def test_samples_come_in_the_order_of_the_index_as_they_are_in_their_files(finished, index):
    rows = Dataset(finished.folder).index
    read = list(iter_samples(index))
    assert [sample["id"] for sample in read] == [row["id"] for row in rows]
    for row, sample in zip(rows, read, strict=True):
        assert tuple(sample) == (*DOCUMENTED, *PROVENANCE, "id")
        stored = read_npz(finished[row["file"]])
        same({key: sample[key] for key in stored}, stored)


@pytest.mark.parametrize(("split", "count"), [("train", TRAIN), ("test", 8), (None, 32)])
def test_a_split_holds_whole_simulations(index, split, count):
    sims = [int(sample["id"].split("_")[1]) for sample in iter_samples(index, split=split)]
    assert len(sims) == count
    if split:
        assert all((sim == TEST_SIM) == (split == "test") for sim in sims)


def test_training_reads_the_bits_that_inference_computes(index, stats):
    raw = list(iter_samples(index))
    for sample, done in zip(raw, iter_samples(index, stats), strict=True):
        same(done, normalize_sample(sample, stats))
        alone = normalize_sample({"condition": sample["condition"]}, stats)
        np.testing.assert_array_equal(done["condition"], alone["condition"])
        for key in ("condition", "target", "large_scale"):
            assert done[key].dtype == np.float32
            assert done[key].shape == sample[key].shape
        np.testing.assert_array_equal(
            done["target"][2],
            normalize(sample["target"][2], stats["star_mag_mean"], stats["star_mag_std"]),
        )
        for key in ("params", "halo_mass", "halo_center"):
            np.testing.assert_array_equal(done[key], sample[key])


def test_normalized_training_samples_have_mean_zero_and_spread_one(index, stats):
    samples = list(iter_samples(index, stats, "train"))
    for maps in (
        [sample["condition"] for sample in samples],
        *([sample["target"][k] for sample in samples] for k in range(3)),
    ):
        values = np.array(maps, float)
        assert abs(values.mean()) < 1e-6
        assert values.std() == pytest.approx(1, abs=1e-6)


def test_samples_are_read_one_by_one(spoilable):
    samples = iter_samples(spoilable["index.csv"])
    next(samples)
    second = Dataset(spoilable.folder).index[1]
    spoilable[second["file"]].unlink()
    with pytest.raises(MissingFileError, match=second["id"]):
        next(samples)


def test_a_split_that_is_unknown_is_refused(index):
    with pytest.raises(ConfigError, match="split is 'val'"):
        next(iter_samples(index, split="val"))


def test_a_table_that_is_no_index_is_refused(tmp_path):
    write_csv(tmp_path / "index.csv", ["id", "file"], [])
    with pytest.raises(SampleError, match="no column halo_mass, split"):
        next(iter_samples(tmp_path / "index.csv"))


def test_the_reader_of_all_domains_reads_the_samples(finished, index):
    dataset = Dataset(finished.folder)
    assert len(dataset) == 32
    assert len(dataset.split("train")) == TRAIN
    first = dataset.split("train")[0]
    assert tuple(first) == DOCUMENTED + PROVENANCE
    assert first["condition"].shape == (16, 16)
    expected = next(iter_samples(index, split="train"))
    same(first, {key: expected[key] for key in first})


# Constants again


def test_constants_of_the_samples_are_those_of_the_records_bit_for_bit(finished, index, tmp_path):
    summary = compute_normalization_stats(index, f"{tmp_path}/")
    for file in FILES:
        assert (tmp_path / file).read_bytes() == finished[file].read_bytes()
    stored = read_json(tmp_path / "normalization.json")
    assert stored == summary
    assert stored.pop("drawn") is None
    assert stored == read_json(finished["normalization.json"])


def test_constants_may_be_written_with_a_prefix(index, tmp_path):
    compute_normalization_stats(index, tmp_path / "mine_")
    assert (tmp_path / "mine_gas_normalization_stats.npz").is_file()
    again = load_normalization_stats(tmp_path / "mine_")
    assert again["gas_mag_mean"] == load_normalization_stats(index.parent)["gas_mag_mean"]
    assert {path.name for path in tmp_path.iterdir()} == {
        *(f"mine_{file}" for file in FILES),
        "mine_normalization.json",
    }


def test_constants_of_some_samples_say_so_and_can_be_repeated(index, tmp_path):
    found = {}
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        (tmp_path / name).mkdir()
        found[name] = compute_normalization_stats(index, tmp_path / name, max_files=5, seed=seed)
        stats = load_normalization_stats(tmp_path / name)
        assert stats["n_samples"] == found[name]["n_samples"] == 5
        assert stats["count"] == 5 * 16 * 16
        assert found[name]["drawn"] == {"max_files": 5, "seed": seed}
    assert found["a"] == found["b"]
    assert found["a"]["fields"] != found["c"]["fields"]


@pytest.mark.parametrize("max_files", [TRAIN, 10**6])
def test_more_files_than_there_are_is_all_of_them(index, tmp_path, max_files):
    summary = compute_normalization_stats(index, f"{tmp_path}/", max_files=max_files)
    assert summary["drawn"] is None
    assert summary["n_samples"] == TRAIN


def test_no_files_at_all_is_refused(index, tmp_path):
    with pytest.raises(ConfigError, match="max_files is 0"):
        compute_normalization_stats(index, f"{tmp_path}/", max_files=0)


def test_constants_for_readers_are_recorded(index, tmp_path, stats):
    reader = {"condition_source": {"mean": 9.977704, "std": 0.41385219}, "per_scale": True}
    compute_normalization_stats(index, f"{tmp_path}/", reader=reader)
    again = load_normalization_stats(tmp_path)
    assert again["condition"] == (9.977704, 0.41385219)
    np.testing.assert_array_equal(again["large_scale"][0], stats["large_scale_mean"])
    assert again["condition_mean"] == stats["condition_mean"]
    assert stats["condition"] == (stats["condition_mean"], stats["condition_std"])
    np.testing.assert_array_equal(stats["large_scale"][0], [stats["condition_mean"]] * 3)


def test_constants_for_readers_stay_when_they_are_computed_again(spoilable, tmp_path):
    choice = {"condition_source": {"mean": 9.5, "std": 0.5}, "per_scale": True}
    index = spoilable["index.csv"]
    compute_normalization_stats(index, spoilable.folder, reader=choice)
    compute_normalization_stats(index, spoilable.folder)
    assert load_normalization_stats(spoilable.folder)["condition"] == (9.5, 0.5)
    compute_normalization_stats(index, tmp_path / "mine_")
    mine = load_normalization_stats(tmp_path / "mine_")
    assert mine["condition"] == (9.5, 0.5)
    assert mine["per_scale"] is True
    other = {"condition_source": "dm_mag", "per_scale": False}
    compute_normalization_stats(index, tmp_path / "mine_", reader=other)
    compute_normalization_stats(index, tmp_path / "mine_")
    assert load_normalization_stats(tmp_path / "mine_")["condition_source"] == "dm_mag"


def test_quantiles_of_the_star_pixels_are_mapped_on_normal_scores(index, tmp_path):
    compute_normalization_stats(index, f"{tmp_path}/", fit_quantile=True)
    fitted = read_npz(tmp_path / "stellar_quantiles.npz")
    assert {key: array.shape for key, array in fitted.items()} == {
        "levels": (1001,),
        "quantiles": (1001,),
        "normal_scores": (1001,),
    }
    samples = iter_samples(index, split="train")
    logs = np.concatenate([log_mass(sample["target"][2]).ravel() for sample in samples])
    np.testing.assert_array_equal(fitted["quantiles"], np.quantile(logs, fitted["levels"]))
    np.testing.assert_array_equal(fitted["levels"], np.linspace(0, 1, 1001))
    scores = fitted["normal_scores"]
    np.testing.assert_allclose(scores[1:-1], ndtri(fitted["levels"][1:-1]), rtol=1e-12)
    np.testing.assert_allclose(scores, -scores[::-1], atol=1e-12)
    assert np.isfinite(scores).all()


def test_quantiles_of_some_pixels_can_be_repeated(index, tmp_path):
    found = []
    for name in "ab":
        (tmp_path / name).mkdir()
        options = {"fit_quantile": True, "quantile_subsample": 20}
        compute_normalization_stats(index, tmp_path / name, **options)
        found.append(read_npz(tmp_path / name / "stellar_quantiles.npz")["quantiles"])
    np.testing.assert_array_equal(*found)
    compute_normalization_stats(index, f"{tmp_path}/", fit_quantile=True)
    every = read_npz(tmp_path / "stellar_quantiles.npz")["quantiles"]
    assert every[-1] >= found[0][-1]
    assert not np.array_equal(every, found[0])


def test_pixels_for_the_quantiles_are_bounded_in_all(index, tmp_path, monkeypatch):
    counts, quantile = [], np.quantile
    monkeypatch.setattr(np, "quantile", lambda x, q: counts.append(x.size) or quantile(x, q))
    for total in (1, 50, 24 * 256 - 1, 10**6):
        options = {"fit_quantile": True, "quantile_subsample": total}
        compute_normalization_stats(index, f"{tmp_path}/", **options)
    assert counts == [1, 50, 24 * 256 - 1, 24 * 256]


@pytest.mark.parametrize("records", [True, False])
def test_an_index_of_four_columns_loses_no_names(spoilable, tmp_path, records):
    rows = Dataset(spoilable.folder).index
    names = read_json(spoilable["normalization.json"])["param_names"]
    columns = ["id", "file", "split", "halo_mass", *([] if records else names)]
    write_csv(spoilable["index.csv"], columns, [[row[c] for c in columns] for row in rows])
    if not records:
        for path in spoilable.records:
            path.unlink()
    summary = compute_normalization_stats(spoilable["index.csv"], f"{tmp_path}/")
    assert summary["param_names"] == names
    assert len(names) == len(summary["parameters"]["mean"]) == 15
    assert list(load_normalization_stats(tmp_path)["param_names"]) == names


def test_samples_without_records_are_taken_for_the_usual_scales(finished, tmp_path, stats):
    copied = tmp_path / "copied"
    shutil.copytree(finished.folder, copied, ignore=shutil.ignore_patterns("shard_*"))
    summary = compute_normalization_stats(copied / "index.csv", f"{tmp_path}/")
    assert summary["spec_hash"] == ""
    assert list(summary["fields"])[:2] == ["condition", "large_scale_12.5"]
    assert load_normalization_stats(tmp_path)["dm_mag_mean"] == stats["dm_mag_mean"]


def test_an_index_without_training_samples_has_no_constants(spoilable, tmp_path):
    spoilable.edit_index(lambda rows: [row.update(split="test") for row in rows])
    with pytest.raises(StatisticsError, match="no training samples"):
        compute_normalization_stats(spoilable["index.csv"], tmp_path / "new_")
    assert not list(tmp_path.glob("new_*"))


def test_samples_without_stars_have_no_constants_and_leave_no_files(spoilable, tmp_path):
    def without_stars(sample):
        sample["target"][2] = 0

    for row in Dataset(spoilable.folder).index:
        spoilable.edit_sample(without_stars, row["id"])
    with pytest.raises(StatisticsError, match="channel stellar: std is 0"):
        compute_normalization_stats(spoilable["index.csv"], tmp_path / "new_")
    assert not list(tmp_path.glob("new_*"))


@pytest.mark.parametrize(
    "scales", [[6.25], [6.25, 50.0], [6.25, 18.75], [3.125, 6.25, 12.5, 25.0, 50.0]]
)
def test_data_sets_of_other_scales_are_read_and_checked(tmp_path, scales):
    data = small_dataset(
        tmp_path,
        {
            "maps": {"resolution": 16, "scales": scales},
            "simulations": {"total": 2, "test_fraction": 0},
            "haloes": {"max_per_simulation": 2},
        },
    )
    stats = load_normalization_stats(data.folder)
    assert stats["large_scale_mean"].shape == (len(scales) - 1,)
    sample = next(iter_samples(data["index.csv"], stats))
    assert sample["large_scale"].shape == (len(scales) - 1, 16, 16)
    again = compute_normalization_stats(data["index.csv"], tmp_path / "again_")
    assert again["fields"] == read_json(data["normalization.json"])["fields"]
    assert data.failed() == set()


@pytest.mark.parametrize("columns", [[], ["sigma8"], "sb35"])
def test_data_sets_of_any_number_of_parameters_are_read_and_checked(tmp_path, columns):
    options = {"columns": columns, "overrides": {"SB35": {"sigma8": 0.75}}}
    data = small_dataset(
        tmp_path,
        {
            "parameters": options,
            "simulations": {"total": 2, "test_fraction": 0},
            "haloes": {"max_per_simulation": 2},
        },
    )
    sample = next(iter_samples(data["index.csv"]))
    count = 35 if columns == "sb35" else len(columns)
    assert sample["params"].shape == (count,)
    content = read_json(data["normalization.json"])
    assert len(content["parameters"]["mean"]) == len(content["param_names"]) == count
    if count:
        assert content["parameters"]["mean"][content["param_names"].index("sigma8")] == 0.75
    assert data.failed() == set()


# Validation


def test_good_constants_raise_no_doubts(finished):
    assert validate_stats(finished.folder) == []


@pytest.mark.parametrize(
    ("species", "key", "value", "text"),
    [
        ("gas", "gas_mag_mean", 13.0, "gas: mean 13 is outside [-1, 12]"),
        ("stellar", "star_mag_std", 6.0, "stellar: std 6 is outside [0.05, 5]"),
        ("dark_matter", "condition_std", 0.01, "condition: std 0.01 is outside"),
    ],
)
def test_unusual_constants_are_doubted(spoilable, species, key, value, text):
    def change(arrays):
        arrays[key] = np.float64(value)

    spoilable.edit_arrays(change, f"{species}_normalization_stats.npz")
    (doubt,) = validate_stats(spoilable.folder)
    assert doubt.startswith(text)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_constants_that_cannot_be_used_are_refused(spoilable, value):
    def change(arrays):
        arrays["star_mag_std"] = np.float64(value)

    spoilable.edit_arrays(change, "stellar_normalization_stats.npz")
    with pytest.raises(StatisticsError, match="stellar"):
        validate_stats(spoilable.folder)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_constants_of_a_scale_that_cannot_be_used_are_refused(spoilable, value):
    def change(arrays):
        arrays["large_scale_std"][1] = value

    spoilable.edit_arrays(change, "dark_matter_normalization_stats.npz")
    with pytest.raises(StatisticsError, match=r"large_scale(_std)?\[1\]"):
        validate_stats(spoilable.folder)


def test_statistics_files_that_are_missing_or_damaged_are_named(spoilable):
    path = spoilable["gas_normalization_stats.npz"]
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputFileError, match="gas_normalization_stats"):
        validate_stats(spoilable.folder)
    path.unlink()
    with pytest.raises(MissingFileError, match="gas_normalization_stats"):
        validate_stats(spoilable.folder)
