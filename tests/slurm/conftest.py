import os
import shutil
import subprocess
from pathlib import Path

import pytest

CLUSTER = Path(__file__).parent / "cluster.sh"
MISSING = [
    tool
    for tool in ("slurmctld", "slurmd", "slurmdbd", "mariadbd", "munged", "srun")
    if not shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin")
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Environment in which sbatch, squeue and sacct talk to a private cluster."""
    if MISSING:
        pytest.skip(f"not installed: {', '.join(MISSING)}")
    home = tmp_path_factory.mktemp("cluster")
    subprocess.run([CLUSTER, "up", home], check=True, stdout=subprocess.DEVNULL)
    yield {
        **os.environ,
        "SLURM_CONF": f"{home}/etc/slurm.conf",
        "PATH": f"{home}/bin:{os.environ['PATH']}",
    }
    subprocess.run([CLUSTER, "down", home], check=True)
