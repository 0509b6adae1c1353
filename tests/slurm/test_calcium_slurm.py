"""Calcium movies on a real, private, one-node cluster: parts and recordings grouped into jobs."""

import subprocess
import sys

import pytest
import yaml
from calcium_finished import SMALL, SmallDataset

from simlab.core.manifest import require_verified

pytestmark = [pytest.mark.full, pytest.mark.slurm]

NAME = "tiny"
TWO = {**SMALL, "video": False, "stages": [], "sweep": {"axes": {"seed": [1, 2]}}}


def test_parts_and_recordings_run_grouped_and_write_the_bytes_of_one_process(
    root, tmp_path, cluster
):
    campaign = tmp_path / "campaign.yaml"
    campaign.write_text(yaml.safe_dump({"calcium": {"datasets": {NAME: TWO}}}))
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", root / "Snakefile"),
        *("--profile", root / "profiles" / "slurm", "--directory", tmp_path),
        *("calcium", "--configfile", campaign),
        *("--slurm-init-seconds-before-status-checks", "2"),
        *("--seconds-between-status-checks", "2"),
        *("--default-resources", "slurm_account=lab", "slurm_partition=long", "mem_mb=600"),
        *("--cores", "2"),  # of the only node
    ]
    done = subprocess.run(command, env=cluster, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    data_set = tmp_path / "results" / "calcium" / NAME
    require_verified([data_set])
    states = subprocess.run(
        ["sacct", "-X", "-n", "-P", "-S", "now-1hour", "-o", "state,comment"],
        env=cluster,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert all(line.startswith("COMPLETED") for line in states), states
    # scenes one by one; six parts in one job, two recordings in another
    assert sum("rule_calcium_scene" in line for line in states) == 2
    assert sum("calcium_part" in line for line in states) == 1, states
    assert sum("calcium_recording" in line for line in states) == 1, states
    alone = SmallDataset.of(tmp_path / "alone" / NAME, TWO).make()
    for file in sorted(alone.folder.rglob("*.*")):
        name = file.relative_to(alone.folder)
        if file.is_file() and name.parts[0] != "training" and name.name != "manifest.json":
            assert file.read_bytes() == (data_set / name).read_bytes(), name
