"""Checks of samples, index and statistics fail for the defect they name, and only they."""

import numpy as np
import pytest

from simlab.core.errors import MissingFileError
from simlab.core.files import read_npz


def brighter_gas(sample):
    sample["target"][1] *= np.float32(1.0001)


def moved_mass(sample):
    """Mass of one pixel of the condition is moved to the pixels around it."""
    condition = sample["condition"]
    i, j = np.unravel_index(np.argmax(condition), condition.shape)
    condition[(i + 8) % 16, (j + 8) % 16] += condition[i, j]
    condition[i, j] = 0


def moved_context(sample):
    sample["large_scale"][2] = np.roll(sample["large_scale"][2], 1, axis=0)


def other_values(sample):
    sample["params"] = sample["params"] + 1e-9


def other_view(sample):
    sample["rot_matrix"] = sample["rot_matrix"].T


SAMPLE_FAULTS = {
    "sum": ("C9", brighter_gas),
    "condition in its context": ("C9", moved_mass),
    "contexts in each other": ("C9", moved_context),
    "params": ("C8", other_values),
    "rotation": ("C12", other_view),
}


@pytest.mark.parametrize("fault", SAMPLE_FAULTS)
def test_a_sample_that_is_not_that_of_its_record_fails_one_check(spoilable, chosen, fault):
    check_id, change = SAMPLE_FAULTS[fault]
    spoilable.edit_sample(change, chosen)
    rows = spoilable.rows()
    assert {row.id for row in rows.values() if not row.passed} == {check_id}
    assert rows[check_id].worst_sample == chosen


def fewer_targets(sample):
    sample["target"] = sample["target"][:2]


def without_context(sample):
    del sample["large_scale"]


def below_zero(sample):
    sample["condition"][0, 0] = -1


UNUSABLE = {
    "shape": (fewer_targets, "target"),
    "key": (without_context, "large_scale"),
    "negative": (below_zero, "negative or not finite"),
}


@pytest.mark.parametrize("fault", UNUSABLE)
def test_c3_names_a_sample_that_cannot_be_used(spoilable, chosen, fault):
    change, text = UNUSABLE[fault]
    spoilable.edit_sample(change, chosen)
    rows = spoilable.rows()
    assert {row.id for row in rows.values() if not row.passed} == {"C3"}
    assert rows["C3"].measured == 1
    assert rows["C3"].worst_sample == chosen
    assert text in rows["C3"].what


@pytest.mark.parametrize("fault", ["shape", "key"])
def test_c3_looks_at_samples_that_are_not_read_again(spoilable, chosen, fault):
    spoilable.edit_sample(UNUSABLE[fault][0], chosen)
    case = spoilable.case()
    case.chosen.discard(chosen)
    case.pictured.discard(chosen)
    row = spoilable.rows(case)["C3"]
    assert not row.passed
    assert row.worst_sample == chosen


