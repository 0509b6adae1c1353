"""Halo maps on a real, private, one-node cluster: ranks of srun, and the script for sbatch."""

import re
import shutil
import subprocess
import sys

import pytest
import yaml
from halo_campaign import sample_bytes
from halo_commands import FOLDER, call, of_pairs, processing, published_bytes
from slurm_campaign import QUICK_STATUS, SITE, jobs_in

from simlab.core.manifest import require_verified

pytestmark = [pytest.mark.full, pytest.mark.slurm]

NAME = "tiny"
CAMPAIGN = {
    "source": {"kind": "synthetic", "n_grid": 16},
    "simulations": {"total": 2, "test_fraction": 0.5},
    "haloes": {"max_per_simulation": 3},
    "rotations": {"number": 2},
    "maps": {"resolution": 16},
}


def test_the_ranks_of_srun_make_what_one_process_makes(tmp_path, cluster):
    assert call("synthesize", "-o", tmp_path / "pairs", "-n", 3, "--n_grid", 16) == 0
    base = of_pairs(tmp_path / "pairs")
    assert call(*processing(tmp_path / "one", base=base)) == 0
    words = processing(tmp_path / "two", base=base)
    done = subprocess.run(
        ["srun", "-n", "2", "-A", "lab", sys.executable, "-m", "simlab.cli", "halo", *words],
        env=cluster,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "two" / FOLDER
    assert sorted(re.findall(r"rank \d of \d done", done.stdout)) == [
        "rank 0 of 2 done",
        "rank 1 of 2 done",
    ]
    assert call("index", folder) == 0
    assert published_bytes(folder) == published_bytes(tmp_path / "one" / FOLDER)


@pytest.fixture
def workplace(root, tmp_path):
    """A folder like the repository, in which the script may write its results."""
    for name in ("Snakefile", "workflow", "profiles", "resources", "config", ".venv"):
        (tmp_path / name).symlink_to(root / name)
    (tmp_path / "campaign.yaml").write_text(
        yaml.safe_dump({"halo": {"datasets": {NAME: CAMPAIGN}}})
    )
    return tmp_path


def test_the_script_for_sbatch_runs_a_campaign_to_the_end(workplace, cluster):
    done = subprocess.run(
        [
            *("sbatch", "--wait", "--account", "lab", "--partition", "long"),
            *("--time", "30", "--output", "job.log"),
            *("profiles/slurm/run_data_generation.sh", "campaign.yaml"),
            *(*QUICK_STATUS, *SITE),
        ],
        env=cluster,
        cwd=workplace,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    log = workplace / "job.log"
    told = log.read_text() if log.exists() else "no log"
    assert done.returncode == 0, done.stdout + done.stderr + told
    data_set = workplace / "results" / "halo" / NAME
    require_verified([data_set])
    jobs = [job for job in jobs_in(workplace, cluster) if "rule_" in job.what]
    assert sum("rule_halo_samples" in job.what for job in jobs) == 2
    assert {job.state for job in jobs} == {"COMPLETED"}
    # as on one node
    shutil.rmtree(workplace / "one", ignore_errors=True)
    assert call(*processing(workplace / "one", {"--total_sims": 2, "--test_frac": 0.5})) == 0
    assert sample_bytes(data_set) == sample_bytes(workplace / "one" / FOLDER)
