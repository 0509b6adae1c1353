import json
import math

import numpy as np
import pytest

from simlab.core.config import parse_config
from simlab.core.errors import ConfigError
from simlab.lensing.config import DatasetConfig
from simlab.lensing.curves import critical_curve
from simlab.lensing.errors import LensingConfigError
from simlab.lensing.parameters import draw_rows, drawn_columns
from simlab.lensing.rows import INPUT_COLUMNS, lens_of
from simlab.lensing.solver import image_positions
from simlab.lensing.splits import split_of
from simlab.lensing.validation import validate_rows

SIE = {
    "mode": "SIE",
    "einstein-min": 20,
    "einstein-max": 40,
    "ellipseratio-min": 0.4,
    "ellipseratio-max": 0.8,
    "orientation-min": 0,
    "orientation-max": 180,
}


def dataset(size=50, **sections):
    simulator = {"size": size, "seed": 3, **sections.pop("simulator", {})}
    return parse_config(DatasetConfig, {"simulator": simulator, **sections}, "test")


def column(rows, name):
    return np.array([row[name] for row in rows])


@pytest.fixture(scope="module")
def reference(data):
    return json.loads((data / "lensing" / "rows.json").read_text())


@pytest.mark.parametrize("name", ["mixed", "cluster", "plain"])
def test_rows_are_those_of_the_independent_program(reference, name):
    case = reference[name]
    config = parse_config(DatasetConfig, case["config"], name)
    rows = draw_rows(config)
    assert rows == case["rows"]
    assert [list(row) for row in rows] == [list(row) for row in case["rows"]]


@pytest.mark.parametrize("name", ["mixed", "cluster", "plain"])
def test_splits_follow_the_permutation_of_the_independent_program(reference, name):
    case = reference[name]
    config = parse_config(DatasetConfig, case["config"], name)
    split = split_of(config, config.size, config.seed)
    counts = config.splits.counts(config.size)
    expected = [0] * counts[0] + [1] * counts[1] + [2] * counts[2]
    assert split[case["split_permutation"]].tolist() == expected


def test_a_row_does_not_depend_on_the_others():
    config = dataset(lens=SIE, cluster={"count": [2, 5], "mindistance": 0.2})
    together = draw_rows(config)
    assert draw_rows(config, 7, 8) == together[7:8]
    assert draw_rows(config, 3, 20) + draw_rows(config, 20, 31) == together[3:31]
    longer = dataset(size=90, lens=SIE, cluster={"count": [2, 5], "mindistance": 0.2})
    assert draw_rows(longer, 0, 50) == together


def test_seeds_give_other_rows():
    first, second = (draw_rows(dataset(simulator={"seed": seed})) for seed in (1, 2))
    assert all(a["x"] != b["x"] for a, b in zip(first, second, strict=True))


def test_ranges_outside_the_data_set_are_refused():
    for start, stop in ((0, 51), (-1, 3), (5, 4)):
        with pytest.raises(LensingConfigError, match="not within 0:50"):
            draw_rows(dataset(), start, stop)
    with pytest.raises(LensingConfigError, match="takes the rows from a table"):
        draw_rows(parse_config(DatasetConfig, {"simulator": {"parameters": "a.csv"}}, "test"))


def test_values_fill_their_ranges_and_constants_are_as_given():
    config = dataset(
        size=2000,
        lens={"mode": ["SIS", "SIE"], "einstein": 1 / 3, "ellipseratio": 0.5, "orientation": 10},
        source={"mode": "SersicSphere", "sigma-min": 2, "sigma-max": 3},
    )
    rows = draw_rows(config)
    assert set(column(rows, "einsteinradius")) == {1 / 3}
    sigma = column(rows, "sigma")
    assert 2 <= sigma.min() < 2.01
    assert 2.99 < sigma.max() <= 3
    assert sigma.mean() == pytest.approx(2.5, abs=0.02)
    assert all(round(value, 6) == value for value in sigma)
    assert np.mean(column(rows, "lens") == "SIE") == pytest.approx(0.5, abs=0.05)
    assert {row["ellipseratio"] for row in rows if row["lens"] == "SIS"} == {""}


def test_every_drawn_row_is_valid():
    config = dataset(
        size=200,
        simulator={"model": ["Raytrace", "Roulette"]},
        lens={**SIE, "mode": ["SIS", "SIE", "PM"], "chi-min": 30, "chi-max": 70, "shear": 0.05},
        source={
            "mode": ["Spherical", "Ellipsoid", "SersicEllipsoid", "Triangle", "s/0/0/3;s/4/4/2"],
            "sigma-max": 9,
            "position": "relative",
        },
    )
    rows = draw_rows(config)
    assert validate_rows(rows) == []
    assert {tuple(row) for row in rows} == {INPUT_COLUMNS}


def test_polar_columns_belong_to_the_position():
    for position in ("cartesian", "polar", "relative", "critical", "caustic"):
        rows = draw_rows(dataset(size=20, lens=SIE, source={"position": position}))
        x, y, radius, phi = (column(rows, name).astype(float) for name in ("x", "y", "R", "phi"))
        assert np.all((phi >= 0) & (phi <= 360))
        assert radius * np.exp(1j * np.radians(phi)) == pytest.approx(x + 1j * y, abs=5e-6)


def test_relative_distances_scale_with_the_angular_einstein_radius():
    config = dataset(size=500, lens={"einstein": 20, "chi": 50}, source={"position": "relative"})
    radius = column(draw_rows(config), "R")
    assert 1 <= radius.min() < 2
    assert 47 < radius.max() <= 1.2 * 40


