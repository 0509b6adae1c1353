"""Recordings are dealt by key, or together with all others of their scene."""

import numpy as np
import pytest
from calcium_finished import SPEC

from simlab.calcium.config import CalciumDataset
from simlab.core.config import parse_config
from simlab.core.errors import ConfigError

NA = "acquisition.optics.na"


def points_of(seeds, **splits):
    """Two recordings of every seed, of two apertures."""
    sweep = {"axes": {"seed": list(seeds), NA: [0.3, 0.45]}}
    return parse_config(
        CalciumDataset, {"spec": SPEC, "sweep": sweep, "splits": splits}
    ).expansion.points


def splits_by_seed(points):
    """seed -> set of splits of its recordings."""
    found = {}
    for point in points:
        found.setdefault(point.spec.seed, set()).add(point.split)
    return found


HALVES = {"train": 0.5, "val": 0.25, "test": 0.25}


def test_recordings_of_a_scene_stay_together_if_scenes_are_dealt():
    apart = splits_by_seed(points_of(range(40), **HALVES))
    together = splits_by_seed(points_of(range(40), **HALVES, by="scene"))
    assert max(map(len, apart.values())) == 2  # two apertures of a scene on two sides
    assert set(map(len, together.values())) == {1}


def test_scenes_are_dealt_by_their_fractions():
    found = splits_by_seed(points_of(range(400), **HALVES, by="scene"))
    counts = [sum(name in splits for splits in found.values()) for name in HALVES]
    expected = 400 * np.array(list(HALVES.values()))
    assert np.abs(counts - expected).max() < 4 * np.sqrt(100)


def test_more_scenes_change_no_split():
    few = splits_by_seed(points_of(range(10), **HALVES, by="scene"))
    many = splits_by_seed(points_of(range(60), **HALVES, by="scene"))
    assert {seed: many[seed] for seed in few} == few


def test_where_no_scene_trains_one_does_as_a_whole():
    none = {"train": 0.0, "val": 0.0, "test": 1.0}
    found = splits_by_seed(points_of(range(5), **none, by="scene"))
    assert sorted(map(sorted, found.values())) == [["test"]] * 4 + [["train"]]


def test_another_unit_is_refused():
    with pytest.raises(ConfigError, match=r"splits\.by"):
        points_of([1], by="frame")
