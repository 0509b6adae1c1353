"""Sweeps: which points there are, which paths exist, what stays as it was."""

import numpy as np
import pytest
from calcium_specs import reference, reference_spec, small
from pydantic import ValidationError

from simlab.calcium.errors import SpecError
from simlab.calcium.spec import NeuronPopulation, Optics, Spec
from simlab.calcium.sweeps import SweptSpec, sample, sweep, with_overrides, zipped
from simlab.core.random import generator

CASES = reference("sweeps")
VESSELS = {"kind": "vasculature", "enabled": True, "layers": [{}, {"depth_um": 60.0}]}


@pytest.fixture
def base():
    return small("place_neurons", "cell_activity", "composite", VESSELS, "sensor")


@pytest.mark.parametrize("case", CASES, ids=lambda case: "+".join(case["axes"]) or "none")
def test_points_and_errors_are_those_of_the_original(case):
    start = reference_spec(case["base"])
    if "result" in case:
        points = list(sweep(start, case["axes"]))
        found = [{"axes": point.axes, "cache_key": point.cache_key()} for point in points]
        assert found == case["result"]
        return
    error = {"ValidationError": ValidationError, "ValueError": SpecError}[case["error_type"]]
    with pytest.raises(error) as caught:
        list(sweep(start, case["axes"]))
    if error is SpecError:
        assert repr(next(iter(case["axes"]))) in str(caught.value)


def test_a_point_is_a_spec_whose_axes_leave_no_trace(base):
    (point,) = sweep(base, {"seed": [9]})
    assert isinstance(point, SweptSpec)
    assert isinstance(point, Spec)
    assert "axes" not in point.model_dump()
    assert "axes" not in point.model_dump_json()
    assert point.cache_key() == with_overrides(base, {"seed": 9}).cache_key()


def test_the_base_and_the_axes_stay_as_they_were(base):
    text = base.model_dump_json()
    layers = [[{"depth_um": 5.0}]]
    axes = {"steps.vasculature.layers": layers, "steps.vasculature.layers.0.depth_um": [7.0, 8.0]}
    depths = [p.step("vasculature").layers[0].depth_um for p in sweep(base, axes)]
    assert depths == [7.0, 8.0]
    assert layers == [[{"depth_um": 5.0}]]
    assert base.model_dump_json() == text


def test_a_swept_point_can_be_swept_again(base):
    (point,) = sweep(base, {"seed": [9]})
    (again,) = sweep(point, {"acquisition.fps": [40.0]})
    assert again.axes == {"acquisition.fps": 40.0}
    assert again.seed == 9


def test_an_empty_axis_gives_no_point(base):
    assert list(sweep(base, {"seed": [1, 2], "acquisition.fps": []})) == []


def test_errors_come_when_the_point_is_reached(base):
    points = sweep(base, {"acquisition.optics.na": [0.3, -1.0]})
    assert next(points).acquisition.optics.na == 0.3
    with pytest.raises(ValidationError):
        next(points)


@pytest.mark.parametrize(
    ("path", "value", "read"),
    [
        ("acquisition.optics", Optics(na=0.2), lambda s: s.acquisition.optics.na == 0.2),
        ("acquisition.optics", {"na": 0.2}, lambda s: s.acquisition.optics.na == 0.2),
        (
            "steps.place_neurons.populations",
            [NeuronPopulation(soma_radius_um=3.0)],
            lambda s: s.step("place_neurons").populations[0].soma_radius_um == 3.0,
        ),
        (
            "steps.vasculature.layers.1.depth_um",
            70.0,
            lambda s: [v.depth_um for v in s.step("vasculature").layers] == [30.0, 70.0],
        ),
        (
            "steps.place_neurons.depth_range_um.1",
            150.0,
            lambda s: s.step("place_neurons").depth_range_um == (0.0, 150.0),
        ),
        ("ext.shot_noise", "poisson", lambda s: s.ext.shot_noise == "poisson"),
        ("ext.saturation.half", 4.0, lambda s: s.ext.saturation.half == 4.0),
        ("ext", {"hot_pixels": {}}, lambda s: s.ext.hot_pixels.level_adu == 60.0),
        ("seed", np.int64(12), lambda s: s.seed == 12),
        ("output.store_dtype", "float64", lambda s: s.output.store_dtype == "float64"),
    ],
)
def test_paths_reach_every_field(base, path, value, read):
    assert read(with_overrides(base, {path: value}))
    (point,) = sweep(base, {path: [value]})
    assert read(point)


