"""index.csv, split.json, statistics files and manifest of a finished data set."""

import json
import math

import numpy as np
import pytest
from halo_campaign import TINY, make_shard, tiny_dataset
from halo_finished import SmallDataset

from simlab.core.config import parse_config
from simlab.core.files import read_csv, read_json, read_npz
from simlab.core.manifest import verify
from simlab.halo import specs
from simlab.halo.config import DatasetConfig
from simlab.halo.errors import SampleError, StatisticsError
from simlab.halo.files.stats import FILES
from simlab.halo.splits import train_test_split
from simlab.halo.stages.index import write_index
from simlab.halo.stages.manifest import write_dataset_manifest
from simlab.halo.stages.normalization import write_normalization
from simlab.halo.statistics import log_mass

FIRST = [
    *("id", "file", "position", "split", "sim", "halo_idx", "group_index", "rot"),
    *("halo_mass", "log10_halo_mass", "center_x", "center_y", "center_z", "r200"),
]
PUBLISHED = ("index.csv", "split.json", "normalization.json", *FILES)
UNIT = "Msun/h per (L/npix)^2"


@pytest.fixture(scope="module")
def rows(finished):
    header, rows = read_csv(finished["index.csv"])
    return [dict(zip(header, row, strict=True)) for row in rows]


# index.csv


def test_the_index_has_the_documented_columns_then_one_a_parameter(finished):
    header, _ = read_csv(finished["index.csv"])
    assert header[:14] == FIRST
    assert header[14:] == finished.record()["param_names"]
    assert len(header) == 14 + 15


def test_rows_are_sorted_by_simulation_halo_and_rotation(rows):
    keys = [tuple(int(row[key]) for key in ("sim", "halo_idx", "rot")) for row in rows]
    assert keys == [(s, h, r) for s in range(4) for h in range(4) for r in range(2)]


def test_views_beyond_the_tenth_come_in_order_of_their_number(tmp_path):
    dataset = tiny_dataset(rotations={"number": 11}, haloes={"max_per_simulation": 1})
    make_shard(tmp_path, dataset)
    data = SmallDataset(tmp_path, dataset, TINY)
    data.make_index()
    _, table = read_csv(data["index.csv"])
    assert [int(row[7]) for row in table] == list(range(11))


def test_a_row_tells_what_its_sample_and_its_record_hold(finished, rows):
    for row in rows:
        assert row["id"] == f"sim_{row['sim']}_halo_{row['halo_idx']}_rot_{row['rot']}"
        assert row["file"] == f"{row['split']}/sim_{row['sim']}/{row['id']}.npz"
        assert row["position"] == "0"
        sample = read_npz(finished[row["file"]])
        assert float(row["halo_mass"]) == sample["halo_mass"]
        assert float(row["log10_halo_mass"]) == math.log10(sample["halo_mass"])
        assert [float(row[f"center_{axis}"]) for axis in "xyz"] == sample["halo_center"].tolist()
        assert int(row["group_index"]) == sample["group_index"]
        assert [float(value) for value in list(row.values())[14:]] == sample["params"].tolist()
        # mean density in r200 is 200 times the critical one
        volume = 4 / 3 * math.pi * float(row["r200"]) ** 3
        assert sample["halo_mass"] / volume == pytest.approx(200 * 2.77536627e11, rel=1e-3)


def test_numbers_are_written_so_that_they_read_back(rows):
    row = rows[5]
    for key in ("halo_mass", "center_x", "r200", "Omega0"):
        assert row[key] == repr(float(row[key]))


def test_a_data_set_without_haloes_has_an_index_without_rows(tmp_path):
    dataset = tiny_dataset(haloes={"mass_threshold": 1e16})
    make_shard(tmp_path, dataset)
    data = SmallDataset(tmp_path, dataset, TINY)
    data.make_index()
    header, table = read_csv(data["index.csv"])
    assert len(header) == 29
    assert table == []
    told = r"none of the 9 groups of the 1 training simulations \(7\) is above haloes\.mass_thr"
    with pytest.raises(StatisticsError, match=told):
        data.make_normalization()


