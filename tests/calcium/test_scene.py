import warnings

import numpy as np
import pytest

from simlab.calcium.errors import SpecError
from simlab.calcium.extensions import saturated_emission
from simlab.calcium.perf import PerfTracker
from simlab.calcium.scene import build_scene
from simlab.calcium.spec import STEP_ORDER, Spec, SpecWarning

SENSOR = {"n_px_height": 28, "n_px_width": 36, "pixel_pitch_um": 16.0}
LAYER = {"n_roots": 2, "root_radius_um": 8.0}
STEPS = {
    "place_neurons": {"density_per_mm3": 80000.0, "soma_radius_um": 5.0},
    "cell_activity": {"p_quiescent_to_active": 0.05},
    "bleaching": {"bleach_susceptibility": 0.002, "turnover_tau_s": 50.0},
    "optics": {},
    "composite": {},
    "neuropil": {"spatial_sigma_um": 12.0},
    "vasculature": {"enabled": True, "layers": [LAYER]},
    "brain_motion": {"motion_amplitude_um": 2.0, "max_shift_um": 4.0},
    "illumination_profile": {"center_offset_um": [3.0, -5.0]},
    "vignette": {},
    "leakage": {},
    "sensor": {"photons_per_unit": 400.0},
}


def spec_of(*absent, seed=3, ext=None, acquisition=None, **changes):
    steps = [
        {"kind": kind, **settings, **changes.get(kind, {})}
        for kind, settings in STEPS.items()
        if kind not in absent
    ]
    settings = {"fps": 20.0, "duration_s": 1.0, "image_sensor": SENSOR, **(acquisition or {})}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpecWarning)
        return Spec.model_validate(
            {"acquisition": settings, "seed": seed, "steps": steps, "ext": ext}
        )


def arrays_of(scene):
    """All arrays of a scene by name; those of absent parts are left out."""
    cells, unit = scene.cells, scene.unit
    found = {
        "planted": cells.planted.data,
        "observed": None if cells.observed is None else cells.observed.data,
        **{k: v for k, v in vars(cells).items() if isinstance(v, np.ndarray)},
        **{f"unit.{k}": v for k, v in vars(unit).items()},
        **{f"ext.{k}": v for k, v in scene.ext.items()},
    }
    for part in (scene.neuropil, scene.vessel, scene.motion, scene.fields):
        found.update(vars(part) if part is not None else {})
    return {name: value for name, value in found.items() if value is not None}


def assert_equal_arrays(found, expected, names=None):
    names = expected.keys() if names is None else names
    for name in names:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


@pytest.fixture(scope="module")
def full():
    return build_scene(spec_of())


def test_a_specification_determines_its_scene(full):
    again = build_scene(spec_of())
    assert arrays_of(again).keys() == arrays_of(full).keys()
    assert_equal_arrays(arrays_of(again), arrays_of(full))
    assert again.rng_state == full.rng_state
    other = build_scene(spec_of(seed=4))
    assert not np.array_equal(other.neuropil.spatial, full.neuropil.spatial)


def test_arrays_have_their_shapes_and_types(full):
    n, frames, canvas = len(full.cells), 20, full.canvas_shape
    assert full.margin == 3
    assert canvas == (34, 42)
    expected = {
        "centers_um": ((n, 3), "f8"),
        "C": ((n, frames), "f8"),
        "S": ((n, frames), "u2"),
        "B": ((n, frames), "f8"),
        "emission": ((frames, n), "f4"),
        "spatial": ((3, *canvas), "f8"),
        "temporal": ((3, frames), "f8"),
        "population": ((frames,), "f8"),
        "mask": (canvas, "f8"),
        "shifts": ((frames, 2), "f8"),
        "illumination": ((28, 36), "f8"),
        "vignette": ((28, 36), "f8"),
        "leakage": ((28, 36), "f8"),
    }
    arrays = arrays_of(full)
    for name, (shape, dtype) in expected.items():
        assert (arrays[name].shape, arrays[name].dtype) == (shape, np.dtype(dtype)), name
        assert np.isfinite(arrays[name]).all(), name


def test_cells_emit_what_bleaching_leaves(full):
    cells = full.cells
    np.testing.assert_array_equal(cells.emission, (cells.C * cells.B).T.astype(np.float32))


def test_bleaching_follows_the_light_at_each_cell(full):
    flat = build_scene(spec_of("illumination_profile"))
    shaded = full.cells.B[:, -1] > flat.cells.B[:, -1]
    assert shaded.mean() > 0.99


@pytest.mark.parametrize("absent", ["bleaching", "optics", "composite", "leakage", "sensor"])
def test_steps_without_draws_do_not_disturb_the_others(full, absent):
    scene = build_scene(spec_of(absent))
    assert scene.rng_state == full.rng_state
    names = ("centers_um", "planted", "C", "S", "spatial", "shifts")
    assert_equal_arrays(arrays_of(scene), arrays_of(full), names)


@pytest.mark.parametrize("vessels", [{"enabled": False}, {"layers": []}])
def test_disabled_vessels_draw_nothing(vessels):
    scene, without = build_scene(spec_of(vasculature=vessels)), build_scene(spec_of("vasculature"))
    assert scene.vessel is None
    assert scene.unit.vessel_overlap is None
    assert scene.rng_state == without.rng_state
    assert_equal_arrays(arrays_of(scene), arrays_of(without))


