"""What a specification refuses, at which place, and what it only warns of."""

import json
import math
import warnings

import pytest
from calcium_specs import quiet_spec, reference, small
from pydantic import ValidationError

from simlab.calcium.errors import SpecError
from simlab.calcium.spec import Spec, SpecWarning

CASES = {case["name"]: case for case in reference("validation")}
CELLS = {"kind": "place_neurons"}


def outcome(mapping):
    """("ok" or [(place, type)], warnings) of a specification."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            Spec.model_validate(mapping)
            result = "ok"
        except ValidationError as error:
            result = [([str(part) for part in p["loc"]], p["type"]) for p in error.errors()]
    return result, [w for w in caught if issubclass(w.category, SpecWarning)]


def advice(build):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        build()
    return [str(w.message) for w in caught if w.category is SpecWarning]


def mapping(*steps, **acquisition):
    """A specification of 64 x 64 px of 1 µm and 40 frames, not yet validated."""
    chip = {"n_px_height": 64, "n_px_width": 64, "pixel_pitch_um": 8.0}
    fields = {"duration_s": 2.0, "image_sensor": chip, **acquisition}
    return {"acquisition": fields, "steps": list(steps)}


def refused(given):
    """(place, type, text) of the only error."""
    with pytest.raises(ValidationError) as caught:
        Spec.model_validate(given)
    (problem,) = caught.value.errors()
    return problem["loc"], problem["type"], problem["msg"]


@pytest.mark.parametrize("name", CASES)
def test_errors_and_warnings_are_those_of_the_original(name):
    case = CASES[name]
    result, caught = outcome(case["spec"])
    expected = case["expected"]
    if expected != "ok":
        expected = [(problem["loc"], problem["type"]) for problem in expected]
    assert result == expected
    assert len(caught) == len(case["expected_warnings"])


def test_the_focus_is_compared_with_the_depths_of_the_populations():
    deep = {"kind": "place_neurons", "populations": [{"depth_range_um": [300.0, 400.0]}]}
    focused = mapping(deep, focal_depth_in_tissue_um=350.0)
    assert advice(lambda: Spec.model_validate(focused)) == []
    shallow = mapping(deep, focal_depth_in_tissue_um=100.0)
    (text,) = advice(lambda: Spec.model_validate(shallow))
    assert "300 to 400" in text


def test_depths_of_all_populations_count():
    both = [{"depth_range_um": [300.0, 400.0]}, {"depth_range_um": [50.0, 80.0]}]
    cells = {"kind": "place_neurons", "populations": both}
    for focus, warned in ((40.0, 1), (60.0, 0), (200.0, 0), (390.0, 0), (410.0, 1)):
        focused = mapping(cells, focal_depth_in_tissue_um=focus)
        assert len(advice(lambda given=focused: Spec.model_validate(given))) == warned


def test_explicit_positions_count_through_their_depth():
    placed = {"kind": "place_neurons", "positions_um": [[350.0, 0.0, 0.0]]}
    focused = mapping(placed, focal_depth_in_tissue_um=350.0)
    assert advice(lambda: Spec.model_validate(focused)) == []
    above = mapping(placed, focal_depth_in_tissue_um=100.0)
    assert len(advice(lambda: Spec.model_validate(above))) == 1


def test_a_rise_slower_than_the_decay_is_refused():
    place, kind, text = refused(mapping({"kind": "cell_activity", "tau_rise_s": 0.5}))
    assert (place, kind) == ((), "value_error")
    assert "tau_rise_s (0.5)" in text


def test_an_unresolved_decay_is_reported_before_a_slow_rise():
    activity = {"kind": "cell_activity", "tau_rise_s": 0.04, "tau_decay_s": 0.04}
    assert "at fps=20" in refused(mapping(activity))[2]


def test_a_trajectory_needs_one_shift_a_frame():
    place, kind, text = refused(
        mapping({"kind": "brain_motion", "trajectory_um": [[0.0, 0.0]] * 39})
    )
    assert (place, kind) == ((), "value_error")
    assert "39" in text
    assert "40" in text


@pytest.mark.parametrize(("duration_s", "fps"), [(0.01, 20.0), (0.025, 20.0), (1e300, 1e300)])
def test_a_recording_without_a_frame_is_refused(duration_s, fps):
    place, kind, text = refused(mapping(duration_s=duration_s, fps=fps))
    assert (place, kind) == ((), "value_error")
    assert "duration_s" in text
    assert "fps" in text


def test_a_negative_seed_is_refused():
    assert refused({"seed": -1, "steps": []})[:2] == (("seed",), "greater_than_equal")


@pytest.mark.parametrize(("y", "x", "warned"), [(37.9, 0, 0), (38.1, 0, 1), (0, -38.1, 1)])
def test_a_cell_outside_the_canvas_is_worth_a_warning(y, x, warned):
    placed = {"kind": "place_neurons", "positions_um": [[10.0, y, x]]}
    moved = {"kind": "brain_motion", "max_shift_um": 4.3, "motion_amplitude_um": 2.0}
    given = mapping(placed, moved)  # a margin of 6 px on each side of 64
    texts = advice(lambda: Spec.model_validate(given))
    assert len(texts) == warned


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_must_be_finite(value):
    place, kind, _ = refused(mapping({"kind": "sensor", "photons_per_unit": value}))
    assert kind == "finite_number"
    assert place == ("steps", 0, "sensor", "photons_per_unit")
    given = {"kind": "place_neurons", "depth_range_um": [0.0, value]}
    assert refused(mapping(given))[1] == "finite_number"


def test_a_gaussian_leakage_needs_a_width():
    place, kind, _ = refused(mapping({"kind": "leakage", "sigma_um": 0.0}))
    assert (place, kind) == (("steps", 0, "leakage"), "value_error")
    uniform = mapping({"kind": "leakage", "sigma_um": -1.0, "profile": "uniform"})
    assert quiet_spec(uniform).step("leakage").sigma_um == -1.0


def test_a_population_given_twice_may_repeat_defaults():
    given = {**CELLS, "populations": [{"soma_radius_um": 4.0}], "density_per_mm3": 25000}
    spec = quiet_spec(mapping(given))
    assert quiet_spec(json.loads(spec.model_dump_json())) == spec
    (population,) = spec.step("place_neurons").resolved_populations
    assert population.soma_radius_um == 4.0


def test_a_bit_depth_above_16_cannot_be_simulated():
    spec = small("sensor", sensor={"bit_depth": 17})
    with pytest.raises(SpecError, match="bit_depth up to 16 is supported"):
        spec.check_simulation()
    small("sensor", sensor={"bit_depth": 16}).check_simulation()


def test_too_many_bins_a_frame_cannot_be_simulated():
    activity = {"kind": "cell_activity", "spike_sim_hz": 65535 * 20.0}
    small(activity).check_simulation()
    with pytest.raises(SpecError, match="spike_sim_hz"):
        small({**activity, "spike_sim_hz": 65537 * 20.0}).check_simulation()


def test_an_unknown_stage_is_named_with_the_known_ones():
    spec = small("place_neurons", "composite", "sensor")
    with pytest.raises(SpecError, match=r"'composit'.*place_neurons, cells_only, sensor"):
        spec.check_simulation(until="composit")
    for name in ("composite", "cells_only", "sensor"):
        spec.check_simulation(until=name)


@pytest.mark.parametrize(
    ("ext", "steps", "text"),
    [
        ({"shot_noise": "poisson", "sensor_noise": "sequential"}, ["sensor"], "needs sensor_noise"),
        ({"hot_pixels": {}}, [], "hot_pixels needs a sensor step"),
        ({"dropped_frames": {}}, ["leakage"], "dropped_frames needs a sensor step"),
        ({"segments": [{"start_frame": 4, "gap_s": 1.0}]}, [], "start_frame 4"),
        (
            {"segments": [{"start_frame": 2, "gap_s": 1.0}, {"start_frame": 2, "gap_s": 1.0}]},
            [],
            "must ascend",
        ),
        ({"segments": [{"start_frame": 0, "gap_s": 1.0}]}, [], "greater than or equal to 1"),
        ({"rotation": 1}, [], "Extra inputs"),
    ],
)
def test_extensions_that_cannot_work_are_refused(ext, steps, text):
    with pytest.raises(ValidationError, match=text):
        small(*steps, ext=ext)
