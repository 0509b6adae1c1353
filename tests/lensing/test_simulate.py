"""One row of a table becomes a picture, and amplitudes at a point that the row knows."""

import math
import warnings

import numpy as np
import pytest
from lensing_reference import FOLDER, amplitudes_of, json_entries
from lensing_samples import ROULETTE_SIE, SIE, complex_of, row_of, simulated

from simlab.core.errors import ConfigError
from simlab.lensing.errors import LensError, RowsError
from simlab.lensing.lenses import make_lens
from simlab.lensing.postprocess import center_of_light
from simlab.lensing.recovery import OUTCOME_COLUMNS
from simlab.lensing.render import render_raytrace
from simlab.lensing.roulette import amplitudes_from, roulette_map
from simlab.lensing.rows import lens_of, read_rows, source_of
from simlab.lensing.simulate import simulate_row
from simlab.lensing.sources import make_source

RING = row_of(x=0, y=0)
DARK = row_of(x=3000, sigma=1)
AT_EDGE = row_of(x=50, sigma=12)


# The five steps of the recovery


def recovery_row(entry):
    members = [make_lens(**member) for member in entry["lens"]]
    lens = entry["lens"][0]
    cells = {"lens": lens["kind"], "einsteinradius": lens["einstein_radius"]}
    if lens["kind"] == "SIE":
        cells |= {"ellipseratio": lens["ratio"], "orientation": lens["orientation_deg"]}
    if len(members) > 1:
        text = ";".join(
            "/".join(str(value) for key, value in sorted(member.items(), key=_place))
            for member in entry["lens"]
        )
        cells = {"lens": "Cluster", "cluster": text}
    eta = complex(*entry["eta"])
    return row_of(
        **cells, x=eta.real, y=eta.imag, sigma=entry["source"]["sigma"],
        chi_percent=100 * entry["chi"],
    )  # fmt: skip


def _place(item):
    return ("kind", "x", "y", "einstein_radius", "ratio", "orientation_deg").index(item[0])


@pytest.mark.parametrize("number", range(4))
def test_the_center_of_light_and_all_that_follows_from_it_are_recovered(number):
    entry = json_entries("recovery")[number]
    row = recovery_row(entry)
    center, chi = complex(*entry["centre"]), entry["chi"]
    common = {"imagesize": entry["size"], "nterms": 6, "amplitude_units": "lens"}
    measured = simulate_row(row, {**common, "reference": "centre"})
    assert abs(measured.center - center) < 1e-6
    assert measured.reference == measured.center

    stored = simulate_row(row, {**common, "reference": [center.real, center.imag]}).columns
    assert complex_of(stored, "ref") == pytest.approx(complex(*entry["xi_prime"]), abs=1e-9)
    delta = chi * complex(*entry["delta_eta"])
    assert complex_of(stored, "offset") == pytest.approx(delta, abs=1e-9)
    found = amplitudes_from(stored)
    expected = amplitudes_of(entry)
    assert found[0, 1] == pytest.approx(complex(*entry["minus_grad_psi_at_xi_prime"]), abs=1e-9)
    deviation = np.abs(found[: len(expected), : len(expected) + 1] - expected).max(1)
    assert (deviation / np.abs(expected).max(1)).max() < 1e-9
    apparent = simulate_row(row, {**common, "centred": False})
    assert chi * apparent.xi == pytest.approx(complex(*entry["xi_apparent"]), abs=1e-8)


@pytest.mark.parametrize("chi_percent", [100, 64])
def test_the_zeroth_amplitude_is_the_source_relative_to_the_reference(chi_percent):
    row = row_of(**SIE, x=9, y=5, chi_percent=chi_percent)
    columns = simulated(row, reference="centre").columns
    center, eta = complex_of(columns, "centre"), 9 + 5j
    seen = eta + complex_of(columns, "offset")
    assert seen - center == pytest.approx(amplitudes_from(columns)[0, 1], abs=1e-10)
    assert complex_of(columns, "releta") == pytest.approx(eta - center, abs=1e-12)
    assert complex_of(columns, "xi") == 0
    assert complex_of(columns, "lens") == -center
    # what users took for the offset lacks the deflection
    assert abs(complex_of(columns, "offset") - (center - eta)) > 3


