"""Time AFM samples against the original program, side by side.

The published example: carbazole (22 atoms), 128 x 128 x 19 tip positions, five descriptors, random
distance and tilt; CPU seconds of the process (all threads) a sample, the first left out. Both
programs in turns, three rounds of 2 and of 10 samples, medians. The original runs in
${PEERS_VENV:-../peers-venv}/afm, made by `make peers`; without it only ours is timed.

    python benchmarks/afm.py [--repeat 3] [--no-opencl]
"""

import argparse
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np
from side_by_side import HERE, SINGLE, Worker, cpu_model, peers_python, version_in, write_results

MOLECULE = HERE.parent / "resources" / "afm" / "molecules" / "carbazole.xyz"
GRID_MOLECULE = "benzoquinone"
COUNTS = (2, 10)
SHARD = 40
RATIOS = {
    "one_tip": ("trainer, one tip", 15, 35),
    "two_tips": ("trainer, CO and Xe, against twice one tip", 18, 45),
    "shard": (f"shard job of {SHARD} samples, all included", 12, 25),
}
"""Figure -> what is compared, required and wanted ratio of CPU seconds."""
BOUNDS = {
    "startup_s": ("start of a job to its first sample, CPU s", 4.0, 2.0),
    "plan_s": ("plan of all molecules x 30 of 100 directions, CPU s", 1.0, 0.3),
    "shard_mb": ("memory of a shard job, MiB", 450, 300),
}
SPEEDUP = (1.6, 1.85)
"""Two threads over one, wall clock; two idle CPUs."""
PHASES = ("grid", "relax", "height", "maps", "other")
KINDS = ("LJ+Hartree", "FDBM")


def write_grids(folder):
    """Model potential and densities of a molecule with its scan, as both programs read them."""
    from simlab.afm.densities import model_co_tip, model_grids
    from simlab.afm.files.xyz import loadXYZ

    xyzs, Zs, qs, _ = loadXYZ(MOLECULE.parent / f"{GRID_MOLECULE}.xyz")
    potential, density = model_grids(xyzs, Zs, qs)
    rho, delta = model_co_tip()
    middle, top = xyzs[:, :2].mean(axis=0), xyzs[:, 2].max()
    low = np.array([*(middle - 8), top + 6.1])
    np.savez(
        folder / "grids.npz",
        xyzs=xyzs,
        Zs=Zs,
        potential=potential.array,
        density=density.array,
        lvec=potential.lvec,
        rho_tip=rho.array,
        rho_delta=delta.array,
        tip_lvec=rho.lvec,
        window=np.array([low, low + np.array([16, 16, 1.9])]),
    )


def shard_job(folder, samples):
    """(CPU seconds, MiB) of one job of `samples` samples, Python start included."""
    command = [sys.executable, HERE / "afm_shard.py"]
    subprocess.run([*command, "prepare", MOLECULE, folder, str(samples)], check=True)
    done = subprocess.run(
        [*command, "run", folder, str(samples)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **SINGLE},
    )
    return tuple(float(word) for word in done.stdout.split())


def trainers(ours, original, repeat):
    """Medians of the trainer loop of both programs."""
    found = {"ours": {}, "original": {}}
    for tips in (1, 2):
        mine, theirs = [], []
        for _ in range(repeat):
            for count in COUNTS:
                if original and tips == 1:
                    theirs.append(original.ask("trainer", count, tips))
                mine.append(ours.ask("trainer", count, tips, "numba", 1))
        found["ours"][tips] = middle_of(mine)
        if theirs:
            found["original"][tips] = middle_of(theirs)
    return found


def middle_of(answers):
    """Medians of CPU seconds, memory and phases."""
    result = {
        "cpu_s": median(answer["cpu_s"] for answer in answers),
        "peak_mb": max(answer["peak_mb"] for answer in answers),
    }
    if "phases" in answers[0]:
        result["phases"] = {
            phase: median(answer["phases"].get(phase, 0.0) for answer in answers)
            for phase in PHASES
        }
    return result


def grid_fields(ours, original, repeat, backends):
    """Seconds an image stack of the force fields on grids."""
    found = {}
    for kind in KINDS:
        entry = {}
        if original:
            answers = [original.ask("grids", kind, 1) for _ in range(repeat)]
            entry["original"] = middle_of(answers)
        for backend in backends:
            answers = [ours.ask("grids", kind, 3, backend) for _ in range(repeat)]
            entry[backend] = middle_of(answers)
            if "p99_hz" in answers[0]:
                entry["p99_hz"] = answers[0]["p99_hz"]
        found[kind] = entry
    return found


