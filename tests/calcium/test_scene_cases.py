"""Scenes at the edges of what a specification allows, and of other parameters than the usual."""

import warnings

import numpy as np
import pytest

from simlab.calcium.fields import sample_field_at
from simlab.calcium.optics import blur_footprints, detection_snr, effective_depths
from simlab.calcium.scene import build_scene
from simlab.calcium.simulation import finalize
from simlab.calcium.spec import Spec, SpecWarning

SENSOR = {"n_px_height": 24, "n_px_width": 30, "pixel_pitch_um": 16.0}
CELLS = {"kind": "place_neurons", "density_per_mm3": 60000.0, "soma_radius_um": 5.0}
MOTION = {"kind": "brain_motion", "motion_amplitude_um": 2.0, "max_shift_um": 4.0}
VESSELS = {
    "kind": "vasculature",
    "enabled": True,
    "layers": [{"n_roots": 1, "root_radius_um": 6.0}, {"depth_um": 80.0, "root_radius_um": 4.0}],
}
CELL_STEPS = [CELLS, {"kind": "cell_activity"}, {"kind": "bleaching"}, {"kind": "optics"}]
ALL_STEPS = [
    *CELL_STEPS,
    {"kind": "composite"},
    {"kind": "neuropil", "spatial_sigma_um": 10.0},
    VESSELS,
    MOTION,
    {"kind": "illumination_profile"},
    {"kind": "vignette"},
    {"kind": "leakage"},
    {"kind": "sensor", "photons_per_unit": 300.0},
]


def scene_of(steps=ALL_STEPS, changes=None, ext=None, seed=1, **acquisition):
    changes = changes or {}
    steps = [{**step, **changes.get(step["kind"], {})} for step in steps]
    settings = {"fps": 20.0, "duration_s": 0.6, "image_sensor": SENSOR, **acquisition}
    spec = {"acquisition": settings, "seed": seed, "steps": steps, "ext": ext}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpecWarning)
        return build_scene(Spec.model_validate(spec))


VARIATIONS = {
    "another objective": {
        "optics": {"na": 0.8, "emission_nm": 620.0, "field_curvature_radius_um": 90.0},
    },
    "a given depth of field": {"optics": {"depth_of_field_um": 40.0, "magnification": 10.0}},
    "clear tissue": {
        "tissue": {
            "scatter_mfp_excitation_um": 5000.0,
            "scatter_mfp_emission_um": 900.0,
            "scatter_blur_per_um": 0.0,
        },
    },
    "a given focus": {"focal_depth_in_tissue_um": 70.0},
    "10 bits": {"image_sensor": {**SENSOR, "bit_depth": 10, "gain_adu_per_e": 0.3}},
    "no read noise": {"image_sensor": {**SENSOR, "read_noise_e": 0.0, "quantum_efficiency": 1.0}},
    "slow frames": {"fps": 3.7, "duration_s": 4.0},
    "fast frames": {"fps": 450.0, "duration_s": 0.03},
    "strides along x": {
        "changes": {"brain_motion": {"locomotion_axis": "x", "locomotion_fraction": 0.9}},
    },
    "a walk": {"changes": {"brain_motion": {"model": "walk", "walk_step_um": 2.0}}},
    "one component": {"changes": {"neuropil": {"n_components": 1, "population_coupling": 1.0}}},
    "seven components": {"changes": {"neuropil": {"n_components": 7, "population_coupling": 0.0}}},
    "uniform leakage": {"changes": {"leakage": {"profile": "uniform", "level": 0.0}}},
    "trace noise": {"changes": {"cell_activity": {"trace_noise": 0.4, "brightness_cv": 0.0}}},
    "equal brightness": {"changes": {"cell_activity": {"brightness_cv": 0.0, "f0": 0.0}}},
    "round dendritic cells": {
        "changes": {"place_neurons": {"irregularity": 0.0, "morphology": "cytosolic"}},
    },
    "two populations": {
        "changes": {
            "place_neurons": {
                "density_per_mm3": 25000.0,
                "soma_radius_um": 7.0,
                "populations": [
                    {"soma_radius_um": 4.0, "min_distance_um": 9.0, "depth_range_um": [5.0, 5.0]},
                    {"soma_radius_um": 5.0, "morphology": "cytosolic", "irregularity": 1.0},
                ],
            },
        },
    },
}


