"""Our way to the maps of all views of a work; a worker of `halo.py`.

Reads "<threads> <rotations>" lines, computes the maps of all haloes in so many rotations, answers
with seconds and memory. The maps of all rotations go to files.

    python halo_ours.py FOLDER
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
from halo_work import ROTATIONS, SPECIES

from simlab.halo import kernels
from simlab.halo.projection import project_multiscale

SCALES = (6.25, 12.5, 25.0, 50.0)


def project(folder, threads, number):
    """(CPU seconds, wall seconds) for the maps of `number` rotations, by species."""
    centers = np.load(folder / "centers.npy")
    rotations = np.load(folder / "rotations.npy")[:, :number]
    cpu, wall = {}, {}
    for species in SPECIES:
        positions = np.load(folder / f"{species}_positions.npy")
        masses = np.load(folder / f"{species}_masses.npy")
        scales = SCALES if species == "dmo" else SCALES[:1]
        start = time.process_time(), time.perf_counter()
        maps = project_multiscale(
            (positions, masses), centers, rotations, scales=scales, threads=threads
        )
        cpu[species] = time.process_time() - start[0]
        wall[species] = time.perf_counter() - start[1]
        if number == ROTATIONS:
            np.save(folder / f"ours_{species}.npy", maps)
    return cpu, wall


def main():
    folder = Path(sys.argv[1])
    kernels.warm()
    for line in sys.stdin:
        cpu, wall = project(folder, *map(int, line.split()))
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"cpu": cpu, "wall": wall, "peak_mb": peak_mb}), flush=True)


if __name__ == "__main__":
    main()