def test_an_explicit_trajectory_draws_nothing():
    path = [[0.1 * i, -0.2 * i] for i in range(20)]
    spec = spec_of(brain_motion={"trajectory_um": path})
    scene = build_scene(spec)
    assert scene.rng_state == build_scene(spec, until="vasculature").rng_state
    np.testing.assert_allclose(scene.motion.shifts, np.array(path) / 2.0)
    assert scene.margin == 3


@pytest.mark.parametrize("kind", STEP_ORDER)
def test_until_keeps_what_ran_and_its_numbers(full, kind):
    scene = build_scene(spec_of(), until=kind)
    found, expected = arrays_of(scene), arrays_of(full)
    ran = set(STEP_ORDER[: STEP_ORDER.index(kind) + 1])
    made_by = {
        "C": "cell_activity",
        "B": "bleaching",
        "observed": "optics",
        "emission": "composite",
        "spatial": "neuropil",
        "mask": "vasculature",
        "shifts": "brain_motion",
        "illumination": "illumination_profile",
        "vignette": "vignette",
        "leakage": "leakage",
    }
    assert {name for name in made_by if name in found} == {
        name for name, step in made_by.items() if step in ran
    }
    same = [name for name in found if name not in ("unit.detectable", "unit.vessel_overlap")]
    assert_equal_arrays(found, expected, same)
    assert scene.until == kind
    assert scene.margin == full.margin


def test_stages_and_kinds_name_the_same_step():
    by_stage, by_kind = (build_scene(spec_of(), until=u) for u in ("cells_only", "composite"))
    assert by_stage.rng_state == by_kind.rng_state
    assert by_stage.neuropil is None


def test_an_unknown_stage_is_refused():
    with pytest.raises(SpecError, match="until='bleech'"):
        build_scene(spec_of(), until="bleech")


def test_light_of_inner_cells_is_kept_by_optics():
    large = {**SENSOR, "n_px_height": 90, "n_px_width": 70}
    shallow = {"density_per_mm3": 30000.0, "depth_range_um": [0.0, 30.0]}
    full = build_scene(spec_of(acquisition={"image_sensor": large}, place_neurons=shallow))
    cells = full.cells
    shares = cells.observed.sums() / (cells.gain * cells.planted.sums())
    reach = np.ceil(4 * cells.sigma_px)[:, None] + 1
    last = cells.planted.offsets + cells.planted.shapes + reach
    inner = ((cells.planted.offsets >= reach) & (last <= full.canvas_shape)).all(axis=1)
    assert inner.any()
    np.testing.assert_allclose(shares[inner], 1.0, atol=1e-5)
    assert (shares <= 1 + 1e-5).all()


def test_vessel_overlap_is_a_share(full):
    overlap = full.unit.vessel_overlap
    assert len(overlap) == len(full.unit.index)
    assert (overlap >= 0).all()
    assert (overlap < 1).all()
    assert overlap.max() > 0.05


def test_saturation_changes_what_is_emitted_but_not_the_truth(full):
    scene = build_scene(spec_of(ext={"saturation": {"half": 0.5, "hill": 2.0}}))
    cells = scene.cells
    np.testing.assert_array_equal(cells.C, full.cells.C)
    saturation = scene.spec.extensions.saturation
    emission = saturated_emission(cells.C, cells.amplitude, 1.0, saturation)
    np.testing.assert_array_equal(scene.ext["emission"], emission)
    np.testing.assert_array_equal(cells.emission, (emission * cells.B).T.astype(np.float32))
    assert cells.B.min() > full.cells.B.min()
    assert not np.array_equal(scene.neuropil.population, full.neuropil.population)


def test_segments_let_cells_recover(full):
    ext = {"segments": [{"start_frame": 12, "gap_s": 30.0, "exposure": 2.0}]}
    scene = build_scene(spec_of(ext=ext))
    before, after = scene.cells.B[:, :12], scene.cells.B[:, 12]
    np.testing.assert_array_equal(before, full.cells.B[:, :12])
    assert (after > before[:, -1]).all()
    assert scene.ext["exposure"].tolist() == [1.0] * 12 + [2.0] * 8


def test_spans_are_named_after_stages_or_set_up():
    stages, setup = PerfTracker(), PerfTracker()
    build_scene(spec_of(), perf=stages, span_names="stages")
    build_scene(spec_of(), perf=setup)
    cells = ["place_neurons", "cell_activity", "bleaching", "optics"]
    assert list(stages.spans) == [
        *cells,
        *("cells_only", "neuropil", "vasculature", "brain_motion"),
    ]
    assert list(setup.spans) == [
        *cells,
        *("footprint_build", "neuropil_setup", "vasculature_setup", "motion_setup"),
    ]
    assert {span.calls for span in stages.spans.values()} == {1}
    assert setup.spans["optics"].domain == "cell"


def test_many_cells_are_warned_of_first(monkeypatch):
    monkeypatch.setattr("simlab.calcium.scene.MANY_CELLS", 10)
    with pytest.warns(SpecWarning, match=r"cells; the scene takes about .* GiB"):
        build_scene(spec_of())
