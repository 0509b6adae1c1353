"""Sizes, masks, gray levels and lenses of the pictures of rows."""

import numpy as np
import pytest
from lensing_reference import FOLDER
from lensing_samples import ROULETTE_SIE, SIE, SMALL, row_of, simulated

from simlab.core.hdf5 import create_hdf5
from simlab.core.random import generator
from simlab.lensing.clusters import make_cluster, parse_cluster
from simlab.lensing.errors import LensError, LensingWarning
from simlab.lensing.formulas import read_formulas
from simlab.lensing.geometry import pixel_grid
from simlab.lensing.lenses import make_lens
from simlab.lensing.observation import observe
from simlab.lensing.postprocess import center_of_light, crop
from simlab.lensing.render import render_raytrace
from simlab.lensing.rows import lens_of, source_of
from simlab.lensing.settings import Observation
from simlab.lensing.simulate import simulate_row

# Sizes


@pytest.mark.parametrize(
    ("size", "cropsize"), [(128, 64), (127, 64), (128, 63), (96, None), (64, 99)]
)
@pytest.mark.parametrize("model", ["Raytrace", "Roulette"])
@pytest.mark.parametrize("centred", [True, False])
def test_a_crop_is_the_middle_of_the_whole_picture(size, cropsize, model, centred):
    row = row_of(**SIE, model=model, x=9, y=5)
    settings = {"imagesize": size, "centred": centred}
    whole = simulated(row, **settings)
    part = simulated(row, **settings, cropsize=cropsize)
    expected = crop(whole.image, cropsize)
    assert part.image.shape == expected.shape
    np.testing.assert_allclose(part.image, expected, atol=2e-4)
    np.testing.assert_array_equal(part.original, whole.original)
    assert part.columns == whole.columns
    if model == "Roulette":
        np.testing.assert_array_equal(part.mask, crop(whole.mask, cropsize))


def test_compatible_crops_are_the_same_pixels():
    row = row_of(**SIE, x=9, y=5)
    whole = simulated(row, compat=True)
    part = simulated(row, compat=True, cropsize=77)
    np.testing.assert_array_equal(part.image, crop(whole.image, 77))


# Masks


def test_a_series_is_drawn_where_it_converges():
    row = row_of(**ROULETTE_SIE, x=9, y=5, sigma=9)
    one = simulated(row)
    zeta = pixel_grid(128) - (one.xi - one.center)
    np.testing.assert_array_equal(one.mask, lens_of(row).region(one.xi).contains(zeta / 0.9))
    assert not one.image[~one.mask].any()
    assert simulated(row, mask="none").image[~one.mask].any()
    assert simulated(row, mask="none").mask is None
    assert simulated(row, maskscale=0.5).mask.sum() < one.mask.sum() / 3


@pytest.mark.parametrize("model", ["Raytrace", "Roulette"])
def test_a_mask_can_be_a_disc(model):
    row = row_of(**SIE, model=model, x=9, y=5, sigma=9)
    one = simulated(row, mask="disc", maskscale=0.8)
    zeta = np.abs(pixel_grid(128) - (one.xi - one.center))
    np.testing.assert_array_equal(one.mask, zeta < 0.8 * abs(one.xi))
    one = simulated(row, mask="region", maskradius=7)
    zeta = np.abs(pixel_grid(128) - (one.xi - one.center))
    np.testing.assert_array_equal(one.mask, zeta <= 7)
    assert one.image[one.mask].any()
    assert not one.image[~one.mask].any()


@pytest.mark.parametrize("model", ["Raytrace", "Roulette"])
def test_a_radius_masks_nothing_where_no_mask_is_drawn(model):
    row = row_of(**SIE, model=model, x=9, y=5, sigma=9)
    one = simulated(row, mask="none", maskradius=7)
    np.testing.assert_array_equal(one.image, simulated(row, mask="none").image)
    assert one.mask is None


