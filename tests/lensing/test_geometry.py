import numpy as np
import pytest

from simlab.lensing.errors import LensError
from simlab.lensing.geometry import (
    angular_amplitudes,
    crop_bounds,
    crop_origin,
    distance_ratio,
    lens_plane_amplitudes,
    pixel_grid,
    pixel_of,
    point_of,
)


def test_the_origin_of_an_even_picture_is_pixel_n_half():
    grid = pixel_grid(6)
    assert grid[3, 3] == 0
    assert grid[0, 0] == -3 + 3j
    assert grid[5, 5] == 2 - 2j


def test_the_origin_of_an_odd_picture_lies_between_pixels():
    grid = pixel_grid(5)
    assert grid[2, 2] == -0.5 + 0.5j
    assert not (grid == 0).any()


@pytest.mark.parametrize("size", [6, 5])
def test_pixels_and_points_are_inverse(size):
    rows, columns = np.mgrid[:size, :size]
    back = pixel_of(point_of(rows, columns, size), size)
    assert (back[0] == rows).all()
    assert (back[1] == columns).all()
    assert (point_of(rows, columns, size) == pixel_grid(size)).all()


@pytest.mark.parametrize(
    ("size", "cropsize", "expected"),
    [(512, 400, (56, 456)), (200, 101, (49, 150)), (7, 4, (1, 5)), (8, 8, (0, 8)), (8, 9, (0, 8))],
)
def test_crops_cut_the_odd_pixel_below_and_on_the_right(size, cropsize, expected):
    assert crop_bounds(size, cropsize) == expected


def test_the_origin_of_a_crop_is_the_same_point_as_before():
    first, end = crop_bounds(200, 101)
    row, column = crop_origin(200, 101)
    assert pixel_grid(200)[first:end, first:end][int(row), int(column)] == 0
    assert crop_origin(200, None) == (100, 100)


def test_amplitudes_scale_with_the_power_of_their_order():
    lens_plane = np.ones((3, 4), complex)
    angular = angular_amplitudes(lens_plane, 0.5)
    assert angular[:, 0].tolist() == [2, 1, 0.5]
    assert (lens_plane_amplitudes(angular, 0.5) == lens_plane).all()


def test_chi_is_read_in_percent():
    assert distance_ratio(50) == 0.5
    assert distance_ratio("") == distance_ratio(None) == 1
    with pytest.raises(LensError, match=r"-3 %"):
        distance_ratio(-3)
