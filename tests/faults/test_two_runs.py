"""Two runs of one directory: the second is refused, and if made to run does no harm."""

import shutil

import pytest
from five_domains import manifests

pytestmark = pytest.mark.full


def wait_for_jobs(process):
    for line in process.stdout:
        if "Select jobs to execute" in line:
            return
    raise AssertionError("no job was started")


def test_a_second_run_is_refused_while_the_first_works(
    start_campaign, run_campaign, undisturbed, tmp_path
):
    first = start_campaign(tmp_path)
    wait_for_jobs(first)
    refused = run_campaign(tmp_path, code=1)
    assert "LockException" in refused
    assert "no other Snakemake process" in refused
    output, _ = first.communicate()
    assert first.returncode == 0, output
    assert manifests(tmp_path) == manifests(undisturbed)


def test_two_runs_without_lock_leave_whole_files(
    start_campaign, run_campaign, undisturbed, tmp_path
):
    """One may see the other's files appear or vanish and stop; what lies there is never half."""
    both = [start_campaign(tmp_path, "--nolock") for _ in range(2)]
    for process in both:
        process.communicate()
    run_campaign(tmp_path)
    assert manifests(tmp_path) == manifests(undisturbed)
    assert "verified" in run_campaign(tmp_path, "verify")


def test_two_directories_do_not_meet(start_campaign, undisturbed, tmp_path):
    both = [start_campaign(tmp_path / name) for name in ("one", "two")]
    for process in both:
        output, _ = process.communicate()
        assert process.returncode == 0, output
    for name in ("one", "two"):
        assert manifests(tmp_path / name) == manifests(undisturbed)
        shutil.rmtree(tmp_path / name)
