"""Time lensed pictures against the original program and lenstronomy, side by side.

Random rows, 512 x 512 px, Gaussian sources, centered, cropped to 400, amplitudes written; ours into
an HDF5 shard, the original into PNG files. The cost of a picture is what a run with 1 + k rows
costs more than a run with 1 row, divided by k: CPU seconds, user and system, of the whole process
tree. Runs of ours and of the original alternate; medians. The others run in
${PEERS_VENV:-../peers-venv}/lensing, made by `make peers`; without it only ours is timed.

    python benchmarks/lensing.py [--repeat 3] [--only NAME ...]
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from lensing_rows import write_rows
from side_by_side import HERE, SINGLE, cpu_model, peers_python, version_in, write_results

SIZES = ("-Z", "512", "-z", "400", "--centred")
WORK = {
    "SIS Raytrace 5": (400, 200),
    "SIE Raytrace 5": (400, 150),
    "SIS Roulette 5": (400, 20),
    "SIS Roulette 16": (200, 4),
    "SIS Roulette 50": (100, 1),
}
"""Lens, model, order -> rows beyond the first: ours, the original's."""
RATIOS = {
    "SIS Raytrace 5": (3, 5),
    "SIE Raytrace 5": (4, 8),
    "SIS Roulette 5": (12, 25),
    "SIS Roulette 16": (60, 120),
    "SIS Roulette 50": (200, 500),
    "formulas": (100, 1000),
    "lenstronomy": (4, 10),
}
"""Figure -> required and wanted ratio."""
BOUNDS = {
    "SIE Raytrace 5": ("CPU ms a centered SIE picture", 12),
    "import_s": ("CPU s of `import simlab.lensing` and all its names", 1.5),
    "one_row_s": ("CPU s of `simlab lensing datagen` of one row", 4),
    "peak_mb": ("MiB at most, 1000 rows", 450),
    "growth_mb": ("MiB more for 1000 rows than for 10", 60),
    "rows_10000_s": ("wall s of 10000 rows on all CPUs", 70),
}
IMPORT = "import simlab.lensing as L; [getattr(L, name) for name in L.__all__]"


def spent(command, environment=None):
    """(CPU seconds of the process tree, wall seconds, peak MiB) of a command."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **SINGLE, **(environment or {})},
    )
    _, errors = done.communicate()
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{command}: {errors.decode()}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall, after.ru_maxrss / 1024


def ours(table, folder, *more):
    """Our command for a table."""
    names = ("--out", folder / "ours.h5", "--outfile", folder / "ours.csv")
    command = ("simlab.cli", "lensing", "datagen", "--csvfile", table, *names, *SIZES, *more)
    return [sys.executable, "-m", *command, "-q", "--mask", "none"]


def original(python, table, folder, order):
    """The original's command for a table."""
    names = ("--directory", folder / "png", "--outfile", folder / "original.csv")
    return [python, "-m", "CosmoSim", "--csvfile", table, *names, *SIZES, "-n", order]


def picture_costs(work, repeat, theirs, folder):
    """{"ours", "original"}: CPU seconds a picture."""
    lens, model, order = work.split()
    counts = dict(zip(("ours", "original"), WORK[work], strict=True))
    tables = {}
    for count in {1, *(1 + k for k in counts.values())}:
        tables[count] = folder / f"rows-{count}.csv"
        write_rows(tables[count], count, lens, model, int(order))
    (folder / "png").mkdir(exist_ok=True)
    costs = {"ours": [], "original": []}
    for _ in range(repeat):
        for who, k in counts.items():
            if who == "original" and theirs is None:
                continue
            runs = []
            for count in (1, 1 + k):
                if who == "ours":
                    command = ours(tables[count], folder, "--threads", 1)
                else:
                    command = original(theirs, tables[count], folder, order)
                runs.append(spent(command)[0])
            costs[who].append((runs[1] - runs[0]) / k)
    return {who: statistics.median(values) for who, values in costs.items() if values}


def formula_costs(repeat, theirs, folder):
    """Wall seconds of a formula file SIS N = 16, each program with its two processes."""
    costs = {"ours": [], "original": []}
    for _ in range(repeat):
        command = ("simlab.cli", "lensing", "amplitudes", 16, 2, "--output", folder / "ours.txt")
        costs["ours"].append(spent([sys.executable, "-m", *command])[1])
        if theirs and not costs["original"]:  # a minute: once is enough for a ratio of 100
            names = ("--lens", "SIS", "--output", folder / "original.txt")
            costs["original"].append(spent([theirs, "-m", "CosmoSim.Roulettes", 16, 2, *names])[1])
    return {who: statistics.median(values) for who, values in costs.items() if values}


