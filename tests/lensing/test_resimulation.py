"""Pictures drawn again from the amplitudes of a table alone."""

import numpy as np
import pytest
from lensing_reference import FOLDER
from lensing_samples import SIE, complex_of, row_of

from simlab.core.errors import SimlabError
from simlab.lensing.errors import LensError, RowsError
from simlab.lensing.files.tables import read_table, write_table
from simlab.lensing.geometry import pixel_grid
from simlab.lensing.postprocess import crop, translate
from simlab.lensing.regeneration import read_amplitude_rows
from simlab.lensing.render import render_roulette
from simlab.lensing.resimulation import recovered, resimulate_row
from simlab.lensing.roulette import amplitudes_from, estimated_radius
from simlab.lensing.settings import as_settings
from simlab.lensing.simulate import simulate_row
from simlab.lensing.sources import make_source

SMALL = {"imagesize": 96, "nterms": 6, "mask": "none"}
ROWS = {
    "SIS": row_of(model="Roulette", einsteinradius=12),
    "PM": row_of(model="Roulette", lens="PM", einsteinradius=12),
    "SIE": row_of(**SIE, model="Roulette"),
    "Sersic": row_of(
        **SIE, model="Roulette", source="SersicEllipsoid", sigma2=7, theta=20, n_sersic=2
    ),
    "cluster": row_of(lens="", cluster="SIS/0/6/9;SIE/2/-6/8/0.7/20", model="Roulette"),
    "halo": row_of(lens="NFW", kappa_s=0.4, r_s=20, model="Roulette"),
    "triangle": row_of(**SIE, model="Roulette", source="Triangle", sigma=9, theta=20),
}


def through_a_file(folder, *simulations):
    """The columns of simulations after a table was written and read."""
    columns = list({name: None for one in simulations for name in one.columns})
    write_table(folder / "roulette.csv", columns, [one.columns for one in simulations])
    return read_table(folder / "roulette.csv")[1]


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("settings", [
    {}, {"cropsize": 64}, {"cropsize": 63}, {"imagesize": 95, "cropsize": 64}, {"imagesize": 95},
    {"centred": False}, {"centred": False, "cropsize": 63},
    {"centred": False, "imagesize": 95, "cropsize": 64}, {"supersample": 3, "cropsize": 63},
])  # fmt: skip
def test_amplitudes_draw_the_roulette_picture_bit_for_bit(tmp_path, name, settings):
    settings = {**SMALL, **settings}
    one = simulate_row(ROWS[name], settings)
    (row,) = through_a_file(tmp_path, one)
    again = resimulate_row(row, settings)
    np.testing.assert_array_equal(again, one.image)
    assert again.dtype == one.image.dtype
    assert one.image.max() > 50


@pytest.mark.parametrize("order", [0, 1, 2, 5, 16, 50, 54, 55, 80, 200])
def test_any_order_draws_the_same_bits(tmp_path, order):
    settings = {**SMALL, "nterms": order, "mask": "disc", "maskradius": 5.0}
    one = simulate_row(ROWS["SIE"], settings)
    (row,) = through_a_file(tmp_path, one)
    np.testing.assert_array_equal(resimulate_row(row, settings), one.image)


def test_orders_may_differ_within_a_table(tmp_path):
    rows = [{**ROWS["SIE"], "nterms": order} for order in (3, 8, 1)]
    simulations = [simulate_row(row, SMALL) for row in rows]
    for row, one in zip(through_a_file(tmp_path, *simulations), simulations, strict=True):
        np.testing.assert_array_equal(resimulate_row(row, SMALL), one.image)


@pytest.mark.parametrize("sampling", ["bilinear", "floor"])
@pytest.mark.parametrize("centred", [True, False])
def test_raster_sampling_draws_the_same_bits(tmp_path, sampling, centred):
    settings = {**SMALL, "sampling": sampling, "cropsize": 63, "centred": centred}
    one = simulate_row(ROWS["SIE"], settings)
    (row,) = through_a_file(tmp_path, one)
    again = resimulate_row(row, settings)
    assert again.dtype == one.image.dtype
    if not centred:
        np.testing.assert_array_equal(again, one.image)
    else:  # that picture was moved by interpolation, this one is drawn where it belongs
        assert np.abs(again.astype(float) - one.image).mean() < 3


