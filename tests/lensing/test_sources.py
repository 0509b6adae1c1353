import math

import cv2
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gamma, gammainc

from simlab.lensing.errors import LensError, MissingRowsError, RowsError
from simlab.lensing.files.pictures import write_png
from simlab.lensing.geometry import pixel_grid
from simlab.lensing.kernels.elementary import angle_of, exponential, half_log_of_ratio
from simlab.lensing.sources import (
    format_constellation,
    make_constellation,
    make_source,
    parse_constellation,
)

POINTS = np.array([0, 3 + 4j, -7.5 + 0.25j, 1e-9j, 20 - 30j])


def test_exponentials_are_those_of_numpy():
    x = np.linspace(-690, 690, 4001)
    assert np.abs([exponential(v) for v in x] / np.exp(x) - 1).max() < 5e-16
    assert exponential(0.0) == 1
    assert exponential(-1e9) < 1e-300


def test_logarithms_are_those_of_numpy():
    x = np.exp(np.linspace(-600, 600, 4001))
    error = np.abs([half_log_of_ratio(v, 3.0) for v in x] - np.log(x / 3.0) / 2)
    assert (error / np.maximum(1, np.abs(np.log(x)))).max() < 4e-16


def test_angles_are_those_of_numpy():
    y, x = np.sin(np.linspace(0, math.pi / 2, 4001)), np.cos(np.linspace(0, math.pi / 2, 4001))
    x[-1] = 0
    found = [angle_of(*point) for point in zip(y, x, strict=True)]
    assert np.abs(np.array(found) - np.arctan2(y, x)).max() < 4e-16


def test_a_spherical_source_is_a_gaussian():
    source = make_source("s", sigma=5)
    expected = 255 * np.exp(-(np.abs(POINTS) ** 2) / 50)
    assert source.intensity(POINTS) == pytest.approx(expected, rel=1e-13)
    assert source.intensity(0j) == 255


def test_the_first_axis_of_a_gaussian_ellipse_lies_at_theta():
    source = make_source("Ellipsoid", sigma=12, sigma2=4, theta_deg=30)
    axis = np.exp(1j * np.radians(30))
    level = 255 * math.exp(-0.5)
    assert source.intensity(np.array([12 * axis, 4j * axis])) == pytest.approx([level] * 2)


def test_the_first_axis_of_a_sersic_ellipse_lies_across():
    numbers = {"sigma": 12, "sigma2": 4, "theta_deg": 30, "n_sersic": 2, "luminosity": 1}
    axis = np.exp(1j * np.radians(30))
    peer = make_source("SersicEllipsoid", **numbers)
    turned = make_source("SersicEllipsoid", **numbers, sersic_axes="gaussian")
    level = peer.intensity(12j * axis)
    assert peer.intensity(4 * axis) == pytest.approx(level)
    assert turned.intensity(np.array([12 * axis, 4j * axis])) == pytest.approx([level] * 2)


@pytest.mark.parametrize("n", [0.5, 1.0, 4.0, 8.0])
def test_the_flux_of_a_sersic_source_is_its_luminosity(n):
    source = make_source("SersicSphere", sigma=7, n_sersic=n, luminosity=3, clip=False)
    flux, _ = quad(
        lambda t: 2 * math.pi * math.exp(2 * t) * source.intensity(complex(math.exp(t))),
        -50,
        25,
        limit=500,
    )
    assert flux == pytest.approx(3000, rel=1e-6)


def test_the_exact_b_n_puts_half_of_the_light_inside_sigma():
    source = make_source("SersicSphere", sigma=7, n_sersic=3, bn="exact")
    assert gammainc(6, source.sersic.rate) == pytest.approx(0.5, abs=1e-12)
    assert make_source("SersicSphere", sigma=7, n_sersic=3).sersic.rate == 1.992 * 3 - 0.3271


