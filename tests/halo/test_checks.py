"""Every check of a data set fails for the defect it names, and only it; good data pass all."""

from importlib.util import find_spec

import numpy as np
import pytest
from halo_campaign import SIM, TINY, make_shard, tiny_dataset
from halo_finished import SmallDataset

from simlab.core.checks import write_checks
from simlab.core.errors import ChecksFailedError
from simlab.core.files import read_json
from simlab.halo import checks, specs
from simlab.halo.files.records import write_record
from simlab.halo.rotations import random_rotation
from simlab.halo.stages.checks import write_dataset_checks

IDS = [f"C{number}" for number in range(1, 15)]


def sim_of(name):
    return int(name.split("_")[1])


def number_of(data, sim):
    """Place of the record of a simulation."""
    return [data.record(n)["sim"] for n in range(len(data.records))].index(sim)


def entry_of(record, name):
    return next(e for e in record["samples"] if e["file"].endswith(f"/{name}.npz"))


def test_a_good_data_set_passes_every_check(finished):
    rows = finished.rows()
    assert list(rows) == IDS
    assert [row for row in rows.values() if not row.passed or row.skipped] == []
    assert rows["C13"].measured == 0
    assert "of 32 samples" in rows["C13"].what
    masl = "installed MASL" if find_spec("MAS_library") else "stored map of MASL"
    assert f"the {masl}" in rows["C1"].what
    assert 0 < rows["C6"].measured < 0.5
    assert 0 < rows["C9"].measured < 0.5
    both = {split for _, split in finished.case().samples.values()}
    assert both == {"train", "test"}


def test_a_failure_is_written_before_it_is_raised(spoilable):
    arguments = specs.whole_spec(spoilable.dataset), spoilable.records, spoilable.folder
    target, page = spoilable["checks.json"], spoilable["checks.html"]

    def write():
        write_dataset_checks(*arguments, spoilable.table, target, page)

    def spoil(record):
        record["masses"]["gas"] *= 1.5

    good = spoilable.record()
    spoilable.edit_record(spoil)
    with pytest.raises(ChecksFailedError, match="1 of 14 checks failed: C10"):
        write()
    assert not target.exists()
    rows = read_json(spoilable["checks.failed.json"])
    assert [row["id"] for row in rows] == IDS
    assert [row["id"] for row in rows if not row["passed"]] == ["C10"]
    write_record(spoilable.records[0], good)
    write()
    assert [row["id"] for row in read_json(target)] == IDS
    assert "0 failed, 14 passed, 0 skipped" in page.read_text()
    assert not spoilable["checks.failed.json"].exists()


# Records


def set_in(key, value):
    return lambda record: record.update({key: value})


def move_to_test(record):
    record["split"] = "test" if record["split"] == "train" else "train"


def forget_a_sample(record):
    record["samples"].pop()


def scale_all_masses(record):
    for species in record["masses"]:
        record["masses"][species] *= 4


def scale(key, species, factor):
    def change(record):
        record[key][species] *= factor

    return change


def scale_all(key, factor):
    def change(record):
        record[key] = {species: value * factor for species, value in record[key].items()}

    return change


def other_params(record):
    record["params"][3] += 1e-9


def other_names(record):
    record["param_names"][0] = "Omega_m"


def in_first_sample(change):
    def spoil(record):
        change(record["samples"][0])

    return spoil


def other_rotation(entry):
    entry["rot_matrix"] = random_rotation(5).tolist()


def reflection(entry):
    entry["rot_matrix"] = (-np.array(entry["rot_matrix"])).tolist()


def skewed(entry):
    entry["rot_matrix"][0][0] += 1e-11


def other_key(entry):
    entry["seed_key"][2] += 1


def other_sum(key):
    def change(entry):
        entry[key] = (np.array(entry[key]) * (1 + 2e-6)).tolist()

    return change


