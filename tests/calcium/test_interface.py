"""Names, arguments and defaults that users of the original rely on."""

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from calcium_specs import HEAVY, small

import simlab.calcium as calcium

PUBLIC = """
simulate simulate_cached simulate_video sweep zipped sample SweptSpec cache_dir cache_path
PerfTracker measure Recording GroundTruth FootprintStack FormatWarning SpecWarning
Spec Acquisition Optics ImageSensor Tissue Output Extensions StepSpec AnyStep PlaceNeurons
NeuronPopulation CellActivity Bleaching CellOptics Composite Neuropil Vasculature VesselLayer
BrainMotion IlluminationProfile Vignette Leakage Sensor build_spec Scope Region presets
metrics testing hungarian_match Match trace_pearson activity_similarity ActivityScore shift_rmse
global_shift_from_trajectories field_pearson footprint_mask footprint_roi_trace make_recording
score Estimate Report detection_snr DETECT_SNR_THRESHOLD sample_field_at iter_frames build_scene
Scene render_frames load_spec with_overrides write_miniscope_folder ENGINE_VERSION
"""

SIGNATURES = {
    "simulate": "(spec, *, until=None, perf=None)",
    "simulate_cached": "(spec, *, root=None)",
    "simulate_video": "(spec, path, *, chunk_frames=None, fps=None, vmin=0.0, vmax=None, "
    "codec='Y800', progress=True, perf=None)",
    "sweep": "(base, axes)",
    "zipped": "(base, axes)",
    "sample": "(base, axes, n, seed)",
    "with_overrides": "(spec, overrides)",
    "cache_dir": "()",
    "cache_path": "(spec, root=None)",
    "measure": "(perf, name, *, domain=None)",
    "iter_frames": "(spec, *, chunk_frames=128, t0=0, t1=None, perf=None)",
    "build_scene": "(spec",
    "render_frames": "(scene, t0, t1",
    "load_spec": "(path)",
    "build_spec": "(scope, region, *, duration_s=150.0, fps=20.0, seed=0, populations=None, "
    "activity=None, sensor=None, extra_steps=(), include_neuropil=True, "
    "include_vasculature=True, include_scope_fields=True, save_intermediates=False)",
    "write_miniscope_folder": "(spec, folder, frames_per_file=1000",
    "presets.miniscope_v4": "()",
    "presets.generic_1p": "()",
    "presets.ca1": "()",
    "presets.cortex_l23": "()",
    "Recording.save": "(self, path",
    "Recording.load": "(path, *, strict=False, lazy=True)",
    "Recording.stage": "(self, name)",
    "Recording.frames": "(self, t0, t1)",
    "Recording.write_video": "(self, path, fps=None, vmin=0.0, vmax=None, codec='Y800', "
    "progress=True)",
    "Recording.to_npz": "(self, path)",
    "Recording.to_zarr": "(self, path)",
    "PerfTracker.measure": "(self, name, domain=None)",
    "PerfTracker.total_seconds": "(self)",
    "PerfTracker.report": "(self)",
    "PerfTracker.to_json": "(self, path)",
    "FootprintStack.patch": "(self, i)",
    "FootprintStack.crop": "(self, top, left, ",
    "FootprintStack.to_dense": "(self)",
    "FootprintStack.to_csr": "(self)",
    "GroundTruth.detectable_subset": "(self)",
    "GroundTruth.A_csr": "(self)",
    "Scene.save": "(self, path)",
    "Scene.load": "(path)",
    "hungarian_match": "(A_est, A_true, *, metric='iou', energy_frac=0.9, shift=None)",
    "trace_pearson": "(C_est, C_true, pairing)",
    "activity_similarity": "(S_est, S_true, pairing)",
    "shift_rmse": "(est, true, *, correction=False, align=False)",
    "global_shift_from_trajectories": "(est, true, correction=True)",
    "field_pearson": "(a, b)",
    "footprint_mask": "(a, rel=0.18)",
    "footprint_roi_trace": "(movie, a, rel=0.18)",
    "detection_snr": "(peak, base, gain, read_e)",
    "make_recording": "(*, n_cells=6, n_px=128, pixel_size_um=1.0, duration_s=2.0, fps=20.0, "
    "seed=0, depth_um=50.0, focal_depth_um='auto', soma_radius_um=5.0, morphology='soma', "
    "population=None, motion=False, activity=None, sensor=None, extra_steps=(), "
    "save_intermediates=False)",
    "score": "(estimate, truth, match_metric='iou', match_threshold=0.5, "
    "restrict_to_detectable=True, footprint_shift='auto')",
}
IN_MODULES = {
    "activity.calcium_kernel": "(tau_rise_s, tau_decay_s, fps)",
    "activity.kernel_timing": "(tau_rise_s, tau_decay_s)",
    "activity.tau_from_kernel_timing": "(time_to_peak_s, fwhm_s)",
    "activity.spike_activity_params": "(a)",
    "acquisition.Acquisition.cell_optics": "(self, z_um, focal_um)",
    "acquisition.Tissue.attenuation": "(self, z_um)",
    "acquisition.Tissue.scatter_sigma_um": "(self, z_um)",
    "acquisition.Optics.defocus_sigma_um": "(self, z_um, focal_um)",
    "acquisition.Optics.focal_curvature_shift_um": "(self, r_um)",
    "acquisition.ImageSensor.photons_to_counts": "(self, photons, rng)",
    "bleaching.bleaching_pool": "(emission, q, tau_frames, intensity, b0=1.0)",
    "bleaching.bleaching_floor": "(q, intensity, emission, tau_frames)",
    "bleaching.dark_recovery": "(b0, t, tau)",
    "fields.radial_falloff": "(shape, center_px, falloff, exponent)",
    "fields.leakage_field": "(leakage, acquisition, shape)",
    "neuropil.ou_process": "(n, tau_frames, rng)",
    "neuropil.neuropil_envelope": "(n, tau_frames, rng)",
    "neuropil.smooth_spatial_field": "(shape, sigma_px, rng)",
    "neuropil.population_envelope": "(traces, tau_frames)",
    "motion.bounded_random_walk": "(n_frames, step_px, max_px, rng)",
    "motion.physical_brain_motion": "(n_frames, fps, *, locomotion_freq_hz, resonance_freq_hz, "
    "damping_ratio, locomotion_fraction, locomotion_axis, amplitude_px, max_px, rng)",
    "motion.shift_and_crop": "(canvas, shifts_px, fov_shape)",
    "vessels.murray_children": "(r, area_main)",
    "vessels.grow_vessel_tree": "(bounds_um, root_um, heading_rad, growth, rng)",
    "vessels.VesselGrowth": "(r0_um, min_radius_um, branch_prob, tortuosity_rad, "
    "step_per_radius, branch_area_main, branch_angle_rad, max_segments=2000)",
    "vessels.rasterize_vessels": "(segments_um, shape, pixel_size_um)",
    "vessels.vessels_to_mask": "(path_um, opacity, absorption_per_um)",
    "cells.neuron_footprint": "(shape, center_px, radius_px, irregularity, rng, *, morphology, "
    "dendrite_length_px, dendrite_width_px)",
    "optics.blur_footprint": "(patch, offset, canvas_shape, sigma_px, gain)",
    "optics.detection_snr": "(peak, base, gain, read_e)",
    "noise.noise_key": "(seed)",
    "noise.ziggurat_tables": "()",
    "noise.normals": "(seed, frame, n_pixels, stream=0)",
    "sensor.digitize": "(intensity, frame, spec)",
}


