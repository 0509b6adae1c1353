"""Lensed pictures on a real, private, one-node cluster: shards grouped into jobs."""

import subprocess
import sys

import h5py
import pytest
import yaml
from lensing_finished import SMALL, SmallDataset

from simlab.core.manifest import require_verified

pytestmark = [pytest.mark.full, pytest.mark.slurm]

NAME = "tiny"
PLAIN = {**SMALL, "output": {"shard_size": 5, "resim": True}}


def test_shards_run_as_jobs_and_write_the_numbers_of_one_process(root, tmp_path, cluster):
    campaign = tmp_path / "campaign.yaml"
    campaign.write_text(yaml.safe_dump({"lensing": {"datasets": {NAME: PLAIN}}}))
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", root / "Snakefile"),
        *("--profile", root / "profiles" / "slurm", "--directory", tmp_path),
        *("lensing", "--configfile", campaign),
        *("--slurm-init-seconds-before-status-checks", "2"),
        *("--seconds-between-status-checks", "2"),
        *("--default-resources", "slurm_account=lab", "slurm_partition=long", "mem_mb=600"),
        *("--cores", "2"),  # of the only node
    ]
    done = subprocess.run(command, env=cluster, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    data_set = tmp_path / "results" / "lensing" / NAME
    require_verified([data_set])
    states = subprocess.run(
        ["sacct", "-X", "-n", "-P", "-S", "now-1hour", "-o", "state,comment"],
        env=cluster,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert all(line.startswith("COMPLETED") for line in states), states
    # all that is made of three shards travels in one job
    assert sum("lensing_shard" in line for line in states) == 1, states
    assert sum("rule_lensing_parameters" in line for line in states) == 1, states
    alone = SmallDataset.of(tmp_path / "alone" / NAME, PLAIN).make()
    for file in ("roulette.csv", "index.csv", "normalization.json", "checks.json", "preview.png"):
        assert alone.path(file).read_bytes() == (data_set / file).read_bytes(), file
    for path in alone.shards("resim"):
        with h5py.File(path) as ours, h5py.File(data_set / "resim" / path.name) as theirs:
            assert (ours["images"][()] == theirs["images"][()]).all()
