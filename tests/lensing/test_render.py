import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from lensing_pictures import amplitudes_of, entries, lens_of, pictures, source_of

from simlab.lensing.clusters import make_cluster
from simlab.lensing.errors import LensError, LensingConfigError, RowsError
from simlab.lensing.files.pictures import write_png
from simlab.lensing.geometry import column_abscissas, pixel_grid, row_ordinates
from simlab.lensing.kernels import rays
from simlab.lensing.kernels.render import map_grid
from simlab.lensing.lenses import make_lens
from simlab.lensing.postprocess import center_of_light
from simlab.lensing.region import Region, disc
from simlab.lensing.render import (
    actual_image,
    black_image,
    region_mask,
    render_raytrace,
    render_roulette,
)
from simlab.lensing.roulette import roulette_map, roulette_polynomial
from simlab.lensing.sampled import sampled_lens
from simlab.lensing.solver import apparent_position
from simlab.lensing.sources import make_constellation, make_source

SIZE = 96
SIE = make_lens("SIE", einstein_radius=20, ratio=0.6, orientation_deg=35)
RAYS = [entry["index"] for entry in entries("images_ray")]
SERIES = [entry["index"] for entry in entries("images_roulette")]
LENSES = {
    "SIS": make_lens("SIS", einstein_radius=20, x=3.25, y=-2),
    "PM": make_lens("PM", einstein_radius=20),
    "SIE": SIE,
    "flat SIE": make_lens("SIE", einstein_radius=25, ratio=0.02, orientation_deg=75),
    "round SIE": make_lens("SIE", einstein_radius=25, ratio=1 - 1e-9, orientation_deg=75),
    "shear": make_lens("Shear", kappa0=0.2, gamma1=0.1, gamma2=-0.3),
    "NFW": make_lens("NFW", kappa_s=0.3, scale_radius=15),
    "wide NFW": make_lens("NFW", kappa_s=0.1, scale_radius=900, x=0.25),
    "cluster": make_cluster([SIE, make_lens("SIS", einstein_radius=9, x=20, y=-7)]),
}


def unequal(found, expected):
    """Fraction of pixels that differ."""
    return np.mean(np.any(np.atleast_3d(found != expected), axis=2))


@pytest.mark.parametrize("index", RAYS)
def test_rays_are_traced_as_in_the_original_program(index):
    entry = entries("images_ray")[index]
    lens, size = lens_of(entry), entry["size"]
    if entry["sampled"]:
        lens = sampled_lens(lens, size, "nearest")
    source, eta = source_of(entry), complex(*entry["eta"])
    image = render_raytrace(lens, source, eta, size, sampling="floor")
    assert image.dtype == np.uint8
    assert unequal(image, pictures("images_ray")[f"image_{index:02d}"]) <= 5e-4


@pytest.mark.parametrize("index", SERIES)
def test_series_are_drawn_as_in_the_original_program(index):
    entry = entries("images_roulette")[index]
    xi = complex(*entry["nu_peer"])
    radius = abs(xi) if entry["mask"] else None
    image = render_roulette(
        amplitudes_of(entry),
        source_of(entry),
        xi,
        entry["size"],
        sampling="floor",
        mask_radius=radius,
    )
    assert unequal(image, pictures("images_roulette")[f"image_{index:02d}"]) <= 5e-4


@pytest.mark.parametrize("name", LENSES)
def test_rows_of_rays_follow_the_lens_equation(name):
    lens, size = LENSES[name], 64
    bx, by = np.empty((size, size)), np.empty((size, size))
    rays.trace(lens.members, column_abscissas(size), row_ordinates(size), bx, by)
    grid = pixel_grid(size)
    defined = np.isfinite(bx + by)
    expected = grid - lens.deflection(grid)
    assert np.abs(bx + 1j * by - expected)[defined].max() < 1e-10
    singular = [complex(*row[1:3]) for row in lens.members if row[0] <= 2]
    assert np.isin(grid[~defined], singular).all()
    assert (~defined).sum() == np.isin(singular, grid).sum()