def _follow(thing, path):
    for name in path.split("."):
        thing = getattr(thing, name)
    return thing


def _signature(function):
    signature = inspect.signature(function)
    plain = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=plain, return_annotation=signature.empty))


@pytest.mark.parametrize("name", PUBLIC.split())
def test_every_public_name_is_an_attribute(name):
    assert getattr(calcium, name) is not None
    assert name in calcium.__all__
    assert name in dir(calcium)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="simulat"):
        calcium.simulat  # noqa: B018


@pytest.mark.parametrize("name", SIGNATURES)
def test_arguments_and_defaults_are_those_of_the_original(name):
    found = _signature(_follow(calcium, name))
    expected = SIGNATURES[name]
    # more keywords may follow where the expected text is left open
    assert found == expected if expected.endswith(")") else found.startswith(expected)


@pytest.mark.parametrize("name", IN_MODULES)
def test_arguments_of_parts_are_those_of_the_original(name):
    module, _, path = name.partition(".")
    found = _follow(importlib.import_module(f"simlab.calcium.{module}"), path)
    assert _signature(found) == IN_MODULES[name]


def test_submodules_are_attributes():
    for name in ("presets", "metrics", "testing"):
        assert getattr(calcium, name) is sys.modules[f"simlab.calcium.{name}"]
    assert calcium.metrics.hungarian_match is calcium.hungarian_match
    assert calcium.testing.score is calcium.score
    assert calcium.DETECT_SNR_THRESHOLD == 3.0


LIGHT = """
import simlab.calcium
from simlab.calcium import Spec, Sensor, build_spec, presets, sweep, load_spec
import simlab.calcium.plan
base = build_spec(presets.generic_1p(), presets.ca1(), duration_s=1)
assert [point.axes for point in sweep(base, {"seed": [1, 2]})] == [{"seed": 1}, {"seed": 2}]
"""