def lenstronomy_costs(repeat, theirs):
    """CPU seconds of ray shooting and a Gaussian source, SIE, 512 x 512."""
    costs = {"ours": [], "lenstronomy": []}
    for _ in range(repeat):
        for who, python in (("ours", sys.executable), ("lenstronomy", theirs)):
            if python is None:
                continue
            done = subprocess.run(
                [python, str(HERE / "lensing_once.py"), who],
                check=True,
                capture_output=True,
                text=True,
                env={**os.environ, **SINGLE},
            )
            costs[who].append(json.loads(done.stdout)["cpu_s"])
    return {who: statistics.median(values) for who, values in costs.items() if values}


def figures_of_ours(folder):
    """Import, one row, memory, and 10000 rows into HDF5 with the share of their parts."""
    for count in (1, 10, 1000, 10000):
        write_rows(folder / f"rows-{count}.csv", count, "SIE", "Raytrace", 5)
    spent(ours(folder / "rows-1.csv", folder))  # fills the kernel cache
    one = statistics.median(spent(ours(folder / "rows-1.csv", folder))[0] for _ in range(3))
    memory = {n: peak_of(ours(folder / f"rows-{n}.csv", folder)) for n in (10, 1000)}
    cpu, wall, _ = spent(ours(folder / "rows-10000.csv", folder))
    size = (folder / "ours.h5").stat().st_size
    parts = json.loads(
        subprocess.run(
            [sys.executable, str(HERE / "lensing_once.py"), "parts"],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, **SINGLE},
        ).stdout
    )
    return {
        "import_s": spent([sys.executable, "-c", IMPORT])[0],
        "one_row_s": one,
        "peak_mb": memory[1000],
        "growth_mb": memory[1000] - memory[10],
        "rows_10000_s": wall,
        "rows_10000_cpu_s": cpu,
        "rows_10000_bytes": size,
        "parts": parts,
    }


def peak_of(command):
    """Largest resident set of a command, MiB."""
    words = [str(word) for word in command]
    program = f"import resource, subprocess; subprocess.run({words!r}, check=True); " + (
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return float(done.stdout.splitlines()[-1])


def measure(repeat, only):
    """All results, or those of the works named."""
    theirs = peers_python("lensing")
    results = {
        "machine": {"processor": cpu_model(), "cpus": os.cpu_count(), "load": os.getloadavg()[0]},
        "versions": {name: version(name) for name in ("numpy", "numba", "simlab")},
        "costs": {},
    }
    if theirs:
        names = {"original": "CosmoSim", "lenstronomy": "lenstronomy"}
        results["versions"] |= {name: version_in(theirs, pkg) for name, pkg in names.items()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for work in only or WORK:
            results["costs"][work] = picture_costs(work, repeat, theirs, folder)
        if not only:
            results["costs"]["formulas"] = formula_costs(repeat, theirs, folder)
            results["costs"]["lenstronomy"] = lenstronomy_costs(repeat, theirs)
            results |= figures_of_ours(folder)
    return results


def ratio(costs):
    """What the other program costs over what ours does; None without it."""
    others = [value for who, value in costs.items() if who != "ours"]
    return others[0] / costs["ours"] if others else None


def missed(results):
    """What the results miss of what is required, as texts."""
    found = []
    for work, costs in results["costs"].items():
        required, value = RATIOS[work][0], ratio(costs)
        if value is not None and value < required:
            found.append(f"{work}: ratio {value:.1f}, required {required}")
    for figure, (what, bound) in BOUNDS.items():
        value = results.get(figure)
        if figure in results["costs"]:
            value = 1e3 * results["costs"][figure]["ours"]
        if value is not None and value > bound:
            found.append(f"{what}: {value:.3g}, {bound:g} at most")
    return found


def print_results(results):
    print("| work | ours | other | ratio | required | goal |")
    print("|---|---|---|---|---|---|")
    for work, costs in results["costs"].items():
        other = next((f"{v:.4g}" for who, v in costs.items() if who != "ours"), "skipped")
        value = ratio(costs)
        shown = "-" if value is None else f"{value:.1f}"
        required, goal = RATIOS[work]
        print(f"| {work} | {costs['ours']:.4g} s | {other} | {shown} | {required} | {goal} |")
    for figure, (what, bound) in BOUNDS.items():
        if figure in results:
            print(f"{what}: {results[figure]:.3g} (at most {bound:g})")
    if "parts" in results:
        shares = ", ".join(f"{name} {ms:.2f}" for name, ms in results["parts"].items())
        print(f"CPU ms of a SIE picture by parts: {shares}")
        print(
            f"10000 rows: {results['rows_10000_cpu_s']:.1f} CPU s, "
            f"{results['rows_10000_bytes'] / 2**20:.0f} MiB"
        )
    cost = results["costs"].get("SIE Raytrace 5", {}).get("ours")
    if cost is not None:
        print(f"for plan.py: SECONDS_PER_ITEM = {cost:.2g}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=WORK, default=[])
    options = parser.parse_args()
    results = measure(options.repeat, options.only)
    print_results(results)
    if not options.only:
        write_results("lensing", results)
    shortfalls = missed(results)
    print("\n".join(shortfalls) or "every requirement is met")
    sys.exit(bool(shortfalls))