@pytest.mark.parametrize("name", LENSES)
def test_pictures_show_the_surface_brightness_of_the_source_plane(name):
    lens, eta = LENSES[name], 6 - 3.5j
    source = make_source("SersicEllipsoid", sigma=4, sigma2=7, theta_deg=20, n_sersic=1.5)
    image = render_raytrace(lens, source, eta, SIZE, center=0.3 + 0.2j)
    points = pixel_grid(SIZE) + (0.3 + 0.2j)
    expected = source.intensity(points - lens.deflection(points) - eta)
    assert image.dtype == np.float32
    assert image == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("order", [0, 1, 5, 16, 60, 61, 90])
def test_roulette_pictures_show_the_source_at_the_mapped_points(order):
    source, xi, offset = make_source("s", sigma=5), 22 + 13j, 0.7 - 1.1j
    G, region = SIE.amplitudes(xi, order), SIE.region(xi)
    image = render_roulette(G, source, xi, SIZE, offset=offset, region=region, center=1 + 2j)
    zeta = pixel_grid(SIZE) + (1 + 2j) - xi
    inside = region.contains(zeta / 0.9)
    expected = np.where(inside, source.intensity(roulette_map(G, zeta) + offset), 0)
    assert image == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert inside.sum() > 500


def test_the_series_about_an_apparent_position_is_the_ray_traced_picture_near_it():
    source, eta = make_source("s", sigma=4), 9 + 6j
    xi = apparent_position(SIE, eta)
    traced = render_raytrace(SIE, source, eta, SIZE)
    series = render_roulette(
        SIE.amplitudes(xi, 40), source, xi, SIZE, region=SIE.region(xi), mask_scale=0.6
    )
    mask = region_mask(xi, SIZE, region=SIE.region(xi), mask_scale=0.6)
    assert not series[~mask].any()
    assert np.abs(series - traced)[mask].max() < 1e-3
    assert traced[mask].max() > 200


def test_the_bits_of_a_series_do_not_depend_on_what_is_drawn_around_it():
    source, xi, order = make_source("SersicSphere", sigma=5), 22 + 13j, 24
    G = SIE.amplitudes(xi, order)
    whole = render_roulette(G, source, xi, SIZE)
    mask = region_mask(xi, SIZE, mask_radius=17.3)
    part = render_roulette(G, source, xi, SIZE, mask_radius=17.3)
    assert (part[mask] == whole[mask]).all()
    assert not part[~mask].any()
    larger = render_roulette(G, source, xi, SIZE + 64)
    assert (larger[32:-32, 32:-32] == whole).all()


@pytest.mark.parametrize("order", [7, 40])
def test_the_bits_of_a_series_do_not_depend_on_its_unit(order):
    xs, ys = column_abscissas(SIZE) - 0.3, row_ordinates(SIZE) + 0.7
    G, found = SIE.amplitudes(22 + 13j, order), set()
    for exponent in (3, 5, 8):
        bx, by = np.empty((SIZE, SIZE)), np.empty((SIZE, SIZE))
        c_1, c_2 = roulette_polynomial(G, 2.0**exponent)
        map_grid(c_1, c_2, np.zeros((0, 0), complex), exponent, xs, ys, bx, by)
        found.add(bx.tobytes() + by.tobytes())
    assert len(found) == 1


def test_the_bits_of_a_ray_traced_picture_do_not_depend_on_its_size():
    source, eta = make_source("SersicSphere", sigma=5), 3 + 4j
    small = render_raytrace(SIE, source, eta, 33 + 1)
    large = render_raytrace(SIE, source, eta, SIZE)
    assert (large[31:-31, 31:-31] == small).all()


