"""One measurement of a calcium program, in a process of its own.

    python calcium_once.py PROGRAM WHAT FRAMES

PROGRAM is the package (`simlab.calcium`, or that of the original, which has the same interface),
WHAT is video, simulate, scene, sweep or job. Prints a line of JSON: CPU seconds of the call (all
threads), wall seconds, and the largest memory of the process in MiB. Ours is called once at a small
size first, so that compiled kernels are in memory.
"""

import importlib
import json
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path

warnings.simplefilter("ignore")


def workload(program, n_frames, **changes):
    """Miniscope V4 over CA1 with motion and bleaching: 608 x 608 px, 974 units, 8 bit."""
    presets = importlib.import_module(f"{program.__name__}.presets")
    return program.build_spec(
        presets.miniscope_v4(),
        presets.ca1(),
        duration_s=n_frames / 20,
        fps=20,
        seed=0,
        extra_steps=[program.BrainMotion(), program.Bleaching()],
        **changes,
    )


def video(program, spec, folder):
    program.simulate_video(spec, Path(folder) / "movie.avi", progress=False)


def simulate(program, spec, folder):
    program.simulate(spec)


def scene(program, spec, folder):
    program.build_scene(spec)


def sweep(program, spec, folder):
    """A thousand points; `spec` is the base."""
    axes = {
        "acquisition.optics.na": [0.25 + 0.01 * i for i in range(10)],
        "steps.sensor.photons_per_unit": [200.0 + 10 * i for i in range(10)],
        "seed": list(range(10)),
    }
    for point in program.sweep(spec, axes):
        point.cache_key()


def job(program, spec, folder):
    """What the rule of a recording does: movie, truth, statistics, file."""
    from simlab.calcium.stages.recordings import write_recording

    names = ("recording.h5", "spec.json", "statistics.json")
    write_recording(json.loads(spec.model_dump_json()), *(Path(folder) / name for name in names))


WORK = {"job": job, "video": video, "simulate": simulate, "scene": scene, "sweep": sweep}


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    name, what, n_frames = sys.argv[1], sys.argv[2], int(sys.argv[3])
    start = cpu_seconds() if what == "sweep" else None
    program = importlib.import_module(name)
    spec = workload(program, n_frames)
    with tempfile.TemporaryDirectory() as folder:
        if what != "sweep":
            if name.startswith("simlab"):
                program.warm()
            else:
                importlib.import_module(f"{name}.simulate")
            start = cpu_seconds()
        wall = time.perf_counter()
        WORK[what](program, spec, folder)
        wall = time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu_s": cpu_seconds() - start, "wall_s": wall, "peak_mb": peak}))


if __name__ == "__main__":
    main()
