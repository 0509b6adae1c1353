"""Configuration of halo maps: rules across keys, and every key explained to its user."""

import pytest
from pydantic import BaseModel

from simlab.core.config import parse_config
from simlab.core.errors import ConfigError
from simlab.halo.config import (
    CamelsSource,
    CatalogUnits,
    Constants,
    DatasetConfig,
    HaloConfig,
    SyntheticSource,
)
from simlab.schema import commands_page, configuration_page


def models():
    """All models of a data set."""
    found = [DatasetConfig, SyntheticSource, CamelsSource, CatalogUnits, Constants]
    defaults = DatasetConfig(source={"kind": "synthetic"})
    return found + [type(v) for _, v in defaults if isinstance(v, BaseModel)]


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_key_is_described(model):
    for name, field in model.model_fields.items():
        section = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        assert field.description or section, name


@pytest.mark.parametrize("page", [configuration_page, commands_page])
def test_references_leave_no_meaning_out(page):
    rows = [line for line in page("halo").splitlines() if line.startswith("| `")]
    assert len(rows) > 30
    for line in rows:
        assert line.split(" | ")[-1].strip(" |"), line


def test_references_speak_of_the_original_tool():
    for page in (configuration_page("halo"), commands_page("halo")):
        assert "peer" not in page


def parsed(**changes):
    return parse_config(DatasetConfig, {"source": {"kind": "synthetic"}} | changes)


def problem(**changes):
    with pytest.raises(ConfigError) as error:
        parsed(**changes)
    return str(error.value)


def test_the_defaults_are_the_documented_ones():
    dataset = parsed()
    assert dataset.seed == 1993
    assert dataset.maps.npix == 1024
    assert dataset.maps.scales == (6.25, 12.5, 25.0, 50.0)
    assert dataset.simulations.stop == 1024
    assert dataset.parameters.columns == "core15"


@pytest.mark.parametrize(
    ("maps", "npix"),
    [
        ({}, 1024),
        ({"box_size": 25, "scales": [3.125, 6.25, 12.5, 25]}, 1024),
        ({"scales": [6.25, 18.75]}, 1024),
        ({"resolution": 64, "box_size": "50.0"}, 512),
    ],
)
def test_the_fine_grid_follows_from_the_first_scale(maps, npix):
    assert parsed(maps=maps).maps.npix == npix


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"maps": {"scales": [6.25, 9.0]}}, "a cutout of 184.32 px (9 Mpc/h) is not a multiple"),
        ({"maps": {"scales": [6.0, 12.0]}}, "1066.67 px, it must be a whole number"),
        ({"maps": {"scales": [12.5, 6.25]}}, "must ascend"),
        ({"maps": {"scales": [6.25, 100]}}, "100 Mpc/h is larger than maps.box_size 50"),
        ({"maps": {"scales": [0, 50]}}, "must be > 0"),
        ({"maps": {"resolution": 65}}, "maps.resolution is 65, it must be even"),
        ({"maps": {"depth": 60}}, "maps.depth is 60 Mpc/h"),
        ({"maps": {"mode": "face"}}, "did you mean faces?"),
        ({"maps": {"mode": "faces"}}, "needs allow_legacy: true"),
        ({"rotations": {"scheme": "euler_legacy"}}, "needs allow_legacy: true"),
        ({"seed": 2**32}, "seed"),
        ({"simulations": {"total": 5, "start": 5}}, "needs start < end <= total"),
        ({"simulations": {"total": 5, "end": 6}}, "needs start < end <= total"),
        ({"source": {"kind": "synthetic", "n_grid": 33}}, "must be even"),
        ({"source": {"kind": "synthetic", "n_gird": 32}}, "did you mean n_grid?"),
        ({"source": {"kind": "camels"}}, "nbody_base: missing"),
        ({"haloes": {"mass_threshold": float("inf")}}, "mass_threshold"),
        ({"normalization": {"condition_source": {"mean": 1, "std": 0}}}, "std"),
        ({"execution": {"chunk_particles": 10}}, "chunk_particles"),
        ({"parameters": {"columns": ["Omega0", "n_s", "Omega0"]}}, "Omega0 more than once"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(changes, expected):
    assert expected in problem(**changes)


def test_legacy_modes_are_accepted_on_purpose():
    dataset = parsed(
        maps={"mode": "faces"}, rotations={"scheme": "euler_legacy"}, allow_legacy=True
    )
    assert dataset.maps.mode == "faces"


def test_csv_catalogs_need_units_and_others_must_not_have_them():
    folders = dict.fromkeys(("nbody_base", "hydro_base", "fof_nbody_base"), "x")
    units = {"length": "kpc/h", "mass": "Msun/h"}
    source = {"kind": "camels", **folders}
    assert "catalog_units" in problem(source={**source, "catalog_format": "csv"})
    assert "catalog_units" in problem(source={**source, "catalog_units": units})
    parsed(source={**source, "catalog_format": "csv", "catalog_units": units})


def test_constants_for_the_condition_can_be_given():
    given = {"mean": 9.977704, "std": 0.41385219}
    assert parsed(normalization={"condition_source": given}).normalization.condition_source == (
        Constants(**given)
    )
    assert "conditoin" in problem(normalization={"condition_source": "conditoin"})


def test_a_domain_needs_a_data_set():
    with pytest.raises(ConfigError, match="datasets"):
        parse_config(HaloConfig, {"datasets": {}})


@pytest.mark.parametrize(("given", "meant"), [(13, "1e+13"), (12.5, "3.162e+12")])
def test_the_logarithm_of_a_mass_is_no_threshold(given, meant):
    text = problem(haloes={"mass_threshold": given})
    assert (
        f"haloes.mass_threshold: is a mass in Msun/h, not its logarithm, did you mean {meant}?"
        in text
    )
    assert parsed(haloes={"mass_threshold": 1}).haloes.mass_threshold == 1


def test_a_rule_on_several_keys_shows_no_cut_section():
    source = {"kind": "camels", "nbody_base": "a", "hydro_base": "b", "fof_nbody_base": "c"}
    text = problem(source=source | {"catalog_format": "csv"})
    assert "source.catalog_units is needed by catalog_format: csv" in text
    assert "found" not in text