@pytest.mark.parametrize("name", VARIATIONS)
def test_other_parameters_give_scenes_that_hold_together(name):
    scene = scene_of(**VARIATIONS[name])
    spec, cells = scene.spec, scene.cells
    acquisition, n = spec.acquisition, len(scene.cells)
    assert n > 5
    assert cells.C.shape == cells.B.shape == (n, acquisition.n_frames)
    observed = blur_footprints(cells.planted, cells.sigma_px, cells.gain)
    np.testing.assert_array_equal(cells.observed.data, observed.data)

    local = scene.focal_depth_um - effective_depths(acquisition, cells.centers_um)
    local += cells.centers_um[:, 0]
    sigma, brightness = acquisition.cell_optics(cells.centers_um[:, 0], local)
    np.testing.assert_allclose(cells.sigma_px, sigma, rtol=1e-12)
    np.testing.assert_allclose(cells.brightness, brightness, rtol=1e-12)
    focused = abs(cells.centers_um[:, 0] - local) <= acquisition.optics.dof_um
    np.testing.assert_array_equal(cells.in_focus, focused)

    margin, (height, width) = scene.margin, scene.fov_shape
    mask = scene.vessel.mask[margin : margin + height, margin : margin + width]
    field = scene.fields.illumination * scene.fields.vignette * mask
    sensor = acquisition.image_sensor
    gain = brightness * sample_field_at(field, acquisition, cells.centers_um) * 300.0
    low, high = cells.C.min(axis=1), cells.C.max(axis=1)
    snr = detection_snr(high - low, low, gain * sensor.quantum_efficiency, sensor.read_noise_e)
    np.testing.assert_array_equal(scene.unit.detectable, (snr >= 3)[scene.unit.index])

    spatial, temporal = scene.neuropil.spatial, scene.neuropil.temporal
    count = spec.step("neuropil").n_components
    assert spatial.shape[0] == temporal.shape[0] == count
    np.testing.assert_allclose(spatial.mean(axis=(1, 2)), spatial.mean(), rtol=1e-12)
    assert (temporal > 0).all()
    assert np.hypot(*scene.motion.shifts.T).max() <= 4.0 / acquisition.pixel_size_um + 1e-12
    assert abs(scene.motion.shifts).max() <= margin


def test_different_apertures_share_everything_that_is_drawn():
    narrow, wide = (scene_of(optics={"na": na}) for na in (0.3, 0.6))
    assert narrow.rng_state["state"] != scene_of(seed=2).rng_state["state"]
    np.testing.assert_array_equal(narrow.cells.C, wide.cells.C)
    np.testing.assert_array_equal(narrow.cells.planted.data, wide.cells.planted.data)
    np.testing.assert_array_equal(narrow.motion.shifts, wide.motion.shifts)
    assert (narrow.cells.gain < wide.cells.gain).all()


def test_no_steps_at_all():
    scene = scene_of([])
    assert len(scene.cells) == len(scene.unit.index) == 0
    assert scene.cells.C is scene.cells.emission is scene.neuropil is scene.motion is None
    assert scene.canvas_shape == scene.fov_shape == (24, 30)


def test_no_cells_leave_the_background():
    scene = scene_of(changes={"place_neurons": {"density_per_mm3": 1e-6}})
    cells = scene.cells
    assert cells.C.shape == cells.S.shape == cells.B.shape == (0, 12)
    assert cells.emission.shape == (12, 0)
    assert len(cells.observed) == len(scene.unit.detectable) == 0
    assert scene.unit.vessel_overlap.shape == (0,)
    assert scene.neuropil.population is None
    assert scene.focal_depth_um == 0.0


@pytest.mark.parametrize("kind", ["cell_activity", "bleaching", "optics", "composite"])
def test_steps_of_cells_do_nothing_without_cells(kind):
    scene = scene_of([{"kind": kind}, {"kind": "neuropil"}])
    alone = scene_of([{"kind": "neuropil"}])
    assert scene.rng_state == alone.rng_state
    np.testing.assert_array_equal(scene.neuropil.temporal, alone.neuropil.temporal)
    assert scene.cells.C is scene.cells.B is scene.cells.sigma_px is scene.cells.emission is None


@pytest.mark.parametrize(("given", "depth"), [("auto", 0.0), (37.0, 37.0)])
def test_optics_has_a_focus_without_cells(given, depth):
    scene = scene_of([{"kind": "optics"}, {"kind": "neuropil"}], focal_depth_in_tissue_um=given)
    assert scene.focal_depth_um == depth
    assert finalize(scene).focal_depth_um == depth


