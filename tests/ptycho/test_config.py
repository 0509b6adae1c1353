"""The configuration: rules across sections, and every key explained to its user."""

import pytest
from pydantic import BaseModel

from simlab.core.config import parse_config
from simlab.core.errors import ConfigError
from simlab.ptycho.config import DatasetConfig, Stage1Config, geometry_problems
from simlab.ptycho.kinds import LAYOUT_OPTIONS, OBJECT_PARAMS, PROBE_PARAMS
from simlab.schema import commands_page, configuration_page


def models():
    """All models of a data set."""
    found = [DatasetConfig]
    for table in (OBJECT_PARAMS, PROBE_PARAMS, LAYOUT_OPTIONS):
        found += table.values()
    sections = [DatasetConfig()]
    while sections:
        for value in dict(sections.pop()).values():
            if isinstance(value, BaseModel):
                sections.append(value)
                found.append(type(value))
    return found


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_key_is_described(model):
    for name, field in model.model_fields.items():
        section = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        assert field.description or section, name


@pytest.mark.parametrize("page", [configuration_page, commands_page])
def test_references_leave_no_meaning_out(page):
    for line in page("ptycho").splitlines():
        if line.startswith(("| `", "| ---")):
            assert line.split(" | ")[-1].strip(" |"), line


def test_references_speak_of_the_original_tool():
    for page in (configuration_page("ptycho"), commands_page("ptycho")):
        assert "peer" not in page
        assert "original tool" in page


def problem(**changes):
    with pytest.raises(ConfigError) as error:
        parse_config(DatasetConfig, changes)
    return str(error.value)


def test_legacy_groups_need_a_seed_that_numpy_takes():
    text = problem(seed=2**32, grouping={"legacy": True})
    assert "seed (4294967296)" in text
    assert "grouping.legacy: true" in text
    parse_config(DatasetConfig, {"seed": 2**32 - 1, "grouping": {"legacy": True}})
    parse_config(DatasetConfig, {"seed": 2**32, "grouping": {}})


def test_a_zernike_disk_fits_the_probe():
    probe = {"kind": "zernike", "N": 32, "params": {"diameter_px": 33}}
    assert "diameter_px (33)" in problem(probe=probe)
    parse_config(DatasetConfig, {"probe": probe | {"params": {"diameter_px": 32}}})


def test_all_rules_that_are_broken_are_named():
    text = problem(
        object={"kind": "grf", "size": 33, "count": 3},
        scan={"n_images": 2},
        backend="opencl",
        fft="fftw",
        detector={"beamstop_diameter": 500},
    )
    for part in ("(33) must be even", "object.count (3)", "fftw", "smaller", "beamstop_diameter"):
        assert part in text


def test_small_objects_can_be_allowed():
    dataset = parse_config(DatasetConfig, {"object": {"kind": "file", "file": "x.npz"}})
    (text,) = geometry_problems(dataset, (40, 80), 64)
    assert "(40, 80)" in text
    assert geometry_problems(dataset, (40, 80), 64, allow_small_object=True) == []


def test_stage_1_is_judged_without_a_scan():
    config = parse_config(Stage1Config, {"object": {"size": 32, "count": 5000}})
    assert config.object_side == 32
    with pytest.raises(ConfigError, match="must be even"):
        parse_config(Stage1Config, {"object": {"kind": "V", "size": 33}})
