"""Splits: units stay whole, whatever is dealt, and what was dealt is told."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from simlab.core.errors import InputFileError, IntegrityError
from simlab.core.files import write_csv
from simlab.core.splits import REST, SPLITS, Unit, deal, split_at, split_record

NAMES = st.sampled_from(SPLITS[:3])
FRACTIONS = st.tuples(*[st.integers(0, 20)] * 3).filter(any)


@given(st.data(), st.integers(0, 40))
def test_every_split_gets_its_number_of_units_in_the_order_of_dealing(data, n):
    order = data.draw(st.permutations(range(n)))
    n_test = data.draw(st.integers(0, n))
    n_val = data.draw(st.integers(0, n - n_test))
    labels = deal(order, {"test": n_test, "val": n_val, "train": REST})
    assert labels.dtype == np.int8
    expected = ["test"] * n_test + ["val"] * n_val + ["train"] * (n - n_test - n_val)
    assert [SPLITS[labels[unit]] for unit in order] == expected


@pytest.mark.parametrize("shares", [{"train": 3}, {"train": 6}, {"test": 6, "train": REST}])
def test_units_that_cannot_be_dealt_are_an_error(shares):
    with pytest.raises(ValueError, match="5 units cannot be dealt"):
        deal(range(5), shares)


@given(FRACTIONS, st.floats(0, 1, exclude_max=True))
def test_a_number_falls_into_the_split_whose_part_of_the_line_it_hits(parts, u):
    fractions = {name: part / sum(parts) for name, part in zip(SPLITS, parts, strict=False)}
    name = split_at(u, fractions)
    assert fractions[name] > 0
    low = sum(fractions[other] for other in SPLITS[: SPLITS.index(name)])
    assert low <= u + 1e-12
    assert u < low + fractions[name] + 1e-12


def test_rounded_fractions_leave_no_gap_at_the_end():
    assert split_at(1 - 2**-53, {"train": 0.1, "val": 0.9 - 2e-16, "test": 0.0}) == "val"


def _index(folder, rows):
    table = [(k, "a.h5", k, *row) for k, row in enumerate(rows)]
    write_csv(folder / "index.csv", ["id", "file", "position", "split", "unit"], table)
    return folder / "index.csv"


UNIT = Unit("molecule", "unit", 7)


@given(st.lists(st.tuples(st.integers(0, 5), NAMES), max_size=30))
def test_a_unit_in_two_splits_is_always_found(tmp_path_factory, rows):
    path = _index(tmp_path_factory.mktemp("index"), [(split, unit) for unit, split in rows])
    pairs, units = set(rows), {unit for unit, _ in rows}
    if len(pairs) == len(units):
        counts = split_record(path, UNIT)["counts"]
        assert counts == {name: sum(s == name for _, s in rows) for name in SPLITS}
    else:
        with pytest.raises(IntegrityError, match="a molecule belongs to one split"):
            split_record(path, UNIT)


@given(st.lists(st.integers(0, 3), min_size=1), st.data())
def test_dealt_units_never_leak(tmp_path_factory, units, data):
    order = data.draw(st.permutations(range(4)))
    labels = deal(order, {"train": 2, "val": 1, "test": 1})
    rows = [(SPLITS[labels[unit]], unit) for unit in units]
    record = split_record(_index(tmp_path_factory.mktemp("index"), rows), UNIT)
    assert sum(record["counts"].values()) == len(units)


def test_the_record_names_unit_column_seed_and_counts(tmp_path):
    path = _index(tmp_path, [("train", 1), ("train", 1), ("test", 0), ("excluded", 1)])
    assert split_record(path, UNIT) == {
        "unit": "molecule",
        "column": "unit",
        "seed": 7,
        "counts": {"train": 2, "val": 0, "test": 1, "excluded": 1},
    }


def test_the_unit_that_leaks_is_named(tmp_path):
    path = _index(tmp_path, [("train", "co"), ("test", "nh3"), ("val", "co")])
    with pytest.raises(IntegrityError, match=r"index\.csv: unit co is in train and val"):
        split_record(path, UNIT)


@pytest.mark.parametrize(
    ("rows", "unit", "message"),
    [
        ([("train", 1)], Unit("lens", "lens", 7), "no column lens"),
        ([("train", 1), ("validation", 1)], UNIT, "line 3: split is 'validation', expected one of"),
        (
            [("train", 1), ("test", "left")],
            Unit("side", "unit", None, along=True),
            "line 3: unit is",
        ),
    ],
)
def test_an_index_that_tells_no_units_or_splits_is_refused(tmp_path, rows, unit, message):
    with pytest.raises(InputFileError, match=rf"index\.csv: {message}"):
        split_record(_index(tmp_path, rows), unit)


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), NAMES), max_size=20))
def test_splits_along_a_coordinate_have_intervals_of_their_own(tmp_path_factory, rows):
    path = _index(tmp_path_factory.mktemp("index"), [(split, repr(x)) for x, split in rows])
    unit = Unit("side of the scan", "unit", None, along=True)
    found = {name: [x for x, split in rows if split == name] for name in SPLITS[:3]}
    ranges = sorted((min(xs), max(xs)) for xs in found.values() if xs)
    assume(len(ranges) > 1)
    if all(a[1] <= b[0] for a, b in itertools.pairwise(ranges)):
        assert split_record(path, unit)["seed"] is None
    else:
        with pytest.raises(IntegrityError, match="side of the scan belongs to one split"):
            split_record(path, unit)
