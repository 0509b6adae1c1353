"""Batches and orders of a data set are the same wherever they are asked for."""

import json
import pickle

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlab.core import hdf5
from simlab.core.dataset import Dataset
from simlab.core.errors import ConfigError, InputFileError
from simlab.core.files import write_csv
from simlab.core.samples import SampleFiles, runs_of
from simlab.core.splits import SPLITS

FRAMES = 5
SHARDS = 2
ORDERS = (
    [6, 9, 2, 4, 7, 3, 8, 5, 0, 1],
    [3, 2, 7, 0, 1, 5, 6, 8, 9, 4],
    [2, 3, 7, 0, 1, 4, 8, 5, 9, 6],
)
"""Of seed 1, its second epoch, and seed 2."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ten samples in two shards: pictures of their number, and the number."""
    folder = tmp_path_factory.mktemp("batches")
    for shard in range(SHARDS):
        numbers = shard * FRAMES + np.arange(FRAMES)
        with h5py.File(folder / f"{shard}.h5", "w") as file:
            file["number"] = numbers
            file["image"] = np.ones((FRAMES, 3, 4), "f4") * numbers[:, None, None]
            file.attrs["sample_arrays"] = json.dumps(["number", "image"])
    rows = [
        (f"s{k}", f"{k // FRAMES}.h5", k % FRAMES, "test" if k % 3 == 0 else "train")
        for k in range(SHARDS * FRAMES)
    ]
    write_csv(folder / "index.csv", ["id", "file", "position", "split"], rows)
    return folder


def _numbers(samples):
    return [int(sample["number"]) for sample in samples]


def test_negative_places_count_from_the_end(folder):
    dataset = Dataset(folder)
    assert _numbers([dataset[-1], dataset[-10]]) == [9, 0]
    for outside in (10, -11):
        with pytest.raises(IndexError):
            dataset[outside]


def test_slices_with_steps_are_data_sets_again(folder):
    dataset = Dataset(folder)[::-1][1::3]
    assert _numbers(dataset) == [8, 5, 2]
    assert _numbers(dataset.split("train")) == [8, 5, 2]
    assert _numbers(dataset[-1:]) == [2]


@pytest.mark.parametrize("item", ["1", 1.0, None])
def test_places_that_are_no_whole_numbers_are_refused(folder, item):
    with pytest.raises(TypeError):
        Dataset(folder)[item]


def test_numpy_numbers_are_places(folder):
    assert _numbers([Dataset(folder)[np.int64(7)]]) == [7]


def test_batches_hold_every_sample_once_in_the_order_of_the_index(folder):
    batches = list(Dataset(folder).batches(4))
    assert [batch["image"].shape for batch in batches] == [(4, 3, 4), (4, 3, 4), (2, 3, 4)]
    assert np.concatenate([batch["number"] for batch in batches]).tolist() == list(range(10))


def test_a_short_last_batch_can_be_dropped(folder):
    dataset = Dataset(folder)
    assert [len(batch["number"]) for batch in dataset.batches(4, drop_last=True)] == [4, 4]
    assert [len(batch["number"]) for batch in dataset.batches(5, drop_last=True)] == [5, 5]
    assert list(dataset.batches(11, drop_last=True)) == []


@pytest.mark.parametrize("size", [0, -1])
def test_batches_without_samples_are_refused(folder, size):
    with pytest.raises(ConfigError, match=f"size is {size}"):
        next(Dataset(folder).batches(size))


def test_wrong_batches_and_orders_are_refused_at_once(folder):
    dataset = Dataset(folder)
    with pytest.raises(ConfigError, match="size is 0"):
        dataset.batches(0)
    with pytest.raises(ConfigError, match="epoch is -1"):
        dataset.shuffled(1, epoch=-1)
    with pytest.raises(ConfigError, match="epoch is 1, which needs shuffle"):
        dataset.batches(2, epoch=1)


def test_samples_that_make_no_batch_are_refused(folder):
    dataset = Dataset(folder)
    for samples in ([], [{"number": 1}, {"number": 2, "image": 3}], [{"image": 3}, {"number": 2}]):
        with pytest.raises(ConfigError, match="a batch has the same"):
            dataset.collate(samples)


def test_one_name_is_no_list_of_arrays(folder):
    with pytest.raises(ConfigError, match="arrays is 'image', expected a list of names"):
        SampleFiles(folder, "image")


def test_a_file_that_lists_no_sample_arrays_is_refused(folder, tmp_path):
    with h5py.File(tmp_path / "0.h5", "w") as file:
        file["number"] = np.arange(3)
        file.attrs["sample_arrays"] = "[]"
    with pytest.raises(InputFileError, match=r"0\.h5: sample_arrays is '\[\]', expected a list"):
        SampleFiles(tmp_path, ["number"]).read([("0.h5", 0)])