def test_records_of_other_parameters_are_refused(spoilable):
    def rename(record):
        record["param_names"][2] = "A_SN1"

    spoilable.edit_record(rename, 1)
    spoilable["index.csv"].unlink()
    with pytest.raises(SampleError, match=r"shard_00000\.json: parameters .*A_SN1.* differ from"):
        spoilable.make_index()
    assert not spoilable["index.csv"].exists()


# split.json


def test_the_split_names_all_simulations(finished):
    split = read_json(finished["split.json"])
    train, test = train_test_split(4, 0.3, 1993)
    assert split == {
        "seed": 1993,
        "test_frac": 0.3,
        "total_sims": 4,
        "train": train,
        "test": test,
    }
    assert (train, test) == ([1, 2, 3], [0])


def test_which_simulations_are_run_does_not_change_the_split(spoilable):
    before = spoilable["split.json"].read_bytes()
    options = spoilable.dataset.model_dump(exclude_none=True)
    options["simulations"] |= {"start": 1, "end": 3}
    spoilable.dataset = parse_config(DatasetConfig, options)
    spoilable.make_index()
    assert spoilable["split.json"].read_bytes() == before


# Any sharding


def test_every_file_is_the_same_for_one_and_for_three_shards(finished, tmp_path):
    sharded = SmallDataset(tmp_path / "small", finished.dataset, finished.inputs)
    sharded.make_samples(shards=3)
    assert len(sharded.records) == 12
    sharded.finish()
    for file in PUBLISHED:
        assert sharded[file].read_bytes() == finished[file].read_bytes()
    rows = sharded.rows()
    assert rows == finished.rows()
    assert all(row.passed for row in rows.values())


def test_the_order_of_the_records_changes_no_file(finished, tmp_path):
    records = finished.records[::-1]
    spec = specs.index_spec(finished.dataset)
    write_index(spec, records, tmp_path / "index.csv", tmp_path / "split.json")
    write_normalization(specs.normalization_spec(finished.dataset), records, tmp_path)
    for file in PUBLISHED:
        assert (tmp_path / file).read_bytes() == finished[file].read_bytes()


# Statistics files


COMMON = {
    "epsilon": ("float64", ()),
    "count": ("int64", ()),
    "n_samples": ("int64", ()),
    "min": ("float64", ()),
    "max": ("float64", ()),
    "spec_hash": ("<U64", ()),
    "param_names": (None, (15,)),
    "schema_version": ("int64", ()),
    "condition_source": (None, ()),
    "condition_given": ("float64", (2,)),
    "per_scale": ("bool", ()),
}
OWN = {
    "dark_matter": {
        "dm_mag_mean": (),
        "dm_mag_std": (),
        "condition_mean": (),
        "condition_std": (),
        "large_scale_mean": (3,),
        "large_scale_std": (3,),
    },
    "gas": {"gas_mag_mean": (), "gas_mag_std": ()},
    "stellar": {
        "star_mag_mean": (),
        "star_mag_std": (),
        "occupied_fraction": (),
        "occupied_mean": (),
        "occupied_std": (),
    },
}


@pytest.mark.parametrize("species", OWN)
def test_a_statistics_file_has_the_documented_keys(finished, species):
    arrays = read_npz(finished[f"{species}_normalization_stats.npz"])
    expected = {key: ("float64", shape) for key, shape in OWN[species].items()} | COMMON
    assert set(arrays) == set(expected)
    for key, (dtype, shape) in expected.items():
        assert arrays[key].shape == shape
        assert dtype is None or arrays[key].dtype == dtype
    assert list(arrays)[:3] == [*list(OWN[species])[:2], "epsilon"]
    assert arrays["epsilon"] == 1e-8
    assert arrays["n_samples"] == 24
    assert arrays["count"] == 24 * 16 * 16
    assert arrays["param_names"].tolist() == finished.record()["param_names"]
    assert arrays["param_names"].dtype.kind == "U"
    assert arrays["spec_hash"] == finished.record()["spec_hash"]
    with np.load(finished[f"{species}_normalization_stats.npz"]) as opened:
        assert set(opened.files) == set(arrays)


