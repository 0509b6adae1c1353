"""A campaign of all five domains on a real, private, one-node cluster; failures, memory, Ctrl-C.

The part of the cluster's scenarios that every change is tested with.
"""

import re
import signal
from pathlib import Path

import pytest
from five_domains import CAMPAIGN, DOMAINS, HALO, PTYCHO
from halo_commands import call
from slurm_campaign import bytes_of, wait_until
from workflow_jobs import jobs_of, run_campaign

from simlab.core.manifest import require_verified

pytestmark = [pytest.mark.full, pytest.mark.slurm]

# A job costs ten CPU seconds before it works: here, what ends a data set travels together.
ENDS = [
    *(f"{domain}_{noun}={domain}_end" for domain in DOMAINS for noun in ("checks", "preview")),
    *(f"ptycho_{noun}=ptycho_end" for noun in ("dataset", "npz", "normalization")),
    *("halo_normalization=halo_end", "lensing_comparison=lensing_end"),
    *("halo_simulation=halo_simulation", "halo_samples=halo_samples"),
    *("ptycho_diffraction=ptycho_diffraction", "calcium_scene=calcium_scene"),
    "afm_shard=afm_shard",
]
SHARDS = (
    *("ptycho_power", "ptycho_diffraction", "afm_shard", "halo_simulation", "halo_samples"),
    *("calcium_scene", "calcium_part", "calcium_recording", "lensing_shard"),
)


def test_a_campaign_of_five_domains_runs_as_jobs_within_their_memory(on_cluster):
    # most keys are left unset: the defaults of the models must reach the remote jobs as well
    campaign = on_cluster(CAMPAIGN)
    numbers = [f"{name}=4" for name in SHARDS]
    # no group asks for more than a small machine has
    campaign.run("--groups", *ENDS, "--group-components", *numbers, "--resources", "mem_mb=5000")
    require_verified([campaign.results(domain) for domain in DOMAINS])
    jobs = campaign.jobs
    assert {job.state for job in jobs} == {"COMPLETED"}, jobs
    assert len({job.name for job in jobs}) == 1
    assert jobs[0].name.startswith("simlab_")  # what scancel takes
    for domain in DOMAINS:
        assert any(f"_{domain}_" in job.what for job in jobs), domain
    # a site that limits all processes of a job together would kill none
    assert {
        job: used for job in jobs if (used := campaign.used_megabytes(job)) > job.megabytes
    } == {}
    logs = campaign.directory / "logs"
    for log in ("halo_samples/tiny/test_0_00000", "ptycho_diffraction/tiny/00000"):
        assert re.search(r"slurm_job=\d+", (logs / f"{log}.log").read_text())
        assert (logs / f"{log}.tsv").is_file()
    assert not list((logs / "slurm").rglob("*/*.log"))  # those of successes are deleted
    assert list((logs / "slurm").glob("efficiency_report_*.csv"))


def test_other_shards_go_on_where_one_fails_and_a_resumed_run_makes_only_what_is_missing(
    on_cluster, tmp_path
):
    assert call("synthesize", "-o", tmp_path / "pairs", "-n", 3, "--n_grid", 16) == 0
    dataset = {name: value for name, value in HALO.items() if name != "source"}
    dataset |= {
        "source": {
            "kind": "camels",
            "nbody_base": "pairs/DMO",
            "hydro_base": "pairs/Hydro",
            "fof_nbody_base": "pairs/FOF",
        },
        "parameters": {"file": "pairs/params.csv"},
        "simulations": {"total": 3, "test_fraction": 0.34},
        "execution": {"memory_gb": 1},
    }
    campaign = on_cluster({"halo": {"datasets": {"tiny": dataset}}})
    damaged = tmp_path / "pairs/Hydro/SB35_1/snapdir_090/snap_090.1.hdf5"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])

    # the largest node has 1500 MB: no attempt asks for more, which the site would refuse
    output = campaign.run("halo", "--retries", "1", "--resources", "mem_mb=1500", code=1)
    told = re.findall(r"log: (logs/halo_samples/\S+), (\S+/slurm/\S+\.log)", output)
    assert len(told) == 2  # one a attempt
    assert len(list(campaign.results("halo").glob("*/sim_*/shard_*.json"))) == 2
    for rule_log, slurm_log in told:
        assert damaged.name in (tmp_path / rule_log).read_text()
        assert damaged.name in Path(slurm_log).read_text()
    assert damaged.name in output  # the job's log, on the terminal
    failed = [job for job in campaign.jobs if job.state == "FAILED"]
    assert [(job.megabytes, job.minutes) for job in failed] == [(1300, 20), (1500, 40)]

    before = {job.id for job in campaign.jobs}
    damaged.write_bytes(whole)
    resumed = jobs_of(campaign.run("halo"))
    ends = {f"halo_{noun}" for noun in ("index", "normalization", "checks", "preview", "manifest")}
    assert resumed == {"halo", "halo_samples", *ends}
    new = [job for job in campaign.jobs if job.id not in before]
    assert sum("halo_samples" in job.what for job in new) == 1
    assert {job.state for job in new} == {"COMPLETED"}
    require_verified([campaign.results("halo")])


def test_a_job_out_of_memory_is_repeated_with_twice_as_much(on_cluster):
    campaign = on_cluster({"ptycho": {"datasets": {"tiny": PTYCHO}}})
    # a plan that is wrong by far: the interpreter and the kernels alone take more
    wrong = "ptycho_object:mem_mb=200 * 2 ** (attempt - 1)"
    output = campaign.run("results/ptycho/tiny/object.npz", "--set-resources", wrong)
    assert "Trying to restart job" in output
    jobs = campaign.jobs_of("ptycho_object")
    assert [job.megabytes for job in jobs] == [200, 400, 800][: len(jobs)]
    assert [job.state == "COMPLETED" for job in jobs] == [False] * (len(jobs) - 1) + [True]
    assert len(jobs) > 1


def test_ctrl_c_cancels_the_jobs_and_the_same_command_continues(on_cluster, root, tmp_path):
    campaign = on_cluster({"halo": {"datasets": {"tiny": HALO}}})
    process = campaign.start("halo")
    campaign.freeze("halo_samples")  # or it might be done before
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 1
    wait_until(lambda: not campaign.active_jobs(), "the end of all jobs")
    assert any(job.state == "CANCELLED" for job in campaign.jobs_of("halo_samples"))
    assert not list(campaign.results("halo").rglob("shard_*.json"))
    assert not campaign.unfinished()
    done = {job.what for job in campaign.jobs if job.state == "COMPLETED"}
    before = {job.id for job in campaign.jobs}

    campaign.run("halo")
    assert not done & {job.what for job in campaign.jobs if job.id not in before}
    alone = tmp_path / "alone"
    alone.mkdir()
    run_campaign(root, alone, {"halo": {"datasets": {"tiny": HALO}}})
    assert bytes_of(campaign.results("halo")) == bytes_of(alone / "results/halo/tiny")