@pytest.mark.parametrize("chi_percent", [100, 50, 64])
def test_amplitudes_of_the_lens_plane_are_understood(tmp_path, chi_percent):
    settings = {**SMALL, "amplitude_units": "lens"}
    one = simulate_row({**ROWS["SIE"], "chi_percent": chi_percent}, settings)
    (row,) = through_a_file(tmp_path, one)
    again = resimulate_row(row, settings)
    np.testing.assert_allclose(again, one.image, atol=1e-3)
    wrong = resimulate_row(row, {**settings, "amplitude_units": "angular"})
    assert (np.abs(wrong - one.image).max() > 5) == (chi_percent != 100)


@pytest.mark.parametrize("reference", ["centre", [20.0, 7.0]])
def test_a_series_about_any_point_shows_the_ray_traced_picture_near_it(tmp_path, reference):
    settings = {**SMALL, "reference": reference, "nterms": 30}
    one = simulate_row(row_of(**SIE), settings)
    (row,) = through_a_file(tmp_path, one)
    again = resimulate_row(row, settings)
    near = np.abs(pixel_grid(96) - complex_of(row, "xi")) < 0.5 * float(row["r_conv"])
    assert near.sum() > 100
    assert np.abs(again - one.image)[near].max() < 0.01
    assert one.image[near].max() > 20
    # without the offset the source would be elsewhere
    wrong = resimulate_row({**row, "offsetX": "0", "offsetY": "0"}, settings)
    assert np.abs(wrong - one.image)[near].max() > 10


@pytest.fixture
def row(tmp_path):
    """A row about the center of light; a reference in the frame, but not at its origin."""
    one = simulate_row(ROWS["SIE"], {**SMALL, "nterms": 8})
    return through_a_file(tmp_path, one)[0]


def drawn(row, xi, size=96, **how):
    source = make_source("Spherical", sigma=4)
    offset = complex_of(row, "offset")
    return render_roulette(amplitudes_from(row), source, xi, size, offset=offset, **how)


def test_modes_of_drawing(row):
    xi = complex_of(row, "xi")
    assert abs(xi) > 1
    assert_same = np.testing.assert_array_equal
    assert_same(resimulate_row(row, SMALL), drawn(row, xi))
    assert_same(resimulate_row(row, SMALL, drawmode="centre"), drawn(row, 0j))
    assert_same(resimulate_row(row, SMALL, drawmode="origin"), translate(drawn(row, 0j), -xi))
    small = {**SMALL, "cropsize": 40}
    assert_same(resimulate_row(row, small, drawmode="centre"), crop(drawn(row, 0j), 40))
    moved = resimulate_row(row, small, drawmode="origin")
    assert_same(moved, crop(translate(drawn(row, 0j), -xi), 40))
    assert np.abs(moved - resimulate_row(row, small)).mean() < 2
    with pytest.raises(LensError, match="drawmode is 'xy', expected xi, centre, origin"):
        resimulate_row(row, SMALL, drawmode="xy")


def test_the_order_can_be_cut_and_missing_amplitudes_are_0(row):
    xi = complex_of(row, "xi")
    G = amplitudes_from(row)
    cut = render_roulette(G[:4, :5], make_source("Spherical", sigma=4), xi, 96)
    offset_free = {**row, "offsetX": "0", "offsetY": "0"}
    np.testing.assert_array_equal(resimulate_row(offset_free, SMALL, order=3), cut)
    few = {name: cell for name, cell in offset_free.items() if not name.startswith("beta[2]")}
    few["alpha[3][0]"] = ""
    G = G[:4, :5].copy()
    G[2] = G[2].real
    G[3, 0] = G[3, 0].imag * 1j
    expected = render_roulette(G, make_source("Spherical", sigma=4), xi, 96)
    np.testing.assert_array_equal(resimulate_row(few, SMALL, order=3), expected)
    more = resimulate_row(row, SMALL, order=150)
    np.testing.assert_allclose(more, resimulate_row(row, SMALL), atol=1e-3)


def test_columns_may_be_written_with_a_comma(row):
    comma = {name.replace("][", ","): cell for name, cell in row.items()}
    assert comma.keys() != row.keys()
    np.testing.assert_array_equal(resimulate_row(comma, SMALL), resimulate_row(row, SMALL))


def test_the_source_position_needs_no_lens(row):
    found = recovered(row, as_settings(SMALL))
    assert found.eta == pytest.approx(complex_of(row, "releta"), abs=1e-10)