@pytest.mark.parametrize("pictured", [True, False])
@pytest.mark.parametrize("fault", ["missing", "truncated"])
def test_c3_names_a_sample_whose_file_is_lost_or_damaged(spoilable, chosen, fault, pictured):
    path = next(spoilable.folder.glob(f"*/*/{chosen}.npz"))
    content = path.read_bytes()
    path.unlink()
    if fault == "truncated":
        path.write_bytes(content[: len(content) // 2])
    case = spoilable.case()
    if not pictured:
        case.pictured.discard(chosen)
    rows = spoilable.rows(case)
    assert {row.id for row in rows.values() if not row.passed} == {"C3"}
    assert rows["C3"].worst_sample == chosen
    assert str(path) in rows["C3"].what


def test_c13_sees_haloes_that_are_not_in_the_middle(spoilable):
    case = spoilable.case()

    def move(sample):
        sample["condition"] = np.roll(sample["condition"], 2, axis=1)

    for name in sorted(case.pictured - case.chosen):
        spoilable.edit_sample(move, name)
    rows = spoilable.rows()
    assert {row.id for row in rows.values() if not row.passed} == {"C13"}
    assert rows["C13"].measured == 2


# index.csv and split.json


def drop_first(rows):
    del rows[0]


def relabel_first(rows):
    rows[0]["split"] = {"train": "test", "test": "train"}[rows[0]["split"]]


@pytest.mark.parametrize(("check_id", "change"), [("C3", drop_first), ("C11", relabel_first)])
def test_an_index_that_is_not_that_of_the_records_fails_one_check(spoilable, check_id, change):
    first = read_names(spoilable)[0]
    spoilable.edit_index(change)
    rows = spoilable.rows()
    assert {row.id for row in rows.values() if not row.passed} == {check_id}
    assert first in rows[check_id].what


def read_names(data):
    return list(data.case().samples)


def leak(split):
    split["train"] = sorted([*split["train"], *split["test"]])


def exchange(split):
    split["train"], split["test"] = [0, 1, 2], [3]


@pytest.mark.parametrize("change", [leak, exchange])
def test_c11_sees_a_split_that_was_not_drawn(spoilable, change):
    spoilable.edit_json(change, "split.json")
    assert spoilable.failed() == {"C11"}


# Statistics


def spoil_array(key, change):
    def spoil(arrays):
        arrays[key] = np.asarray(change(arrays[key]), arrays[key].dtype)

    return spoil


ARRAY_FAULTS = {
    "mean": ("gas", "gas_mag_mean", lambda x: x * (1 + 1e-12), "gas: mean differs"),
    "std": ("stellar", "star_mag_std", lambda x: x * (1 + 1e-12), "stellar: std differs"),
    "maximum": ("gas", "max", lambda x: x + 1, "gas: max differs"),
    "pixels": ("stellar", "count", lambda x: x + 1, "stellar: count differs"),
    "condition": ("dark_matter", "condition_mean", lambda x: x * (1 + 1e-12), "condition, large"),
    "context": ("dark_matter", "large_scale_std", lambda x: x * (1 + 1e-12), "condition, large"),
    "specification": ("gas", "spec_hash", lambda x: "0" * 64, "gas: other specification"),
    "names": ("gas", "param_names", lambda x: x[::-1], "gas: param_names differs"),
    "samples": ("stellar", "n_samples", lambda x: x + 1, "stellar: n_samples differs"),
}


@pytest.mark.parametrize("fault", ARRAY_FAULTS)
def test_c7_sees_statistics_files_that_differ(spoilable, fault):
    species, key, change, text = ARRAY_FAULTS[fault]
    spoilable.edit_arrays(spoil_array(key, change), f"{species}_normalization_stats.npz")
    rows = spoilable.rows()
    assert {row.id for row in rows.values() if not row.passed} == {"C7"}
    assert text in rows["C7"].what


def test_c7_sees_a_summary_of_other_data(spoilable):
    spoilable.edit_json(lambda content: content.update(spec_hash="0" * 64), "normalization.json")
    assert spoilable.failed() == {"C7"}


@pytest.mark.parametrize(
    ("species", "key", "channel"),
    [
        ("stellar", "star_mag_mean", "stellar"),
        ("dark_matter", "dm_mag_mean", "dark_matter"),
        ("dark_matter", "condition_mean", "condition"),
    ],
)
def test_c7_sees_means_that_are_not_those_of_the_pixels(spoilable, species, key, channel):
    file = f"{species}_normalization_stats.npz"
    spoilable.edit_arrays(spoil_array(key, lambda x: x + 3.0), file)
    stored = float(read_npz(spoilable[file])[key])
    spoilable.edit_json(lambda c: c["fields"][channel].update(mean=stored), "normalization.json")
    rows = spoilable.rows()
    assert {row.id for row in rows.values() if not row.passed} == {"C7"}
    assert f"{channel}: mean off by" in rows["C7"].what


@pytest.mark.parametrize("file", ["gas_normalization_stats.npz", "normalization.json"])
def test_statistics_that_are_not_there_are_named(spoilable, file):
    spoilable[file].unlink()
    with pytest.raises(MissingFileError, match=file):
        spoilable.rows()
