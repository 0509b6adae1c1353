"""Where the CPU time of a whole shard goes, streamed from snapshots on disk; called by `halo.py`.

Writes the particles of a work as a pair of CAMELS-like snapshots, in a process of its own, then
makes the samples of its four haloes as the rule `halo_samples` does.

    python halo_shard.py FOLDER {files,shard}
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
from halo_work import HALOES, ROTATIONS, L

from simlab.core.config import parse_config
from simlab.halo import kernels, specs
from simlab.halo.config import DatasetConfig
from simlab.halo.files.snapshots import iter_particles, open_snapshot
from simlab.halo.files.writer import write_simulation
from simlab.halo.stages import samples as stage
from simlab.halo.stages.placement import Place
from simlab.halo.synthetic import SyntheticSimulation

SIM = 1
TABLE = "resources/halo/CosmoAstroSeed_IllustrisTNG_L50n512_SB35_first64.txt"


def write_files(folder):
    """Snapshots and catalog of the work in `folder`."""

    def load(name):
        return np.load(folder / f"{name}.npy", mmap_mode="r")

    def mass(name):
        return float(np.load(folder / f"{name}_masses.npy"))

    groups = {
        "GroupPos": np.load(folder / "centers.npy").astype(np.float32),
        "Group_M_Crit200": np.full(HALOES, 2e13, np.float32),
        "Group_R_Crit200": np.full(HALOES, 0.44, np.float32),
        "GroupMass": np.full(HALOES, 2.3e13, np.float32),
        "GroupLen": np.full(HALOES, 1000, np.int32),
    }
    simulation = SyntheticSimulation(
        pos_dmo=load("dmo_positions"),
        mass_dmo=mass("dmo"),
        pos_hdm=load("hydro_dm_positions"),
        mass_hdm=mass("hydro_dm"),
        pos_gas=load("gas_positions"),
        mass_gas=load("gas_masses"),
        pos_star=load("stars_positions"),
        mass_star=load("stars_masses"),
        groups=groups,
        box_size=L,
        omega0=0.3,
        omega_baryon=0.049,
        omega_lambda=0.7,
        hubble=0.6711,
        seed=0,
        sim=SIM,
    )
    write_simulation(simulation, folder, SIM)


def dataset(folder):
    mapping = {
        "source": {
            "kind": "camels",
            "nbody_base": str(folder / "DMO"),
            "hydro_base": str(folder / "Hydro"),
            "fof_nbody_base": str(folder / "FOF"),
        },
        "simulations": {"total": 2, "start": SIM, "end": SIM + 1},
        "rotations": {"number": ROTATIONS},
        "parameters": {"file": TABLE},
    }
    return parse_config(DatasetConfig, mapping)


def timed(function, spent):
    """`function`, which adds its CPU seconds to spent[0]."""

    def call(*arguments, **options):
        start = time.process_time()
        result = function(*arguments, **options)
        spent[0] += time.process_time() - start
        return result

    return call


def shard(folder):
    """CPU seconds of a shard and of its reading and writing, and peak memory."""
    kernels.warm()
    name = f"SB35_{SIM}"
    inputs = stage.Inputs(*(folder / part / name for part in ("DMO", "Hydro", "FOF")), Path(TABLE))
    start, wall, size = time.process_time(), time.perf_counter(), 0
    for path, kinds in ((inputs.dmo, (1,)), (inputs.hydro, (1, 0, 4))):
        snapshot = open_snapshot(path)
        for kind in kinds:
            for positions, _ in iter_particles(snapshot, kind):
                size += len(positions)
    reading, reading_wall = time.process_time() - start, time.perf_counter() - wall
    size = sum(
        p.stat().st_size for part in ("DMO", "Hydro") for p in (folder / part).rglob("*.hdf5")
    )
    writing = [0.0]
    stage._Job._write = timed(stage._Job._write, writing)
    start = time.process_time()
    options = dataset(folder)
    place = Place(folder / "samples", "train", SIM, 0, 1)
    stage.write_shard(specs.samples_spec(options), inputs, place, code="benchmark")
    return {
        "shard_s": time.process_time() - start,
        "reading_s": reading,
        "reading_mb_per_s": size / 1e6 / reading_wall,
        "writing_s": writing[0],
        "samples": HALOES * ROTATIONS,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main():
    folder = Path(sys.argv[1])
    if sys.argv[2] == "files":
        write_files(folder)
    else:
        print(json.dumps(shard(folder)))


if __name__ == "__main__":
    main()
