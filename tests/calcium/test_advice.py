"""What a specification or its splits look like a mistake for is told by the plan and by jobs."""

import warnings

import pytest
from calcium_finished import ONE, SPEC, SmallDataset

from simlab.calcium.config import CalciumDataset
from simlab.calcium.plan import estimate
from simlab.calcium.spec import Spec, SpecWarning
from simlab.core.config import parse_config

NA = "acquisition.optics.na"


def notes(**keys):
    dataset = parse_config(CalciumDataset, {"spec": SPEC, **keys})
    return "\n".join(estimate("small", dataset).notes)


def test_the_plan_says_nothing_of_an_ordinary_recording():
    assert notes() == ""


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (NA, 45.0, "na=45 is above that of any objective, 1.5"),
        ("acquisition.optics.emission_nm", 0.525, "emission_nm=0.525 is not in 350 to 1100 nm"),
        ("steps.cell_activity.tau_decay_s", 500.0, "tau_decay_s=500 is in seconds, above 30"),
    ],
)
def test_values_in_another_unit_are_told_by_the_plan(path, value, words):
    assert words in notes(set={path: value})


def test_layers_of_vessels_that_are_not_drawn_are_told():
    others = [step for step in SPEC["steps"] if step["kind"] != "vasculature"]
    layers = {"kind": "vasculature", "layers": [{}]}
    with pytest.warns(SpecWarning, match="`enabled: false` leaves out"):
        Spec.model_validate({**SPEC, "steps": [*others, layers]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Spec.model_validate({**SPEC, "steps": [*others, layers | {"enabled": True}]})


def test_scenes_in_several_splits_and_splits_without_recordings_are_told():
    sweep = {"axes": {NA: [0.3, 0.45], "seed": list(range(20))}}
    halves = {"train": 0.5, "val": 0.0, "test": 0.5}
    told = notes(sweep=sweep, splits=halves)
    assert "of 20 seeds, which have the same cells and activity, lie in several splits" in told
    assert notes(sweep=sweep, splits=halves | {"by": "scene"}) == ""
    told = notes(splits={"train": 0.0, "val": 0.0, "test": 1.0})
    assert told == "splits: 1 of 1 recordings in train, 0 asked for"
    rare = {"train": 0.98, "val": 0.01, "test": 0.01}
    told = notes(sweep={"axes": {"seed": [1, 2, 3]}}, splits=rare)
    assert told.splitlines() == [
        "splits: 0 of 3 recordings in val, 0.01 asked for",
        "splits: 0 of 3 recordings in test, 0.01 asked for",
    ]


def test_tissue_that_lets_no_light_through_is_told_and_its_recording_passes(tmp_path):
    dark = {"acquisition.tissue.scatter_mfp_emission_um": 0.1}
    assert "of the light of the shallowest cells" in notes(set=dark)
    mapping = {**ONE, "video": False, "set": dark}
    row = SmallDataset.of(tmp_path / "dark", mapping).make().rows()["blur_integral"]
    assert (row.passed, row.skipped) == (True, False)