def test_masks_without_a_lens(row):
    xi = complex_of(row, "xi")
    zeta = np.abs(pixel_grid(96) - xi)
    whole = resimulate_row(row, SMALL)
    radius = 0.9 * estimated_radius(amplitudes_from(row))
    masks = {
        "region": ({"mask": "region"}, zeta < radius),
        "smaller": ({"mask": "region", "maskscale": 0.5}, zeta < radius / 0.9 * 0.5),
        "disc": ({"mask": "disc"}, zeta < 0.9 * abs(complex_of(row, "ref"))),
        "radius": ({"mask": None, "maskradius": 6}, zeta <= 6),
        "radius, no mask": ({"maskradius": 6}, zeta >= 0),
        "none": ({}, zeta >= 0),
        "default": ({"mask": None}, zeta >= 0),
    }
    for settings, inside in masks.values():
        image = resimulate_row(row, {**SMALL, **settings})
        np.testing.assert_array_equal(image, np.where(inside, whole, 0))
    assert 0 < (zeta < radius).sum() < zeta.size


@pytest.mark.parametrize("units", ["angular", "lens"])
def test_a_disc_reaches_to_the_origin_of_the_frame_before_centering(tmp_path, units):
    settings = {**SMALL, "mask": "disc", "amplitude_units": units}
    one = simulate_row({**ROWS["SIE"], "chi_percent": 50 if units == "lens" else 100}, settings)
    (row,) = through_a_file(tmp_path, one)
    again = resimulate_row(row, settings)
    assert (again != one.image).mean() < 1e-3
    zeta = np.abs(pixel_grid(96) - (one.xi - one.center))
    assert not again[zeta > 0.9 * abs(one.xi) + 1].any()
    assert again[(zeta < 0.9 * abs(one.xi)) & (zeta > abs(one.xi - one.center))].any()


def test_a_row_without_amplitudes_is_black(tmp_path):
    one = simulate_row(row_of(x=0, y=0), SMALL)
    (row,) = through_a_file(tmp_path, one, simulate_row(row_of(), SMALL))[:1]
    for settings, shape in (({}, (96, 96)), ({"cropsize": 63}, (63, 63))):
        image = resimulate_row(row, {**SMALL, **settings})
        assert image.shape == shape
        assert not image.any()


def test_the_background_is_the_smallest_value(row):
    image = resimulate_row(row, {**SMALL, "bgcolour": 9})
    np.testing.assert_array_equal(image, np.maximum(resimulate_row(row, SMALL), 9))


@pytest.mark.parametrize("changes", [
    {"xiX": "left"}, {"alpha[1][0]": "much"}, {"alpha[1][0]": "nan"}, {"sigma": "-1"},
    {"alpha[2][2]": "1"}, {"source": "Sphere"}, {"xiX": "inf"}, {"offsetX": "nan"},
])  # fmt: skip
def test_cells_without_meaning_are_refused(row, changes):
    ((column, cell),) = changes.items()
    with pytest.raises(SimlabError) as raised:
        resimulate_row({**row, **changes}, SMALL)
    assert column in str(raised.value) or cell in str(raised.value)
    assert "\n" not in str(raised.value)


# Tables of the original program


ORIGINAL = FOLDER / "e2e" / "roulette_peer.csv"
COMPAT = {"imagesize": 256, "cropsize": 160, "compat": True}


@pytest.mark.parametrize("number", range(6))
def test_re_simulations_of_the_original_program_are_reproduced(number):
    row = read_table(ORIGINAL)[1][number]
    name = row["filename"].removesuffix(".png").replace("-", "_")
    with np.load(FOLDER / "e2e" / "images.npz") as pictures:
        np.testing.assert_array_equal(resimulate_row(row, COMPAT), pictures[f"resim_{name}"])


def test_offsets_of_the_original_program_are_taken_as_0_with_a_notice():
    with pytest.warns(UserWarning, match="no columns refX, refY: the offsets") as caught:
        rows = read_amplitude_rows(ORIGINAL, as_settings(COMPAT), {})
    assert len(caught) == 1
    assert float(rows[2]["offsetY"]) < -40
    assert recovered(rows[2], as_settings(COMPAT)).offset == 0


def test_a_table_without_amplitudes_names_the_command_that_makes_them(tmp_path):
    write_table(tmp_path / "rows.csv", list(row_of()), [row_of()])
    with pytest.raises(RowsError, match=r"simlab lensing datagen --csvfile .*rows\.csv --outfile"):
        read_amplitude_rows(tmp_path / "rows.csv", as_settings(SMALL), {})