def test_an_extension_set_to_its_default_changes_no_key(base):
    assert with_overrides(base, {"ext.shot_noise": "gaussian"}).cache_key() == base.cache_key()


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("acquisition.optic.na", "did you mean optics?"),
        ("acquisitions.optics.na", "did you mean acquisition?"),
        ("steps.cell_activty.f0", "did you mean cell_activity?"),
        ("steps.cell_activity.tau_rise", "did you mean tau_rise_s?"),
        ("steps.cells_only.f0", "no step of kind 'cells_only'"),
        ("steps.neuropil.amplitude", "steps: place_neurons, cell_activity, composite"),
        ("steps", "steps.<kind>.<field>"),
        ("steps.sensor", "steps.<kind>.<field>"),
        ("steps.sensor.photons_per_unit.x", "descends into 'photons_per_unit'"),
        ("steps.place_neurons.positions_um.0", "descends into 'positions_um', which holds None"),
        ("steps.vasculature.layers.2.depth_um", "index 2 of a list of 2"),
        ("steps.vasculature.layers.first.depth_um", "'first' is no index"),
        ("steps.vasculature.layers.0.depth", "did you mean depth_um?"),
        ("ext.shot_nois", "did you mean shot_noise?"),
        ("ext.segments.0.gap_s", "index 0 of a list of 0"),
        ("ext.saturation.halb", "did you mean half?"),
        ("axes", "unknown field 'axes'"),
        ("seed.", "descends into 'seed'"),
        ("", "unknown field ''"),
    ],
)
def test_a_path_that_leads_nowhere_is_named_in_full(base, path, hint):
    with pytest.raises(SpecError) as caught:
        with_overrides(base, {path: 1})
    text = str(caught.value)
    assert hint in text
    assert repr(path) in text
    assert "\n" not in text


def test_an_axis_must_be_a_list(base):
    for values in (5, "abc", {"uniform": [0, 1]}):
        with pytest.raises(SpecError, match="axis seed: a list"):
            list(sweep(base, {"seed": values}))


def test_zipped_axes_go_together(base):
    points = list(zipped(base, {"seed": [1, 2], "acquisition.optics.na": (0.3, 0.6)}))
    assert [(p.seed, p.acquisition.optics.na) for p in points] == [(1, 0.3), (2, 0.6)]
    assert points[1].axes == {"seed": 2, "acquisition.optics.na": 0.6}
    assert [p.axes for p in zipped(base, {})] == [{}]


def test_zipped_axes_of_unequal_length_are_refused(base):
    with pytest.raises(SpecError, match=r"seed has 2, acquisition\.fps has 3"):
        list(zipped(base, {"seed": [1, 2], "acquisition.fps": [10, 20, 30]}))


AXES = {
    "acquisition.optics.na": {"uniform": [0.3, 0.6]},
    "steps.place_neurons.density_per_mm3": {"log_uniform": [1e3, 1e5]},
    "seed": {"integers": [4, 6]},
    "steps.sensor.photons_per_unit": [50.0, 200.0],
}


def test_sampled_points_are_drawn_axis_by_axis_from_their_own_stream(base):
    for i, point in enumerate(sample(base, AXES, 5, seed=8)):
        rng = generator(8, "calcium.sweep", i)
        expected = [
            0.3 + (0.6 - 0.3) * rng.random(),
            1e3 * (1e5 / 1e3) ** rng.random(),
            rng.integers(4, 7),
            [50.0, 200.0][rng.integers(2)],
        ]
        assert list(point.axes.values()) == expected
        assert point.step("place_neurons").density_per_mm3 == expected[1]
    assert i == 4