@pytest.mark.parametrize("reference", ["apparent", "centre", [20.0, 7.0]])
def test_the_series_about_any_reference_shows_the_light_that_is_there(reference):
    """D_N(zeta) + offset is where the lens equation sees the source, near the reference."""
    row = row_of(**SIE, x=9, y=5, nterms=16)
    columns = simulated(row, reference=reference).columns
    lens, eta = lens_of(row), 9 + 5j
    zeta = 0.3 * columns["r_conv"] * np.exp(2j * np.pi * np.arange(12) / 12)
    theta = complex_of(columns, "ref") + zeta
    b = theta - lens.deflection(theta) - eta
    series = roulette_map(amplitudes_from(columns), zeta) + complex_of(columns, "offset")
    assert np.abs(series - b).max() < 1e-6
    moved = complex_of(columns, "xi") + complex_of(columns, "centre")
    assert moved == pytest.approx(complex_of(columns, "ref"), abs=1e-12)


def test_a_centered_picture_has_its_light_at_the_origin():
    one = simulated(row_of(**SIE, x=9, y=5))
    assert abs(one.center) > 5
    assert abs(center_of_light(one.image)) < 0.05
    assert one.center == center_of_light(one.original)
    whole = render_raytrace(
        lens_of(one.columns), source_of(one.columns), 9 + 5j, 128, center=one.center
    )
    np.testing.assert_array_equal(one.image, whole)


def test_a_picture_that_is_not_centered_stays_where_it_is():
    one = simulated(row_of(**SIE, x=9, y=5), centred=False)
    np.testing.assert_array_equal(one.image, one.original)
    points = [one.columns[f"{name}{axis}"] for name in ("centre", "lens") for axis in "XY"]
    assert [repr(float(point)) for point in points] == ["0.0"] * 4
    assert complex_of(one.columns, "xi") == complex_of(one.columns, "ref") == one.xi


def test_the_columns_are_those_of_the_row_the_points_and_the_amplitudes():
    row = row_of(**SIE, x=9, y=5, note="mine", nterms=3)
    columns = simulated(row).columns
    amplitudes = [name for name in columns if "[" in name]
    assert list(columns) == [*row, *OUTCOME_COLUMNS, *amplitudes]
    assert amplitudes[:5] == [
        f"alpha[{m}][{s}]" for m, s in ((0, 1), (1, 0), (1, 2), (2, 1), (2, 3))
    ]
    assert len(amplitudes) == 2 * (1 + 2 + 2 + 3)
    assert {name: columns[name] for name in row} == row
    assert row == row_of(**SIE, x=9, y=5, note="mine", nterms=3)


# The original program's run


@pytest.fixture(scope="module")
def original():
    folder = FOLDER / "e2e"
    with np.load(folder / "images.npz") as archive:
        pictures = {key: archive[key] for key in archive.files}
    return read_rows(folder / "dataset.csv"), read_rows(folder / "roulette_peer.csv"), pictures


COMPAT = {"imagesize": 256, "cropsize": 160, "nterms": 5, "compat": True, "mask": "none"}
POINTS = [f"{name}{axis}" for name in ("lens", "centre", "releta", "xi") for axis in "XY"]


