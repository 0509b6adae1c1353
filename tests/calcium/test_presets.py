"""Presets: instruments, regions, and the specification that combines them."""

import pytest
from calcium_specs import reference
from pydantic import ValidationError

from simlab.calcium import presets
from simlab.calcium.errors import SpecError
from simlab.calcium.spec import (
    Bleaching,
    BrainMotion,
    CellActivity,
    NeuronPopulation,
    Neuropil,
    Sensor,
)

CASES = {name: case for name, case in reference("specs").items() if name.startswith("preset:")}


@pytest.mark.parametrize("name", CASES)
def test_presets_give_the_specification_of_the_original(name):
    case = CASES[name]
    scope, region = presets.SCOPES[case["scope"]](), presets.REGIONS[case["region"]]()
    spec = presets.build_spec(scope, region, **case["kwargs"])
    assert spec.model_dump_json() == case["canonical_json"]
    assert spec.cache_key() == case["cache_key"]


def test_the_miniscope_sees_about_a_millimeter():
    scope = presets.miniscope_v4()
    assert scope.pixel_size_um == pytest.approx(4.8 / 2.9)
    assert scope.fov_um == pytest.approx((1006.3448, 1006.3448))


def test_steps_can_be_added_once():
    scope, region = presets.generic_1p(), presets.ca1()
    motion = BrainMotion(max_shift_um=11, motion_amplitude_um=4)
    spec = presets.build_spec(scope, region, extra_steps=[Bleaching(), motion])
    assert spec.step("bleaching") is not None
    assert spec.step("brain_motion").max_shift_um == 11.0
    with pytest.raises(ValidationError, match="neuropil more than once"):
        presets.build_spec(scope, region, extra_steps=[Neuropil()])


def test_parts_of_a_preset_can_be_replaced_or_left_out():
    spec = presets.build_spec(
        presets.miniscope_v4(),
        presets.cortex_l23(),
        populations=[NeuronPopulation(), NeuronPopulation(soma_radius_um=4.0)],
        activity=CellActivity(f0=2.0),
        sensor=Sensor(photons_per_unit=50.0),
        include_neuropil=False,
        include_vasculature=False,
        include_scope_fields=False,
        save_intermediates=True,
    )
    assert spec.stage_names == ["place_neurons", "cell_activity", "optics", "cells_only", "sensor"]
    radii = [p.soma_radius_um for p in spec.step("place_neurons").resolved_populations]
    assert radii == [7.0, 4.0]
    assert spec.step("cell_activity").f0 == 2.0
    assert spec.step("sensor").photons_per_unit == 50.0
    assert spec.output.save_intermediates


def test_parts_are_known_by_their_names():
    made = presets.build_spec("miniscope_v4", "ca1")
    assert made == presets.build_spec(presets.miniscope_v4(), presets.ca1())
    with pytest.raises(SpecError, match="region: unknown 'ca2', did you mean ca1"):
        presets.build_spec("miniscope_v4", "ca2")