def test_a_seed_gives_one_order_on_every_machine(folder):
    dataset = Dataset(folder)
    assert _numbers(dataset.shuffled(1)) == ORDERS[0]
    assert _numbers(dataset.shuffled(1, epoch=1)) == ORDERS[1]
    assert _numbers(dataset.shuffled(2)) == ORDERS[2]


def test_batches_follow_the_shuffled_order(folder):
    dataset = Dataset(folder)
    for epoch in range(2):
        batches = dataset.batches(3, shuffle=1, epoch=epoch)
        assert np.concatenate([batch["number"] for batch in batches]).tolist() == ORDERS[epoch]


def test_a_shuffled_split_holds_the_samples_of_the_split(folder):
    dataset = Dataset(folder).split("test").shuffled(5)
    assert sorted(_numbers(dataset)) == [0, 3, 6, 9]
    assert [row["id"] for row in dataset.index] == [f"s{k}" for k in _numbers(dataset)]


def test_rows_that_follow_one_another_are_read_in_one_go(folder, monkeypatch):
    dataset = Dataset(folder)
    dataset[0], dataset[9]  # opens the files and reads small arrays
    reads, read_values = [], hdf5.read_values

    def counted(data, *where):
        reads.append(where)
        return read_values(data, *where)

    monkeypatch.setattr(hdf5, "read_values", counted)
    assert _numbers(dataset.__getitems__([7, 1, 0, 2, 8, 9])) == [7, 1, 0, 2, 8, 9]
    assert reads == [(slice(2, 5),), (slice(0, 3),)]


def test_samples_of_a_batch_that_is_fetched_twice_do_not_change_one_another(folder):
    dataset = Dataset(folder)
    dataset[3]["image"][:] = -1
    dataset[3]["number"][...] = -1
    again = dataset[3]
    assert (again["image"] == 3).all()
    assert again["number"] == 3


@given(st.lists(st.integers(0, 30), unique=True, max_size=20))
def test_runs_hold_every_position_once_and_have_no_gaps(positions):
    runs = runs_of(positions)
    found = [positions[number] for _, _, numbers in runs for number in numbers]
    assert found == sorted(positions)
    assert [p for first, stop, _ in runs for p in range(first, stop)] == found
    assert all(runs[k][1] < runs[k + 1][0] for k in range(len(runs) - 1))


def test_a_sample_can_be_asked_for_twice_in_one_batch(folder):
    assert _numbers(Dataset(folder).__getitems__([4, 4, 3])) == [4, 4, 3]


def test_rows_are_those_of_the_table_and_take_as_much_room(tmp_path):
    header = ["id", "file", "position", "split", "note", "mass"]
    rows = [
        [f"é{k}", f"{k % 3}.h5", str(7 * k), SPLITS[k % 4], 'a,"b"' * (k % 2), repr(k / 7)]
        for k in range(3000)
    ]
    write_csv(tmp_path / "index.csv", header, rows)
    index = Dataset(tmp_path).index
    assert [list(row.values()) for row in index] == rows
    assert index.splits() == [row[3] for row in rows]
    assert index[::-2].column("note") == [row[4] for row in rows[::-2]]
    assert index.places(slice(5, 7)) == [("2.h5", 35), ("0.h5", 42)]
    assert len(pickle.dumps(index)) < 2 * (tmp_path / "index.csv").stat().st_size


@pytest.mark.parametrize(
    ("column", "cell", "told"),
    [
        ("position", "9" * 30, "position is .*, expected a whole number of at most 18 digits"),
        ("position", "-1", "position is '-1', expected a whole number >= 0"),
        ("note", "a\x1fb", "a cell is .*, expected no control characters"),
        ("file", "../0.h5", "file is '../0.h5', expected a file of the data set"),
        ("split", "dev", "split is 'dev', expected one of train, val, test, excluded"),
        ("id", "", "id is '', expected a name that no other row has"),
    ],
)
def test_a_row_that_is_no_sample_is_refused_with_its_line(tmp_path, column, cell, told):
    row = {"id": "s", "file": "0.h5", "position": "0", "split": "train", "note": ""}
    table = [row, {**row, "id": "t", column: cell}]
    write_csv(tmp_path / "index.csv", list(row), [list(line.values()) for line in table])
    with pytest.raises(InputFileError, match=f"line 3: {told}"):
        Dataset(tmp_path)


def test_a_position_beyond_the_file_is_an_error_that_names_it(folder, tmp_path):
    (tmp_path / "0.h5").write_bytes((folder / "0.h5").read_bytes())
    rows = [("s0", "0.h5", 4, "train"), ("s1", "0.h5", 5, "train")]
    write_csv(tmp_path / "index.csv", ["id", "file", "position", "split"], rows)
    dataset = Dataset(tmp_path)
    assert dataset[0]["number"] == 4
    with pytest.raises(InputFileError, match=r"0\.h5: number has 5 samples.* position 5"):
        dataset[1]
