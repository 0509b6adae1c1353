import numpy as np
import pytest
from lensing_pictures import entries, pictures, source_of

from simlab.lensing.rasters import paste, rotate, shift, triangle

CASES = [
    (name, entry["index"]) for name in ("images_ray", "images_roulette") for entry in entries(name)
]


@pytest.mark.parametrize(("name", "index"), CASES)
def test_sources_are_drawn_as_in_the_original_program(name, index):
    entry = entries(name)[index]
    expected = pictures(name)[f"source_{index:02d}"]
    drawn = source_of(entry).raster(entry["size"])
    assert drawn.dtype == np.uint8
    assert (drawn == expected).all()


def test_a_quarter_turn_moves_pixels_exactly():
    picture = np.random.default_rng(0).integers(0, 256, (21, 21), np.uint8)
    assert (rotate(picture, 90.0) == np.rot90(picture)).all()
    assert (rotate(picture, 0.0) == picture).all()


def test_turning_by_a_small_angle_moves_counter_clockwise():
    picture = np.zeros((41, 41), np.uint8)
    picture[20, 35] = 255
    turned = rotate(picture, 30.0)
    row, column = np.unravel_index(turned.argmax(), turned.shape)
    assert (row, column) == (20 - round(15 * 0.5), 20 + round(15 * 0.866))


def test_shifts_by_whole_pixels_are_exact_and_bring_in_zeros():
    picture = np.random.default_rng(1).integers(1, 256, (9, 12, 3), np.uint8)
    moved = shift(picture, 2, -3)
    assert (moved[:6, 2:] == picture[3:, :-2]).all()
    assert not moved[6:].any()
    assert not moved[:, :2].any()


def test_shifts_by_half_pixels_average_neighbors():
    picture = np.arange(12, dtype=np.float32).reshape(1, 12) ** 2
    moved = shift(picture, 0.5, 0)
    assert moved.dtype == np.float32
    assert (moved[0, 1:] == (picture[0, 1:] + picture[0, :-1]) / 2).all()
    assert moved[0, 0] == 0


def test_pictures_are_pasted_with_the_odd_pixel_below_and_on_the_right():
    canvas = paste(np.full((3, 2, 1), 9, np.uint8), 6)
    assert canvas[1:4, 2:4].all()
    assert canvas.sum() == 6 * 9


def test_the_triangle_has_three_colors_and_points_to_the_right():
    drawn = triangle(20, 60)
    assert {tuple(color) for color in drawn.reshape(-1, 3)} == {
        (0, 0, 0),
        (192, 0, 0),
        (0, 192, 0),
        (0, 0, 192),
    }
    assert drawn[30, 50].any()
    assert not drawn[30, :18].any()
