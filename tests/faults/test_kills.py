"""Killed with everything it started, at any moment, a campaign goes on to the same bytes."""

import random
import shutil
import subprocess
from contextlib import suppress

import psutil
import pytest
from five_domains import manifests

pytestmark = pytest.mark.full

LONGEST = 0.25
"""Of stretches between two kills, in times of an undisturbed run."""


def seconds_of(directory):
    """Wall time of the only run of a directory."""
    made = [path.stat().st_mtime for path in directory.glob("results/*/tiny/manifest.json")]
    return max(made) - (directory / "campaign.yaml").stat().st_mtime


def kill_tree(process):
    """SIGKILL to the process and all below it, again until none is left."""
    below = psutil.Process(process.pid).children(recursive=True)
    for one in [psutil.Process(process.pid), *below]:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(below)
    for one in below:
        assert not one.is_running() or one.status() == psutil.STATUS_ZOMBIE
    process.communicate()


@pytest.mark.parametrize("kills", [5, 50])
def test_a_killed_campaign_goes_on_to_the_same_manifests(
    kills, start_campaign, run_campaign, undisturbed, tmp_path
):
    expected = manifests(undisturbed)
    longest = LONGEST * seconds_of(undisturbed)
    moments = random.Random(kills)
    directory = tmp_path / "killed"
    done = finished = 0
    while done < kills:
        process = start_campaign(directory)
        try:
            process.communicate(timeout=moments.uniform(0, longest))
        except subprocess.TimeoutExpired:
            kill_tree(process)
            done += 1
            run_campaign(directory, "--unlock")
            continue
        assert process.returncode == 0
        assert manifests(directory) == expected
        shutil.rmtree(directory)  # it came to its end between two kills: from the beginning again
        finished += 1
    run_campaign(directory)
    assert manifests(directory) == expected
    assert "verified" in run_campaign(directory, "verify")
    assert kills < 50 or finished, "the kills met the first jobs only"


def test_a_killed_run_is_locked_and_says_so(start_campaign, run_campaign, tmp_path):
    process = start_campaign(tmp_path)
    for line in process.stdout:
        if "Select jobs to execute" in line:
            break
    kill_tree(process)
    refused = run_campaign(tmp_path, code=1)
    assert "LockException" in refused
    assert "--unlock" in refused
    run_campaign(tmp_path, "plan")  # makes no file, hence needs no lock
    run_campaign(tmp_path, "--unlock")
    run_campaign(tmp_path, "results/ptycho/tiny/probe.npz")