def test_the_bits_of_pictures_do_not_depend_on_threads():
    source, etas = make_source("SersicSphere", sigma=5), [k - 2j for k in range(8)]
    alone = [render_raytrace(SIE, source, eta, SIZE) for eta in etas]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda eta: render_raytrace(SIE, source, eta, SIZE), etas))
    assert all((a == b).all() for a, b in zip(alone, together, strict=True))


def test_a_buffer_is_written_and_returned():
    out = np.full((SIZE, SIZE), np.nan, np.float32)
    source = make_source("s", sigma=5)
    assert render_raytrace(SIE, source, 3j, SIZE, out=out) is out
    assert (out == render_raytrace(SIE, source, 3j, SIZE)).all()


@pytest.mark.parametrize("radius", [3.0, 17.5, 1000.0])
def test_discs_hold_their_edge(radius):
    xi = 4.5 - 2.5j
    mask = region_mask(xi, 64, mask_radius=radius)
    assert (mask == (np.abs(pixel_grid(64) - xi) <= radius)).all()


def test_regions_hold_what_they_contain():
    rng = np.random.default_rng(6)
    for _ in range(40):
        xi = complex(*rng.uniform(-60, 60, 2))
        a, c, r2 = rng.uniform(0.1, 2, 3) * [1, 1, 900]
        b = rng.uniform(-0.9, 0.9) * math.sqrt(a * c)
        region = Region(np.vstack([[a, b, c, r2], disc(rng.uniform(1, 60)).forms]))
        mask = region_mask(xi, 64, region=region, mask_scale=0.8)
        assert (mask == region.contains((pixel_grid(64) - xi) / 0.8)).all()


def test_without_a_mask_all_pixels_are_drawn():
    assert region_mask(3j, 16).all()
    assert region_mask(3j, 16, region=Region(np.zeros((0, 4)))).all()


@pytest.mark.parametrize("kind", ["SIS", "PM", "SIE"])
def test_the_center_of_a_singular_lens_is_black(kind):
    lens = make_lens(kind, einstein_radius=5, ratio=0.5 if kind == "SIE" else None)
    image = render_raytrace(lens, make_source("s", sigma=50), 0j, 32)
    assert image[16, 16] == 0
    assert (image == 0).sum() == 1
    assert np.isfinite(render_raytrace(lens, make_source("t", sigma=9), 0j, 32)).all()


@pytest.mark.parametrize("supersample", [3, 5])
@pytest.mark.parametrize("kind", ["Spherical", "Triangle"])
def test_supersampled_pixels_are_means_of_sub_points(kind, supersample):
    source, eta = make_source(kind, sigma=6), 3 - 4j
    found = render_raytrace(SIE, source, eta, 40, supersample=supersample)
    steps = (np.arange(supersample) - (supersample - 1) / 2) / supersample
    expected = np.mean(
        [render_raytrace(SIE, source, eta, 40, center=complex(x, y)) for x in steps for y in steps],
        axis=0,
    )
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_a_supersampled_series_is_the_mean_of_sub_points():
    source, xi = make_source("s", sigma=6), 22 + 13j
    G = SIE.amplitudes(xi, 8)
    found = render_roulette(G, source, xi, 40, supersample=3)
    expected = np.mean(
        [
            render_roulette(G, source, xi, 40, center=complex(x, y) / 3)
            for x in (-1, 0, 1)
            for y in (-1, 0, 1)
        ],
        axis=0,
    )
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_bilinear_sampling_is_close_to_the_source_itself():
    source, eta = make_source("s", sigma=9), 3 - 4j
    exact = render_raytrace(SIE, source, eta, SIZE)
    sampled = render_raytrace(SIE, source, eta, SIZE, sampling="bilinear")
    assert sampled.dtype == np.float32
    assert 0 < np.abs(exact - sampled).max() < 255 / 81 / 4


