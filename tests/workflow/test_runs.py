"""The real workflow on a small campaign: files, re-runs, restarts, bits."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from workflow_jobs import jobs_of, temporary_names

from simlab.core.dataset import Dataset

SAME_BYTES = (
    "simulated.npz",
    "positions.npz",
    "scale.json",
    "index.csv",
    "normalization.json",
    "checks.json",
)


def data_set(directory):
    return Path(directory) / "results" / "ptycho" / "tiny"


def digests(folder, names=SAME_BYTES):
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def frames(folder):
    with h5py.File(folder / "simulated.h5") as file:
        return {key: item[()] for key, item in file.items()}


def test_a_data_set_has_all_its_files(finished):
    present = {p.relative_to(data_set(finished)).as_posix() for p in data_set(finished).rglob("*")}
    manifest = json.loads((data_set(finished) / "manifest.json").read_text())
    files = {name for name in present if "." in Path(name).name} - {"manifest.json"}
    assert set(manifest["files"]) == files
    assert {"train.npz", "test.npz", "grouped_g2.npz", "simulated.npz"} <= files


def test_nothing_but_data_sets_lies_in_results(finished):
    assert [p.name for p in (finished / "results").iterdir()] == ["ptycho"]
    assert [p.name for p in (finished / "results" / "ptycho").iterdir()] == ["tiny"]


def test_the_reader_gives_samples_of_a_split(finished):
    dataset = Dataset(data_set(finished))
    assert len(dataset) == 21
    train = dataset.split("train")
    assert len(train) + len(dataset.split("test")) == 21
    sample = train[0]
    assert sample["diff3d"].shape == (32, 32)
    assert sample["ground_truth_patches"].shape == (32, 32, 1)


def test_a_second_run_has_nothing_to_do(snakemake, copy_of):
    output = snakemake("--configfile", copy_of / "campaign.yaml", directory=copy_of)
    assert "Nothing to be done" in output


@pytest.mark.parametrize("per_shard", [3, 7])
def test_shards_do_not_change_a_bit(snakemake, small, finished, per_shard, tmp_path):
    small["ptycho"]["datasets"]["tiny"]["frames_per_shard"] = per_shard
    snakemake(campaign=small)
    assert digests(data_set(tmp_path)) == digests(data_set(finished))
    expected, found = frames(data_set(finished)), frames(data_set(tmp_path))
    assert list(found) == list(expected)
    for key, values in expected.items():
        np.testing.assert_array_equal(found[key], values, err_msg=key)


def test_two_threads_do_not_change_a_bit(snakemake, small, finished, tmp_path):
    snakemake("--set-threads", "ptycho_diffraction=2", campaign=small)
    assert digests(data_set(tmp_path)) == digests(data_set(finished))


def test_a_killed_run_resumes_to_the_same_bits(root, small, finished, tmp_path, snakemake):
    small["ptycho"]["datasets"]["tiny"]["frames_per_shard"] = 3
    (tmp_path / "campaign.yaml").write_text(yaml.safe_dump(small))
    run = subprocess.Popen(
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", root / "Snakefile"),
            *("--directory", tmp_path, "--cores", "2", "--configfile", tmp_path / "campaign.yaml"),
        ],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    deadline = time.monotonic() + 120
    while not list(data_set(tmp_path).glob("shards/*.h5")):
        assert time.monotonic() < deadline
        assert run.poll() is None
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert not (data_set(tmp_path) / "manifest.json").exists()
    assert not list(tmp_path.rglob("manifest.json"))
    snakemake("--unlock", campaign=small)
    snakemake("--rerun-incomplete", campaign=small)
    assert digests(data_set(tmp_path)) == digests(data_set(finished))


@pytest.mark.parametrize(
    ("section", "key", "value", "expected", "untouched"),
    [
        (
            "detector",
            "nphotons",
            2e6,
            {"ptycho_scale", "ptycho_diffraction", "ptycho_dataset", "ptycho_checks"},
            {"ptycho_object", "ptycho_probe", "ptycho_positions", "ptycho_power"},
        ),
        (
            "detector",
            "background",
            0.1,
            {"ptycho_diffraction", "ptycho_dataset", "ptycho_checks"},
            {"ptycho_object", "ptycho_positions", "ptycho_power"},
        ),
        (
            "split",
            "fraction",
            0.7,
            {"ptycho_index", "ptycho_normalization", "ptycho_checks", "ptycho_split"},
            {"ptycho_object", "ptycho_power", "ptycho_diffraction", "ptycho_dataset"},
        ),
    ],
)
def test_a_changed_key_reruns_what_depends_on_it(
    snakemake, small, copy_of, section, key, value, expected, untouched
):
    small["ptycho"]["datasets"]["tiny"].setdefault(section, {})[key] = value
    jobs = jobs_of(snakemake("--dry-run", campaign=small, directory=copy_of))
    assert expected <= jobs
    assert not untouched & jobs


def test_a_changed_kernel_reruns_its_rules_and_a_comment_none(repository, small, snakemake):
    snakefile = repository / "Snakefile"
    snakemake("results/ptycho/tiny/scale.json", campaign=small, snakefile=snakefile)
    kernels = repository / "workflow/scripts/simlab/ptycho/kernels/gather.py"
    target = "results/ptycho/tiny/scale.json"
    text = kernels.read_text()
    kernels.write_text(text + "\n# a comment\n")
    output = snakemake("--dry-run", target, campaign=small, snakefile=snakefile)
    assert "Nothing to be done" in output
    kernels.write_text(text + "\nUNUSED = 1\n")
    output = snakemake("--dry-run", target, campaign=small, snakefile=snakefile)
    assert "ptycho_power" in jobs_of(output)
    assert "Params have changed" in output


@pytest.mark.parametrize("keep_time", [True, False])
def test_verify_names_the_file_with_one_flipped_bit_and_makes_nothing(
    snakemake, copy_of, small, keep_time
):
    path = data_set(copy_of) / "simulated.h5"
    times = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    if keep_time:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    output = snakemake("verify", campaign=small, directory=copy_of, code=1)
    assert "simulated.h5: content differs from the manifest" in output
    assert "delete the files named" in output
    assert jobs_of(output) == {"verify"}


def test_a_deleted_file_is_made_again_as_it_was(snakemake, copy_of, small):
    (data_set(copy_of) / "simulated.h5").unlink()
    snakemake(campaign=small, directory=copy_of)
    output = snakemake("verify", campaign=small, directory=copy_of)
    assert "verified: results/ptycho/tiny/manifest.json" in output


def test_a_failing_check_leaves_its_list_behind(snakemake, copy_of, small):
    folder = data_set(copy_of)
    content = json.loads((folder / "normalization.json").read_text())
    content["diff3d"]["mean"] *= 1.001
    (folder / "normalization.json").write_text(json.dumps(content))
    output = snakemake(
        *("results/ptycho/tiny/checks.json", "--forcerun", "ptycho_checks"),
        *("--rerun-triggers", "params"),
        campaign=small,
        directory=copy_of,
        code=1,
    )
    assert "1 of 21 checks failed: statistics" in output
    assert not (folder / "checks.json").exists()
    rows = json.loads((folder / "checks.failed.json").read_text())
    assert [row["id"] for row in rows if not row["passed"]] == ["statistics"]


def test_a_failing_job_says_why_in_one_line_and_keeps_the_traceback_in_its_log(
    snakemake, small, tmp_path
):
    small["ptycho"]["datasets"]["tiny"]["output"] = {
        "measurement": "count_intensity",
        "counts_dtype": "uint16",
    }
    small["ptycho"]["datasets"]["tiny"]["detector"]["nphotons"] = 1e9
    output = snakemake(campaign=small, code=1)
    (line,) = (
        text
        for text in output.splitlines()
        if text.startswith("ptycho_diffraction dataset=tiny shard=00000: ")
    )
    assert "nphotons" in line
    log = (tmp_path / "logs/ptycho_diffraction/tiny/00000.log").read_text()
    assert "Traceback" in log
    assert "PhysicsError" in log
    assert not list((data_set(tmp_path) / "shards").glob("*"))


def test_published_files_hold_no_paths_hosts_or_times(finished):
    for path in data_set(finished).rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(finished).encode() not in content, path
            assert not temporary_names(content), path
            assert time.strftime("%Y-%m-%d").encode() not in content, path