def test_a_sky_makes_no_row_clipped_and_no_dark_row_bright():
    observation = {"sky": 5, "centre_on": "observed"}
    bright = row_of(**SIE, x=9, y=5, sigma=3)
    assert simulated(bright).status == "ok"
    assert simulated(bright, observation=observation).status == "ok"
    dark = {**bright, "x": 4000}
    assert simulated(dark, observation=observation).status == "dark"


def test_a_ray_traced_picture_is_masked_on_request_only():
    row = row_of(**SIE, x=9, y=5, sigma=9)
    assert simulated(row).mask is None
    whole = simulated(row, centred=False).image
    one = simulated(row, mask="region", centred=False)
    np.testing.assert_array_equal(one.image, np.where(one.mask, whole, 0))


def test_compatible_series_are_not_masked_and_move_with_their_mask():
    row = row_of(**ROULETTE_SIE, x=9, y=5, sigma=9)
    assert simulated(row, compat=True).mask is None
    one = simulated(row, compat=True, mask="region")
    zeta = pixel_grid(128) - (one.xi - one.center)
    inside = lens_of(row).region(one.xi).contains(zeta / 0.9)
    assert (one.mask != inside).sum() < 0.05 * inside.sum()


def test_the_exact_series_of_a_point_mass_is_ray_tracing_inside_its_mask():
    cells = {"lens": "PM", "einsteinradius": 16, "x": 9, "y": 5}
    exact = simulated(row_of(**cells, model="RouletteExact"))
    traced = simulated(row_of(**cells), mask="region")
    np.testing.assert_array_equal(exact.original, traced.original)
    assert simulated(row_of(**cells, model="RouletteExact"), mask="none").mask is None
    series = simulated(row_of(**cells, model="Roulette", nterms=40), maskscale=0.5)
    exact = simulated(row_of(**cells, model="RouletteExact"), maskscale=0.5)
    assert np.abs(series.original - exact.original).max() < 1e-3


# Gray levels, sub-points, the telescope


def test_the_background_is_the_smallest_value():
    row = row_of(**SIE, x=9, y=5)
    plain, raised = simulated(row), simulated(row, bgcolour=12.5)
    np.testing.assert_array_equal(raised.image, np.maximum(plain.image, 12.5))
    assert raised.center == plain.center
    raised = simulated(row, bgcolour=12, compat=True)
    assert raised.image.dtype == np.uint8
    assert raised.image.min() == 12


def test_sub_points_are_averaged():
    row = row_of(**SIE, x=9, y=5, sigma=1.5)
    fine = simulated(row, supersample=3, centred=False)
    steps = np.arange(-1, 2) / 3
    lens, source = lens_of(row), source_of(row)
    parts = [
        render_raytrace(lens, source, 9 + 5j, 128, center=x + 1j * y) for x in steps for y in steps
    ]
    np.testing.assert_allclose(fine.image, np.mean(parts, axis=0, dtype=float), atol=2e-4)
    assert np.abs(fine.image - simulated(row, centred=False).image).max() > 1


NOISY = {"psf_fwhm": 3.0, "sky": 5.0, "gain": 2.0, "read_noise": 1.5}


def test_noise_belongs_to_the_seed_and_the_number_of_the_row():
    row = row_of(**SIE, x=9, y=5)
    settings = {**SMALL, "observation": NOISY, "seed": 3, "cropsize": 63}
    one = simulate_row(row, settings, number=4)
    clear = simulate_row(row, {**settings, "observation": {}, "cropsize": None}, number=4)
    stream = generator(3, "lensing.noise", 4)
    expected = observe(clear.image, Observation(**NOISY), stream)
    np.testing.assert_array_equal(one.image, crop(expected, 63))
    np.testing.assert_array_equal(one.image, simulate_row(row, settings, number=4).image)
    assert (one.image != simulate_row(row, settings, number=5).image).mean() > 0.9
    assert (one.image != simulate_row(row, {**settings, "seed": 4}, number=4).image).mean() > 0.9
    assert one.columns == clear.columns
    np.testing.assert_array_equal(one.original, clear.original)


