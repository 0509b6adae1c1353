"""Videos of any length need the same memory, and recordings give the same files."""

import subprocess
import sys

import numpy as np
import pytest
from calcium_specs import small

from simlab.calcium.errors import SpecError
from simlab.calcium.files.avi import iter_video
from simlab.calcium.simulation import simulate
from simlab.calcium.video import simulate_video

CELLS = {"kind": "place_neurons", "density_per_mm3": 2e4, "soma_radius_um": 6.0}
DIM = {"kind": "sensor", "photons_per_unit": 15.0}

PEAK_OF_A_VIDEO = """
import resource, sys
from simlab.calcium.spec import Spec
from simlab.calcium.video import simulate_video
spec = Spec.model_validate_json(sys.argv[1])
simulate_video(spec, sys.argv[2], progress=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_kib(root, path, frames):
    spec = small(CELLS, "cell_activity", "composite", DIM, n_px=(256, 256), frames=frames)
    done = subprocess.run(
        [sys.executable, "-c", PEAK_OF_A_VIDEO, spec.model_dump_json(), path],
        cwd=root / "workflow" / "scripts",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_ten_times_the_frames_need_hardly_more_memory(root, tmp_path):
    short, long = (peak_kib(root, tmp_path / f"{n}.avi", n) for n in (200, 2000))
    assert (tmp_path / "2000.avi").stat().st_size > 2000 * 256 * 256
    assert long < 1.15 * short


@pytest.mark.filterwarnings("ignore:.*256 gray levels")
@pytest.mark.parametrize(
    "options", [{}, {"vmin": 3.0, "vmax": 50.0, "fps": 7.0}, {"codec": "MJPG"}, {"codec": "FFV1"}]
)
@pytest.mark.parametrize("bits", [8, 12])
def test_a_recording_writes_the_same_video(tmp_path, options, bits):
    fields = {"n_px": (32, 40), "frames": 70, "sensor": {"bit_depth": bits}}
    spec = small(CELLS, "cell_activity", "composite", "brain_motion", DIM, **fields)
    first = simulate_video(spec, tmp_path / "a.avi", progress=False, **options)
    recording = simulate(spec)
    second = recording.write_video(tmp_path / "b.avi", progress=False, **options)
    assert first.read_bytes() == second.read_bytes()
    if bits == 8 and not options:
        np.testing.assert_array_equal(list(iter_video(second)), recording.observed_counts)


def test_intensities_of_a_recording_need_vmax(tmp_path):
    spec = small(CELLS, "cell_activity", "composite", n_px=(32, 41), frames=3)
    recording = simulate(spec)
    with pytest.raises(SpecError, match="vmax is required"):
        recording.write_video(tmp_path / "movie.avi")
    path = recording.write_video(tmp_path / "movie.avi", vmax=2.0, progress=False)
    same = simulate_video(spec, tmp_path / "same.avi", vmax=2.0, progress=False)
    assert path.read_bytes() == same.read_bytes()


def test_a_recording_without_frames_has_no_video(tmp_path):
    recording = simulate(small(CELLS, "cell_activity"))
    with pytest.raises(SpecError, match="the movie has no frame"):
        recording.write_video(tmp_path / "movie.avi", vmax=1.0)
    assert list(tmp_path.iterdir()) == []
