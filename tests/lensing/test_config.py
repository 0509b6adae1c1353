import json

import pytest

from simlab.core.config import parse_config
from simlab.core.errors import ConfigError, InputFileError
from simlab.lensing.config import DatasetConfig, LensingConfig, load_config
from simlab.lensing.errors import LensingConfigError
from simlab.lensing.settings import SimulationSettings, as_settings

SIE = {"mode": "SIE", "ellipseratio": 0.7, "orientation-min": 0, "orientation-max": 180}


def dataset(**sections):
    return parse_config(DatasetConfig, sections, "test")


def problems_of(**sections):
    with pytest.raises(ConfigError) as caught:
        dataset(**sections)
    return str(caught.value)


def test_the_defaults_are_those_of_the_users_tool():
    config = dataset()
    assert config.size == 10_000
    assert config.lens.mode == ("SIS",)
    assert config.lens.span("einstein") == (10, 50)
    assert config.lens.span("chi") == (100, 100)
    assert config.source.mode == ("Ellipsoid",)
    assert config.position.span("x") == (-100, 100)
    assert config.output.pairs == [("images", "resim")]
    settings = config.settings()
    assert (settings.imagesize, settings.nterms, settings.quantum) == (512, 5, 1 / 1024)
    assert (settings.sampling, settings.dtype, settings.reference) == (
        "analytic",
        "float32",
        "apparent",
    )


def test_inherited_spellings_are_the_same_keys():
    dashes = dataset(
        simulator={"models": ["Raytrace", "Roulette"]},
        lens={"modes": ["SIS", "PointMass"], "einsteinradius-min": 12, "einsteinradius-max": 40},
        source={"modes": "s", "luminosity-distribution": "exponential"},
    )
    underscores = dataset(
        simulator={"model": ["Raytrace", "Roulette"]},
        lens={"mode": ["SIS", "PM"], "einstein_min": 12, "einstein_max": 40},
        source={"mode": ["Spherical"], "luminosity_distribution": "exponential"},
    )
    assert dashes == underscores


def test_a_key_without_bounds_is_a_constant():
    lens = dataset(lens={"einsteinradius": 20, "chi-min": 30, "chi-max": 70}).lens
    assert lens.span("einstein") == (20, 20)
    assert lens.span("chi") == (30, 70)
    assert lens.span("shear") is None


def test_a_configuration_survives_being_written():
    config = dataset(
        simulator={"size": 7, "compat": True, "reference": [1, 2.5]},
        lens={**SIE, "einstein": 20},
        cluster={"count": [2, 4]},
        splits={"train": 5, "val": 1, "test": 1},
    )
    for by_alias in (True, False):
        text = config.model_dump_json(by_alias=by_alias)
        assert parse_config(DatasetConfig, json.loads(text), "again") == config


def test_compat_chooses_what_the_original_program_does():
    settings = dataset(simulator={"compat": True, "imagesize": 128}).settings()
    assert (settings.sampling, settings.dtype, settings.lookup) == ("floor", "uint8", "nearest")
    assert settings.mask_of("Roulette") == "none"
    assert settings.solver == "exact"


def test_only_roulette_pictures_are_masked_unless_asked():
    plain = SimulationSettings()
    assert plain.mask_of("Roulette") == "region"
    assert plain.mask_of("Raytrace") == "none"
    asked = SimulationSettings(mask="disc")
    assert asked.mask_of("Raytrace") == "disc"


def test_without_xireference_the_reference_is_the_center_of_light():
    assert dataset(simulator={"xireference": False}).settings().reference == "centre"
    assert as_settings({"reference": "3, -4.5"}).reference == (3, -4.5)


def test_the_seed_of_the_simulator_is_the_seed():
    assert dataset(simulator={"seed": 7}).seed == 7
    assert dataset(seed=7, simulator={"seed": 7}).settings().seed == 7
    assert "seed is 7, simulator.seed 8" in problems_of(seed=7, simulator={"seed": 8})


