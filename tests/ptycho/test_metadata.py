"""The record of a data set: content, files, comparison, merging."""

import json
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from ptycho_data import raw_data

from simlab.core.config import parse_config
from simlab.core.errors import ConfigError, InputFileError, MissingFileError
from simlab.ptycho.config import DatasetConfig
from simlab.ptycho.contract import validate_dataset
from simlab.ptycho.dataset import read_dataset, write_dataset
from simlab.ptycho.metadata import (
    add_transformation_record,
    check_scale_contract,
    create_metadata,
    dataset_metadata,
    flat_attributes,
    get_nphotons,
    load_with_metadata,
    merge_metadata,
    metadata_text,
    save_with_metadata,
    spec_digest,
    validate_parameters,
)

DATA = Path(__file__).parents[1] / "data" / "ptycho"
PHYSICS = {"nphotons": 1e9, "gridsize": 1, "N": 64}


def record(**changes):
    return create_metadata(PHYSICS | changes, script="tests", timestamp=None)


def dataset(**keys):
    return parse_config(DatasetConfig, keys)


def of_dataset(config, **changes):
    return dataset_metadata(
        config,
        **{
            "N": 64,
            "n_images": 2000,
            "intensity_scale": 900.5,
            "mean_exit_power": 12.25,
            "buffer": 32.0,
            "input_file": "input.npz",
            "input_sha256": "ab" * 32,
            "device": {"backend": "numba", "fft": "scipy", "device": None, "driver": None},
            "patches": True,
            "tool": "ptycho_dataset",
        }
        | changes,
    )


def test_a_record_has_the_sections_of_the_schema():
    made = create_metadata(PHYSICS, script="tool", simulation={"seed": 3}, note=np.float32(0.5))
    assert made["schema_version"] == "1.0.0"
    assert made["creation_info"]["script"] == "tool"
    assert made["creation_info"]["timestamp"].endswith("Z")
    assert made["physics_parameters"] == PHYSICS
    assert made["simulation"] == {"seed": 3}
    assert made["data_transformations"] == []
    assert made["additional_parameters"] == {"note": 0.5}


def test_source_date_epoch_sets_the_time(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    made = create_metadata(PHYSICS, script="tool")
    assert made["creation_info"]["timestamp"] == "1970-01-02T00:00:00Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(ConfigError, match="SOURCE_DATE_EPOCH is 'yesterday'"):
        create_metadata(PHYSICS, script="tool")


def test_the_record_of_a_data_set_tells_scale_domain_and_origin():
    made = of_dataset(dataset(detector={"nphotons": 1e6}, output={"measurement": "intensity"}))
    physics = made["physics_parameters"]
    assert physics["nphotons"] == 1e6
    assert physics["intensity_scale"] == 900.5
    assert physics["mean_exit_power"] == 12.25
    assert physics["measurement_domain"] == "intensity"
    assert physics["scale_contract_version"] == "ni_intensity_v1"
    assert physics["noise_version"] == 1
    simulation = made["simulation"]
    assert simulation["n_images"] == 2000
    assert simulation["buffer"] == 32.0
    assert simulation["seed"] == 42
    assert simulation["layout"] == "uniform_random"
    assert simulation["input_sha256"] == "ab" * 32
    assert simulation["patches"] == "stored"
    assert of_dataset(dataset(), patches=False)["simulation"]["patches"] == "recompute"


def test_the_record_of_a_data_set_does_not_depend_on_time_shards_or_folder(monkeypatch, tmp_path):
    first = metadata_text(of_dataset(dataset()))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    monkeypatch.chdir(tmp_path)
    assert metadata_text(of_dataset(dataset(frames_per_shard=7))) == first
    assert 'timestamp": null' in first


@pytest.mark.parametrize(
    "keys",
    [
        {"seed": 43},
        {"scan": {"n_images": 2001}},
        {"detector": {"background": 0.5}},
        {"subpixel": "nearest"},
        {"output": {"measurement": "count_intensity"}},
        {"backend": "opencl"},
    ],
)
def test_the_spec_digest_changes_with_everything_that_changes_frames(keys):
    assert spec_digest(dataset(**keys), "ab") != spec_digest(dataset(), "ab")


@pytest.mark.parametrize(
    "keys",
    [
        {"frames_per_shard": 5},
        {"split": {"axis": "x"}},
        {"grouping": {"gridsize": 2}},
        {"output": {"npz": False, "contract": "canonical", "merge": "copy"}},
        {"seed": "42"},
    ],
)
def test_the_spec_digest_ignores_what_changes_no_frame(keys):
    assert spec_digest(dataset(**keys), "ab") == spec_digest(dataset(), "ab")


@pytest.mark.parametrize(("section", "key"), [("scan", "file"), ("detector", "mask_file")])
def test_the_spec_digest_holds_the_content_of_the_users_files(tmp_path, section, key):
    def digest(name):
        layout = {"layout": "file"} if section == "scan" else {}
        return spec_digest(dataset(**{section: {**layout, key: str(tmp_path / name)}}), "ab")

    for name, content in (("a.npz", b"one"), ("b.npz", b"one"), ("c.npz", b"two")):
        (tmp_path / name).write_bytes(content)
    assert digest("a.npz") == digest("b.npz") != digest("c.npz")
    with pytest.raises(MissingFileError, match=r"d\.npz"):
        digest("d.npz")


def test_the_spec_digest_changes_with_the_input():
    assert spec_digest(dataset(), "ab") != spec_digest(dataset(), "cd")


def test_a_record_is_saved_as_text_that_needs_no_pickle(tmp_path):
    save_with_metadata(tmp_path / "a.npz", {"x": np.arange(3)}, record(note="µ"))
    with np.load(tmp_path / "a.npz", allow_pickle=False) as data:
        assert json.loads(str(data["_metadata"])) == record(note="µ")
    arrays, found = load_with_metadata(tmp_path / "a.npz")
    assert list(arrays) == ["x"]
    assert found == record(note="µ")


def test_a_file_without_record_gives_none(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3))
    assert load_with_metadata(tmp_path / "a.npz")[1] is None