def measure(repeat, backends):
    """All results."""
    python = peers_python("afm")
    results = {
        "machine": {"processor": cpu_model(), "cpus": os.cpu_count()},
        "versions": versions(python),
    }
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_grids(folder)
        shard_job(folder, 1)  # fills the kernel cache
        ours = Worker(sys.executable, "afm_ours.py", MOLECULE, folder)
        original = Worker(python, "afm_original.py", MOLECULE, folder) if python else None
        results["trainer"] = trainers(ours, original, repeat)
        results["grid_fields"] = grid_fields(ours, original, repeat, backends)
        results["plan_s"] = ours.ask("plan")["cpu_s"]
        if "opencl" in backends:
            results["opencl"] = {
                batch: ours.ask("trainer", batch, 1, "opencl", 1) for batch in (20, 30)
            }
        one = [ours.ask("trainer", 10, 1, "numba", 1)["wall_s"] for _ in range(repeat)]
        two = [ours.ask("trainer", 10, 1, "numba", 2)["wall_s"] for _ in range(repeat)]
        results["speedup_2_threads"] = median(one) / median(two)
        for worker in filter(None, (ours, original)):
            worker.close()
        jobs = [shard_job(folder, SHARD) for _ in range(repeat)]
        starts = [shard_job(folder, 1)[0] for _ in range(repeat)]
    results["shard_s"], results["shard_mb"] = (median(column) for column in zip(*jobs, strict=True))
    a_sample = results["trainer"]["ours"][1]["cpu_s"]
    results["startup_s"] = median(starts) - a_sample
    if python:
        results["ratio"] = ratios(results)
    return results


def ratios(results):
    """CPU seconds of the original over ours, by figure."""
    theirs = results["trainer"]["original"][1]["cpu_s"]
    mine = results["trainer"]["ours"]
    return {
        "one_tip": theirs / mine[1]["cpu_s"],
        "two_tips": 2 * theirs / mine[2]["cpu_s"],
        "shard": theirs * SHARD / results["shard_s"],
    }


def versions(python):
    """Versions of what is timed; those of the original from the environment of `python`."""
    found = {name: version(name) for name in ("numpy", "numba", "pyopencl", "simlab")}
    if python:
        found["original"] = {name: version_in(python, name) for name in ("ppafm", "pyopencl")}
    return found


def missed(results):
    """What the results miss of what is required, as texts."""
    found = []
    for figure, (what, required, _) in RATIOS.items():
        value = results.get("ratio", {}).get(figure, required)
        if value < required:
            found.append(f"{what}: ratio {value:.1f}, required {required}")
    for figure, (what, required, _) in BOUNDS.items():
        if results[figure] > required:
            found.append(f"{what}: {results[figure]:.3g}, {required:g} at most")
    if results["speedup_2_threads"] < SPEEDUP[0]:
        found.append(f"two threads are {results['speedup_2_threads']:.2f} times as fast")
    return found


def print_results(results):
    trainer = results["trainer"]
    print("CPU seconds a sample      " + "".join(f"{phase:>9}" for phase in (*PHASES, "sum")))
    for tips, label in ((1, "ours, one tip"), (2, "ours, CO and Xe")):
        entry = trainer["ours"][tips]
        cells = [entry["phases"][phase] for phase in PHASES] + [entry["cpu_s"]]
        print(f"{label:25} " + "".join(f"{cell:9.4f}" for cell in cells))
    if "original" in results["versions"]:
        entry = trainer["original"][1]
        print(f"{'original, one tip':25} {'':45}{entry['cpu_s']:9.4f}")
        print(
            f"memory, MiB: ours {trainer['ours'][1]['peak_mb']:.0f}, original "
            f"{entry['peak_mb']:.0f}"
        )
        for figure, (what, required, goal) in RATIOS.items():
            value = results["ratio"][figure]
            print(f"{what}: {value:.1f} times less (required {required}, goal {goal})")
    else:
        print("original skipped: no peers' environment (make peers)")
    for figure, (what, required, goal) in BOUNDS.items():
        print(f"{what}: {results[figure]:.3g} (at most {required:g}, goal {goal:g})")
    print(f"two threads: {results['speedup_2_threads']:.2f} times as fast (>= {SPEEDUP[0]})")
    for kind, entry in results["grid_fields"].items():
        parts = [f"{name} {entry[name]['cpu_s']:.3f}" for name in entry if name != "p99_hz"]
        print(f"{kind}, CPU s an image stack: {', '.join(parts)}")
    for batch, entry in results.get("opencl", {}).items():
        print(
            f"OpenCL, {batch} samples: {entry['cpu_s']:.3f} CPU s, {1 / entry['wall_s']:.1f} "
            "samples/s by the clock"
        )
    print(f"for plan.py: SECONDS_PER_ITEM = {results['shard_s'] / SHARD:.2g}")
    print(f"for campaigns: seconds_per_sample: {results['shard_s'] / SHARD:.2g}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--no-opencl", action="store_true", help="leave the OpenCL backend out")
    arguments = parser.parse_args()
    backends = ("numba",) if arguments.no_opencl else ("numba", "opencl")
    results = measure(arguments.repeat, backends)
    print_results(results)
    write_results("afm", results)
    wrong = missed(results)
    if wrong:
        raise SystemExit("\n".join(["MISSED:", *wrong]))


if __name__ == "__main__":
    main()
