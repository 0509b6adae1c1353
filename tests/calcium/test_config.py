import json

import pytest

from simlab.calcium.config import CalciumDataset, load_spec
from simlab.core.config import parse_config
from simlab.core.errors import ConfigError, InputFileError

SPEC = {
    "acquisition": {"image_sensor": {"n_px_height": 48, "n_px_width": 56}, "duration_s": 1.0},
    "steps": [{"kind": "place_neurons"}, {"kind": "cell_activity"}, {"kind": "composite"}],
}
PRESET = {"scope": "miniscope_v4", "region": "ca1"}


def problem(mapping):
    with pytest.raises(ConfigError) as raised:
        parse_config(CalciumDataset, mapping)
    return str(raised.value)


def test_defaults_are_those_of_the_documentation():
    dataset = parse_config(CalciumDataset, {"preset": PRESET})
    assert (dataset.seed, dataset.replicates, dataset.recordings, dataset.video) == (
        0,
        1,
        True,
        False,
    )
    assert (dataset.splits.train, dataset.splits.val, dataset.splits.test) == (0.7, 0.15, 0.15)
    assert dataset.video_options.model_dump() == {
        "codec": "Y800",
        "fps": None,
        "vmin": 0.0,
        "vmax": None,
    }
    assert dataset.frames_per_part is None
    assert dataset.training is None


def test_training_alone_has_the_published_sizes():
    training = parse_config(CalciumDataset, {"preset": PRESET, "training": {}}).training
    assert training.model_dump() == {
        "patch": 128,
        "frames": 16,
        "samples_per_recording": 64,
        "samples_per_shard": 256,
        "clean": True,
    }


def test_a_preset_is_the_build_spec_of_its_scope_and_region():
    from simlab.calcium.presets import build_spec, ca1, miniscope_v4
    from simlab.calcium.spec import BrainMotion

    dataset = parse_config(
        CalciumDataset, {"preset": {**PRESET, "duration_s": 2.0, "extra_steps": ["brain_motion"]}}
    )
    expected = build_spec(miniscope_v4(), ca1(), duration_s=2.0, extra_steps=[BrainMotion()])
    assert dataset.base() == expected


def test_a_spec_may_be_a_file_and_means_the_same_as_its_mapping(tmp_path):
    path = tmp_path / "base.yaml"
    path.write_text(json.dumps(SPEC))
    from_file = parse_config(CalciumDataset, {"spec": str(path)})
    assert from_file.base() == parse_config(CalciumDataset, {"spec": SPEC}).base()


def test_a_spec_keeps_its_cache_key_through_the_configuration():
    from simlab.calcium.spec import Spec

    dataset = parse_config(CalciumDataset, {"spec": SPEC})
    again = CalciumDataset.model_validate(dataset.model_dump(mode="json"))
    assert again.base().cache_key() == Spec.model_validate(SPEC).cache_key()


def test_validation_is_another_name_of_val():
    splits = {"train": 0.5, "validation": 0.25, "test": 0.25}
    assert parse_config(CalciumDataset, {"preset": PRESET, "splits": splits}).splits.val == 0.25


def test_errors_of_a_spec_keep_their_place():
    wrong = {**SPEC, "acquisition": {"optics": {"naa": 0.3}}}
    text = problem({"spec": wrong})
    assert "spec.acquisition.optics.naa" in text
    assert "did you mean na?" in text


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ({}, "exactly one of spec and preset"),
        ({"spec": SPEC, "preset": PRESET}, "exactly one of spec and preset"),
        ({"preset": PRESET, "recordings": False}, "recordings and video are both off"),
        ({"preset": {**PRESET, "scope": "miniscope_v3"}}, "did you mean miniscope_v4?"),
        ({"preset": PRESET, "splits": {"train": 0.9}}, "train + val + test is 1.2"),
        ({"preset": PRESET, "video_options": {"codec": "RAW"}}, "a codec has 4 characters"),
        ({"preset": PRESET, "video_options": {"vmin": 3, "vmax": 2}}, "vmax 2 is below vmin 3"),
        (
            {"preset": PRESET, "sweep": {"axes": {"seed": [1]}, "n": 3}},
            "n is needed for mode sample",
        ),
        ({"preset": PRESET, "sweep": {"axes": {"seed": 1}}}, "a list of values is expected"),
        ({"preset": PRESET, "stages": ["vignette", "vignette"]}, "a stage is named twice"),
        ({"preset": PRESET, "stages": ["composite", "cells_only"]}, "a stage is named twice"),
        (
            {"preset": PRESET, "video": True, "recordings": False, "training": {}},
            "training needs recordings",
        ),
        (
            {"preset": PRESET, "replicates": 2, "sweep": {"axes": {"seed": [1, 2]}}},
            "no axis `seed`",
        ),
        ({"spec": ["place_neurons"]}, "spec: Input should be a mapping of keys"),
    ],
)
def test_what_cannot_be_meant_is_refused(mapping, expected):
    assert expected in problem(mapping)


def test_a_typo_in_a_spec_file_is_told_with_file_and_key(tmp_path):
    path = tmp_path / "typo.yaml"
    path.write_text(json.dumps({**SPEC, "acquisition": {"fpz": 20}}))
    text = problem({"spec": str(path)})
    assert "typo.yaml: acquisition.fpz: unknown key, did you mean fps?" in text


def test_a_missing_spec_file_is_named():
    assert "spec: file not found: nowhere.yaml" in problem({"spec": "nowhere.yaml"})


def test_load_spec_names_file_and_field(tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps({**SPEC, "seed": -1}))
    with pytest.raises(ConfigError, match=r"spec\.json: 1 problem\n  seed: .*\(found -1\)"):
        load_spec(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("steps: [\n  {kind: optics}\n", "line 3, column 1"),
        ("!!python/object/apply:os.getcwd []", "line 1, column 1"),
        ("- 1\n", "a mapping is expected, found list"),
        ("", "a mapping is expected, found nothing"),
    ],
)
def test_load_spec_tells_where_a_file_stops_being_yaml(tmp_path, text, expected):
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    with pytest.raises(InputFileError, match=expected) as raised:
        load_spec(path)
    assert "\n" not in str(raised.value)
    assert "spec.yaml" in str(raised.value)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("bleach", "preset.extra_steps.0.kind: expected place_neurons or"),
        ({"kind": "bleaching", "tau": 1}, "preset.extra_steps.0.tau: unknown key"),
        (7, "preset.extra_steps.0: Input should be a mapping"),
    ],
)
def test_a_wrong_step_of_a_preset_is_told_in_one_line(step, words):
    head, *lines = problem({"preset": {**PRESET, "extra_steps": [step]}}).splitlines()
    assert head == "configuration: 1 problem"
    assert len(lines) == 1, lines
    assert words in lines[0]
