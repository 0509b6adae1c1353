"""Miniscope V4 over CA1 at its real size: equal bits however it is made, bounded memory."""

import hashlib
import subprocess
import sys

import numba
import numpy as np
import pytest

from simlab.calcium import (
    Bleaching,
    BrainMotion,
    Scene,
    build_scene,
    build_spec,
    iter_frames,
    presets,
    render_frames,
    simulate,
    simulate_video,
)
from simlab.calcium.files.avi import iter_video

pytestmark = pytest.mark.full

MANY_FRAMES = r"""
import re, sys, warnings
warnings.simplefilter("ignore")
import simlab.calcium as calcium
spec = calcium.build_spec(calcium.presets.miniscope_v4(), calcium.presets.ca1(),
    duration_s=int(sys.argv[1]) / 20, extra_steps=[calcium.BrainMotion(), calcium.Bleaching()])
if sys.argv[2] == "video":
    calcium.simulate_video(spec, sys.argv[3], progress=False)
else:
    calcium.simulate(spec)
# not ru_maxrss, which starts with that of the process that started this one
print(int(re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1]) / 1024)
"""
TRACE_MIB = 974 * 24 / 2**20


def miniscope(n_frames):
    return build_spec(
        presets.miniscope_v4(),
        presets.ca1(),
        duration_s=n_frames / 20,
        extra_steps=[BrainMotion(), Bleaching()],
    )


def digest(frames):
    return hashlib.sha256(np.ascontiguousarray(frames).tobytes()).hexdigest()


def test_a_thousand_frames_are_the_same_bits_however_they_are_made(tmp_path):
    spec = miniscope(1000)
    recording = simulate(spec)
    expected = digest(recording.observed_counts)
    scene_file = tmp_path / "scene.h5"
    build_scene(spec).save(scene_file)
    scene = Scene.load(scene_file)
    parts = [render_frames(scene, t, min(t + 300, 1000)) for t in range(0, 1000, 300)]
    assert digest(np.concatenate(parts)) == expected
    for chunk_frames in (1, 7, 1000):
        total = hashlib.sha256()
        for _, frame in iter_frames(spec, chunk_frames=chunk_frames):
            total.update(np.ascontiguousarray(frame).tobytes())
        assert total.hexdigest() == expected, chunk_frames
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert digest(render_frames(scene, 0, 1000)) == expected
    finally:
        numba.set_num_threads(threads)
    simulate_video(spec, tmp_path / "movie.avi", progress=False)
    total = hashlib.sha256()
    for frame in iter_video(tmp_path / "movie.avi"):
        total.update(np.ascontiguousarray(frame).tobytes())
    assert total.hexdigest() == expected


def peak_mib(n_frames, what, path):
    command = [sys.executable, "-c", MANY_FRAMES, str(n_frames), what, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def test_memory_stays_within_its_bounds(tmp_path):
    few, many = (peak_mib(n, "video", tmp_path / f"{n}.avi") for n in (200, 2000))
    assert many - 2000 * TRACE_MIB <= 600
    assert (many - 2000 * TRACE_MIB) / (few - 200 * TRACE_MIB) < 1.15
    assert peak_mib(1000, "simulate", tmp_path) <= 1.2 * 1024


def test_a_video_above_a_gibibyte_is_read_to_its_last_frame(tmp_path):
    spec = miniscope(3000)
    path = simulate_video(spec, tmp_path / "long.avi", progress=False)
    assert path.stat().st_size > 2**30
    scene = build_scene(spec)
    wanted = {0: None, 1499: None, 2903: None, 2999: None}
    count = 0
    for t, frame in enumerate(iter_video(path)):
        count += 1
        if t in wanted:
            wanted[t] = frame
    assert count == 3000
    for t, frame in wanted.items():
        np.testing.assert_array_equal(frame, render_frames(scene, t, t + 1)[0], err_msg=str(t))
