"""What can be drawn, but probably is not meant, is told and not swallowed."""

import warnings

import numpy as np
import pytest

from simlab.core.config import parse_config
from simlab.core.errors import ConfigError
from simlab.lensing import (
    apparent_position,
    make_lens,
    make_source,
    parse_constellation,
    read_rows,
    render_raytrace,
    simulate_row,
    validate_rows,
)
from simlab.lensing.column_names import meant_columns
from simlab.lensing.config import DatasetConfig
from simlab.lensing.errors import LensError, LensingWarning, RowsError
from simlab.lensing.files.comparison_reports import summary_text
from simlab.lensing.picture_shards import attributes_of
from simlab.lensing.plan import advice_on
from simlab.lensing.rows import KNOWN_COLUMNS
from simlab.lensing.settings import SimulationSettings

ROW = {
    "filename": "a.png",
    "lens": "SIE",
    "einsteinradius": 12.0,
    "ellipseratio": 0.7,
    "orientation": 45.0,
    "source": "Spherical",
    "sigma": 3.0,
    "x": 4.0,
    "y": 2.0,
}
SETTINGS = {"imagesize": 64, "nterms": 2}


def told_of(row=None, settings=None, **cells):
    """Warnings of a table of one row."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert (
            validate_rows([(row or ROW) | cells], settings={**SETTINGS, **(settings or {})}) == []
        )
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize(
    ("column", "meant"),
    [
        *(("shear_1", "shear1"), ("gamma2", "shear2"), ("nsersic", "n_sersic")),
        *(("Chi_Percent", "chi_percent"), ("luminosty", "luminosity"), ("Model", "model")),
    ],
)
def test_a_misspelled_optional_column_is_told(column, meant):
    sentence = f"column '{column}' is not used, did you mean {meant}?"
    assert told_of(**{column: 1}) == [sentence]
    with pytest.warns(LensingWarning, match=sentence.replace("?", r"\?")):
        simulate_row({**ROW, column: 1}, SETTINGS)


def test_columns_of_the_user_that_look_like_no_other_are_not_told():
    names = ("note", "z_lens", "z_source", "survey", "id", "pixel_scale_arcsec", "R", "lens_name")
    assert told_of(**dict.fromkeys(names, "1")) == []
    assert meant_columns([*ROW, "sigma1"], KNOWN_COLUMNS) == {}


def test_a_missing_column_names_the_one_that_may_be_it():
    row = {("einstien_radius" if k == "einsteinradius" else k): v for k, v in ROW.items()}
    with pytest.warns(LensingWarning, match="did you mean einsteinradius"):
        (problem,) = validate_rows([row])
    expected = "no column einsteinradius, row 1 needs it (did you mean 'einstien_radius'?)"
    assert str(problem) == expected


@pytest.mark.parametrize(("chi", "is_told"), [(0.5, True), (1.0, False), (50, False), (101, True)])
def test_a_ratio_of_distances_that_is_no_percentage_is_told(chi, is_told):
    told = told_of(settings={"imagesize": 4096}, chi_percent=chi)
    assert [("below 1 or above 100 percent" in text) for text in told][:1] == [True] * is_told


def test_the_ring_that_leaves_the_picture_is_that_of_the_angular_lens():
    assert told_of(chi_percent=40.0) == []
    told = told_of(chi_percent=30.0)
    assert told == ["row 1: the Einstein radius, divided by chi, is larger than half the picture"]
    assert told_of(einsteinradius=40.0, chi_percent=100.0) == [
        "row 1: the Einstein radius is larger than half the picture"
    ]


@pytest.mark.parametrize("column", ["einsteinradius", "sigma"])
def test_lengths_below_a_pixel_may_be_arcseconds(column):
    (told,) = told_of(**{column: 0.8})
    assert "below 1 px: lengths are pixels, are these arcseconds?" in told


def test_a_crop_larger_than_the_picture_is_told_and_files_hold_the_true_side():
    settings = {**SETTINGS, "cropsize": 128}
    sentence = "cropsize 128 is larger than imagesize 64: nothing is cut"
    (told,) = told_of(settings=settings)
    assert sentence in told
    with pytest.warns(LensingWarning, match=sentence):
        made = simulate_row(ROW, settings)
    assert made.image.shape == (64, 64)
    assert attributes_of(SimulationSettings(**settings), ["Raytrace"])["cropsize"] == 64
    assert told_of(settings={"cropsize": 64}) == []


def test_both_names_of_a_column_make_the_same_row():
    row = {k: v for k, v in ROW.items() if k not in ("einsteinradius", "ellipseratio")}
    other = {**row, "einsteinR": 12.0, "ratio": 0.7}
    same = simulate_row(other, SETTINGS)
    np.testing.assert_array_equal(same.image, simulate_row(ROW, SETTINGS).image)
    assert same.columns["einsteinradius"] == 12.0
    with pytest.raises(RowsError, match="columns ratio and ellipseratio are the same"):
        simulate_row({**ROW, "ratio": 0.7}, SETTINGS)


@pytest.mark.parametrize(
    ("kind", "parameters", "unused"),
    [
        ("SIS", {"einstein_radius": 5, "ratio": 0.5}, "ratio"),
        ("SIE", {"einstein_radius": 5, "ratio": 0.5, "gamma1": 0.1}, "gamma1"),
        ("NFW", {"einstein_radius": 5, "kappa_s": 0.2, "scale_radius": 9}, "einstein_radius"),
        ("Shear", {"gamma1": 0.1, "ratio": 0.3, "kappa_s": 1}, "ratio, kappa_s"),
    ],
)
def test_parameters_that_a_lens_does_not_have_are_told(kind, parameters, unused):
    with pytest.warns(LensingWarning, match=f"lens {kind} has no {unused}: ignored"):
        make_lens(kind, **parameters)


@pytest.mark.parametrize(
    ("kind", "parameters", "unused"),
    [
        ("Spherical", {"sigma": 2, "sigma2": 4}, "sigma2"),
        ("Ellipsoid", {"sigma": 2, "sigma2": 4, "n_sersic": 1}, "n_sersic"),
        ("SersicSphere", {"sigma": 2, "luminosity": 3, "profile": "Gaussian"}, "luminosity"),
        ("Triangle", {"sigma": 2, "luminosity": 3}, "luminosity"),
    ],
)
def test_parameters_that_a_source_does_not_have_are_told(kind, parameters, unused):
    with pytest.warns(LensingWarning, match=f"source {kind} has no {unused}: ignored"):
        make_source(kind, **parameters)


def test_what_lenses_and_sources_have_is_not_told():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_lens("SIE", einstein_radius=5, ratio=0.5, orientation_deg=20)
        make_lens("SIS", einstein_radius=5, orientation_deg=20, chi=0.5)
        make_lens("Shear", kappa0=0.1, gamma2=0.1)
        make_source("Spherical", sigma=2, n_sersic=1, profile="Sersic", theta_deg=4)
        make_source("SersicEllipsoid", sigma=2, sigma2=3, luminosity=3)
        parse_constellation("Spherical/0/0/3/3/0/2/5;Triangle/4/4/8/20")
        simulate_row(ROW, SETTINGS)


def test_the_plan_tells_that_resimulations_have_no_telescope():
    sections = {"observation": {"sky": 3.0}, "simulator": {"size": 4}}
    (told,) = advice_on(parse_config(DatasetConfig, sections))
    assert "pictures have PSF, sky and noise, re-simulations have none" in told
    assert advice_on(parse_config(DatasetConfig, {**sections, "output": {"resim": False}})) == ()
    (told,) = advice_on(parse_config(DatasetConfig, {"simulator": {"cropsize": 600, "size": 4}}))
    assert told.startswith("cropsize 600 is larger than imagesize 512")


def test_a_point_that_is_a_pair_is_refused_in_a_sentence():
    lens, source = make_lens("SIS", einstein_radius=5), make_source("Spherical", sigma=3)
    for draw in (
        lambda: render_raytrace(lens, source, (8, 5), 32),
        lambda: apparent_position(lens, (8, 5)),
    ):
        with pytest.raises(LensError, match="a point is one complex number x \\+ iy"):
            draw()


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"position": {"mode": "polar"}}, "write position: polar in source"),
        ({"lens": {"mode": "sis"}}, "did you mean SIS"),
        ({"source": {"mode": "Sph"}}, "did you mean Spherical"),
        ({"lens": {"elipseratio": 0.5}}, "did you mean ellipseratio"),
    ],
)
def test_keys_and_names_of_others_have_the_right_suggestion(sections, expected):
    with pytest.raises(ConfigError, match=expected):
        parse_config(DatasetConfig, {"simulator": {"size": 4}, **sections})


def test_the_axis_ratio_of_a_lens_has_the_two_names_that_tables_have():
    sections = {"mode": "SIE", "ratio-min": 0.4, "ratio-max": 0.9, "orientation": 0}
    config = parse_config(DatasetConfig, {"simulator": {"size": 4}, "lens": sections})
    assert config.lens.span("ellipseratio") == (0.4, 0.9)


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_table_with_another_separator_is_told_so(tmp_path, mark):
    (tmp_path / "rows.csv").write_text(mark.join(ROW) + "\n" + mark.join("1" for _ in ROW) + "\n")
    with pytest.raises(RowsError, match="commas are expected between columns"):
        read_rows(tmp_path / "rows.csv")


def test_a_comparison_tells_the_norm_that_counts():
    summary = {"n": 40, "n_bad": 2, "max_norm": 9.0, "mean_rmse": 1.0, "worst": "a.png"}
    assert "40 pairs, 2 have a norm above 5, " in summary_text({"summary": summary}, 5.0)
    assert "40 pairs, 2 differ, " in summary_text({"summary": summary})


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"chi_percent": 0.5}, "below 1 or above 100 percent"),
        ({"sigma": 0.2}, "sigma is below 1 px"),
        ({"einsteinradius": 0.9}, "the Einstein radius is below 1 px"),
        ({"x": 90.0}, "outside the 64-px picture"),
    ],
)
def test_a_row_of_a_notebook_is_doubted_like_one_of_a_table(cells, expected):
    with pytest.warns(LensingWarning, match=expected):
        simulate_row(ROW | cells, SETTINGS)