def test_the_peers_record_is_read():
    arrays, found = load_with_metadata(DATA / "legacy_simulated_sample.npz")
    assert found["physics_parameters"]["N"] == 64
    assert "diff3d" in arrays
    assert get_nphotons(found) == 1e9


@pytest.mark.parametrize("text", ["{not json", "[1, 2]", "[" * 100_000])
def test_a_record_that_is_no_json_object_is_refused(tmp_path, text):
    np.savez(tmp_path / "a.npz", _metadata=np.array(text))
    with pytest.raises(InputFileError, match=r"a\.npz.*_metadata"):
        load_with_metadata(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"physics_parameters": 3}, "physics_parameters is int, a JSON object"),
        ({"simulation": [1]}, "simulation is list, a JSON object"),
        ({"creation_info": None}, "creation_info is NoneType, a JSON object"),
        ({"additional_parameters": "x"}, "additional_parameters is str, a JSON object"),
        ({"data_transformations": {}}, "data_transformations is dict, a JSON list"),
        ({"physics_parameters": {"nphotons": "many"}}, r"physics_parameters\.nphotons is str"),
        ({"physics_parameters": {"measurement_domain": [1]}}, r"measurement_domain is list"),
        ({"simulation": {"n_images": True}}, r"simulation\.n_images is bool, a number"),
    ],
)
@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_a_record_of_another_shape_is_refused_by_file_and_section(tmp_path, suffix, changes, words):
    path = tmp_path / f"d{suffix}"
    write_dataset(path, raw_data(4))
    text = json.dumps(record() | changes)
    if suffix == ".h5":
        with h5py.File(path, "a") as file:
            file.attrs["_metadata"] = text
    else:
        with np.load(path) as data:
            arrays = dict(data)
        np.savez(path, **arrays | {"_metadata": np.array(text)})
    with pytest.raises(InputFileError, match=rf"d\{suffix}: _metadata: .*{words}"):
        read_dataset(path)
    (problem,) = validate_dataset(path)
    assert re.search(words, problem)


def test_parameters_are_compared_with_a_configuration():
    assert validate_parameters(record(), PHYSICS) == []
    assert validate_parameters(record(), {"nphotons": 1e9 + 1e-10}) == []
    warnings = validate_parameters(record(), {"nphotons": 1e8, "N": 128, "gridsize": 1})
    assert len(warnings) == 2
    assert "nphotons is 1000000000.0 in the file and 100000000.0" in warnings[0]
    assert warnings[1].startswith("N is 64")
    assert validate_parameters(None, PHYSICS) != []


def test_parameters_are_compared_with_an_object_too():
    class Config:
        N = 32

    assert validate_parameters(record(), Config()) == [
        "N is 64 in the file and 32 in the configuration"
    ]


def test_transformations_are_added_to_a_copy(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    first = record()
    second = add_transformation_record(first, "crop", "cut", {"rows": np.int64(3)})
    assert first["data_transformations"] == []
    assert second["data_transformations"] == [
        {
            "tool": "crop",
            "operation": "cut",
            "parameters": {"rows": 3},
            "timestamp": "1970-01-01T00:00:00Z",
        }
    ]


def test_a_transformation_without_a_time_is_the_same_at_any_time():
    (step,) = add_transformation_record(record(), "a", "x", timestamp=None)["data_transformations"]
    assert step == {"tool": "a", "timestamp": None, "operation": "x", "parameters": {}}


def test_photons_default_where_nothing_is_recorded():
    assert get_nphotons(record(nphotons=5)) == 5.0
    assert get_nphotons(None) == 1e9
    assert get_nphotons({}, default=7) == 7


def test_merging_keeps_the_first_record_and_all_transformations():
    first = add_transformation_record(record(), "a", "x")
    other = add_transformation_record(record(nphotons=1e6), "b", "y")
    merged = merge_metadata([first, other, first])
    assert merged["physics_parameters"]["nphotons"] == 1e9
    assert [step["tool"] for step in merged["data_transformations"]] == ["a", "b"]


def test_merging_consistent_records_refuses_other_physics():
    assert merge_metadata([record(), record()], "validate_consistent") == record()
    with pytest.raises(ConfigError, match=r"record 1: nphotons is 1000000.0, the first has"):
        merge_metadata([record(), record(nphotons=1e6)], "validate_consistent")
    with pytest.raises(ConfigError, match="preserve_first"):
        merge_metadata([record()], "newest")
    with pytest.raises(ConfigError, match="at least one"):
        merge_metadata([])


def test_the_measurement_domain_follows_from_either_entry():
    assert check_scale_contract(None, "f") == "normalized_amplitude"
    assert check_scale_contract(record(scale_contract_version="ca_amplitude_v1"), "f") == (
        "count_amplitude"
    )
    assert check_scale_contract(record(measurement_domain="intensity"), "f") == "intensity"


def test_flat_attributes_drop_the_sections():
    flat = flat_attributes(of_dataset(dataset()))
    assert flat["nphotons"] == 1e9
    assert flat["seed"] == 42
    assert flat["schema_version"] == "1.0.0"


def test_records_need_neither_kernels_nor_hdf5():
    code = (
        "import sys, simlab.ptycho.metadata; "
        "print([m for m in ('numba', 'h5py', 'scipy', 'cv2', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "workflow" / "scripts")},
    )
    assert done.stdout.strip() == "[]"
