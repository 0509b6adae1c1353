"""The split by simulation."""

import json

import pytest

from simlab.halo.splits import train_test_split


@pytest.fixture(scope="module")
def cases(data):
    return json.loads((data / "halo" / "splits.json").read_text()).values()


def test_test_simulations_are_those_of_the_reference(cases):
    for case in cases:
        train, test = train_test_split(case["total_sims"], case["test_frac"], case["seed"])
        assert test == case["test_sims"]
        assert len(train) == case["n_train"]


def test_every_simulation_is_on_one_side_in_ascending_order():
    train, test = train_test_split(100, 0.29, 7)
    assert sorted(train + test) == list(range(100))
    assert train == sorted(train)
    assert test == sorted(test)
    assert len(test) == 28  # 0.29 * 100 is below 29 in floating point


def test_an_empty_test_side_is_legal():
    assert train_test_split(5, 0.1, 1) == ([0, 1, 2, 3, 4], [])
