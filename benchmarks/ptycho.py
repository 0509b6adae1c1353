"""Time ptychographic simulation against a plain numpy chain; measure memory and start of commands.

CPU seconds of the process, one thread, after a warm-up, best of several, ours and the stand-in in
turns; power pass included, float32 frames and complex64 truth in memory at the end. The stand-in
has been measured against the peer on another machine; that factor is printed as "recorded".

    python benchmarks/ptycho.py [--only A A6 B C D] [--repeat 5]
"""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ptycho_standin import simulate as simulate_plainly

from simlab.ptycho.forward import ForwardModel
from simlab.ptycho.objects import make_lines_object
from simlab.ptycho.photons import photon_scale
from simlab.ptycho.probes import get_default_probe
from simlab.ptycho.simulation import simulate

RESULT = Path(__file__).parent / "results" / "ptycho.json"
WORKS = {
    "A": {"N": 64, "M": 2000, "nphotons": 1e9, "required": 1.9, "goal": 2.7, "recorded": 37},
    "A6": {"N": 64, "M": 2000, "nphotons": 1e6, "required": 2.5, "goal": 4.0, "recorded": None},
    "B": {"N": 128, "M": 500, "nphotons": 1e9, "required": 1.5, "goal": 2.2, "recorded": 30},
}
SEED = 42
PEAK_MB, GROWTH_MB, PEAK_GOAL_MB = 450, 60, 300
COMMAND_S, COMMAND_GOAL_S = 8, 4


def cpu_seconds(function):
    start = time.process_time()
    function()
    return time.process_time() - start


def compare(work, repeat):
    """Best CPU milliseconds a frame of the stand-in, of ours, and of ours with statistics."""
    n, frames, nphotons = work["N"], work["M"], work["nphotons"]
    side = int(3.5 * n)
    obj, probe = make_lines_object(side), get_default_probe(n, "c64", 0.7)
    x, y = np.random.default_rng(SEED).uniform(n // 2, side - n // 2, (2, frames))

    def forward_only():
        model = ForwardModel(obj, probe, seed=SEED, nphotons=nphotons)
        scale = photon_scale(model.power(x, y), nphotons)
        arrays = np.empty((frames, n, n), np.float32), np.empty((frames, n, n), np.complex64)
        options = {"intensity_scale": scale, "mean_power": nphotons / scale**2, "first_frame": 0}
        for _ in model.frames(x, y, **options, statistics=False, into=arrays):
            pass

    candidates = {
        "standin": lambda: simulate_plainly(obj, probe, x, y, nphotons, SEED),
        "ours": forward_only,
        "simulate": lambda: simulate(obj, probe, x, y, nphotons=nphotons, seed=SEED),
    }
    for function in candidates.values():
        function()
    times = {name: math.inf for name in candidates}
    for _ in range(repeat):
        for name, function in candidates.items():
            times[name] = min(times[name], cpu_seconds(function))
    milliseconds = {name: 1e3 * seconds / frames for name, seconds in times.items()}
    return milliseconds | {
        "ratio": times["standin"] / times["ours"],
        "ratio_simulate": times["standin"] / times["simulate"],
    }


def run_command(*arguments):
    """(wall seconds, peak resident MB) of `simlab ptycho ...`."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "simlab.cli", "ptycho", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"simlab ptycho {arguments[0]} failed with code {process.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def memory(folder):
    """Peak memory of streaming 2000 and 20000 frames into an h5 file."""
    side = int(3.5 * 64)
    stage1 = folder / "input.npz"
    obj, probe = make_lines_object(side), get_default_probe(64, "c64", 0.7)
    np.savez(stage1, objectGuess=obj, probeGuess=probe)
    peaks = {}
    for frames in (2000, 20000):
        output = folder / f"frames{frames}.h5"
        where = ("--input-file", stage1, "--output-file", output, "--no-cache")
        _, peaks[frames] = run_command("simulate", *where, "--n-images", frames)
        output.unlink()
    return {"peak_mb": peaks[20000], "growth_mb": peaks[20000] - peaks[2000]}


def command(folder):
    """Wall seconds of both stages from the command line, kernels cached."""
    size = ("--probe-size", 64, "--n-images", 2000, "--no-cache")
    seconds = [run_command("lines", "--output-dir", folder / f"run{i}", *size)[0] for i in range(3)]
    return {"wall_s": min(seconds[1:])}


def judged(value, required, goal, *, larger_is_better):
    better = (lambda a, b: a >= b) if larger_is_better else (lambda a, b: a <= b)
    if better(value, goal):
        return "goal"
    return "required" if better(value, required) else "MISSED"


def print_comparison(name, work, result):
    verdict = judged(result["ratio"], work["required"], work["goal"], larger_is_better=True)
    peer = f"{result['ratio'] * work['recorded']:.0f}x (recorded)" if work["recorded"] else "-"
    print(
        f"{name:3} {result['standin']:9.3f} {result['ours']:9.3f} {result['simulate']:9.3f} "
        f"{result['ratio']:6.2f} {result['ratio_simulate']:9.2f} {work['required']:9.1f} "
        f"{work['goal']:5.1f}  {verdict:8} {peer}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=[*WORKS, "C", "D"], default=[*WORKS, "C", "D"])
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    results = {
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cpus": os.cpu_count(),
        },
        "versions": {name: version(name) for name in ("numpy", "scipy", "numba", "simlab")},
    }
    print("CPU ms a frame, one thread")
    print("      standin      ours  simulate  ratio (simulate)  required  goal")
    for name, work in WORKS.items():
        if name in arguments.only:
            results[name] = compare(work, arguments.repeat)
            print_comparison(name, work, results[name])
    with tempfile.TemporaryDirectory() as folder:
        if "C" in arguments.only:
            results["C"] = memory(Path(folder))
            peak, growth = results["C"]["peak_mb"], results["C"]["growth_mb"]
            verdict = judged(peak, PEAK_MB, PEAK_GOAL_MB, larger_is_better=False)
            if growth > GROWTH_MB:
                verdict = "MISSED"
            print(
                f"C   peak {peak:.0f} MB (<= {PEAK_MB}, goal {PEAK_GOAL_MB}), "
                f"{growth:+.0f} MB against 2000 frames (<= {GROWTH_MB})  {verdict}"
            )
        if "D" in arguments.only:
            results["D"] = command(Path(folder))
            wall = results["D"]["wall_s"]
            verdict = judged(wall, COMMAND_S, COMMAND_GOAL_S, larger_is_better=False)
            print(f"D   {wall:.1f} s (<= {COMMAND_S}, goal {COMMAND_GOAL_S})  {verdict}")
    measured = {WORKS[k]["N"]: results[k]["simulate"] / 1e3 for k in ("A", "B") if k in results}
    if measured:
        results["seconds_per_frame"] = measured
        rounded = ", ".join(f"{n}: {seconds:.2g}" for n, seconds in measured.items())
        print(f"for plan.py: SECONDS_PER_ITEM = {{{rounded}}}")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
