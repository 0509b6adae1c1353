"""Kernels that are compiled before a campaign are all that its jobs need."""

import subprocess
import sys

import pytest
from five_domains import DOMAINS, WHOLE
from workflow_jobs import run_campaign

COMPILE = (
    "import sys; from simlab.campaign import compile_kernels; compile_kernels(sys.argv[1:], 2)"
)


@pytest.mark.full
def test_no_job_compiles_a_kernel_once_all_are_compiled(root, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(cache))

    def entries():
        return {path.name for path in cache.rglob("*.nbc")}

    subprocess.run([sys.executable, "-c", COMPILE, *DOMAINS], check=True)
    compiled = entries()
    assert len(compiled) > 200
    (tmp_path / "campaign").mkdir()
    run_campaign(root, tmp_path / "campaign", WHOLE)
    assert entries() - compiled == set()