RECORD_FAULTS = {
    "scales": ("C2", set_in("scales", [6.25, 12.5, 25.0, 25.0]), "sim 0 has [6.25"),
    "resolution": ("C3", set_in("resolution", 32), "sim 0: resolution 32"),
    "specification": ("C3", set_in("spec_hash", "0" * 64), "sim 0: other specification"),
    "forgotten sample": ("C3", forget_a_sample, "not in both index.csv and records"),
    "params": ("C8", other_params, "sim 0: values not of the table"),
    "names": ("C8", other_names, "sim 0: names not of the table"),
    "row of another simulation": ("C8", scale_all("omega0", 1.01), "in the table"),
    "expansion rate": ("C8", scale("cosmology", "HubbleParam", 0.01), "HubbleParam is 0.593"),
    "baryons": ("C8", scale("cosmology", "OmegaBaryon", 1.01), "in the hydro run"),
    "mass of the box": ("C9", scale_all_masses, "mean share of the box"),
    "gas": ("C10", scale("masses", "gas", 1.5), "total mass"),
    "other cosmology": ("C10", scale("omega0", "hydro", 1 + 2e-6), "Omega0"),
    "cosmology of the catalog": ("C10", scale("omega0", "catalog", 1 + 2e-6), "Omega0"),
    "box": ("C10", scale("box_sizes", "hydro", 1 - 2e-6), "box and"),
    "box of the catalog": ("C10", scale("box_sizes", "catalog", 1 + 2e-6), "box and"),
    "another box": ("C10", scale_all("box_sizes", 0.5), "box and"),
    "split": ("C11", move_to_test, "sim 0 is in train"),
    "rotation": ("C12", in_first_sample(other_rotation), "of their keys"),
    "reflection": ("C12", in_first_sample(reflection), "proper"),
    "skewed": ("C12", in_first_sample(skewed), "proper"),
    "key": ("C12", in_first_sample(other_key), "distinct"),
}


@pytest.mark.parametrize("fault", RECORD_FAULTS)
def test_a_record_that_is_not_that_of_its_data_fails_one_check(spoilable, fault):
    check_id, change, text = RECORD_FAULTS[fault]
    spoilable.edit_record(change)
    rows = spoilable.rows()
    assert {row.id for row in rows.values() if not row.passed} == {check_id}
    assert text in rows[check_id].what
    assert rows[check_id].measured > rows[check_id].bound
    worst = rows[check_id].worst_sample
    assert worst is None or worst in spoilable.case().samples


@pytest.mark.parametrize("fault", ["gas", "other cosmology"])
def test_c10_names_a_sample_of_the_simulation(spoilable, fault):
    spoilable.edit_record(RECORD_FAULTS[fault][1], 2)
    sim = spoilable.record(2)["sim"]
    assert spoilable.rows()["C10"].worst_sample == f"sim_{sim}_halo_0_rot_0"


@pytest.mark.parametrize("key", ["sum_condition", "sum_target", "sum_large_scale"])
def test_c9_sees_sums_that_are_not_those_of_the_pixels(spoilable, chosen, key):
    def change(record):
        other_sum(key)(entry_of(record, chosen))

    spoilable.edit_record(change, number_of(spoilable, sim_of(chosen)))
    rows = spoilable.rows()
    assert {row.id for row in rows.values() if not row.passed} == {"C9"}
    assert rows["C9"].measured == pytest.approx(2, rel=1e-3)
    assert rows["C9"].worst_sample == chosen


@pytest.mark.parametrize("factor", [1.4, 0.7])
def test_c9_sees_the_mean_share_of_the_box_over_many_samples(spoilable, factor):
    def change(record):
        for species in record["masses"]:
            record["masses"][species] *= factor

    for number in range(len(spoilable.records)):
        spoilable.edit_record(change, number)
    assert spoilable.failed() == set()  # ten samples are too few for a mean
    case = spoilable.case()
    case.chosen = case.pictured
    assert spoilable.failed(case) == {"C9"}


def test_c12_sees_views_that_are_listed_twice(spoilable):
    record = spoilable.record()
    again = spoilable.records[0].with_name("shard_00001.json")
    write_record(again, {**record, "shard": 1})
    assert spoilable.failed() == {"C12"}