@pytest.mark.parametrize("code", ["import simlab.calcium", LIGHT])
def test_importing_the_package_loads_nothing_heavy(root, code):
    code += f"\nimport sys\nsys.exit(', '.join(set({HEAVY}) & set(sys.modules)) or 0)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root / "workflow" / "scripts",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("variable", ["SIMLAB_CALCIUM_CACHE", "MINISIM_CACHE"])
def test_a_session_from_specification_to_score(tmp_path, monkeypatch, variable):
    spec = calcium.Spec(
        acquisition=calcium.Acquisition(
            optics=calcium.Optics(magnification=8),
            image_sensor=calcium.ImageSensor(n_px_height=48, n_px_width=56, pixel_pitch_um=16),
            fps=20,
            duration_s=1.5,
        ),
        seed=4,
        steps=[
            calcium.Sensor(photons_per_unit=80),
            calcium.PlaceNeurons(density_per_mm3=60000, soma_radius_um=5, depth_range_um=(20, 60)),
            calcium.CellActivity(p_quiescent_to_active=0.05),
            calcium.CellOptics(),
            calcium.Composite(),
            calcium.BrainMotion(motion_amplitude_um=2, max_shift_um=3),
        ],
        output=calcium.Output(save_intermediates=True),
    )
    perf = calcium.PerfTracker()
    recording = calcium.simulate(spec, perf=perf)
    truth = recording.ground_truth
    assert recording.spec is spec
    assert recording.observed.shape == (30, 48, 56)
    assert recording.observed.dtype == np.float32
    assert recording.observed_counts.dtype == np.uint8
    assert truth.A_observed.shape == (truth.n_units, 48, 56)
    assert truth.C.shape == truth.S.shape == (truth.n_units, 30)
    assert truth.shifts.shape == (30, 2)
    assert "finalize" in str(perf)
    assert recording.stage("cells_only") is recording.stage("composite")
    early = calcium.simulate(spec, until="cells_only")
    # the canvas of the early movie is cropped to the field of view
    margin = truth.fov_offset[0]
    np.testing.assert_array_equal(
        early.observed, recording.stage("cells_only")[:, margin:-margin, margin:-margin]
    )

    recording.save(tmp_path / "rec.h5")
    loaded = calcium.Recording.load(tmp_path / "rec.h5")
    np.testing.assert_array_equal(loaded.observed, recording.observed)
    np.testing.assert_array_equal(loaded.ground_truth.A_observed, truth.A_observed)
    assert loaded.spec == spec

    for name in ("SIMLAB_CALCIUM_CACHE", "MINISIM_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "cache"))
    assert calcium.cache_dir() == tmp_path / "cache"
    first, second = calcium.simulate_cached(spec), calcium.simulate_cached(spec)
    assert calcium.cache_path(spec).is_file()
    assert calcium.cache_path(spec).is_relative_to(tmp_path / "cache")
    for cached in (first, second):
        assert cached.observed.dtype == recording.observed.dtype
        np.testing.assert_array_equal(cached.observed, recording.observed)

    path = calcium.simulate_video(spec, tmp_path / "videos" / "movie.avi", progress=False)
    assert path == Path(tmp_path / "videos" / "movie.avi")
    loaded.write_video(tmp_path / "again.avi", progress=False)
    assert path.read_bytes() == (tmp_path / "again.avi").read_bytes()

    axes = {"acquisition.optics.na": [0.3, 0.6], "steps.sensor.photons_per_unit": [40.0]}
    points = list(calcium.sweep(spec, axes))
    assert [point.axes["acquisition.optics.na"] for point in points] == [0.3, 0.6]
    assert all(isinstance(point, calcium.Spec) for point in points)
    swept = calcium.simulate(points[0])
    assert swept.spec.axes == points[0].axes
    swept.save(tmp_path / "swept.h5")
    assert not hasattr(calcium.Recording.load(tmp_path / "swept.h5").spec, "axes")
    assert calcium.Recording.load(tmp_path / "swept.h5").spec.cache_key() == points[0].cache_key()

    traces = np.array(
        [calcium.footprint_roi_trace(recording.observed, a) for a in truth.A_observed]
    )
    estimate = calcium.Estimate(footprints=truth.A_observed, traces=traces, shifts=-truth.shifts)
    report = calcium.score(estimate, recording)
    assert report.recall == 1
    assert report.trace_corr > 0.7
    assert report.shift_rmse < 1e-12
    assert "recall 1.000" in report.summary()


def test_frames_are_the_same_by_every_way():
    spec = small("neuropil", "brain_motion", "vignette", "sensor", frames=6)
    counts = calcium.simulate(spec).observed_counts
    scene = calcium.build_scene(spec)
    np.testing.assert_array_equal(calcium.render_frames(scene, 2, 5), counts[2:5])
    found = list(calcium.iter_frames(spec, chunk_frames=4, t0=1))
    assert [index for index, _ in found] == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal([frame for _, frame in found], counts[1:])
