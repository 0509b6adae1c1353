"""The plain way to the maps of a halo: numpy and MASL, the steps of the original tool.

Runs in the peers' environment (numpy and Pylians, no simlab) as a worker of `halo.py`: reads
"<halo> <rotation>" lines, computes the maps of that view, answers with CPU seconds and memory.

    python halo_plain.py FOLDER
"""

import json
import resource
import sys
import time
from pathlib import Path

import MAS_library as MASL
import numpy as np

L, NPIX, RES = 50.0, 1024, 128
FACE_REACH = 10.0
SPECIES = ("dmo", "hydro_dm", "gas", "stars")


def full_map(positions, masses, center, rotation):
    """Mass map (NPIX, NPIX) float32 of the rotated box, with copies beyond its six faces."""
    d = positions - center
    d -= L * np.round(d / L)
    parts, weights = [d], [masses]
    for axis in range(3):
        for sign in (-1, 1):
            near = sign * d[:, axis] > L / 2 - FACE_REACH
            copies = d[near]
            copies[:, axis] -= sign * L
            parts.append(copies)
            weights.append(masses[near])
    rotated = np.concatenate(parts) @ rotation.T
    weights = np.concatenate(weights)
    inside = np.all((rotated >= -L / 2) & (rotated < L / 2), axis=1)
    places = (rotated[inside][:, :2] + L / 2).astype(np.float32)
    places[places >= L] = 0
    field = np.zeros((NPIX, NPIX), np.float32)
    MASL.MA(places, field, np.float32(L), MAS="CIC", W=weights[inside], verbose=False)
    return field


def block_mean(field, factor):
    return field.reshape(RES, factor, RES, factor).mean(axis=(1, 3))


def cut(field, factor):
    half = RES * factor // 2
    middle = slice(NPIX // 2 - half, NPIX // 2 + half)
    return block_mean(field[middle, middle], factor)


def view(folder, halo, number):
    """CPU seconds for the seven maps of one view, by species; the maps go to a file."""
    center = np.load(folder / "centers.npy")[halo]
    rotation = np.load(folder / "rotations.npy")[halo, number]
    seconds, maps = {}, {}
    for species in SPECIES:
        positions = np.load(folder / f"{species}_positions.npy")
        masses = np.load(folder / f"{species}_masses.npy")
        start = time.process_time()
        if masses.ndim == 0:
            masses = np.full(len(positions), masses, np.float32)
        field = full_map(positions, masses, center, rotation)
        factors = (1, 2, 4, 8) if species == "dmo" else (1,)
        maps[species] = np.stack([cut(field, factor) for factor in factors])
        seconds[species] = time.process_time() - start
    np.savez(folder / f"plain_{halo}_{number}.npz", **maps)
    return seconds


def main():
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        seconds = view(folder, *map(int, line.split()))
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "peak_mb": peak_mb}), flush=True)


if __name__ == "__main__":
    main()
