"""Ground truth of scenes against recordings of the original program (`rec_*.npz`)."""

import numpy as np
import pytest

from simlab.calcium.scene import build_scene
from simlab.calcium.spec import Spec

TIGHT, STORED_AS_FLOAT32 = 1e-9, 2e-6
NAMES = ("minimal", "minimal_sensor", "full", "layers_12bit", "walk_motion", "trajectory")


@pytest.fixture(scope="module", params=NAMES)
def case(request, data):
    with np.load(data / "calcium" / f"rec_{request.param}.npz") as file:
        reference = dict(file)
    scene = build_scene(Spec.model_validate_json(str(reference["spec_json"])))
    return reference, scene


def view(scene, field):
    top, (height, width) = scene.margin, scene.fov_shape
    return field[..., top : top + height, top : top + width]


def assert_close(case, name, found, relative=TIGHT):
    reference = case[0].get(name)
    if reference is None:
        assert found is None, f"{name} is absent there"
        return
    limit = relative * abs(reference).max()
    np.testing.assert_allclose(found, reference, rtol=relative, atol=limit, err_msg=name)


def test_units_lie_where_they_should(case):
    reference, scene = case
    index = scene.unit.index
    np.testing.assert_array_equal(scene.cells.centers_um[index], reference["gt_centers_um"])
    assert scene.margin == reference["fov_offset"][0]
    assert scene.canvas_shape == tuple(reference["canvas_shape"])


def test_planted_footprints_are_equal(case):
    reference, scene = case
    planted = scene.cells.planted.select(scene.unit.index)
    for name in ("offsets", "shapes", "data"):
        np.testing.assert_array_equal(getattr(planted, name), reference[f"planted_{name}"])


def test_observed_footprints_hold_the_same_light(case):
    reference, scene = case
    stack = scene.cells.seen.select(scene.unit.index).crop(
        scene.margin, scene.margin, *scene.fov_shape
    )
    assert_close(case, "A_observed_integral", stack.sums(), STORED_AS_FLOAT32)
    assert_close(case, "A_observed_sum", stack.to_dense().sum(axis=0), STORED_AS_FLOAT32)
    assert len(stack) == len(reference["gt_C"])


def test_spikes_are_equal_and_traces_close(case):
    reference, scene = case
    index, cells = scene.unit.index, scene.cells
    np.testing.assert_array_equal(cells.S[index], reference["gt_S"])
    assert_close(case, "gt_C", cells.C[index])
    assert_close(case, "gt_amplitude_per_cell", cells.amplitude[index])
    assert_close(case, "gt_bleaching", None if cells.B is None else cells.B[index])


def test_optics_of_units(case):
    reference, scene = case
    index, cells = scene.unit.index, scene.cells
    assert_close(case, "gt_observed_sigma_px", _at(cells.sigma_px, index))
    assert_close(case, "gt_observed_gain", _at(cells.gain, index))
    assert_close(case, "focal_depth_um", scene.focal_depth_um)
    focused = np.ones(len(index), bool) if cells.in_focus is None else cells.in_focus[index]
    np.testing.assert_array_equal(focused, reference["gt_in_focus"])


def test_detectable_units_are_equal(case):
    reference, scene = case
    np.testing.assert_array_equal(scene.unit.detectable, reference["gt_detectable"])


def test_background(case):
    scene, parts = case[1], dict.fromkeys(("spatial", "temporal", "population"))
    if scene.neuropil is not None:
        parts = {name: getattr(scene.neuropil, name) for name in parts}
        parts["spatial"] = view(scene, parts["spatial"])
    assert_close(case, "gt_neuropil_spatial", parts["spatial"], STORED_AS_FLOAT32)
    assert_close(case, "gt_neuropil_temporal", parts["temporal"])
    assert_close(case, "gt_neuropil_population", parts["population"])


def test_vessels(case):
    scene = case[1]
    mask = None if scene.vessel is None else view(scene, scene.vessel.mask)
    assert_close(case, "gt_vasculature_mask", mask, STORED_AS_FLOAT32)
    overlap = scene.unit.vessel_overlap
    assert_close(case, "gt_vessel_overlap_fraction", overlap, STORED_AS_FLOAT32)


def test_motion(case):
    scene = case[1]
    assert_close(case, "gt_shifts", None if scene.motion is None else scene.motion.shifts)


@pytest.mark.parametrize("name", ["illumination", "vignette", "leakage"])
def test_fields_of_the_sensor(case, name):
    assert_close(case, f"gt_{name}", getattr(case[1].fields, name), STORED_AS_FLOAT32)


def _at(values, index):
    return None if values is None else values[index]