def test_area_fills_the_disc_evenly():
    config = dataset(
        size=2000,
        source={"position": "polar"},
        position={"r-min": 0, "r-max": 10, "radial": "area"},
    )
    assert np.mean(column(draw_rows(config), "R") ** 2) == pytest.approx(50, rel=0.05)


def test_critical_distances_end_at_the_critical_curve():
    config = dataset(
        size=400,
        lens={"mode": "SIE", "einstein": 30, "ellipseratio": 0.4, "orientation": 70},
        source={"position": "critical"},
        position={"r-relativemax": 1, "r-min": 0},
    )
    rows = draw_rows(config)
    curve, _ = critical_curve(lens_of(rows[0]), 3600)
    limit = np.interp(column(rows, "phi"), np.arange(3600) / 10, abs(curve), period=360)
    share = column(rows, "R") / limit
    assert share.max() <= 1 + 1e-4
    assert share.max() > 0.98
    assert share.mean() == pytest.approx(0.5, abs=0.05)


def test_sources_inside_the_caustic_have_several_images():
    rows = draw_rows(dataset(size=6, lens=SIE, source={"position": "caustic"}))
    for row in rows:
        assert len(image_positions(lens_of(row), complex(row["x"], row["y"]))) >= 3


def test_members_of_clusters_keep_their_distance():
    config = dataset(
        size=30, lens={"mode": ["SIS", "PM"]}, cluster={"count": 4, "mindistance": 0.4}
    )
    for row in draw_rows(config):
        members = [m.split("/") for m in row["cluster"].split(";")]
        places = [(complex(float(m[1]), float(m[2])), float(m[3])) for m in members]
        assert len(places) == 4
        for i, (z, g) in enumerate(places):
            assert abs(z) <= 1.2 * g + 1e-6
            assert all(abs(z - w) >= 0.4 * (g + h) for w, h in places[:i])


def test_clusters_without_room_say_so():
    config = dataset(cluster={"count": 9, "mindistance": 5}, lens={"einstein": 10})
    with pytest.raises(LensingConfigError, match="row 1: no place for member 2"):
        draw_rows(config)


def test_nfw_lenses_have_their_own_scales():
    lens = {"mode": "NFW", "kappa_s-min": 0.1, "kappa_s-max": 0.3, "r_s": 40}
    rows = draw_rows(dataset(size=20, lens=lens))
    assert set(column(rows, "r_s")) == {40}
    assert all(0.1 <= row["kappa_s"] <= 0.3 and row["einsteinradius"] == "" for row in rows)


def test_shear_has_the_drawn_magnitude():
    rows = draw_rows(dataset(size=40, lens={"shear-min": 0.1, "shear-max": 0.2}))
    shear = column(rows, "shear1") + 1j * column(rows, "shear2")
    assert np.all((abs(shear) > 0.1 - 1e-5) & (abs(shear) < 0.2 + 1e-5))
    assert np.ptp(np.angle(shear)) > 4


def luminosities(distribution):
    source = {"mode": "SersicSphere", "luminosity-distribution": distribution}
    return column(draw_rows(dataset(size=3000, source=source)), "luminosity")


def test_exponential_luminosities_have_the_mean_of_their_density():
    rate, low, high = 2.0, 1.0, 20.0
    mean = low + (high - low) * (1 / rate - math.exp(-rate) / (1 - math.exp(-rate)))
    assert luminosities("exponential").mean() == pytest.approx(mean, abs=0.3)


def test_the_exponential_of_the_original_program_is_uniform():
    assert np.array_equal(luminosities("peer-exponential"), luminosities("uniform"))


def test_light_profiles_replace_those_of_the_modes():
    source = {"mode": ["Spherical", "SersicEllipsoid"], "lightprofile": "Sersic"}
    assert set(column(draw_rows(dataset(source=source)), "source")) == {
        "SersicSphere",
        "SersicEllipsoid",
    }


def test_pictures_have_columns_of_their_own():
    config = dataset(source={"mode": ["Spherical", "Image"], "file": "galaxy.png", "scale": 2})
    assert drawn_columns(config) == (*INPUT_COLUMNS, "sourcefile", "sourcescale")
    rows = draw_rows(config)
    pictures = [row for row in rows if row["source"] == "Image"]
    assert {(row["sourcefile"], row["sourcescale"]) for row in pictures} == {("galaxy.png", 2)}
    assert {row["sigma"] for row in pictures} == {""}


def test_splits_of_wrong_size_are_refused():
    with pytest.raises(LensingConfigError, match="4 rows are dealt, there are 5"):
        split_of((2, 1, 1), 5, 0)


def test_a_caustic_without_area_is_refused_instead_of_tried_for_ever():
    mapping = {"lens": {"mode": "SIS", "einstein": 20, "shear-min": 0, "shear-max": 0},
               "source": {"position": "caustic"}, "simulator": {"size": 1}}  # fmt: skip
    with pytest.raises(LensingConfigError, match=r"row 1: the caustic is .* px, no source"):
        draw_rows(parse_config(DatasetConfig, mapping))


@pytest.mark.parametrize(
    "lens",
    [{"mode": "SIS", "shear": 0}, {"mode": "SIE", "ellipseratio": 1, "orientation": 0}],
)
def test_lenses_whose_caustic_is_a_point_are_refused_at_once(lens):
    mapping = {"lens": {"einstein": 20, **lens}, "source": {"position": "caustic"}}
    with pytest.raises(ConfigError, match="is a point, nothing can be drawn"):
        parse_config(DatasetConfig, mapping)