def training_maps(finished, rows):
    samples = [read_npz(finished[row["file"]]) for row in rows if row["split"] == "train"]
    maps = {"condition": [sample["condition"] for sample in samples]}
    for k, species in enumerate(OWN):
        maps[species] = [sample["target"][k] for sample in samples]
    for k, scale in enumerate(("12.5", "25", "50")):
        maps[f"large_scale_{scale}"] = [sample["large_scale"][k] for sample in samples]
    return {name: log_mass(values).ravel() for name, values in maps.items()}


def test_constants_are_those_of_all_training_pixels(finished, rows):
    content = read_json(finished["normalization.json"])
    maps = training_maps(finished, rows)
    assert set(content["fields"]) == set(maps)
    for name, values in maps.items():
        field = content["fields"][name]
        assert set(field) == {"mean", "std", "min", "max", "count", "unit"}
        assert field["mean"] == pytest.approx(values.mean(), rel=1e-12)
        assert field["std"] == pytest.approx(values.std(ddof=0), rel=1e-10)
        assert (field["min"], field["max"]) == (values.min(), values.max())
        assert (field["count"], field["unit"]) == (values.size, UNIT)


def test_occupied_pixels_of_stars_have_their_own_constants(finished, rows):
    stars = read_npz(finished["stellar_normalization_stats.npz"])
    values = training_maps(finished, rows)["stellar"]
    occupied = values[values > 0]
    assert 0 < stars["occupied_fraction"] < 1
    assert stars["occupied_fraction"] == occupied.size / values.size
    assert stars["occupied_mean"] == pytest.approx(occupied.mean(), rel=1e-12)
    assert stars["occupied_std"] == pytest.approx(occupied.std(), rel=1e-10)


def test_normalization_json_holds_the_numbers_of_the_files_and_of_the_training_haloes(
    finished, rows
):
    content = read_json(finished["normalization.json"])
    assert set(content) == {
        *("format", "transform", "split", "n_samples", "spec_hash", "param_names", "fields"),
        *("parameters", "halo_mass"),
    }
    assert content["format"] == 1
    assert content["transform"] == "log10(x+1), z-score"
    assert (content["split"], content["n_samples"]) == ("train", 24)
    assert content["spec_hash"] == finished.record()["spec_hash"]
    files = {name: read_npz(finished[f"{name}_normalization_stats.npz"]) for name in OWN}
    for species, prefix in zip(OWN, ("dm", "gas", "star"), strict=True):
        for key in ("mean", "std"):
            assert content["fields"][species][key] == files[species][f"{prefix}_mag_{key}"]
    scales = [f"large_scale_{scale}" for scale in ("12.5", "25", "50")]
    for key in ("mean", "std"):
        stored = files["dark_matter"]
        assert content["fields"]["condition"][key] == stored[f"condition_{key}"]
        found = [content["fields"][name][key] for name in scales]
        assert found == stored[f"large_scale_{key}"].tolist()
    training = [row for row in rows if row["split"] == "train" and row["rot"] == "0"]
    masses = np.array([float(row["halo_mass"]) for row in training])
    mass = content["halo_mass"]
    assert mass["log10_mean"] == pytest.approx(np.log10(masses).mean(), rel=1e-12)
    assert mass["log10_std"] == pytest.approx(np.log10(masses).std(), rel=1e-10)
    assert (mass["min"], mass["max"]) == (masses.min(), masses.max())
    table = {row["sim"]: [float(v) for v in list(row.values())[14:]] for row in training}
    params = np.array(list(table.values()))
    assert params.shape == (3, 15)
    found = {key: np.array(values) for key, values in content["parameters"].items()}
    np.testing.assert_allclose(found["mean"], params.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found["std"], params.std(axis=0), rtol=1e-10, atol=1e-15)
    np.testing.assert_array_equal(found["min"], params.min(axis=0))
    np.testing.assert_array_equal(found["max"], params.max(axis=0))