def test_sersic_intensities_follow_the_formula():
    n, sigma, luminosity = 2.5, 6.0, 4.0
    source = make_source("Spherical", profile="Sersic", sigma=sigma, n_sersic=n, luminosity=4)
    b = 1.992 * n - 0.3271
    effective = 1000 * luminosity * b ** (2 * n)
    effective /= 2 * math.pi * sigma**2 * n * math.exp(b) * gamma(2 * n)
    expected = effective * np.exp(-b * ((np.abs(POINTS) / sigma) ** (1 / n) - 1))
    assert source.intensity(POINTS) == pytest.approx(np.minimum(255, expected), rel=1e-11)


def test_the_cusp_is_clipped_unless_it_is_to_be_kept():
    numbers = {"sigma": 3, "n_sersic": 4, "luminosity": 20}
    assert make_source("SersicSphere", **numbers).intensity(0j) == 255
    assert make_source("SersicSphere", **numbers, clip=False).intensity(0j) > 1e4


@pytest.mark.parametrize("kind", ["Spherical", "SersicSphere", "Ellipsoid", "SersicEllipsoid"])
def test_beyond_its_reach_a_source_is_dark(kind):
    source = make_source(kind, sigma=6, sigma2=11, theta_deg=20)
    ring = source.reach * np.exp(1j * np.linspace(0, 2 * math.pi, 100))
    assert source.intensity(1.0001 * ring).max() < 1e-3
    assert source.intensity(0.99 * ring).max() > 1e-3


def test_undefined_points_are_dark():
    points = np.array([complex(np.nan, np.nan), complex(np.inf, 0)])
    for kind in ("Spherical", "SersicSphere", "Triangle"):
        assert not make_source(kind, sigma=5).intensity(points).any()


def test_a_profile_in_place_of_the_usual_one_makes_the_other_kind():
    gaussian = make_source("SersicEllipsoid", sigma=6, sigma2=3, theta_deg=9, profile="Gaussian")
    plain = make_source("Ellipsoid", sigma=6, sigma2=3, theta_deg=9)
    assert (gaussian.intensity(POINTS) == plain.intensity(POINTS)).all()
    assert (gaussian.raster(50) == plain.raster(50)).all()


def test_intensities_at_the_pixels_are_the_raster():
    for kind in ("Spherical", "SersicSphere"):
        source = make_source(kind, sigma=6)
        values = source.intensity(pixel_grid(64))
        assert np.abs(values - source.raster(64)).max() <= 0.5 + 1e-4


def test_the_triangle_is_its_drawing_between_pixels():
    source = make_source("Triangle", sigma=12.7)
    assert source.channels == 3
    assert not source.is_analytic
    assert (source.intensity(pixel_grid(64)) == source.raster(64)).all()
    middle = source.intensity(np.array([9.5j]))
    assert (2 * middle == source.intensity(9j) + source.intensity(10j)).all()


