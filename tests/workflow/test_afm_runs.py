"""The workflow on small AFM data sets: files, re-runs, other shards, the commands' bytes."""

import copy
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from afm_finished import FDBM, SMALL
from workflow_jobs import jobs_of, run_campaign, temporary_names

from simlab.afm import load_dataset
from simlab.cli import main
from simlab.core.dataset import Dataset
from simlab.core.files import read_json
from simlab.core.manifest import require_verified

NAME = "tiny.v1+2"
MOLECULES = [Path(path).name for path in SMALL["molecules"]]
CAMPAIGN = {
    "afm": {
        "datasets": {
            NAME: {**SMALL, "molecules": MOLECULES},
            "fdbm": {**FDBM, "molecules": MOLECULES[1:2], "export": "none"},
        }
    }
}
GATHERING = {"afm_index", "afm_normalization", "afm_checks", "afm_preview", "afm_manifest"}


@pytest.fixture(scope="module")
def finished(root, tmp_path_factory):
    """Folder of the campaign, run once for all tests that only look at it."""
    directory = tmp_path_factory.mktemp("finished_afm")
    for path in SMALL["molecules"]:
        shutil.copy(root / path, directory)
    return run_campaign(root, directory, CAMPAIGN)


@pytest.fixture
def copy_of(finished, tmp_path):
    """A copy of the finished campaign that a test may change."""
    return shutil.copytree(finished, tmp_path / "copy")


@pytest.fixture
def campaign():
    """The campaign as a mapping that a test may change."""
    return copy.deepcopy(CAMPAIGN)


def data_set(directory, name=NAME):
    return Path(directory) / "results" / "afm" / name


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", [NAME, "fdbm"])
def test_the_manifest_names_every_file(finished, name):
    manifest = read_json(data_set(finished, name) / "manifest.json")
    assert set(manifest["files"]) == files_in(data_set(finished, name)) - {"manifest.json"}
    assert ("grids/bcb.npz" in manifest["files"]) == (name == "fdbm")
    assert ("batches/batch_4.npz" in manifest["files"]) == (name == NAME)
    assert manifest["seed"] == 11


def test_all_files_verify_and_a_flipped_bit_is_found(snakemake, copy_of, campaign):
    assert require_verified([data_set(copy_of)]) is None
    shard = data_set(copy_of) / "shards" / "shard_00001.h5"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    output = snakemake("verify", campaign=campaign, directory=copy_of, code=1)
    assert "shard_00001.h5: content differs from the manifest" in output


def test_a_second_run_has_nothing_to_do(snakemake, copy_of, campaign):
    assert "Nothing to be done" in snakemake(campaign=campaign, directory=copy_of)
    campaign["afm"]["datasets"][NAME] |= {"target_seconds": 7, "seconds_per_sample": 1}
    output = snakemake("--dry-run", campaign=campaign, directory=copy_of)
    assert jobs_of(output) == {"all", "afm_manifest"}  # which holds the whole configuration


def test_samples_are_found_by_split_and_file(finished):
    data = Dataset(data_set(finished))
    assert len(data) == 9
    assert len(data.split("train")) == 6
    sample = data[7]
    assert sample["afm"].shape == (1, 24, 20, 8)
    np.testing.assert_array_equal(sample["afm"], load_dataset(data_set(finished))[7][0])


