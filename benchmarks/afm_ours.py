"""simlab on the work of `afm.py`: a worker of that script.

Reads "trainer N TIPS BACKEND THREADS", "grids KIND N BACKEND" or "plan" lines, answers with CPU
and wall seconds a sample, seconds of each phase and memory.

    python afm_ours.py MOLECULE FOLDER
"""

import json
import resource
import sys
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path

import numba
import numpy as np

from simlab.afm import (
    AFMulator,
    AuxMaps,
    ElectronDensity,
    HartreePotential,
    InverseAFMtrainer,
    TipDensity,
    sphereTangentSpace,
)
from simlab.afm.files.xyz import loadXYZ
from simlab.afm.forcefields import AtomicField
from simlab.afm.sample_plan import plan_samples
from simlab.afm.scanner import Scanner

WINDOW = ((2, 2, 5), (18, 18, 6.9))
SCAN_DIM = (128, 128, 19)
NAMES = ("vdwSpheres", "AtomicDisks", "HeightMap", "Bonds", "AtomRfunc")
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


def trainer_of(molecule, tips, backend, batch_size=1):
    afmulator = AFMulator(
        pixPerAngstrome=10,
        scan_dim=SCAN_DIM,
        scan_window=WINDOW,
        df_steps=10,
        npbc=(0, 0, 0),
        backend=backend,
    )
    size = {"scan_dim": SCAN_DIM[:2], "scan_window": [corner[:2] for corner in WINDOW]}
    maps = [
        AuxMaps(name, {"scanner": afmulator.scanner} if name == "HeightMap" else size)
        for name in NAMES
    ]
    trainer = ExampleTrainer(
        afmulator, maps, [molecule], batch_size=batch_size, distAbove=4.5, **TIPS[tips]
    )
    trainer.augment_with_rotations_entropy(sphereTangentSpace(n=100), 30)
    return trainer


@contextmanager
def timed(owner, name, seconds, phase):
    """Add the CPU seconds of a method to a phase, those of inner ones taken out."""
    original = getattr(owner, name)

    def counting(*args, **kwargs):
        before, start = sum(seconds.values()), time.process_time()
        try:
            return original(*args, **kwargs)
        finally:
            inner = sum(seconds.values()) - before
            seconds[phase] += time.process_time() - start - inner

    setattr(owner, name, counting)
    try:
        yield
    finally:
        setattr(owner, name, original)


def run_trainer(molecule, count, tips, backend, threads):
    """Samples 1 ... count after one that compiles; batches of 20 on an OpenCL device."""
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    batch_size = 1 if backend == "numba" else min(20, count)
    trainer = trainer_of(molecule, tips, backend, batch_size)
    batches = iter(trainer)
    next(batches)
    if backend == "opencl":
        batches = iter(trainer)
    seconds = defaultdict(float)
    phases = {"grid": 0.0, "relax": 0.0, "height": 0.0, "maps": 0.0}
    wall, cpu = time.perf_counter(), time.process_time()
    with (
        timed(AtomicField, "fill", seconds, "grid"),
        timed(Scanner, "run", seconds, "relax"),
        timed(Scanner, "downloadZiso", seconds, "height"),
        timed(ExampleTrainer, "_descriptors", seconds, "maps"),
    ):
        done = 0
        while done < count:
            done += len(next(batches)[2])
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    phases |= {name: value / count for name, value in seconds.items()}
    phases["other"] = cpu / count - sum(phases.values())
    return {"cpu_s": cpu / count, "wall_s": wall / count, "phases": phases}


def run_grids(folder, kind, count, backend):
    """CPU seconds an image stack of a sample with a potential (and density) on a grid."""
    with np.load(Path(folder) / "grids.npz") as work:
        arrays = {key: work[key] for key in work.files}
    potential = HartreePotential(arrays["potential"], arrays["lvec"])
    tip, extra = {"rho": {"dz2": -0.1}}, {}
    if kind == "FDBM":
        tip = {
            "rho": TipDensity(arrays["rho_tip"], arrays["tip_lvec"]),
            "rho_delta": TipDensity(arrays["rho_delta"], arrays["tip_lvec"]),
            "A_pauli": 12.0,
            "B_pauli": 1.2,
        }
        extra = {"rho_sample": ElectronDensity(arrays["density"], arrays["lvec"])}
    afmulator = AFMulator(
        pixPerAngstrome=8,
        scan_dim=SCAN_DIM,
        scan_window=arrays["window"],
        df_steps=10,
        npbc=(0, 0, 0),
        backend=backend,
        **tip,
    )
    seconds = []
    for _ in range(count + 1):
        start = time.process_time()
        images = afmulator(arrays["xyzs"], arrays["Zs"], potential, **extra)
        seconds.append(time.process_time() - start)
    original = Path(folder) / f"original_{kind}.npy"
    found = {"cpu_s": float(np.median(seconds[1:]))}
    if original.exists():
        off = np.abs(images - np.load(original))
        found["p99_hz"] = float(np.percentile(off, 99))
    return found


def run_plan(molecule):
    """CPU seconds of the plan of all molecules beside `molecule` in 30 of 100 orientations."""
    files = sorted(Path(molecule).parent.glob("*.xyz"))
    geometries = [loadXYZ(file)[0] for file in files]
    spec = {
        "seed": 0,
        "augment": {"rotations": 100, "n_best": 30, "method": "entropy", "shuffle": True},
        "rotations": None,
        "split": {"val": 0.1, "test": 0.1, "by": "molecule"},
        "samples": 30 * len(files),
    }
    start = time.process_time()
    plan_samples(spec, geometries)
    return {"cpu_s": time.process_time() - start, "rows": spec["samples"]}


def answer(words, molecule, folder):
    what, *rest = words
    if what == "trainer":
        count, tips, backend, threads = rest
        return run_trainer(molecule, int(count), int(tips), backend, int(threads))
    if what == "grids":
        kind, count, backend = rest
        return run_grids(folder, kind, int(count), backend)
    return run_plan(molecule)


if __name__ == "__main__":
    for line in sys.stdin:
        found = answer(line.split(), *sys.argv[1:])
        found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(found), flush=True)
