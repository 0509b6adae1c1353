"""The workflow on small calcium data sets: files, re-runs, parts, the commands' bytes, errors."""

import copy
import shutil
import time
from pathlib import Path

import pytest
from calcium_finished import SMALL, SmallDataset
from workflow_jobs import jobs_of, run_campaign, temporary_names

from simlab.core.files import read_json
from simlab.core.manifest import require_verified

NAME = "tiny.v1+2"
TWO = {**SMALL, "sweep": {"axes": {"seed": [1, 2]}}}
FILMED = {**TWO, "recordings": False, "stages": [], "training": None, "sweep": None}
CAMPAIGN = {"calcium": {"datasets": {NAME: TWO, "filmed": FILMED}}}
GATHERING = {"calcium_normalization", "calcium_checks", "calcium_preview", "calcium_manifest"}
RENDERING = {"calcium_scene", "calcium_part", "calcium_recording", "calcium_video"}


@pytest.fixture(scope="module")
def finished(root, tmp_path_factory):
    """Folder of the campaign, run once for all tests that only look at it."""
    return run_campaign(root, tmp_path_factory.mktemp("finished_calcium"), CAMPAIGN)


@pytest.fixture
def copy_of(finished, tmp_path):
    """A copy of the finished campaign that a test may change."""
    return shutil.copytree(finished, tmp_path / "copy")


@pytest.fixture
def campaign():
    """The campaign as a mapping that a test may change."""
    return copy.deepcopy(CAMPAIGN)


def data_set(directory, name=NAME):
    return Path(directory) / "results" / "calcium" / name


def test_the_rules_write_what_their_stages_write(finished, tmp_path):
    for name, mapping in CAMPAIGN["calcium"]["datasets"].items():
        made = SmallDataset.of(tmp_path / name, mapping).make()
        here = {path.relative_to(made.folder) for path in made.folder.rglob("*.*")}
        there = {path.relative_to(data_set(finished, name)) for path in
                 data_set(finished, name).rglob("*.*")}  # fmt: skip
        assert here == there
        for file in here:
            if file.parts[0] == "training" or file.name.endswith((".perf.json", "manifest.json")):
                continue  # code digests and timings
            ours, theirs = made.path(file), data_set(finished, name) / file
            assert ours.read_bytes() == theirs.read_bytes(), file


def test_parts_are_temporary(finished):
    assert not list(data_set(finished).glob("parts/*/*"))
    assert len(list(data_set(finished).glob("scenes/*.h5"))) == 2


def test_the_manifest_verifies_and_a_flipped_bit_is_found(snakemake, copy_of, campaign):
    assert require_verified([data_set(copy_of), data_set(copy_of, "filmed")]) is None
    [first, _] = sorted(data_set(copy_of).glob("recordings/*.h5"))
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.write_bytes(content)
    output = snakemake("verify", campaign=campaign, directory=copy_of, code=1)
    assert f"{first.name}: content differs from the manifest" in output


def test_a_second_run_has_nothing_to_do(snakemake, copy_of, campaign):
    assert "Nothing to be done" in snakemake(campaign=campaign, directory=copy_of)


@pytest.mark.parametrize(
    ("values", "expected", "untouched"),
    [
        (
            {"seed": 5},
            {"calcium_training", "calcium_manifest"},
            RENDERING | GATHERING - {"calcium_manifest"},
        ),
        (
            {"video_options": {"vmax": 200}},
            {"calcium_video", "calcium_checks"},
            {"calcium_recording", "calcium_preview", "calcium_index", "calcium_training"},
        ),
        (
            {"stages": ["leakage"]},
            {"calcium_stage", "calcium_manifest"},
            RENDERING | {"calcium_training", "calcium_checks", "calcium_preview"},
        ),
        ({"training": None}, {"calcium_manifest"}, RENDERING | {"calcium_checks"}),
        ({"set": {"ext.shot_noise": "poisson"}}, RENDERING | GATHERING, set()),
        ({"sweep": {"axes": {"seed": [1, 2, 3]}}}, RENDERING | {"calcium_checks"}, set()),
    ],
)
def test_a_changed_key_reruns_what_depends_on_it(
    snakemake, campaign, copy_of, values, expected, untouched
):
    del campaign["calcium"]["datasets"]["filmed"]
    campaign["calcium"]["datasets"][NAME].update(values)
    jobs = jobs_of(snakemake("--dry-run", campaign=campaign, directory=copy_of))
    assert expected <= jobs
    assert not untouched & jobs


