"""Checks of samples, index and split fail for the defect they name, and only they."""

import numpy as np
import pytest

from simlab.core.files import read_csv, write_csv
from simlab.halo.errors import SampleError
from simlab.halo.pairing import correlation


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


def heavier_halo(sample):
    sample["halo_mass"] = np.nextafter(sample["halo_mass"], np.inf)


def moved_halo(sample):
    sample["halo_center"] = sample["halo_center"][::-1]


def other_group(sample):
    sample["group_index"] = sample["group_index"] + 1


SAMPLE_FAULTS = {
    "sum": ("C9", brighter_gas),
    "condition in its context": ("C9", moved_mass),
    "contexts in each other": ("C9", moved_context),
    "params": ("C8", other_values),
    "halo_mass": ("C8", heavier_halo),
    "halo_center": ("C8", moved_halo),
    "group_index": ("C8", other_group),
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
        for key in ("condition", "target"):
            sample[key] = np.roll(sample[key], 2, axis=-1)

    for name in sorted(case.pictured - case.chosen):
        spoilable.edit_sample(move, name)
    rows = spoilable.rows()
    assert {row.id for row in rows.values() if not row.passed} == {"C13"}
    assert rows["C13"].measured == 2


def shifted_run(sample):
    """The target of a run that was moved, as one of other initial conditions would be."""
    sample["target"] = np.roll(sample["target"], (7, 5), axis=(1, 2))


@pytest.mark.parametrize("sim", [0, 3])
def test_c10_sees_runs_of_other_initial_conditions(spoilable, sim):
    good = spoilable.rows()["C10"]
    assert good.measured < 0.2
    for name in read_names(spoilable):
        if name.startswith(f"sim_{sim}_"):
            spoilable.edit_sample(shifted_run, name)
    rows = spoilable.rows()
    assert {row.id for row in rows.values() if not row.passed} == {"C10"}
    assert rows["C10"].worst_sample.startswith(f"sim_{sim}_")
    assert "correlation of condition and target in 8 x 8 blocks" in rows["C10"].what


def test_correlation_takes_maps_of_any_resolution_and_even_ones():
    rng = np.random.default_rng(1)
    a = rng.lognormal(size=(20, 20))
    assert correlation(a, 3 * a + 7) == pytest.approx(1, abs=1e-12)
    assert correlation(a, 10 - a) == pytest.approx(-1, abs=1e-12)
    assert correlation(a, np.ones((20, 20))) == 0
    assert correlation(np.zeros((20, 20)), np.ones((20, 20))) is None


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


def list_first_again(rows):
    rows.append(rows[0])


def test_c3_sees_a_sample_that_the_index_lists_twice(spoilable):
    first = read_names(spoilable)[0]
    spoilable.edit_index(list_first_again)
    rows = spoilable.rows()
    assert {row.id for row in rows.values() if not row.passed} == {"C3"}
    assert f"index.csv lists {first} twice" in rows["C3"].what


@pytest.mark.parametrize(
    "column",
    [
        *("position", "sim", "halo_idx", "group_index", "rot", "halo_mass", "log10_halo_mass"),
        *("center_x", "center_y", "center_z", "r200", "Omega0", "VariableWindSpecMomentum"),
    ],
)
def test_c8_sees_every_number_of_the_index(spoilable, column):
    number = 13
    name = read_names(spoilable)[number]

    def change(rows):
        text = rows[number][column]
        rows[number][column] = repr(np.nextafter(float(text), np.inf).item())

    spoilable.edit_index(change)
    rows = spoilable.rows()
    assert {row.id for row in rows.values() if not row.passed} == {"C8"}
    assert rows["C8"].measured == 1
    assert rows["C8"].worst_sample == name
    assert f"index.csv: {column} of {name} is " in rows["C8"].what


def test_c8_sees_columns_of_the_index_that_are_exchanged(spoilable):
    header, rows = read_csv(spoilable["index.csv"])
    header[14:16] = header[15:13:-1]
    write_csv(spoilable["index.csv"], header, rows)
    found = spoilable.rows()
    assert {row.id for row in found.values() if not row.passed} == {"C8"}
    assert "index.csv has columns id, file" in found["C8"].what


def test_an_index_without_needed_columns_is_refused(spoilable):
    write_csv(spoilable["index.csv"], ["id", "file"], [])
    with pytest.raises(SampleError, match=r"index\.csv: no column split"):
        spoilable.rows()


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