def test_files_hold_neither_times_nor_places(finished):
    for file in PUBLISHED:
        content = finished[file].read_bytes()
        assert str(finished.folder).encode() not in content
    content = json.dumps(read_json(finished["normalization.json"]))
    assert "time" not in content


def without_stars(record):
    for entry in record["samples"]:
        pixels, *_ = entry["moments"]["stellar"]
        entry["moments"]["stellar"] = [pixels, *[(0.0).hex()] * 4]
        entry["moments"].pop("stellar_occupied", None)


def in_the_test_split(record):
    record["split"] = "test"


def of_another_specification(record):
    record["spec_hash"] = "0" * 64


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (without_stars, "channel stellar: std is 0 over 24 training samples"),
        (in_the_test_split, "no training samples: no simulation from simulations.start to end"),
        (of_another_specification, "samples of another specification"),
    ],
)
def test_constants_that_cannot_be_computed_leave_no_file(spoilable, tmp_path, change, text):
    for number in range(4):
        spoilable.edit_record(change, number)
    target = tmp_path / "new"
    target.mkdir()
    spec = specs.normalization_spec(spoilable.dataset)
    with pytest.raises(StatisticsError, match=text):
        write_normalization(spec, spoilable.records, target)
    assert not list(target.iterdir())


# Manifest


@pytest.fixture
def manifest(spoilable):
    files = [spoilable[file] for file in PUBLISHED] + spoilable.records
    path = spoilable["manifest.json"]
    write_dataset_manifest(specs.whole_spec(spoilable.dataset), "code", files, path)
    return path


def test_the_manifest_names_every_sample(spoilable, manifest):
    content = read_json(manifest)
    there = {
        path.relative_to(spoilable.folder).as_posix() for path in spoilable.folder.rglob("*.*")
    }
    assert set(content["files"]) == there - {"manifest.json"}
    assert sum("_rot_" in name for name in content["files"]) == 32
    assert (content["domain"], content["seed"]) == ("halo", 1993)
    assert verify(spoilable.folder) == []


def test_verify_finds_a_flipped_bit_in_a_sample(spoilable, manifest):
    name = sorted(path.name for path in spoilable.folder.rglob("sim_2_halo_*.npz"))[3]
    path = next(spoilable.folder.rglob(name))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    (problem,) = verify(spoilable.folder)
    again = next(path.parent.glob("shard_*.json"))
    assert problem == (f"{path}: content differs from the manifest (sha256); delete {again} too")


def test_verify_finds_a_sample_that_is_lost_or_cut(spoilable, manifest):
    lost, cut = sorted(spoilable.folder.rglob("sim_*_rot_*.npz"))[:2]
    lost.unlink()
    cut.write_bytes(cut.read_bytes()[:-1])
    problems = sorted(verify(spoilable.folder))
    assert len(problems) == 2
    again = next(lost.parent.glob("shard_*.json"))
    assert {f"{lost}: missing; delete {again} too"} < set(problems)
    assert any(text.startswith(f"{cut}: ") and "the manifest says" in text for text in problems)


def test_the_page_of_statistics_tells_that_its_numbers_are_logarithms(finished, tmp_path):
    page = tmp_path / "statistics.html"
    spec = specs.normalization_spec(finished.dataset)
    write_normalization(spec, finished.records, tmp_path, page)
    assert "dex: log10(x + 1), x in Msun/h per (L/npix)^2" in page.read_text()
    fields = read_json(tmp_path / "normalization.json")["fields"]
    assert fields["gas"]["unit"] == "Msun/h per (L/npix)^2"