def test_c10_skips_masses_of_incomplete_runs_and_says_so(spoilable):
    def lose(record):
        record["missing_chunks"]["hydro"] = [1]
        record["masses"]["gas"] *= 0.5

    spoilable.edit_record(lose)
    row = spoilable.rows()["C10"]
    assert row.passed
    assert "mass skipped in 1 simulations with missing chunks" in row.what
    record = spoilable.record()
    other = record | {"shard": 1, "samples": [], "haloes": []}
    write_record(spoilable.records[0].with_name("shard_00001.json"), other)
    assert spoilable.rows()["C10"].what == row.what  # simulations, not shards, are counted
    unknown = dict.fromkeys(("dmo", "hydro", "catalog"))
    for number in range(len(spoilable.records)):
        spoilable.edit_record(lose, number)
        spoilable.edit_record(set_in("omega0", unknown), number)
    row = spoilable.rows()["C10"]
    assert row.measured < 1
    assert "mass skipped in 4 simulations" in row.what
    spoilable.edit_record(scale("box_sizes", "hydro", 1 + 2e-6))  # boxes are still compared
    assert not spoilable.rows()["C10"].passed


def test_c8_takes_records_and_headers_that_tell_no_cosmology(spoilable):
    spoilable.edit_record(lambda record: record.pop("cosmology"))
    spoilable.edit_record(lambda record: record["cosmology"].update(OmegaBaryon=0.0), 1)
    spoilable.edit_record(lambda record: record["cosmology"].update(HubbleParam=None), 2)
    assert spoilable.failed() == set()


def test_c10_takes_a_catalog_that_says_no_box(spoilable):
    spoilable.edit_record(lambda record: record["box_sizes"].update(catalog=None))
    assert spoilable.failed() == set()


def test_c14_counts_what_is_left_out_once_a_simulation(spoilable):
    def leave_out(record):
        record["missing_chunks"] = {"dmo": [], "hydro": [1, 2], "catalog": [0]}
        record["warnings"] = ["A_SN1 is 9, outside [0.25, 4]", "Omega0 is 1, outside [0.1, 0.5]"]

    kept = [spoilable.record(n)["n_kept"] for n in range(4)]
    spoilable.edit_record(leave_out)
    record = spoilable.record()
    other = record | {"shard": 1, "samples": [], "haloes": []}
    write_record(spoilable.records[0].with_name("shard_00001.json"), other)
    rows = spoilable.rows()
    beyond = sum(n - 4 for n in kept)
    assert min(kept) > 4
    assert rows["C14"].passed
    assert rows["C14"].measured == beyond + 3 + 2
    assert f"{beyond} haloes beyond max_per_simulation, 3 missing chunks; 2 param" in (
        rows["C14"].what
    )
    assert "(2 warnings)" in rows["C8"].what
    assert "info table (sim 0: A_SN1 is 9, outside [0.25, 4], sim 0: Omega0 is 1" in (
        rows["C14"].what
    )


# What does not apply


def legacy_dataset(folder, maps=None):
    """The miniature simulation with six samples, in training."""
    dataset = tiny_dataset(
        maps={"resolution": 16, **(maps or {})},
        allow_legacy=True,
        simulations={"total": 10, "start": SIM, "end": SIM + 1, "test_fraction": 0},
    )
    make_shard(folder, dataset)
    return SmallDataset(folder, dataset, TINY).finish()


@pytest.mark.parametrize(
    ("maps", "reason"),
    [
        ({"mode": "faces"}, "inference has all periodic images, maps of mode faces have not"),
        ({"depth": 20.0}, "inference has the whole box, these maps a depth of 20 Mpc/h"),
    ],
)
def test_few_samples_of_other_images_skip_the_checks_that_need_them(tmp_path, maps, reason):
    rows = legacy_dataset(tmp_path / "tiny", maps).rows()
    assert {name for name, row in rows.items() if row.skipped} == {"C5", "C13"}
    assert "6 samples, 20 make a mean map" in rows["C13"].what
    assert rows["C5"].what == f"skipped: {reason}"
    assert rows["C5"].measured is None
    assert [row for row in rows.values() if not row.passed] == []
    write_checks(tmp_path / "checks.json", rows.values())


def test_maps_of_masl_skip_the_comparison_with_inference(finished, monkeypatch):
    monkeypatch.setattr(checks, "check_periodic", lambda maps, seed: checks.skip("C4", "no MASL"))
    case = finished.case()
    maps = case.dataset.maps.model_copy(update={"cic_backend": "masl"})
    case.dataset = case.dataset.model_copy(update={"maps": maps})
    rows = finished.rows(case)
    assert rows["C5"].skipped
    assert "inference takes the own deposit, these maps MASL" in rows["C5"].what
