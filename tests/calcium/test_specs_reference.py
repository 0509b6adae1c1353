"""Canonical JSON, cache keys and derived numbers equal those of the original program."""

import json

import numpy as np
import pytest
from calcium_specs import quiet_spec, reference

from simlab.calcium.spec import Spec

NAMES = [name for name, case in reference("specs").items() if "input" in case]
ALL = list(reference("specs"))


@pytest.mark.parametrize("name", NAMES)
def test_the_json_text_is_canonical(name):
    case = reference("specs")[name]
    spec = quiet_spec(case["input"])
    assert spec.model_dump_json() == case["canonical_json"]


@pytest.mark.parametrize("name", ALL)
def test_the_cache_key_is_that_of_the_original(name):
    case = reference("specs")[name]
    assert quiet_spec(json.loads(case["canonical_json"])).cache_key() == case["cache_key"]


@pytest.mark.parametrize("name", NAMES)
def test_derived_numbers_agree(name):
    case = reference("specs")[name]
    spec = quiet_spec(case["input"])
    acquisition = spec.acquisition
    measured = {
        "pixel_size_um": acquisition.pixel_size_um,
        "fov_um": acquisition.fov_um,
        "dof_um": acquisition.optics.dof_um,
        "diffraction_sigma_um": acquisition.optics.diffraction_sigma_um,
        "collection_efficiency": acquisition.optics.collection_efficiency,
        "scatter_mfp_um": acquisition.tissue.scatter_mfp_um,
    }
    for key, value in measured.items():
        np.testing.assert_allclose(value, case[key], rtol=1e-12, err_msg=key)
    assert acquisition.n_frames == case["n_frames"]
    assert spec.margin_px == case["margin_px"]
    assert [step.kind for step in spec.steps] == case["step_kinds"]


@pytest.mark.parametrize("name", ALL)
def test_reading_the_json_back_gives_the_same_spec(name):
    spec = quiet_spec(json.loads(reference("specs")[name]["canonical_json"]))
    again = quiet_spec(json.loads(spec.model_dump_json()))
    assert again == spec
    assert quiet_spec(spec.model_dump()) == spec


def test_the_order_of_the_list_does_not_matter():
    case = reference("specs")["full"]["input"]
    turned = quiet_spec({**case, "steps": case["steps"][::-1]})
    assert turned == quiet_spec(case)
    assert turned.cache_key() == quiet_spec(case).cache_key()


def test_a_seed_has_no_upper_bound():
    seed = 10**40
    spec = Spec.model_validate_json(json.dumps({"steps": [], "seed": seed}))
    assert spec.seed == seed
    assert f'"seed":{seed},' in spec.model_dump_json()
