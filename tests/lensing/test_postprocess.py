import cv2
import numpy as np
import pytest
from lensing_pictures import entries, pictures, source_of

from simlab.lensing.errors import LensError
from simlab.lensing.geometry import pixel_grid
from simlab.lensing.postprocess import (
    center_image,
    center_of_light,
    crop,
    draw_axes,
    draw_curve,
    draw_mask,
    draw_point,
    edge_flux,
    quantize,
    to_uint8,
    translate,
)
from simlab.lensing.rasters import shift
from simlab.lensing.region import disc

CASES = entries("postprocess")
INDICES = [entry["index"] for entry in CASES]


@pytest.mark.parametrize("index", INDICES)
def test_centers_of_light_are_those_of_the_original_program(index):
    center = center_of_light(pictures("postprocess")[f"raw_{index}"])
    assert center == pytest.approx(complex(*CASES[index]["centre"]), abs=1e-9)


@pytest.mark.parametrize("index", INDICES)
def test_pictures_are_centered_as_in_the_original_program(index):
    moved, center = center_image(pictures("postprocess")[f"raw_{index}"])
    assert (moved == pictures("postprocess")[f"centred_{index}"]).all()
    assert abs(center_of_light(moved)) < 0.2 < abs(center)  # light beyond the edge is lost


@pytest.mark.parametrize("index", INDICES)
def test_pictures_are_cropped_as_in_the_original_program(index):
    centered = pictures("postprocess")[f"centred_{index}"]
    cropped = crop(centered, CASES[index]["crop"])
    assert (cropped == pictures("postprocess")[f"cropped_{index}"]).all()


@pytest.mark.parametrize("index", INDICES)
def test_axes_are_drawn_as_in_the_original_program(index):
    centered = pictures("postprocess")[f"centred_{index}"]
    before = centered.copy()
    assert (draw_axes(centered) == pictures("postprocess")[f"axes_{index}"]).all()
    assert (centered == before).all()


@pytest.mark.parametrize("index", INDICES)
def test_shifted_sources_are_those_of_the_original_program(index):
    entry = CASES[index]
    raster = source_of(entry).raster(entry["size"])
    right, up = entry["eta"]
    assert (shift(raster, right, -up) == pictures("postprocess")[f"actual_{index}"]).all()


def test_the_center_of_light_of_one_pixel_is_its_point():
    image = np.zeros((9, 9), np.float32)
    image[2, 7] = 3
    assert center_of_light(image) == pixel_grid(9)[2, 7]


def test_the_center_of_light_of_colors_weighs_them_as_the_eye_does():
    image = np.zeros((8, 8, 3), np.float32)
    image[4, 2, 0] = image[4, 5, 1] = image[4, 7, 2] = 200
    weights = np.array([0.114, 0.587, 0.299])
    assert center_of_light(image) == pytest.approx(weights @ np.array([-2, 1, 3]))


def test_the_gray_level_of_colored_bytes_is_rounded():
    image = np.random.default_rng(5).integers(0, 256, (64, 48, 3), np.uint8)
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    assert center_of_light(image) == center_of_light(gray)
    assert center_of_light(image) != center_of_light(image.astype(np.float32))


def test_the_center_of_light_does_not_depend_on_the_type_of_numbers():
    image = np.random.default_rng(3).integers(0, 256, (37, 37))
    found = {center_of_light(image.astype(kind)) for kind in ("u1", "f4", "f8")}
    assert len(found) == 1


def test_a_black_picture_has_no_center_and_stays():
    image, center = center_image(np.zeros((8, 8), np.float32))
    assert center == 0
    assert not image.any()
    assert edge_flux(image) == 0


def test_translation_brings_a_point_to_the_origin():
    image = np.zeros((20, 20), np.float32)
    image[4, 13] = 1
    moved = translate(image, pixel_grid(20)[4, 13])
    assert moved[10, 10] == 1
    assert moved.sum() == 1


def test_crops_of_what_is_not_square_are_refused():
    with pytest.raises(LensError, match="20 x 30 px"):
        crop(np.zeros((20, 30)), 10)


def test_crops_to_a_larger_size_change_nothing():
    image = np.ones((5, 5))
    assert crop(image, 9).shape == crop(image, None).shape == (5, 5)


def test_the_edge_flux_counts_two_pixels_along_the_edge():
    image = np.ones((10, 10), np.float32)
    assert edge_flux(image) == pytest.approx(1 - 36 / 100)
    image[:2] = image[-2:] = 0
    image[:, :2] = image[:, -2:] = 0
    assert edge_flux(image) == 0


def test_quantized_pictures_are_whole_multiples():
    image = np.random.default_rng(4).uniform(0, 255, (20, 20)).astype(np.float32)
    stored = quantize(image, 1 / 1024)
    assert stored.dtype == np.float32
    assert (stored * 1024 == np.rint(stored * 1024)).all()
    assert np.abs(stored - image).max() <= 0.5 / 1024
    assert (quantize(image, 0) == image).all()
    assert quantize(image, 0.3) == pytest.approx(np.rint(image / 0.3) * 0.3, abs=1e-4)


def test_bytes_are_rounded_half_up_and_clipped():
    assert to_uint8(np.array([0.49, 0.5, 254.5, 300, -2])).tolist() == [0, 1, 255, 255, 0]


def test_curves_go_through_their_points():
    points = 6 * np.exp(2j * np.pi * np.arange(40) / 40)
    gray = draw_curve(np.zeros((21, 21), np.uint8), points)
    color = draw_curve(np.zeros((21, 21, 3), np.uint8), points, color=(1, 2, 3))
    lit = np.abs(np.abs(pixel_grid(21)) - 6) < 0.5
    assert (gray[~(np.abs(np.abs(pixel_grid(21)) - 6) < 1.3)] == 0).all()
    assert (gray[lit] == 255).mean() > 0.8
    assert ((color[:, :, 2] == 3) == (gray == 255)).all()


def test_points_are_drawn_at_their_pixel():
    drawn = draw_point(np.zeros((21, 21, 3), np.uint8), 3.5 + 4.5j, radius=4)
    assert drawn[6, 14].tolist() == [0, 0, 255]
    assert drawn[2, 14].tolist() == [0, 0, 255]
    assert not draw_point(np.zeros((21, 21), np.uint8), 1e9, radius=4).any()


@pytest.mark.parametrize("mask", [{"region": disc(10)}, {"mask_radius": 9.0}])
def test_masks_are_outlined_about_the_reference_point(mask):
    drawn = draw_mask(np.zeros((64, 64), np.uint8), 5 - 3j, **mask)
    distance = np.abs(pixel_grid(64) - (5 - 3j))
    rows, columns = np.nonzero(drawn)
    ring = distance[rows, columns]
    assert ((np.abs(ring - 9) < 1) | (ring < 4)).all()
    assert drawn[35, 37] == 255


@pytest.mark.parametrize("size", [0, -3])
def test_nothing_is_left_of_no_picture(size):
    with pytest.raises(LensError, match=f"crop to {size} px, a number above 0 is expected"):
        crop(np.ones((8, 8)), size)