@pytest.mark.parametrize("number", range(6))
def test_the_pictures_and_numbers_of_the_original_program_are_reproduced(original, number):
    rows, published, pictures = original
    one = simulate_row(rows[number], {**COMPAT, "solver": "peer"})
    name = rows[number]["filename"].removesuffix(".png").replace("-", "_")
    np.testing.assert_array_equal(one.image, pictures[f"img_{name}"])
    assert one.image.dtype == np.uint8
    theirs = published[number]
    for column in (*POINTS, "offsetX"):  # its offsetY is wrong
        assert one.columns[column] == pytest.approx(float(theirs[column]), abs=1e-6)
    # the closed forms, and the descent that ends at steps of 0.02 px
    assert abs(one.columns["offsetY"]) < (1e-12 if rows[number]["lens"] != "SIE" else 0.02)
    found, expected = amplitudes_from(one.columns), amplitudes_from(theirs)
    assert np.abs(found - expected).max() < 1e-9


@pytest.mark.parametrize("number", [1, 2, 4])
def test_exact_positions_are_near_those_of_the_original_program(original, number):
    rows, published, _ = original
    one = simulate_row(rows[number], COMPAT)
    assert abs(complex_of(one.columns, "offset")) < 1e-10
    found, expected = amplitudes_from(one.columns), amplitudes_from(published[number])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    assert abs(complex_of(one.columns, "xi") - complex_of(published[number], "xi")) < 0.03


# The distance ratio


@pytest.mark.parametrize("kind", ["SIS", "PM", "SIE"])
def test_a_distance_ratio_is_a_smaller_lens_plane(kind):
    shape = {"ellipseratio": 0.6, "orientation": 25} if kind == "SIE" else {}
    lens_plane = row_of(lens=kind, einsteinradius=8, **shape, x=9, y=5, chi_percent=50)
    angular = row_of(lens=kind, einsteinradius=16, **shape, x=9, y=5)
    one, other = simulated(lens_plane, reference="centre"), simulated(angular, reference="centre")
    np.testing.assert_array_equal(one.image, other.image)
    for column in one.columns.keys() - lens_plane.keys():
        assert one.columns[column] == other.columns[column]


def test_a_distance_ratio_moves_the_members_of_a_cluster():
    lens_plane = row_of(lens="", cluster="SIS/0/4/6;SIE/-3/-4/5/0.7/20", x=9, y=5, chi_percent=50)
    angular = row_of(lens="", cluster="SIS/0/8/12;SIE/-6/-8/10/0.7/20", x=9, y=5)
    one, other = simulated(lens_plane), simulated(angular)
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_array_equal(one.amplitudes, other.amplitudes)


def test_a_column_chi_counts_as_the_settings_say():
    row = row_of(**SIE, x=9, y=5, chi=50)
    plain = row_of(**SIE, x=9, y=5)
    halved = row_of(**SIE, x=9, y=5, chi_percent=50)
    xi = {name: simulated(row, chi_column=name).xi for name in ("ignore", "percent")}
    xi["ratio"] = simulated({**row, "chi": 0.5}, chi_column="ratio").xi
    assert xi["ignore"] == simulated(plain).xi
    assert xi["percent"] == xi["ratio"] == simulated(halved).xi != xi["ignore"]


def test_amplitudes_of_the_lens_plane_are_scaled():
    row = row_of(**SIE, x=9, y=5, chi_percent=64)
    angular = simulated(row, reference="centre")
    plane = simulated(row, reference="centre", amplitude_units="lens")
    np.testing.assert_array_equal(angular.image, plane.image)
    np.testing.assert_array_equal(angular.amplitudes, plane.amplitudes)
    G, L = amplitudes_from(angular.columns), amplitudes_from(plane.columns)
    m = np.arange(len(G))[:, None]
    np.testing.assert_allclose(G, 0.64 ** (m - 1) * L, rtol=1e-14, atol=0)
    lengths = [name for name in OUTCOME_COLUMNS if name != "status"]
    for name in lengths:
        expected = 0.64 * angular.columns[name]
        assert plane.columns[name] == pytest.approx(expected, rel=1e-14, abs=1e-300)
    assert angular.r_conv == plane.r_conv


