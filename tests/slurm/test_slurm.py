"""The SLURM profile on a real, private, one-node cluster."""

import subprocess
import sys

import pytest
import yaml

pytestmark = [pytest.mark.full, pytest.mark.slurm]


def test_a_campaign_runs_as_slurm_jobs(root, tmp_path, cluster):
    # keys left unset: the defaults of the models must reach the remote jobs as well
    dataset = {"object": {"size": 80}, "probe": {"N": 32}, "scan": {"n_images": 40}}
    dataset["frames_per_shard"] = 20
    campaign = tmp_path / "campaign.yaml"
    campaign.write_text(yaml.safe_dump({"ptycho": {"datasets": {"tiny": dataset}}}))
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", root / "Snakefile"),
        *("--profile", root / "profiles" / "slurm", "--directory", tmp_path),
        *("results/ptycho/tiny/simulated.h5", "--configfile", campaign),
        *("--slurm-init-seconds-before-status-checks", "2"),
        *("--seconds-between-status-checks", "2"),
        *("--default-resources", "slurm_account=lab", "slurm_partition=short", "mem_mb=600"),
    ]
    done = subprocess.run(command, env=cluster, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "results/ptycho/tiny/simulated.h5").is_file()
    states = subprocess.run(
        ["sacct", "-X", "-n", "-P", "-S", "now-1hour", "-o", "state,comment"],
        env=cluster,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert states
    assert all(line.startswith("COMPLETED|rule_ptycho_") for line in states), states
    assert sum("diffraction" in line for line in states) == 2