def test_colored_sources_keep_their_colors():
    parts = [(make_source("t", sigma=15), 0), (make_source("s", sigma=4), 3j)]
    source = make_constellation(parts)
    image = render_raytrace(SIE, source, 5 + 2j, SIZE)
    assert image.shape == (SIZE, SIZE, 3)
    points = pixel_grid(SIZE)
    points[SIZE // 2, SIZE // 2] = np.nan
    expected = source.intensity(points - SIE.deflection(np.nan_to_num(points)) - (5 + 2j))
    assert image == pytest.approx(expected, rel=1e-5, abs=1e-4)
    masked = render_roulette(SIE.amplitudes(20j, 5), source, 20j, SIZE, mask_radius=9)
    assert not masked[~region_mask(20j, SIZE, mask_radius=9)].any()
    assert masked.any()


def test_the_actual_source_lies_at_its_position():
    source, eta = make_source("e", sigma=6, sigma2=3, theta_deg=25), 12.25 - 7j
    image = actual_image(source, eta, SIZE)
    assert image == pytest.approx(source.intensity(pixel_grid(SIZE) - eta), rel=1e-6, abs=1e-9)
    assert center_of_light(image) == pytest.approx(eta, abs=1e-6)
    assert center_of_light(actual_image(source, eta, SIZE, center=eta)) == pytest.approx(0)
    floor = actual_image(source, eta, SIZE, "floor")
    assert floor.dtype == np.uint8
    assert center_of_light(floor) == pytest.approx(eta, abs=0.02)


def test_black_pictures_have_the_shape_of_drawn_ones():
    gray, colored = make_source("s", sigma=3), make_source("t", sigma=3)
    for source, sampling in [(gray, "analytic"), (colored, "bilinear"), (colored, "floor")]:
        drawn = render_raytrace(SIE, source, 2j, 24, sampling=sampling)
        black = black_image(source, 24, sampling)
        assert black.shape == drawn.shape
        assert black.dtype == drawn.dtype
        assert not black.any()


@pytest.mark.parametrize("index", range(len(entries("recovery"))))
def test_centers_of_light_of_pictures_are_the_reference_ones(index):
    entry = entries("recovery")[index]
    lens, eta = lens_of(entry), complex(*entry["eta"])
    source, expected = source_of(entry), complex(*entry["centre"])
    image = render_raytrace(lens, source, eta, entry["size"])
    assert center_of_light(image) == pytest.approx(expected, abs=2e-4)
    points = pixel_grid(entry["size"])
    points[256, 256] = np.nan
    exact = source.intensity(points - lens.deflection(np.nan_to_num(points)) - eta)
    assert center_of_light(exact) == pytest.approx(expected, abs=1e-6)
    again = render_raytrace(lens, source, eta, entry["size"], center=center_of_light(image))
    assert abs(center_of_light(again)) < 0.05


@pytest.mark.parametrize("kind", ["SIS", "PM"])
def test_the_flux_is_that_of_the_source_times_the_magnifications(kind):
    g, eta, sigma = 20, 12 + 5j, 0.8
    image = render_raytrace(
        make_lens(kind, einstein_radius=g), make_source("s", sigma=sigma), eta, SIZE, supersample=7
    )
    u = abs(eta) / g
    magnification = 2 / u if kind == "SIS" else (u**2 + 2) / (u * math.sqrt(u**2 + 4))
    assert image.sum() == pytest.approx(255 * 2 * math.pi * sigma**2 * magnification, rel=0.01)


@pytest.mark.parametrize("kind", ["SersicEllipsoid", "Ellipsoid"])
def test_no_pixel_is_brighter_than_the_source(kind):
    source = make_source(kind, sigma=6, sigma2=3, n_sersic=1, luminosity=1)
    assert render_raytrace(SIE, source, 2j, SIZE).max() <= source.intensity(0j) * (1 + 1e-6)


def test_pixels_beyond_the_grid_of_a_sampled_lens_are_black():
    lens, source = sampled_lens(SIE, 64), make_source("s", sigma=40)
    image = render_raytrace(lens, source, 2j, SIZE)
    grid = pixel_grid(SIZE)
    assert ((image > 0) == lens.covers(grid)).all()
    inside = np.abs(grid.real) + np.abs(grid.imag) < 30
    inside &= np.abs(grid) > 4
    exact = render_raytrace(SIE, source, 2j, SIZE)
    assert image[inside] == pytest.approx(exact[inside], rel=0.05)


def test_turned_lenses_and_sources_give_turned_pictures():
    def picture(angle):
        lens = make_lens("SIE", einstein_radius=15, ratio=0.5, orientation_deg=20 + angle)
        source = make_source("e", sigma=5, sigma2=2, theta_deg=50 + angle)
        return render_raytrace(lens, source, (6 + 3j) * np.exp(1j * np.radians(angle)), 65)

    straight, quarter = picture(0), picture(90)
    turned = pixel_grid(65) * 1j
    rows = np.rint(65 / 2 - turned.imag).astype(int)
    columns = np.rint(turned.real + 65 / 2).astype(int)
    inside = (rows < 65) & (columns < 65)
    assert inside.mean() > 0.95
    found = quarter[rows[inside], columns[inside]]
    assert found == pytest.approx(straight[inside], rel=1e-5, abs=1e-5)


def test_mirrored_lenses_and_sources_give_mirrored_pictures():
    def picture(sign):
        lens = make_lens("SIE", einstein_radius=15, ratio=0.5, orientation_deg=20 * sign)
        source = make_source("e", sigma=5, sigma2=2, theta_deg=50 * sign)
        return render_raytrace(lens, source, complex(6, 3 * sign), 64)

    assert picture(1)[1:] == pytest.approx(picture(-1)[:0:-1], rel=1e-5, abs=1e-5)


def test_pictures_larger_than_the_image_are_refused(tmp_path):
    write_png(tmp_path / "galaxy.png", np.zeros((30, 10), np.uint8))
    source = make_source("Image", path=tmp_path / "galaxy.png")
    with pytest.raises(RowsError, match="at most 24 x 24"):
        render_raytrace(SIE, source, 2j, 24)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"sampling": "cubic"}, "sampling is 'cubic', expected analytic, bilinear, floor"),
        ({"supersample": 2}, "supersample is 2, an odd number"),
        ({"supersample": 3, "sampling": "floor"}, "floor sampling has no sub-points"),
    ],
)
def test_samplings_without_meaning_are_refused(keywords, message):
    with pytest.raises(LensingConfigError, match=message):
        render_raytrace(SIE, make_source("s", sigma=3), 2j, 24, **keywords)