def test_all_problems_are_told_at_once_with_their_places():
    text = problems_of(
        simulator={"ntems": 5, "imagesize": 5},
        lens={"mode": "SIEE"},
        source={"sigma-min": 7, "sigma-max": 3},
    )
    assert text.startswith("test: 4 problems")
    assert "simulator.ntems: unknown key, did you mean nterms?" in text
    assert "simulator.imagesize: Input should be greater than or equal to 16 (found 5)" in text
    assert "lens.mode.0: expected SIS, SIE, PM, NFW, did you mean SIE? (found 'SIEE')" in text
    assert "source: sigma-min (7) is above sigma-max (3)" in text


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"lens": {"einstein": 20, "einstein-min": 3}}, "einstein is a constant"),
        ({"lens": {"einsteinradius": 3, "einstein": 3}}, "einstein is given twice"),
        ({"lens": {"shear-max": 0.1}}, "shear-max needs shear-min"),
        ({"lens": {"mode": "SIE", "orientation": 3}}, "SIE needs ellipseratio"),
        ({"lens": {"mode": "NFW", "r_s": 3}}, "NFW needs kappa_s"),
        ({"lens": {**SIE, "ellipseratio": 1.5}}, "less than or equal to 1"),
        ({"cluster": {"count": 1}}, "2 members or more"),
        ({"cluster": {"count": 3}, "lens": {"cluster": {"count": 3}}}, "the same section"),
        ({"source": {"mode": "Image"}}, "file is needed for mode Image"),
        ({"simulator": {"model": "RouletteExact"}}, "RouletteExact is the point mass alone"),
        ({"simulator": {"supersample": 2}}, "an odd number"),
        ({"simulator": {"compat": True, "sampling": "analytic"}}, "goes with floor only"),
        ({"simulator": {"parameters": "a.csv"}, "lens": {}}, "no lens"),
        ({"simulator": {"parameters": "a.csv", "size": 5}}, "leave it out beside parameters"),
        ({"source": {"position": "caustic"}}, "the caustic of SIS is a point"),
        (
            {"lens": {"mode": "NFW", "r_s": 9, "kappa_s": 0.1}, "source": {"position": "polar"}},
            "polar needs an Einstein radius",
        ),
        ({"splits": {"train": 0.5}}, "expected 1"),
        ({"simulator": {"size": 10}, "splits": {"train": 9, "val": 1, "test": 1}}, "is 11"),
        ({"output": {"resim": False, "compare": [["images", "resim"]]}}, "resim is not made"),
        ({"output": {"formulas": ["SIS0"]}}, "as SIS8"),
        ({"lens": {"einstein": "nan"}}, "finite number"),
        ({"lens": {"einstein": True}}, "a number is expected"),
    ],
)
def test_what_cannot_be_is_refused(sections, expected):
    assert expected in problems_of(**sections)


@pytest.mark.parametrize(
    ("splits", "size", "counts"),
    [
        ({}, 10_000, (8000, 1000, 1000)),
        ({"train": 0.5, "validation": 0.5, "test": 0}, 5, (3, 2, 0)),
        ({"train": 3, "val": 1, "test": 2}, 6, (3, 1, 2)),
        ({"train": 0.8, "val": 0.1, "test": 0.1}, 8, (6, 1, 1)),
    ],
)
def test_splits_are_fractions_or_numbers(splits, size, counts):
    assert dataset(simulator={"size": size}, splits=splits).splits.counts(size) == counts


def test_numbers_of_rows_must_add_up_to_those_of_the_table():
    splits = dataset(
        simulator={"parameters": "a.csv"}, splits={"train": 3, "val": 1, "test": 2}
    ).splits
    with pytest.raises(LensingConfigError, match="is 6, there are 7 rows"):
        splits.counts(7)


def test_yaml_and_toml_hold_the_same_data_set(tmp_path):
    toml, yaml = tmp_path / "set.toml", tmp_path / "set.yaml"
    toml.write_text(
        '[simulator]\nsize = 3\nmodel = "Raytrace"\n\n[lens]\neinstein-min = 5\n'
        'einstein-max = 6\n\n[source]\nmode = ["Spherical"]\n'
    )
    yaml.write_text(
        "lensing:\n  datasets:\n    a:\n      simulator: {size: 3}\n"
        "      lens: {einstein-min: 5, einstein-max: 6}\n      source: {mode: Spherical}\n"
        "afm: {datasets: {}}\n"
    )
    assert load_config(toml) == load_config(yaml) == load_config(yaml, "a")


def test_one_of_several_data_sets_must_be_named(tmp_path):
    path = tmp_path / "campaign.yaml"
    path.write_text("lensing: {datasets: {first: {}, second: {seed: 4}}}\n")
    assert load_config(path, "second").seed == 4
    with pytest.raises(LensingConfigError, match="name one of first, second"):
        load_config(path)
    with pytest.raises(LensingConfigError, match="'secnd', did you mean second"):
        load_config(path, "secnd")


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.toml", "[simulator\n", InputFileError),
        ("a.yaml", "- 1\n", InputFileError),
        ("a.toml", "[simulator]\nsizes = 3\n", ConfigError),
        ("a.yaml", "lensing: {datasets: {a: {simulater: {}}}}\n", ConfigError),
    ],
)
def test_files_that_are_no_configuration_are_refused(tmp_path, name, content, error):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(error, match=str(path)):
        load_config(path)
    with pytest.raises(FileNotFoundError):
        load_config(tmp_path / "missing.yaml")


def test_settings_are_a_mapping_of_their_keys():
    settings = as_settings({"imagesize": "256", "nterms": 12, "cropsize": None})
    assert (settings.imagesize, settings.nterms) == (256, 12)
    assert as_settings(settings) is settings
    with pytest.raises(ConfigError, match="did you mean imagesize"):
        as_settings({"imagsize": 256})


def test_names_of_data_sets_stay_inside_their_folder():
    with pytest.raises(ConfigError, match="not a usable name"):
        parse_config(LensingConfig, {"datasets": {"../up": {}}}, "test")
