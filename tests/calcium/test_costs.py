"""What a recording costs, and recordings that nobody can pay for."""

import warnings

import pytest
from calcium_specs import quiet_spec, reference, small

from simlab.calcium import plan
from simlab.calcium.config import CalciumDataset
from simlab.calcium.costs import MAX_JOB_MB, check_simulation
from simlab.calcium.errors import SpecError
from simlab.calcium.render import iter_frames
from simlab.calcium.scene import build_scene
from simlab.calcium.simulation import simulate
from simlab.calcium.video import simulate_video
from simlab.core.config import parse_config

CELLS = {"kind": "place_neurons", "density_per_mm3": 1e5, "soma_radius_um": 4.0}
STEPS = (CELLS, "cell_activity", "optics", "composite", "neuropil", "brain_motion", "sensor")
SLOW = {"kind": "cell_activity", "tau_decay_s": 1e9}
FLAT = {"kind": "neuropil", "spatial_sigma_um": 1e9}
VESSELS = {"kind": "vasculature", "enabled": True, "layers": [{"depth_um": 1e9}]}
ABSURD = {
    "magnification": small(*STEPS, optics={"magnification": 1e-9}),
    "tiny pixels": small("brain_motion", "sensor", optics={"magnification": 1e9}),
    "pitch": small(*STEPS, sensor={"pixel_pitch_um": 1e9}),
    "small aperture": small(*STEPS, optics={"na": 1e-9}),
    "large aperture": small(*STEPS, optics={"na": 1e9}),
    "decay": small(CELLS, SLOW, "composite", "sensor"),
    "decay without cells": small(SLOW, "sensor"),
    "frame rate": small(*STEPS, fps=1e9),
    "frames": small("neuropil", "sensor", fps=1e7, duration_s=200.0),
    "samples of motion": small("brain_motion", "sensor", fps=1e-4, duration_s=1e7),
    "smoothness": small(FLAT, "sensor"),
    "depth of vessels": small(VESSELS, "sensor"),
    "density": small({**CELLS, "density_per_mm3": 1e300}, "sensor"),
    "pixels": small("sensor", n_px=(10**6, 10**6)),
}


@pytest.mark.parametrize("name", ABSURD)
def test_absurd_sizes_are_refused_in_one_line_before_any_work(name, tmp_path, monkeypatch):
    for module in ("scene._Build", "render.Renderer", "simulation.Renderer"):
        monkeypatch.setattr(f"simlab.calcium.{module}", lambda *a, **k: pytest.fail("worked"))
    spec = ABSURD[name]
    for work in (check_simulation, build_scene, simulate, iter_frames):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(SpecError, match=r"^(a blur of .* px|the recording needs about)"):
                work(spec)
    with pytest.raises(SpecError, match=r"cannot be simulated|needs about"):
        simulate_video(spec, tmp_path / "movie.avi")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        (small("sensor", sensor={"read_noise_e": 1e300}), "acquisition.image_sensor.read_noise_e"),
        (small({"kind": "sensor", "photons_per_unit": 1e30}), "steps.sensor.photons_per_unit"),
        (
            small(CELLS, {"kind": "cell_activity", "brightness_cv": 1e200}, "composite"),
            "steps.cell_activity.brightness_cv",
        ),
    ],
)
def test_numbers_that_overflow_are_refused_in_one_line(spec, named):
    with pytest.raises(SpecError, match=rf"^{named}=1e\+\d+ cannot be simulated, at most 1e\+15$"):
        simulate(spec)


def test_absurd_sizes_cannot_be_planned():
    spec = ABSURD["magnification"].model_dump(mode="json")
    [problem] = plan.problems(parse_config(CalciumDataset, {"spec": spec}))
    assert f"MiB of memory, at most {MAX_JOB_MB} are planned" in problem


RECORDED = [name for name, case in reference("specs").items() if "input" in case]


@pytest.mark.parametrize("name", RECORDED)
def test_reference_specifications_are_no_larger_than_that(name):
    check_simulation(quiet_spec(reference("specs")[name]["input"]))


def test_a_long_recording_of_many_cells_is_no_larger_than_that():
    cells = {**CELLS, "density_per_mm3": 2e4}
    steps = (cells, *STEPS[1:])
    check_simulation(small(*steps, n_px=(608, 608), fps=30.0, duration_s=3600.0))