def test_the_center_can_be_that_of_the_observed_picture():
    row = row_of(**SIE, x=9, y=5)
    settings = {"observation": {**NOISY, "centre_on": "observed"}, "seed": 3}
    one = simulated(row, **settings)
    seen = simulated(row, **settings, centred=False)
    assert one.center == center_of_light(seen.image)
    assert one.center != simulated(row).center
    assert one.center != simulate_row(row, {**SMALL, **settings}, number=2).center


def test_sky_and_blur_draw_nothing():
    row = row_of(**SIE, x=9, y=5)
    clear = simulated(row).image.astype(float)
    lit = simulated(row, observation={"sky": 7}).image
    np.testing.assert_array_equal(lit, (clear + 7).astype(np.float32))
    blurred = simulated(row, observation={"psf_fwhm": 4}).image
    assert blurred.sum(dtype=float) == pytest.approx(clear.sum(), rel=1e-4)
    assert blurred.max() < clear.max()


# Other lenses and amplitudes


def test_a_sampled_lens_is_near_the_analytic_one():
    row = row_of(**SIE, x=9, y=5, sigma=5, nterms=4)
    sampled, analytic = simulated(row, sampled=True), simulated(row)
    assert abs(sampled.xi - analytic.xi) < 0.01
    assert np.abs(sampled.image - analytic.image).mean() < 0.5
    assert np.abs(sampled.image - analytic.image).max() > 0
    scale = np.abs(analytic.amplitudes[:3]).max(1, keepdims=True)
    assert np.abs((sampled.amplitudes - analytic.amplitudes)[:3] / scale).max() < 0.05


def test_high_orders_of_a_sampled_lens_are_doubted():
    with pytest.warns(LensingWarning, match="noise beyond 6"):
        simulated(row_of(**SIE, x=9, y=5, nterms=7), sampled=True)


@pytest.mark.parametrize("name", ["map.npy", "map.h5"])
def test_a_map_of_the_potential_is_a_lens(tmp_path, name):
    lens = parse_cluster("SIS/0/6/9;SIS/0/-6/9")
    psi = lens.potential_map(128)
    if name.endswith("npy"):
        np.save(tmp_path / name, psi)
    else:
        with create_hdf5(tmp_path / name) as file:
            file.create_dataset("potential", data=psi)
    given = simulate_row(row_of(lens=name, x=9, y=5, sigma=5), SMALL, folder=tmp_path)
    named = simulated(
        row_of(lens="", cluster="SIS/0/6/9;SIS/0/-6/9", x=9, y=5, sigma=5), sampled=True
    )
    np.testing.assert_array_equal(given.image, named.image)
    assert given.xi == named.xi
    analytic = make_cluster(lens.constituents)
    assert abs(given.xi - 9 - 5j - analytic.deflection(given.xi)) < 0.05


def test_formulas_stand_in_for_the_closed_forms():
    formulas = read_formulas(FOLDER / "amplitude_files" / "sis08.txt")
    row = row_of(model="Roulette", x=9, y=5, nterms=8, sigma=6)
    given = simulate_row(row, {"imagesize": 128}, formulas=formulas)
    closed = simulate_row(row, {"imagesize": 128})
    scale = np.abs(closed.amplitudes).max(1, keepdims=True)
    assert (np.abs(given.amplitudes - closed.amplitudes) / scale).max() < 1e-12
    assert np.abs(given.image - closed.image).max() < 1e-3
    with pytest.raises(LensError, match="8"):
        simulate_row({**row, "nterms": 9}, {"imagesize": 128}, formulas=formulas)


def test_formulas_are_not_compared_with_the_lens():
    """Those of point masses make a point mass of an SIS."""
    formulas = read_formulas(FOLDER / "amplitude_files" / "pm06.txt")
    given = simulate_row(row_of(x=9, y=5, nterms=6), SMALL, formulas=formulas)
    mass = make_lens("PM", einstein_radius=16)
    expected = mass.amplitudes(given.xi, 6)
    np.testing.assert_allclose(given.amplitudes, expected, rtol=1e-12, atol=1e-15)
    with pytest.raises(LensError, match="lens SIE: by their variables"):
        simulate_row(row_of(**SIE, nterms=6), SMALL, formulas=formulas)