def test_a_sampled_point_does_not_depend_on_their_number(base):
    few = [point.cache_key() for point in sample(base, AXES, 3, seed=8)]
    many = [point.cache_key() for point in sample(base, AXES, 6, seed=8)]
    assert many[:3] == few
    assert len(set(many)) == 6


def test_sampled_values_stay_in_their_range_and_reach_both_ends(base):
    seeds = {point.seed for point in sample(base, {"seed": AXES["seed"]}, 60, seed=0)}
    assert seeds == {4, 5, 6}
    axis = {"acquisition.optics.na": {"log_uniform": [0.2, 0.8]}}
    apertures = [point.acquisition.optics.na for point in sample(base, axis, 60, seed=0)]
    assert 0.2 <= min(apertures) < 0.3
    assert 0.6 < max(apertures) <= 0.8


@pytest.mark.parametrize(
    ("axis", "text"),
    [
        ([], "no value to draw"),
        (3, "a list of values"),
        ({}, "one of uniform"),
        ({"unifrom": [0, 1]}, "did you mean uniform?"),
        ({"uniform": [0, 1], "integers": [0, 1]}, "one of uniform"),
        ({"uniform": [1, 0]}, "lo <= hi"),
        ({"uniform": [0, float("nan")]}, "lo <= hi"),
        ({"uniform": 3}, "lo <= hi"),
        ({"integers": [0, 1.5]}, "lo <= hi"),
        ({"log_uniform": [0, 1]}, "0 < lo"),
    ],
)
def test_an_axis_that_cannot_be_drawn_from_is_refused(base, axis, text):
    with pytest.raises(SpecError, match=text) as caught:
        list(sample(base, {"seed": axis}, 1, seed=0))
    assert "axis seed" in str(caught.value)


def test_overrides_are_validated_together():
    chip = {"n_px_height": 2048, "n_px_width": 2048}
    spec = Spec.model_validate(
        {"acquisition": {"image_sensor": chip}, "steps": [{"kind": "brain_motion"}]}
    )
    moved = {"motion_amplitude_um": 20.0, "max_shift_um": 30.0}
    both = {f"steps.brain_motion.{name}": value for name, value in moved.items()}
    assert with_overrides(spec, both).step("brain_motion").max_shift_um == 30.0
    with pytest.raises(ValidationError, match="max_shift_um"):
        with_overrides(spec, {"steps.brain_motion.motion_amplitude_um": 20.0})


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("photons_per_unit", "did you mean steps.sensor.photons_per_unit?"),
        ("acquisition.na", "did you mean acquisition.optics.na?"),
        ("density_per_mm3", "did you mean steps.place_neurons.density_per_mm3?"),
        ("opacity", "steps.vasculature.layers.0.opacity or steps.vasculature.layers.1.opacity?"),
        ("walk_step_um", "a field of the step brain_motion: add it to `steps`"),
        ("steps.brain_motion.walk_step_um", "'brain_motion'; add it to `steps`"),
    ],
)
def test_a_field_at_the_wrong_place_is_told_its_path(base, path, hint):
    with pytest.raises(SpecError) as caught:
        with_overrides(base, {path: 1.0})
    assert hint in str(caught.value)


def test_cells_in_populations_are_changed_there():
    base = small({"kind": "place_neurons", "populations": [{}]})
    with pytest.raises(SpecError, match=r"did you mean steps\.place_neurons\.populations\.0\."):
        with_overrides(base, {"density_per_mm3": 8000.0})
    with pytest.raises(ValidationError, match=r"populations\.0\.density_per_mm3") as caught:
        with_overrides(base, {"steps.place_neurons.density_per_mm3": 8000.0})
    path = str(caught.value.errors()[0]["msg"]).rsplit(" ", 1)[1]
    changed = with_overrides(base, {path: 8000.0})
    assert changed.step("place_neurons").populations[0].density_per_mm3 == 8000.0
