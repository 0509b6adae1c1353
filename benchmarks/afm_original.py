"""The original program on the work of `afm.py`, in its own environment: a worker of that script.

Reads "trainer N TIPS" or "grids KIND N" lines, answers with CPU seconds a sample and memory.

    python afm_original.py MOLECULE FOLDER
"""

import json
import os
import resource
import sys
import time
import warnings

warnings.simplefilter("ignore")
sys.stdout, answers = sys.stderr, sys.stdout  # the program prints on standard output

import numpy as np  # noqa: E402
import ppafm.ml.AuxMap as maps_of  # noqa: E402, N813
import pyopencl as cl  # noqa: E402
from ppafm.common import sphereTangentSpace  # noqa: E402
from ppafm.ml.Generator import InverseAFMtrainer  # noqa: E402
from ppafm.ocl.AFMulator import AFMulator  # noqa: E402
from ppafm.ocl.oclUtils import init_env  # noqa: E402

WINDOW = ((2, 2, 5.0), (18, 18, 6.9))
SCAN_DIM = (128, 128, 19)
TIPS = {
    1: {"iZPPs": [8], "QZs": [[0.1, 0, -0.1, 0]], "Qs": [[-10, 20, -10, 0]]},
    2: {
        "iZPPs": [8, 54],
        "QZs": [[0.1, 0, -0.1, 0], [0.3, 0, 0, 0]],
        "Qs": [[-10, 20, -10, 0], [0, 0, 0, 0]],
    },
}


class ExampleTrainer(InverseAFMtrainer):
    def on_sample_start(self):
        self.randomize_distance(delta=0.2)
        self.randomize_tip(max_tilt=0.3)


def trainer_of(molecule, tips):
    afmulator = AFMulator(
        pixPerAngstrome=10, scan_dim=SCAN_DIM, scan_window=WINDOW, df_steps=10, npbc=(0, 0, 0)
    )
    size = {"scan_dim": SCAN_DIM[:2], "scan_window": [corner[:2] for corner in WINDOW]}
    maps = [
        maps_of.vdwSpheres(**size),
        maps_of.AtomicDisks(**size),
        maps_of.HeightMap(afmulator.scanner),
        maps_of.Bonds(**size),
        maps_of.AtomRfunc(**size),
    ]
    trainer = ExampleTrainer(afmulator, maps, [molecule], batch_size=1, distAbove=4.5, **TIPS[tips])
    trainer.augment_with_rotations_entropy(sphereTangentSpace(n=100), 30)
    return trainer


def run_trainer(molecule, count, tips):
    np.random.seed(0)  # noqa: NPY002 - where the program draws from
    batches = iter(trainer_of(molecule, tips))
    next(batches)  # compiles
    start = time.process_time()
    for _ in range(count):
        next(batches)
    return (time.process_time() - start) / count


def run_grids(folder, kind, count):
    """CPU seconds an image stack of a sample with a potential (and density) on a grid."""
    from ppafm.ocl.field import ElectronDensity, HartreePotential, TipDensity

    with np.load(os.path.join(folder, "grids.npz")) as work:
        arrays = {key: work[key] for key in work.files}
    potential = HartreePotential(arrays["potential"], lvec=arrays["lvec"])
    tip = {"rho": {"dz2": -0.1}}
    extra = {}
    if kind == "FDBM":
        tip = {
            "rho": TipDensity(arrays["rho_tip"], lvec=arrays["tip_lvec"]),
            "rho_delta": TipDensity(arrays["rho_delta"], lvec=arrays["tip_lvec"]),
            "A_pauli": 12.0,
            "B_pauli": 1.2,
        }
        extra = {"rho_sample": ElectronDensity(arrays["density"], lvec=arrays["lvec"])}
    window = arrays["window"]
    afmulator = AFMulator(
        pixPerAngstrome=8,
        scan_dim=SCAN_DIM,
        scan_window=[list(corner) for corner in window],
        df_steps=10,
        npbc=(0, 0, 0),
        **tip,
    )
    seconds = []
    for _ in range(count + 1):
        start = time.process_time()
        images = afmulator(arrays["xyzs"], arrays["Zs"], potential, **extra)
        seconds.append(time.process_time() - start)
    np.save(os.path.join(folder, f"original_{kind}.npy"), images)
    return float(np.median(seconds[1:]))


def answer(words, molecule, folder):
    what, *rest = words
    if what == "trainer":
        return {"cpu_s": run_trainer(molecule, int(rest[0]), int(rest[1]))}
    return {"cpu_s": run_grids(folder, rest[0], int(rest[1]))}


def usable_platform():
    """Number of the first OpenCL platform that can compile."""
    for number, platform in enumerate(cl.get_platforms()):
        try:
            context = cl.Context(platform.get_devices())
            cl.Program(context, "kernel void nothing() {}").build()
        except cl.Error:
            continue
        return number
    raise SystemExit("no OpenCL platform can compile")


if __name__ == "__main__":
    init_env(i_platform=usable_platform())
    for line in sys.stdin:
        found = answer(line.split(), *sys.argv[1:])
        found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(found), file=answers, flush=True)
