"""Samples of the published example beside those of the original program, in its own environment."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from simlab.afm import AFMulator, AuxMaps, loadXYZ
from simlab.afm.placement import place_molecule
from simlab.afm.species import getAtomsREA, loadSpecies

pytestmark = pytest.mark.peers

PYTHON = Path(os.environ.get("PEERS_VENV", "../peers-venv")) / "afm" / "bin" / "python"
WINDOW = ((2, 2, 5.0), (18, 18, 6.9))
PROGRAM = """
import sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[3])
from afm_original import WINDOW, AFMulator, init_env, maps_of, usable_platform
import numpy as np
case = np.load(sys.argv[1])
init_env(i_platform=usable_platform())
afmulator = AFMulator(pixPerAngstrome=10, scan_dim=(128, 128, 19), scan_window=WINDOW, df_steps=10,
                      npbc=(0, 0, 0), iZPP=8, Qs=[-10, 20, -10, 0], QZs=[0.1, 0, -0.1, 0])
afmulator.tipR0 = [0.1, -0.2, 3.0]
images = afmulator(case["xyzs"], case["Zs"], case["qs"])
atoms = np.column_stack([case["xyzs"], case["qs"]])
size = {"scan_dim": (128, 128), "scan_window": ((2, 2), (18, 18))}
maps = [maps_of.vdwSpheres(**size), maps_of.AtomicDisks(**size),
        maps_of.HeightMap(afmulator.scanner), maps_of.Bonds(**size), maps_of.AtomRfunc(**size)]
np.savez(sys.argv[2], images=images, maps=np.stack([m(atoms, case["Zs"]) for m in maps]))
"""


@pytest.mark.parametrize("name", ["carbazole", "caffeine", "iodobenzene"])
def test_images_and_descriptors_are_those_of_the_original(root, tmp_path, name):
    python = root / PYTHON
    if not python.exists():
        pytest.skip(f"{python} is missing: make peers")
    xyzs, Zs, qs, _ = loadXYZ(root / "resources" / "afm" / "molecules" / f"{name}.xyz")
    radii = getAtomsREA(8, Zs, loadSpecies())[:, 0]
    xyzs = place_molecule(xyzs, radii, WINDOW, 4.5)
    case, made = tmp_path / "case.npz", tmp_path / "made.npz"
    np.savez(case, xyzs=xyzs, Zs=Zs, qs=qs)
    subprocess.run([python, "-c", PROGRAM, case, made, root / "benchmarks"], check=True)
    with np.load(made) as theirs:
        images, maps = theirs["images"], theirs["maps"]
    afmulator = AFMulator(
        scan_dim=(128, 128, 19),
        scan_window=WINDOW,
        npbc=(0, 0, 0),
        tipR0=[0.1, -0.2, 3.0],
        backend="numba",
    )
    off = np.abs(afmulator(xyzs, Zs, qs) - images)
    assert np.median(off) < 2e-3
    assert np.percentile(off, 99) < 0.02
    assert np.percentile(off, 99.9) < 0.05
    size = {"scan_dim": (128, 128), "scan_window": ((2, 2), (18, 18))}
    atoms = np.column_stack([xyzs, qs])
    for k, kind in enumerate(("vdwSpheres", "AtomicDisks", "HeightMap", "Bonds", "AtomRfunc")):
        arguments = {"scanner": afmulator.scanner} if kind == "HeightMap" else size
        off = np.abs(AuxMaps(kind, arguments)(atoms, Zs) - maps[k])
        bound = {"vdwSpheres": 5e-5, "HeightMap": 2e-3}.get(kind, 1e-5)
        assert np.mean(off > bound) <= 1e-3, kind
