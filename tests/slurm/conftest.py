import os
import shutil
import subprocess
from pathlib import Path

import pytest
from slurm_campaign import SlurmCampaign, of_cluster

CLUSTER = Path(__file__).parent / "cluster.sh"
MISSING = [
    tool
    for tool in ("slurmctld", "slurmd", "slurmdbd", "mariadbd", "munged", "srun")
    if not shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin")
]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """Environment in which sbatch, squeue and sacct talk to a private cluster."""
    if MISSING:
        pytest.skip(f"not installed: {', '.join(MISSING)}")
    home = tmp_path_factory.mktemp("cluster")
    subprocess.run([CLUSTER, "up", home], check=True, stdout=subprocess.DEVNULL)
    yield of_cluster(home)
    subprocess.run([CLUSTER, "down", home], check=True)


@pytest.fixture
def on_cluster(root, tmp_path, cluster):
    """Function that takes a campaign, a mapping, and prepares it to run on the cluster."""

    def prepare(campaign):
        return SlurmCampaign(root, tmp_path, campaign, cluster)

    return prepare