def test_recordings_that_are_there_stay_when_a_sweep_grows(snakemake, campaign, copy_of):
    del campaign["calcium"]["datasets"]["filmed"]
    campaign["calcium"]["datasets"][NAME]["sweep"]["axes"]["seed"] = [1, 2, 3]
    output = snakemake("--dry-run", campaign=campaign, directory=copy_of)
    counts = dict(line.split() for line in output.splitlines() if len(line.split()) == 2)
    assert (counts["calcium_recording"], counts["calcium_video"]) == ("1", "1")


def test_a_sweep_of_three_axes_plans_without_running_anything(snakemake, tmp_path):
    axes = {
        "acquisition.optics.na": [0.3, 0.4, 0.5],
        "steps.place_neurons.density_per_mm3": [1e4, 2e4],
        "seed": [1, 2],
    }
    swept = {"spec": SMALL["spec"], "sweep": {"axes": axes}}
    output = snakemake("--dry-run", campaign={"calcium": {"datasets": {"swept": swept}}})
    counts = dict(line.split() for line in output.splitlines() if len(line.split()) == 2)
    assert counts["calcium_recording"] == "12"
    assert not (tmp_path / "results").exists()


def test_one_recording_is_a_target_by_its_key(snakemake, campaign, tmp_path):
    from simlab.calcium.config import CalciumDataset
    from simlab.core.config import parse_config

    first = parse_config(CalciumDataset, TWO).expansion.points[0].key
    target = f"results/calcium/{NAME}/recordings/{first}.h5"
    jobs = jobs_of(snakemake(target, "--dry-run", campaign=campaign))
    assert jobs == {"calcium_scene", "calcium_part", "calcium_recording"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"set": {"acquisition.optics.naa": 1}}, "did you mean na?"),
        ({"sweep": {"axes": {"acquisition.optics.na": [0.3, -1.0]}}}, "acquisition.optics.na=-1.0"),
        ({"set": {"acquisition.image_sensor.bit_depth": 17}}, "bit_depth up to 16 is supported"),
        ({"splits": {"train": 2.0}}, "train + val + test is 2.3"),
    ],
)
def test_what_is_wrong_is_told_by_a_dry_run_without_a_traceback(
    snakemake, campaign, values, expected
):
    campaign["calcium"]["datasets"][NAME].update(values)
    output = snakemake("--dry-run", campaign=campaign, code=1)
    assert f"calcium.datasets.{NAME}" in output
    assert expected in output
    assert "Traceback" not in output


def test_a_broken_recording_fails_the_checks_and_leaves_a_list(snakemake, campaign, copy_of):
    import h5py

    del campaign["calcium"]["datasets"]["filmed"]
    [first, _] = sorted(data_set(copy_of).glob("recordings/*.h5"))
    with h5py.File(first, "r+") as file:
        file["ground_truth"]["leakage"][...] += 1.0
    arguments = ("--force", f"results/calcium/{NAME}/checks.json")
    output = snakemake(*arguments, campaign=campaign, directory=copy_of, code=1)
    assert "field_range" in output
    rows = read_json(data_set(copy_of) / "checks.failed.json")
    assert [row["id"] for row in rows if not row["passed"]] == ["field_range"]


def test_published_files_hold_no_paths_hosts_or_times(finished):
    for path in (finished / "results").rglob("*.*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(finished).encode() not in content, path
            assert not temporary_names(content), path
            assert time.strftime("%Y-%m-%d").encode() not in content, path
