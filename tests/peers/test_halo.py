"""Halo maps beside MASL of Pylians, in its own environment."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from simlab.halo.projection import cic_deposit

pytestmark = pytest.mark.peers

PYTHON = Path(os.environ.get("PEERS_VENV", "../peers-venv")) / "halo" / "bin" / "python"
PROGRAM = """
import sys
import MAS_library as MASL
import numpy as np
case = np.load(sys.argv[1])
n, dimensions = int(case["n"]), case["positions"].shape[1]
field = np.zeros((n,) * dimensions, np.float32)
box = np.float32(case["box"])
MASL.MA(case["positions"], field, box, MAS="CIC", W=case["masses"], verbose=False)
np.save(sys.argv[2], field)
"""


@pytest.mark.parametrize(("dimensions", "n"), [(2, 64), (2, 1024), (3, 32)])
def test_deposits_are_those_of_masl(root, tmp_path, dimensions, n):
    python = root / PYTHON
    if not python.exists():
        pytest.skip(f"{python} is missing: make peers")
    rng = np.random.default_rng(dimensions * n)
    positions = rng.uniform(0, 49.999, (20000, dimensions)).astype(np.float32)
    masses = rng.uniform(0.5, 2, 20000).astype(np.float32)
    case, made = tmp_path / "case.npz", tmp_path / "field.npy"
    np.savez(case, positions=positions, masses=masses, box=50.0, n=n)
    subprocess.run([python, "-c", PROGRAM, case, made], check=True)
    theirs, ours = np.load(made), cic_deposit(positions, masses, 50.0, n)
    allowed = 1e-5 * np.abs(theirs) + 6e-4 * masses.max()
    assert np.max(np.abs(ours - theirs) / allowed) <= 1
    assert ours.sum(dtype=float) == pytest.approx(masses.sum(dtype=float), rel=1e-6)
