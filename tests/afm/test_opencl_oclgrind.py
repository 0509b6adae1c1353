"""No kernel reads or writes outside of its memory, as oclgrind, a simulator of devices, sees it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "afm_oclgrind.py"


@pytest.mark.full
@pytest.mark.skipif(shutil.which("oclgrind") is None, reason="oclgrind is not installed")
@pytest.mark.parametrize("lanes", [1, 16])
@pytest.mark.parametrize(("nx", "ny", "atoms"), [(100, 100, 1), (33, 17, 65), (33, 17, 1)])
def test_no_kernel_leaves_its_memory(lanes, nx, ny, atoms):
    arguments = [str(n) for n in (lanes, nx, ny, atoms)]
    environment = {**os.environ, "SIMLAB_OPENCL_DEVICE": "0:0"}
    done = subprocess.run(
        ["oclgrind", sys.executable, str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"Oclgrind Simulator lanes {lanes}" in done.stdout
    assert "Invalid" not in done.stderr, done.stderr[:2000]
    assert "error" not in done.stderr.lower(), done.stderr[:2000]