@pytest.mark.parametrize("shape", [(8, 6), (7, 6, 3)])
def test_a_picture_is_a_source_with_its_middle_at_the_center(tmp_path, shape):
    picture = np.random.default_rng(2).integers(0, 256, shape, np.uint8)
    write_png(tmp_path / "galaxy.png", picture)
    source = make_source("Image", path=tmp_path / "galaxy.png")
    assert source.channels == (3 if len(shape) == 3 else 1)
    raster = source.raster(20)
    top, left = (20 - shape[0]) // 2, (20 - shape[1]) // 2
    assert (raster[top : top + shape[0], left : left + shape[1]] == picture).all()
    assert raster.sum() == picture.sum()
    assert source.intensity(0j) == pytest.approx(picture[shape[0] // 2, shape[1] // 2])
    larger = make_source("Image", path=tmp_path / "galaxy.png", scale=2, theta_deg=90)
    assert larger.intensity(2j) == pytest.approx(picture[shape[0] // 2, shape[1] // 2 + 1])


def test_a_picture_of_16_bits_or_with_transparency_is_read_as_gray_levels(tmp_path):
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((4, 4), 257 * 100 + 128, np.uint16))
    deep = make_source("Image", path=tmp_path / "deep.png")
    assert deep.intensity(0j) == pytest.approx(100 + 128 / 257)
    clear = np.full((4, 4, 4), 200, np.uint8)
    clear[:, :, 3] = 51
    cv2.imwrite(str(tmp_path / "clear.png"), clear)
    assert make_source("Image", path=tmp_path / "clear.png").intensity(0j) == pytest.approx(40)


def test_a_picture_larger_than_the_image_is_refused(tmp_path):
    write_png(tmp_path / "galaxy.png", np.zeros((30, 10), np.uint8))
    source = make_source("Image", path=tmp_path / "galaxy.png")
    with pytest.raises(RowsError, match=r"galaxy\.png: .*10 x 30 px, at most 20"):
        source.raster(20)


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").touch()
    for name in ("text.png", "empty.png"):
        with pytest.raises(RowsError, match=name):
            make_source("Image", path=tmp_path / name)
    with pytest.raises(MissingRowsError, match=r"none\.png"):
        make_source("Image", path=tmp_path / "none.png")


def test_a_constellation_is_the_sum_of_its_members():
    text = "s/10/-4.5/6;Ellipsoid/-3/2/7/3/30;SersicSphere/0/0/5///2/1"
    parts = [
        (make_source("s", sigma=6), 10 - 4.5j),
        (make_source("e", sigma=7, sigma2=3, theta_deg=30), -3 + 2j),
        (make_source("SersicSphere", sigma=5, n_sersic=2, luminosity=1), 0),
    ]
    source = parse_constellation(text)
    total = sum(part.intensity(POINTS - place) for part, place in parts)
    assert total.max() > 255
    assert source.intensity(POINTS) == pytest.approx(np.minimum(255, total))
    unclipped = make_constellation(parts, clip=False)
    assert unclipped.intensity(POINTS) == pytest.approx(total)


def test_compatible_constellations_count_y_downwards():
    source = parse_constellation("s/10/4/3;t/-12/0/8/20", compat=True)
    assert source.channels == 3
    assert source.intensity(10 - 4j) == pytest.approx([255] * 3)
    row, column = np.unravel_index(source.raster(64).min(axis=2).argmax(), (64, 64))
    assert (row, column) == (36, 42)


def test_constellations_are_written_as_they_are_read():
    text = "s/10.25/-4.5/6;Ellipsoid/-3/2/7/3/30;SersicSphere/0/0/5///2/1;t/1/2/3/4"
    source = parse_constellation(text)
    again = parse_constellation(format_constellation(source))
    assert (again.intensity(POINTS) == source.intensity(POINTS)).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s/1/2/6;Ellipsoid/0/0/4", "member 2: expected Ellipsoid/x/y/sigma/sigma2/theta"),
        ("s/1/2/six", "member 1: sigma is 'six', a number is expected"),
        ("q/1/2/3", "member 1: unknown source 'q'"),
        ("s/1", "member 1: expected s/x/y"),
        ("s/1/nan/3", "member 1: y is 'nan'"),
    ],
)
def test_a_malformed_constellation_names_the_member(text, message):
    with pytest.raises(LensError, match=message):
        parse_constellation(text)


@pytest.mark.parametrize(
    ("kind", "numbers", "message"),
    [
        ("Sphere", {"sigma": 1}, "unknown source 'Sphere', did you mean Spherical?"),
        ("Spherical", {}, "sigma is None, a number above 0"),
        ("Spherical", {"sigma": -1}, "sigma is -1, a number above 0"),
        ("Ellipsoid", {"sigma": 2}, "sigma2 is None"),
        ("Ellipsoid", {"sigma": 2, "sigma2": math.nan}, "sigma2 is nan"),
        ("SersicSphere", {"sigma": 2, "n_sersic": 0.1}, "b_n"),
        ("SersicSphere", {"sigma": 2, "luminosity": -1}, "luminosity is -1"),
        ("Triangle", {"sigma": 2, "theta_deg": math.inf}, "theta_deg is inf"),
        ("Image", {}, "needs the path of a picture"),
        ("Spherical", {"sigma": 2, "profile": "King"}, "profile is 'King', expected Gaussian or"),
    ],
)
def test_sources_without_meaning_are_refused(kind, numbers, message):
    with pytest.raises(LensError, match=message):
        make_source(kind, **numbers)
