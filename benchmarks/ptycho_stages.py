"""Where the time of a pattern goes: CPU microseconds a frame of every stage, one thread.

Each stage runs on one batch of the size that the library uses, whose arrays stay in the cache.

    python benchmarks/ptycho_stages.py [--repeat 15]
"""

import argparse
import math
import time

import numpy as np
import scipy.fft

from simlab.ptycho.forward import BATCH_PIXELS, ForwardModel
from simlab.ptycho.kernels import detection, gather
from simlab.ptycho.objects import make_lines_object
from simlab.ptycho.patches import PatchSource, as_stack
from simlab.ptycho.photons import photon_scale
from simlab.ptycho.probes import get_default_probe
from simlab.ptycho.propagation import Propagator

SIDES = (64, 128)
DOSES = (1e4, 1e6, 1e9)
BATCHES = 20
SEED = 42


def best(function, frames, repeat, clock=time.process_time):
    """Least microseconds a frame over `repeat` measurements, after a call that warms up."""
    function()
    seconds = math.inf
    for _ in range(repeat):
        start = clock()
        for _ in range(BATCHES):
            function()
        seconds = min(seconds, (clock() - start) / BATCHES)
    return 1e6 * seconds / frames


def scene(n, frames):
    """Object, probe and positions of the benchmark for N = n."""
    side = int(3.5 * n)
    x, y = np.random.default_rng(SEED).uniform(n // 2, side - n // 2, (2, frames))
    return make_lines_object(side), get_default_probe(n, "c64", 0.7), x, y


def stages(n, repeat):
    """(name, microseconds a frame) of the stages for N = n."""
    frames = max(1, BATCH_PIXELS // n**2)
    sample, probe, x, y = scene(n, frames)
    source = PatchSource(as_stack(sample, "object"), n)
    planes = np.ascontiguousarray(probe.real)[None], np.ascontiguousarray(probe.imag)[None]
    located = source.locate(x, y)
    patches = np.empty((frames, n, n), np.complex64)
    waves = np.empty((frames, 1, n, n), np.complex64)
    power, stored = np.empty(frames), np.empty((frames, n * n), np.float32)
    cut = (source.planes, *located, *planes)
    views = patches.view(np.float32), waves.view(np.float32)
    fftw = Propagator(source, *planes, frames, "fftw")
    model = ForwardModel(sample, probe, seed=SEED, nphotons=1.0)

    yield "power pass", best(lambda: gather.gather_power(*cut, power), frames, repeat)
    yield (
        "patch and exit wave",
        best(lambda: gather.gather_and_illuminate(*cut, *views), frames, repeat),
    )
    # "ortho" keeps repeated transforms in place finite
    transform = lambda: scipy.fft.fft2(waves, norm="ortho", overwrite_x=True)  # noqa: E731
    yield "FFT, scipy", best(transform, frames, repeat)
    together = best(lambda: fftw.fields(located, patches), frames, repeat)
    yield "patch, exit wave and FFT, fftw", together

    gather.gather_and_illuminate(*cut, *views)
    fields = scipy.fft.fft2(waves).view(np.float32)
    for nphotons in (None, *DOSES):
        scales = np.full(frames, photon_scale(power, nphotons or 1e6))
        rules = model._rules()._replace(poisson=nphotons is not None)
        for statistics in (False, True):
            results = model._new_results(frames, statistics)
            arguments = fields, model._key, 0, rules, scales, stored, model._tables, results
            name = "without noise" if nphotons is None else f"{nphotons:.0e} photons"
            name += ", statistics" if statistics else ""
            spent = best(lambda a=arguments: detection.detect_frames(*a), frames, repeat)
            yield f"detection, {name}", spent


def whole(n, repeat, threads):
    """Wall microseconds a frame of all stages but the power pass, 1e6 photons, statistics."""
    frames = 64 * max(1, BATCH_PIXELS // n**2)
    sample, probe, x, y = scene(n, frames)
    model = ForwardModel(sample, probe, seed=SEED, nphotons=1e6)
    scale = photon_scale(model.power(x, y), 1e6)
    settings = {"intensity_scale": scale, "mean_power": 1e6 / scale**2, "first_frame": 0}

    def run():
        for _ in model.frames(x, y, threads=threads, **settings):
            pass

    return best(run, frames, max(1, repeat // 5), time.perf_counter)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=15)
    repeat = parser.parse_args().repeat
    columns = {n: dict(stages(n, repeat)) for n in SIDES}
    print(f"{'CPU us a frame, one thread':40}" + "".join(f"{f'N = {n}':>10}" for n in SIDES))
    for name in columns[SIDES[0]]:
        print(f"{name:40}" + "".join(f"{columns[n][name]:10.1f}" for n in SIDES))
    for threads in (1, 2):
        name = f"all but the power pass, wall, threads: {threads}"
        print(f"{name:40}" + "".join(f"{whole(n, repeat, threads):10.1f}" for n in SIDES))


if __name__ == "__main__":
    main()