def test_points_and_amplitudes_without_meaning_are_refused():
    source, G = make_source("s", sigma=3), SIE.amplitudes(20j, 3)
    with pytest.raises(LensError, match=r"eta is \(nan, 0\.0\)"):
        render_raytrace(SIE, source, complex(math.nan, 0), 24)
    with pytest.raises(LensError, match=r"xi is \(inf"):
        render_roulette(G, source, complex(math.inf, 0), 24)
    with pytest.raises(LensError, match="amplitudes"):
        render_roulette(G * math.nan, source, 20j, 24)
    with pytest.raises(LensingConfigError, match="mask_scale is 0"):
        region_mask(20j, 24, region=SIE.region(20j), mask_scale=0)


@pytest.mark.parametrize("size", [0, -4])
def test_pictures_without_pixels_are_refused(size):
    source = make_source("Spherical", sigma=4)
    for draw in (
        lambda: render_raytrace(SIE, source, 5 + 1j, size),
        lambda: render_roulette(SIE.amplitudes(20 + 3j, 3), source, 20 + 3j, size),
        lambda: actual_image(source, 5 + 1j, size),
        lambda: actual_image(source, 5 + 1j, size, "floor"),
    ):
        with pytest.raises(LensError, match=f"a picture of {size} px"):
            draw()
