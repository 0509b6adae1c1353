"""Time calcium movies against the original program, side by side.

Miniscope V4 over CA1 with motion and bleaching (608 x 608 px, 974 units, 8 bit, 12 steps). Every
measurement is a process of its own, ours and the original's in turns; CPU seconds of the call (all
threads, imports left out), of each the smallest. The original runs in
${PEERS_VENV:-../peers-venv}/calcium, made by `make peers`; without it only ours is timed.

    python benchmarks/calcium.py [--repeat 3]
"""

import argparse
import json
import os
import subprocess
import sys
from importlib.metadata import version

from side_by_side import HERE, SINGLE, cpu_model, peers_python, version_in, write_results

ORIGINAL = "minisim"
BOTH = (("video", 60), ("video", 200), ("simulate", 200), ("video", 100), ("video", 300))
OURS_ALONE = (
    ("scene", 60),
    ("video", 1000),
    ("simulate", 1000),
    ("sweep", 60),
    ("job", 100),
    ("job", 300),
)
RATIOS = {
    "video 60": (6, 12),
    "video 200": (6, 14),
    "simulate 200": (6, 12),
    "frame": (5.5, 12),
}
"""Figure -> required and wanted ratio of CPU seconds."""
BOUNDS = {
    "frame_ms": ("CPU ms a frame", 6.5, 3.0),
    "scene_s": ("CPU s of build_scene, 60 frames", 2.0, 1.0),
    "sweep_s": ("CPU s of import and 1000 sweep points", 3.0, 1.5),
    "video_mb": ("MiB of simulate_video, 1000 frames, traces left out", 600, 400),
    "simulate_mb": ("MiB of simulate, 1000 frames", 1229, 1229),
    "wall": ("wall time over CPU time of simulate_video, 300 frames", 0.7, 0.55),
}
TRACE_BYTES = 974 * 24


def once(python, program, what, n_frames):
    """One measurement in a fresh process."""
    command = [str(python), str(HERE / "calcium_once.py"), program, what, str(n_frames)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": SINGLE["OPENBLAS_NUM_THREADS"]}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def least(answers):
    """Smallest of each figure: the machine's load only adds."""
    return {name: min(answer[name] for answer in answers) for name in answers[0]}


def measure(repeat):
    """All results."""
    theirs = peers_python("calcium")
    results = {
        "machine": {
            "processor": cpu_model(), "cpus": os.cpu_count(), "load": os.getloadavg()[0],
        },
        "versions": {name: version(name) for name in ("numpy", "numba", "simlab")},
        "ours": {},
        "original": {},
    }  # fmt: skip
    if theirs:
        results["versions"]["original"] = version_in(theirs, ORIGINAL)
    once(sys.executable, "simlab.calcium", "simulate", 20)  # fills the kernel cache
    for what, n_frames in BOTH:
        mine, original = [], []
        for _ in range(repeat):
            mine.append(once(sys.executable, "simlab.calcium", what, n_frames))
            if theirs:
                original.append(once(theirs, ORIGINAL, what, n_frames))
        results["ours"][f"{what} {n_frames}"] = least(mine)
        if theirs:
            results["original"][f"{what} {n_frames}"] = least(original)
    for what, n_frames in OURS_ALONE:
        mine = [once(sys.executable, "simlab.calcium", what, n_frames) for _ in range(repeat)]
        results["ours"][f"{what} {n_frames}"] = least(mine)
    return {**results, **figures_of(results)}


def frame_s(entries, what="video"):
    """CPU seconds a frame: from 300 less 100 frames."""
    return (entries[f"{what} 300"]["cpu_s"] - entries[f"{what} 100"]["cpu_s"]) / 200


def figures_of(results):
    """What is compared with the requirements."""
    ours, original = results["ours"], results["original"]
    figures = {
        "frame_ms": 1e3 * frame_s(ours),
        "scene_s": ours["scene 60"]["cpu_s"],
        "sweep_s": ours["sweep 60"]["cpu_s"],
        "video_mb": ours["video 1000"]["peak_mb"] - 1000 * TRACE_BYTES / 2**20,
        "simulate_mb": ours["simulate 1000"]["peak_mb"],
        "wall": ours["video 300"]["wall_s"] / ours["video 300"]["cpu_s"],
    }
    if original:
        figures["ratio"] = {
            name: original[name]["cpu_s"] / ours[name]["cpu_s"]
            for name in RATIOS
            if name != "frame"
        }
        figures["ratio"]["frame"] = frame_s(original) / frame_s(ours)
    return figures


def missed(results):
    """What the results miss of what is required, as texts."""
    found = []
    for figure, (required, _) in RATIOS.items():
        value = results.get("ratio", {}).get(figure, required)
        if value < required:
            found.append(f"{figure}: ratio {value:.1f}, required {required}")
    for figure, (what, required, _) in BOUNDS.items():
        if results[figure] > required:
            found.append(f"{what}: {results[figure]:.3g}, {required:g} at most")
    return found


def print_results(results):
    print(f"{'':14}{'ours, CPU s':>12}{'MiB':>7}{'original':>10}{'MiB':>7}{'ratio':>7}")
    for name, mine in results["ours"].items():
        line = f"{name:14}{mine['cpu_s']:12.2f}{mine['peak_mb']:7.0f}"
        theirs = results["original"].get(name)
        if theirs:
            ratio = theirs["cpu_s"] / mine["cpu_s"]
            line += f"{theirs['cpu_s']:10.2f}{theirs['peak_mb']:7.0f}{ratio:7.1f}"
        print(line)
    if results["original"]:
        for figure, (required, goal) in RATIOS.items():
            value = results["ratio"][figure]
            print(f"{figure}: {value:.1f} times less CPU (required {required}, goal {goal})")
    else:
        print("original skipped: no peers' environment (make peers)")
    for figure, (what, required, goal) in BOUNDS.items():
        print(f"{what}: {results[figure]:.3g} (at most {required:g}, goal {goal:g})")
    print(f"for costs.py: SECONDS_PER_ITEM = {frame_s(results['ours'], 'job'):.2g}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    results = measure(arguments.repeat)
    print_results(results)
    write_results("calcium", results)
    wrong = missed(results)
    if wrong:
        raise SystemExit("\n".join(["MISSED:", *wrong]))


if __name__ == "__main__":
    main()
