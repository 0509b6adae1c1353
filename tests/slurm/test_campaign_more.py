"""What else happens on clusters: time-outs, kill -9, arrays, GPUs, no accounting, schedulers."""

import re
import signal
import subprocess

import pytest
from five_domains import HALO, LENSING, PTYCHO
from slurm_campaign import QUICK_STATUS, SITE, bytes_of, wait_until
from workflow_jobs import run_campaign

from simlab.core.manifest import require_verified

pytestmark = [pytest.mark.full, pytest.mark.slurm]

HALO_MAPS = {"halo": {"datasets": {"tiny": HALO}}}
PATTERNS = {"ptycho": {"datasets": {"tiny": PTYCHO}}}
OBJECT = "results/ptycho/tiny/object.npz"


def test_a_job_that_hangs_is_ended_in_time_and_repeated_with_more(on_cluster):
    campaign = on_cluster(PATTERNS)
    process = campaign.start(OBJECT, "--set-resources", "ptycho_object:runtime=attempt")
    campaign.freeze("ptycho_object")
    assert process.wait(400) == 0, campaign.started_log
    assert [(job.state, job.minutes) for job in campaign.jobs] == [("TIMEOUT", 1), ("COMPLETED", 2)]
    assert "TIMEOUT" in campaign.started_log
    assert not campaign.unfinished()


def test_a_killed_controller_leaves_a_lock_and_jobs_and_the_data_set_is_made_all_the_same(
    on_cluster, root, tmp_path
):
    campaign = on_cluster(HALO_MAPS)
    process = campaign.start("halo")
    campaign.freeze("halo_samples")
    process.kill()
    process.wait()
    assert campaign.active_jobs()  # they know nothing of it
    refused = campaign.run("halo", code=1)
    assert "LockException" in refused
    (name,) = re.findall(r"SLURM run ID: (\S+)", campaign.started_log)
    subprocess.run(["scancel", "--name", name], env=campaign.environment, check=True)
    wait_until(lambda: not campaign.active_jobs(), "the end of all jobs")
    assert {job.state for job in campaign.jobs} == {"COMPLETED", "CANCELLED"}
    campaign.run("--unlock")
    campaign.run("halo")
    require_verified([campaign.results("halo")])
    alone = tmp_path / "alone"
    alone.mkdir()
    run_campaign(root, alone, HALO_MAPS)
    made, expected = bytes_of(campaign.results("halo")), bytes_of(alone / "results/halo/tiny")
    assert {name: made.get(name) for name in expected} == expected
    left = {name for name in made if name not in expected}
    assert all(name.endswith(".part") for name in left), left


def test_shards_run_as_one_array(on_cluster):
    campaign = on_cluster(PATTERNS)
    shards = [f"results/ptycho/tiny/shards/0000{n}.h5" for n in range(3)]
    campaign.run(*shards, "--slurm-array-jobs", "ptycho_diffraction")
    states = {job.id: job.state for job in campaign.jobs if "_" in job.id}
    assert len({number.split("_")[0] for number in states}) == 1
    assert [number.split("_")[1] for number in states] == ["1", "2", "3"]
    assert set(states.values()) == {"COMPLETED"}
    assert all((campaign.directory / shard).is_file() for shard in shards)


def test_a_site_without_accounting_answers_by_its_queue(on_cluster, tmp_path):
    campaign = on_cluster(PATTERNS)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sacct", "sacctmgr", "sshare"):
        (tools / name).write_text("#!/bin/sh\necho 'accounting is disabled' >&2\nexit 1\n")
        (tools / name).chmod(0o755)
    environment = {
        **campaign.environment,
        "PATH": f"{tools}:{campaign.environment['PATH']}",
    }
    without = [word for word in SITE if not word.startswith("slurm_account")]
    output = campaign.run(
        *(OBJECT, "--slurm-status-command", "squeue"),
        options=(*QUICK_STATUS, *without),
        environment=environment,
    )
    assert "Failed to retrieve job data" in output  # for the report on efficiency, and no more
    assert (campaign.directory / OBJECT).is_file()
    assert [job.state for job in campaign.jobs] == ["COMPLETED"]


@pytest.fixture
def with_opencl(on_cluster):
    """Data sets of numba and OpenCL beside each other, and their shards."""
    lensing = {**LENSING, "simulator": {**LENSING["simulator"], "backend": "opencl"}}
    campaign = on_cluster(
        {
            "ptycho": {"datasets": {"dots": PTYCHO, "dots_opencl": PTYCHO | {"backend": "opencl"}}},
            "lensing": {"datasets": {"sky_opencl": lensing}},
        }
    )
    shards = [
        *("results/ptycho/dots/shards/00000.h5", "results/ptycho/dots_opencl/shards/00000.h5"),
        *(f"results/lensing/sky_opencl/images/0000{n}.h5" for n in range(2)),
    ]
    return campaign, shards


def test_only_opencl_jobs_of_data_sets_with_opencl_ask_for_a_gpu(with_opencl):
    campaign, shards = with_opencl
    campaign.run(*shards, profiles=("slurm", "slurm-gpu"))
    asked = {job.what: job.tres for job in campaign.jobs if "gres/gpu" in job.tres}
    assert all("gres/gpu=1" in tres for tres in asked.values()), asked
    (pictures,) = [what for what in asked if "lensing" in what]  # two shards take turns
    assert "lensing_images" in pictures
    (patterns,) = asked.keys() - {pictures}
    assert patterns == "rule_ptycho_diffraction_wildcards_dots_opencl_00000"
    assert {job.state for job in campaign.jobs} == {"COMPLETED"}

    before = {job.id for job in campaign.jobs}
    (campaign.directory / shards[1]).unlink()
    campaign.run(shards[1])  # the same rule on a site without GPUs
    (again,) = [job for job in campaign.jobs if job.id not in before]
    assert again.what == patterns
    assert "gpu" not in again.tres


# of the cluster, for a profile that names neither account nor partition
GENERIC = (
    "--default-resources",
    "mem_mb=600",
    "runtime=10",
    "--seconds-between-status-checks",
    "2",
)


def test_any_scheduler_runs_jobs_repeats_those_it_killed_and_cancels_them(on_cluster):
    campaign = on_cluster(PATTERNS)
    how = {"profiles": ("generic",), "options": GENERIC}
    process = campaign.start("results/ptycho/tiny/scale.json", **how)
    campaign.freeze("ptycho_object")
    wait_until(lambda: campaign.jobs, "the job in the accounts")  # they hear of it later
    (job,) = campaign.jobs
    subprocess.run(["scancel", job.id], env=campaign.environment, check=True)  # as a site may
    assert process.wait(400) == 0, campaign.started_log
    first, second, *power = campaign.jobs
    assert [first.state, second.state] == ["CANCELLED", "COMPLETED"]
    assert (second.megabytes, second.minutes) == (2 * first.megabytes, 2 * first.minutes)
    assert [job.state for job in power] == ["COMPLETED"]  # three shards travel together
    assert (campaign.directory / "results/ptycho/tiny/scale.json").is_file()

    process = campaign.start("results/ptycho/tiny/shards/00000.h5", **how)
    campaign.freeze("ptycho_diffraction")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 1
    wait_until(lambda: not campaign.active_jobs(), "the end of all jobs")
    assert campaign.jobs[-1].state == "CANCELLED"
    assert not list(campaign.results("ptycho").glob("shards/*.h5"))
