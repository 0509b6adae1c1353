"""Rule halo_samples: what a shard writes and removes."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from halo_campaign import SIM, TINY, make_shard, sample_bytes, tiny_dataset, tiny_inputs

from simlab.core.errors import SimlabError
from simlab.core.files import read_npz, sha256_of
from simlab.halo import memory
from simlab.halo.errors import CatalogError, SampleError, SnapshotError
from simlab.halo.files.records import parts_from, read_record
from simlab.halo.files.samples import DOCUMENTED, PROVENANCE, read_sample, write_sample
from simlab.halo.files.snapshots import open_snapshot
from simlab.halo.rotations import random_rotation
from simlab.halo.stages import samples as stage
from simlab.halo.stages.placement import discard
from simlab.halo.statistics import sample_moments


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    place, _ = make_shard(folder)
    return folder, read_record(place.record)


def first_sample(made):
    folder, record = made
    return read_npz(folder / record["samples"][0]["file"])


def test_a_sample_holds_the_documented_keys_shapes_and_dtypes(made):
    sample = first_sample(made)
    assert tuple(sample) == DOCUMENTED + PROVENANCE
    shapes = {key: (array.shape, str(array.dtype)) for key, array in sample.items()}
    assert shapes == {
        "condition": ((16, 16), "float32"),
        "target": ((3, 16, 16), "float32"),
        "large_scale": ((3, 16, 16), "float32"),
        "params": ((15,), "float64"),
        "halo_mass": ((), "float64"),
        "halo_center": ((3,), "float64"),
        "rot_matrix": ((3, 3), "float64"),
        "seed_key": ((4,), "int64"),
        "group_index": ((), "int64"),
    }


def test_without_provenance_there_are_exactly_six_keys(tmp_path):
    place, _ = make_shard(tmp_path, tiny_dataset(output={"provenance": False}))
    entry = read_record(place.record)["samples"][0]
    assert tuple(read_npz(tmp_path / entry["file"])) == DOCUMENTED


def test_the_rotation_is_that_of_the_stored_key(made):
    sample = first_sample(made)
    assert sample["seed_key"].tolist() == [1993, SIM, int(sample["group_index"]), 0]
    expected = random_rotation(tuple(sample["seed_key"].tolist()))
    np.testing.assert_array_equal(sample["rot_matrix"], expected)


def test_the_identity_view_keeps_its_key(tmp_path):
    dataset = tiny_dataset(rotations={"number": 2, "first_is_identity": True})
    place, _ = make_shard(tmp_path, dataset)
    first, second = read_record(place.record)["samples"][:2]
    assert first["rot_matrix"] == np.eye(3).tolist()
    assert first["seed_key"][3] == 0
    assert second["rot_matrix"] != first["rot_matrix"]


def test_the_record_tells_sums_moments_and_hashes_of_every_sample(made):
    folder, record = made
    assert record["npix"] == 128
    assert record["n_kept"] == 3
    assert len(record["samples"]) == 6
    for entry in record["samples"]:
        path = folder / entry["file"]
        sample = read_sample(path, 16, record["scales"])
        assert entry["sha256"] == sha256_of(path)
        assert entry["bytes"] == path.stat().st_size
        assert entry["sum_condition"] == sample["condition"].astype(float).sum()
        sums = sample["target"].astype(float).sum((1, 2))
        np.testing.assert_allclose(entry["sum_target"], sums, rtol=1e-14)
        moments = sample_moments(sample, record["scales"])
        assert parts_from(entry["moments"]) == {k: tuple(part) for k, part in moments.items()}


def test_masses_of_the_record_are_those_of_the_box(made):
    _, record = made
    expected = np.load(TINY / "expected_loading.npz")
    for species, key in (
        ("dmo", "dm"),
        ("hydro_dm", "hydro_dm"),
        ("gas", "gas"),
        ("stars", "star"),
    ):
        assert record["masses"][species] == pytest.approx(
            float(expected[f"{key}_mass_sum"]), rel=1e-6
        )


def test_samples_are_the_same_bits_for_any_shards_threads_and_memory(made, tmp_path):
    folder, _ = made
    for shard in range(2):
        make_shard(tmp_path, shard=shard, shards=2, threads=2, memory_mb=1)
    assert sample_bytes(tmp_path) == sample_bytes(folder)


def test_rotations_of_a_halo_are_made_in_as_many_passes_as_the_memory_asks_for(
    made, tmp_path, monkeypatch
):
    passes, original = [], stage.project_multiscale

    def counted(particles, centers, *others, **options):
        passes.append(len(centers))
        return original(particles, centers, *others, **options)

    monkeypatch.setattr(stage, "project_multiscale", counted)
    dataset = tiny_dataset()
    most = max(*open_snapshot(tiny_inputs().dmo).counts, *open_snapshot(tiny_inputs().hydro).counts)
    monkeypatch.setattr(memory, "CHUNK_BYTES", 0)
    _, fixed = memory.fixed_bytes(dataset.maps, most)
    _, each = memory.view_bytes(dataset.maps)
    make_shard(tmp_path, memory_mb=(fixed + 4.5 * each) / 1e6)
    assert passes == [4] * 4 + [2] * 4  # species
    assert sample_bytes(tmp_path) == sample_bytes(made[0])


def test_a_csv_catalog_in_another_unit_is_refused_before_anything_is_written(tmp_path):
    catalog = tmp_path / "haloes.csv"
    catalog.write_text("x,y,z,mass\n25000,100,3,1e14\n")
    source = tiny_dataset().source.model_dump(mode="json") | {
        "catalog_format": "csv",
        "catalog_units": {"length": "Mpc/h", "mass": "Msun/h"},
    }
    inputs = dataclasses.replace(tiny_inputs(), catalog=catalog)
    with pytest.raises(CatalogError, match=r"outside the box .*catalog_units"):
        make_shard(tmp_path / "x", tiny_dataset(source=source), inputs=inputs)
    assert not (tmp_path / "x").exists()


def test_lists_of_shards_that_are_no_more_are_removed_without_their_records(tmp_path):
    here, other = tmp_path / "train/sim_7", tmp_path / "test/sim_7"
    for folder in (here, other):
        folder.mkdir(parents=True)
        for name in (
            *(".shard_00002.progress.json", "..shard_00002.progress.json.node-1-ab.part"),
            *(".shard_00002.json.node-1-ab.part", "shard_00002.large_scale.json"),
            *(".shard_00001.progress.json", ".sim_7_halo_1_rot_0.npz.node-1-ab.part"),
        ):
            (folder / name).touch()
    place, _ = make_shard(tmp_path, shard=0, shards=2)
    assert not other.exists()
    assert {path.name for path in here.glob("*") if not path.name.startswith("sim_7")} == {
        *(place.record.name, ".shard_00001.progress.json", ".sim_7_halo_1_rot_0.npz.node-1-ab.part")
    }


def test_samples_of_other_settings_are_removed(tmp_path):
    make_shard(tmp_path, tiny_dataset(rotations={"number": 3}))
    make_shard(tmp_path, tiny_dataset(rotations={"number": 1}))
    assert len(sample_bytes(tmp_path)) == 3
    make_shard(tmp_path, tiny_dataset(haloes={"mass_threshold": 9e14}, rotations={"number": 1}))
    assert sample_bytes(tmp_path) == {}


def test_a_shard_leaves_the_samples_of_other_shards(tmp_path):
    make_shard(tmp_path, shard=0, shards=2)
    make_shard(tmp_path, shard=1, shards=2)
    discard(make_shard(tmp_path, shard=1, shards=2)[0])
    assert {name.split("_")[4] for name in sample_bytes(tmp_path)} == {"0", "2"}


def test_a_simulation_without_haloes_has_a_record_without_samples(tmp_path):
    place, _ = make_shard(tmp_path, tiny_dataset(haloes={"mass_threshold": 1e16}))
    record = read_record(place.record)
    assert record["samples"] == []
    assert record["masses"]["dmo"] > 0


def test_haloes_beyond_the_most_are_left_out_in_catalog_order(tmp_path):
    place, _ = make_shard(tmp_path, tiny_dataset(haloes={"max_per_simulation": 2}))
    record = read_record(place.record)
    assert [halo["halo_idx"] for halo in record["haloes"]] == [0, 1]
    assert record["n_kept"] == 3


def test_a_box_of_another_size_is_refused_before_anything_is_written(tmp_path):
    dataset = tiny_dataset(maps={"resolution": 16, "box_size": 25.0, "scales": [6.25, 25.0]})
    with pytest.raises(SnapshotError, match="BoxSize"):
        make_shard(tmp_path, dataset)
    assert sample_bytes(tmp_path) == {}


def test_chunk_boundaries_change_no_more_than_rounding(made, tmp_path):
    root = tmp_path / "tree"
    shutil.copytree(TINY, root)
    _, _ = make_shard(tmp_path, inputs=tiny_inputs(root))
    assert sample_bytes(tmp_path / "train") == sample_bytes(made[0] / "train")


def test_a_sample_below_zero_is_not_written(tmp_path, made):
    sample = first_sample(made)
    sample["condition"] = sample["condition"] - 1e13
    with pytest.raises(SampleError, match="condition holds values that are negative"):
        write_sample(tmp_path / "x.npz", sample)
    assert not list(tmp_path.iterdir())


def test_a_sample_of_another_shape_is_not_read(made):
    folder, record = made
    path = folder / record["samples"][0]["file"]
    with pytest.raises(SampleError, match=r"condition has shape \(16, 16\), expected \(32, 32\)"):
        read_sample(path, 32)


def test_a_record_with_other_keys_is_refused(made, tmp_path):
    _, record = made
    path = tmp_path / "shard_00000.json"
    path.write_text(json.dumps({key: value for key, value in record.items() if key != "masses"}))
    with pytest.raises(SampleError, match="masses"):
        read_record(path)
    path.write_text(json.dumps(record | {"schema_version": 9}))
    with pytest.raises(SampleError, match="not a shard record"):
        read_record(path)


def test_missing_inputs_are_named(tmp_path):
    inputs = tiny_inputs(tmp_path / "nowhere")
    with pytest.raises(SimlabError, match="nowhere"):
        make_shard(tmp_path, inputs=inputs)


def test_what_a_killed_job_was_writing_is_removed_but_not_what_another_shard_writes(tmp_path):
    place, _ = make_shard(tmp_path, shard=0, shards=2)
    place.record.unlink()
    folder = place.record.parent
    own = [".sim_7_halo_2_rot_1.npz.node-1-ab.part", ".shard_00000.json.node-1-ab.part"]
    own.append("..shard_00000.progress.json.node-1-ab.part")
    other = [".sim_7_halo_1_rot_1.npz.node-2-ab.part", ".shard_00001.json.node-2-ab.part"]
    for name in own + other:
        (folder / name).touch()
    make_shard(tmp_path, shard=0, shards=2)
    assert {path.name for path in folder.glob(".*")} == set(other)
    discard(place)
    assert {path.name for path in folder.glob("*")} == set(other)