# What can become of a row


def test_a_source_out_of_sight_is_dark():
    one = simulated(DARK)
    assert one.status == one.columns["status"] == "dark"
    assert one.center == 0
    assert not one.image.any()


def test_a_ring_is_drawn_and_has_no_amplitudes():
    one = simulated(RING)
    assert one.status == "ring"
    assert one.image.max() > 200
    assert one.xi is one.reference is one.amplitudes is None
    empty = [name for name in OUTCOME_COLUMNS if one.columns[name] == ""]
    assert empty == ["offsetX", "offsetY", "xiX", "xiY", "refX", "refY", "r_conv", "trust_radius"]
    assert not any("[" in name for name in one.columns)


@pytest.mark.parametrize("reference", ["centre", [3.0, 4.0]])
def test_a_ring_has_no_amplitudes_about_other_points_either(reference):
    assert simulated(RING, reference=reference).status == "ring"
    assert simulated(RING, reference=reference).amplitudes is None


@pytest.mark.parametrize("model", ["Roulette", "RouletteExact"])
def test_a_series_shows_nothing_of_a_ring(model):
    one = simulated(row_of(lens="PM", model=model, x=0, y=0))
    assert not one.image.any()
    assert one.status == "dark"


@pytest.mark.parametrize("lens", [SIE, {"lens": "", "cluster": "SIS/0/6/8;SIS/0/-6/8"}])
def test_other_lenses_make_no_ring_of_a_source_at_the_origin(lens):
    one = simulated(row_of(**lens, x=0, y=0), centred=False)
    assert one.status == "ok"
    theta = one.xi
    assert abs(theta - lens_of(one.columns).deflection(theta)) < 1e-10


def test_a_reference_at_the_center_of_a_lens_has_no_series():
    one = simulated(row_of(x=9, y=5), reference=[0, 0])
    assert one.status == "reference-singular"
    assert one.reference is None
    assert one.columns["refX"] == one.columns["r_conv"] == ""
    assert one.image.max() > 200


def test_a_series_that_converges_hardly_anywhere_is_of_no_use():
    row = row_of(x=9, y=5)
    near = simulated(row, reference=[3, 4], min_convergence=5.1)
    assert near.status == "reference-singular"
    assert near.columns["r_conv"] == near.r_conv == 5
    assert simulated(row, reference=[3, 4], min_convergence=4.9).status == "ok"


def test_the_published_row_whose_light_lies_near_the_lens_is_of_no_use():
    """An image on either side of the lens: the center of light is near its singular center."""
    row = row_of(
        lens="SIE", einsteinradius=40, ellipseratio=0.6, orientation=30, chi_percent=50,
        x=25, y=15, sigma=8,
    )  # fmt: skip
    one = simulate_row(row, {"imagesize": 512, "reference": "centre"})
    assert one.status == "reference-singular"
    assert one.center == pytest.approx(1.035 + 0.509j, abs=1e-3)
    assert 0.5 * one.r_conv == pytest.approx(0.576, abs=1e-3)  # in the lens plane


def test_light_at_the_edge_is_told():
    one = simulated(AT_EDGE)
    assert one.status == "clipped-edge"
    assert one.amplitudes is not None
    assert simulated(row_of(x=9, y=5)).status == "ok"