def test_cells_without_traces_shine_and_bleach_not():
    steps = [step for step in ALL_STEPS if step["kind"] != "cell_activity"]
    scene = scene_of(steps)
    assert scene.cells.B is scene.cells.emission is scene.cells.amplitude is None
    assert scene.neuropil.population is None
    assert not scene.unit.detectable.any()
    assert scene.focal_depth_um == np.median(scene.cells.centers_um[:, 0])


def test_vessels_without_optics_are_in_focus_at_the_median_depth():
    activity = [CELLS, {"kind": "cell_activity"}]
    blurred = scene_of([*activity, VESSELS])
    depth = float(np.median(blurred.cells.centers_um[:, 0]))
    given = scene_of([*activity, VESSELS], focal_depth_in_tissue_um=depth)
    np.testing.assert_array_equal(blurred.vessel.mask, given.vessel.mask)
    other = scene_of([*activity, VESSELS], focal_depth_in_tissue_um=depth + 50)
    assert not np.array_equal(blurred.vessel.mask, other.vessel.mask)
    assert blurred.focal_depth_um is None


def test_a_single_frame():
    scene = scene_of(duration_s=0.05)
    assert scene.n_frames == 1
    assert scene.cells.emission.shape == (1, len(scene.cells))
    assert scene.motion.shifts.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("size", [(1, 40), (40, 1), (1, 1)])
def test_sensors_of_one_row_or_column(size):
    sensor = {"n_px_height": size[0], "n_px_width": size[1], "pixel_pitch_um": 100.0}
    scene = scene_of(image_sensor=sensor)
    assert scene.fov_shape == size
    assert scene.fields.illumination.shape == scene.fields.leakage.shape == size
    assert scene.fields.illumination.max() <= 1.0
    assert np.isfinite(scene.vessel.mask).all()


def test_cells_of_the_margin_are_no_units():
    positions = [[50.0, 0.0, 31.5], [50.0, -25.5, 0.0], [50.0, 10.0, 10.0]]
    scene = scene_of(changes={"place_neurons": {"positions_um": positions, "soma_radius_um": 1.0}})
    assert len(scene.cells) == 3
    assert scene.unit.index.tolist() == [2]
    assert scene.cells.emission.shape == (12, 3)


def test_all_cells_in_the_margin():
    positions = [[50.0, 0.0, 31.5], [50.0, -25.5, 0.0]]
    changes = {"place_neurons": {"positions_um": positions, "soma_radius_um": 1.0}}
    scene = scene_of(changes=changes)
    assert len(scene.unit.index) == len(scene.unit.detectable) == 0
    assert scene.neuropil.population is not None


def test_rows_are_down_and_columns_right_on_sensors_that_are_not_square():
    steps = [{**CELLS, "positions_um": [[50.0, 12.0, -9.0]], "irregularity": 0.0}]
    planted = scene_of(steps).cells.planted.to_dense()[0]
    rows, columns = np.nonzero(planted)
    assert rows.mean() == pytest.approx(11.5 + 6.0)
    assert columns.mean() == pytest.approx(14.5 - 4.5)


def test_quiet_cells_drive_the_background_steadily():
    quiet = {"quiescent_rate_hz": 0.0, "p_quiescent_to_active": 1e-12}
    scene = scene_of(changes={"cell_activity": quiet})
    assert not scene.cells.S.any()
    np.testing.assert_allclose(scene.neuropil.population, 1.0, rtol=1e-12)


def test_a_cell_outside_the_canvas_is_no_unit_but_draws_its_numbers():
    inside = [[50.0, 0.0, 0.0], [60.0, 5.0, 5.0]]
    steps = [{**CELLS, "irregularity": 0.0}, {"kind": "cell_activity"}]
    alone = scene_of([{**steps[0], "positions_um": inside}, steps[1]])
    outside = scene_of([{**steps[0], "positions_um": [*inside, [50.0, 400.0, 0.0]]}, steps[1]])
    assert len(alone.unit.index) == len(outside.unit.index) == 2
    assert outside.cells.planted.shapes[2].tolist() == [0, 0]
    assert outside.cells.C.shape[0] == 3


def test_sequential_noise_finds_the_generator_after_all_draws():
    scene = scene_of([{"kind": "neuropil", "n_components": 1}, {"kind": "sensor"}], seed=8)
    rng = np.random.default_rng(8)
    rng.standard_normal((24, 30))
    rng.standard_normal(12)
    assert scene.rng_state == rng.bit_generator.state