def test_other_shards_change_no_sample_and_no_statistics(snakemake, copy_of, finished, campaign):
    campaign["afm"]["datasets"][NAME]["samples_per_shard"] = 4
    output = snakemake(campaign=campaign, directory=copy_of)
    assert {"afm_shard", *GATHERING} <= jobs_of(output)
    assert not {"afm_molecules", "afm_plan"} & jobs_of(output)
    one, two = load_dataset(data_set(finished)), load_dataset(data_set(copy_of))
    for mine, theirs in zip(one, two, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
    for name in ("normalization.json", "batches/batch_3.npz", "plan.npz"):
        assert (data_set(copy_of) / name).read_bytes() == (data_set(finished) / name).read_bytes()
    require_verified([data_set(copy_of)])


@pytest.mark.parametrize(
    ("values", "expected", "untouched"),
    [
        ({"seed": 5}, {"afm_plan", "afm_shard", *GATHERING}, {"afm_molecules"}),
        ({"distAbove": 4.0}, {"afm_shard", *GATHERING}, {"afm_molecules", "afm_plan"}),
        ({"charges": "ignore"}, {"afm_molecules", "afm_plan", "afm_shard"}, set()),
        (
            {"export": "none"},
            {"afm_manifest"},
            {"afm_molecules", "afm_plan", "afm_shard", "afm_checks"},
        ),
        ({"batch_size": 3}, {"afm_batches"}, {"afm_plan", "afm_molecules"}),
    ],
)
def test_a_changed_key_reruns_what_depends_on_it(
    snakemake, campaign, copy_of, values, expected, untouched
):
    campaign["afm"]["datasets"][NAME].update(values)
    jobs = jobs_of(snakemake("--dry-run", campaign=campaign, directory=copy_of))
    assert expected <= jobs
    assert not untouched & jobs


def test_a_molecule_that_changed_is_simulated_again(snakemake, copy_of, campaign):
    path = copy_of / "bcb.xyz"
    path.write_text(path.read_text() + "\n# looked at\n")
    output = snakemake("--dry-run", campaign=campaign, directory=copy_of)
    assert {"afm_molecules", "afm_shard"} <= jobs_of(output)


def test_the_command_writes_the_arrays_of_the_workflow(finished, tmp_path):
    simulator = SMALL["simulator"]
    window = [value for corner in simulator["scan_window"] for value in corner]
    words = ["afm", "generate", *SMALL["molecules"], "-o", tmp_path, "--seed", SMALL["seed"]]
    words += ["--scan-dim", *simulator["scan_dim"], "--scan-window", *window, "--df-steps", 5]
    words += ["--pix-per-angstrome", 8, "--rotations", 20, "--n-best", 3, "--batch-size", 2]
    with pytest.raises(SystemExit, match=r"^0$"):
        main([str(word) for word in words])
    for batch in range(5):
        name = f"batch_{batch}.npz"
        ours, theirs = tmp_path / name, data_set(finished) / "batches" / name
        assert ours.read_bytes() == theirs.read_bytes()


def test_a_bad_molecule_fails_one_job_in_one_line_and_leaves_other_data_sets(
    snakemake, copy_of, campaign
):
    (copy_of / "bad.xyz").write_text("2\n\nH 0 0 0\n")
    campaign["afm"]["datasets"]["bad"] = {**SMALL, "molecules": ["bad.xyz"]}
    (data_set(copy_of, "fdbm") / "manifest.json").unlink()
    output = snakemake("--keep-going", "-q", "rules", campaign=campaign, directory=copy_of, code=1)
    [line] = [text for text in output.splitlines() if "bad.xyz" in text and "afm_mol" in text]
    assert "afm: bad.xyz: line 3" in line
    assert "Traceback" not in output
    assert not data_set(copy_of, "bad").joinpath("molecules.npz").exists()
    assert (data_set(copy_of, "fdbm") / "manifest.json").is_file()


def test_a_glob_without_files_is_told_by_a_dry_run(snakemake, campaign):
    campaign["afm"]["datasets"][NAME]["molecules"] = ["nowhere/*.xyz"]
    output = snakemake("--dry-run", campaign=campaign, code=1)
    assert f"afm.datasets.{NAME}: afm: molecules: 'nowhere/*.xyz' matches no file" in output
    assert "Traceback" not in output


def test_published_files_hold_no_paths_hosts_or_times(finished):
    for name in (NAME, "fdbm"):
        for path in data_set(finished, name).rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert str(finished).encode() not in content, path
                assert not temporary_names(content), path
                assert time.strftime("%Y-%m-%d").encode() not in content, path