@pytest.mark.parametrize("sampled", [True, False])
def test_a_position_beyond_the_grid_of_a_sampled_lens_fails_the_solver(sampled):
    row = row_of(x=60, y=0, einsteinradius=12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = simulated(row, sampled=sampled, centred=False)
    assert one.status == ("solver" if sampled else "clipped-edge")
    assert (one.xi is None) == sampled
    assert one.image.any()


EVERYTHING = {
    "ring": RING,
    "dark": DARK,
    "edge": AT_EDGE,
    "SIE": row_of(**SIE, x=9, y=5),
    "series": row_of(**ROULETTE_SIE, x=9, y=5),
    "point": row_of(lens="PM", model="RouletteExact", x=0, y=1e-9),
    "NFW": row_of(lens="NFW", kappa_s=0.4, r_s=20, x=3, y=2),
    "cluster": row_of(lens="", cluster="SIS/0/6/8;PM/0/-6/8", x=0, y=0),
    "sheared": row_of(x=0, y=0, shear1=0.1, shear2=-0.05),
    "triangle": row_of(**SIE, x=9, y=5, source="Triangle", sigma=9, theta=20),
    "cusp": row_of(**SIE, x=9, y=5, source="SersicSphere", n_sersic=6, luminosity=40),
    "on the lens": row_of(lens="PM", x=0, y=0, model="Roulette"),
    "order 0": row_of(**ROULETTE_SIE, nterms=0),
    "tiny": row_of(**{**ROULETTE_SIE, "einsteinradius": 1e-3}, nterms=20),
    "on a member": row_of(lens="", cluster="SIS/4/4/8;SIS/-9/0/5", x=4, y=4),
}


@pytest.mark.parametrize("settings", [
    {}, {"reference": "centre"}, {"reference": [0, 0]}, {"compat": True, "solver": "peer"},
    {"sampled": True, "mask": "disc"}, {"centred": False, "amplitude_units": "lens"},
])  # fmt: skip
@pytest.mark.parametrize("name", EVERYTHING)
@pytest.mark.filterwarnings("error::RuntimeWarning", "ignore:amplitudes of a sampled lens")
def test_no_picture_and_no_column_ever_holds_what_is_no_number(name, settings):
    one = simulated(EVERYTHING[name], **settings)
    assert np.isfinite(one.image).all()
    assert np.isfinite(one.original).all()
    numbers = [cell for cell in one.columns.values() if not isinstance(cell, str)]
    assert all(math.isfinite(number) for number in numbers)
    assert math.isfinite(one.r_conv)
    assert one.xi is None or np.isfinite(one.xi)


# Arguments


def test_rows_without_meaning_are_refused():
    with pytest.raises(LensError, match="lens 'SIA' is unknown, did you mean SI"):
        simulated(row_of(lens="SIA"))
    with pytest.raises(RowsError, match="sigma is missing"):
        simulated(row_of(sigma=""))
    with pytest.raises(RowsError, match="x is 'left', a finite number is expected"):
        simulated(row_of(x="left"))
    with pytest.raises(LensError, match="ratio"):
        simulated(row_of(**{**SIE, "ellipseratio": 1.2}))


def test_settings_without_meaning_are_refused():
    for settings, message in (
        ({"imagesise": 3}, "imagesise"),
        ({"supersample": 2}, "odd"),
        ({"mask": "circle"}, "mask"),
        ({"reference": "left"}, "reference"),
    ):
        with pytest.raises(ConfigError, match=message):
            simulate_row(row_of(), settings)


def test_text_in_cells_counts_like_numbers():
    row = row_of(**SIE, x=9, y=5)
    text = {column: str(cell) for column, cell in row.items()}
    assert simulated(text).columns["xiX"] == simulated(row).columns["xiX"]


def test_a_source_can_be_given_by_distance_and_direction():
    row = row_of(**SIE, x=10, phi=30)
    del row["y"]
    eta = simulated(row).eta
    assert eta == pytest.approx(10 * np.exp(1j * np.pi / 6), abs=1e-12)


def test_a_colored_source_makes_a_colored_picture():
    row = row_of(**SIE, x=9, y=5, source="Triangle", sigma=9, theta=20)
    one = simulated(row)
    assert one.image.shape == (128, 128, 3)
    source = make_source("Triangle", sigma=9, theta_deg=20)
    whole = render_raytrace(lens_of(row), source, 9 + 5j, 128, center=one.center)
    np.testing.assert_array_equal(one.image, whole)
