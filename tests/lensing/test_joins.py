import numpy as np
import pytest

from simlab.lensing.errors import LensError
from simlab.lensing.geometry import pixel_grid
from simlab.lensing.joins import (
    component_points,
    family_images,
    family_points,
    image_points,
    join_image,
    picture_about,
    secondary_images,
)
from simlab.lensing.lenses import make_lens
from simlab.lensing.render import region_mask, render_raytrace
from simlab.lensing.solver import apparent_position
from simlab.lensing.sources import make_source

SIZE, ORDER = 128, 30
SIS = make_lens("SIS", einstein_radius=20)
ETA = 6 + 4j
SOURCE = make_source("s", sigma=3)


def test_joined_pictures_show_both_images_of_an_isothermal_sphere():
    primary, secondary = image_points(SIS, ETA)
    joined = join_image(SIS, SOURCE, ETA, SIZE, ORDER, mask_scale=0.6)
    traced = render_raytrace(SIS, SOURCE, ETA, SIZE)
    for xi in (primary, secondary):
        mask = region_mask(xi, SIZE, region=SIS.region(xi), mask_scale=0.6)
        assert traced[mask].max() > 150
        assert np.abs(joined - traced)[mask].max() < 1e-3
    alone = picture_about(SIS, SOURCE, ETA, SIZE, ORDER, primary, mask_scale=0.6)
    near = np.abs(pixel_grid(SIZE) - secondary) < 3
    assert joined[near].max() > 150 > 1 > alone[near].max()


def test_nothing_is_masked_where_no_mask_is_wanted():
    xi = apparent_position(SIS, ETA)
    plain = picture_about(SIS, SOURCE, ETA, SIZE, 4, xi, masked=False, mask_radius=5)
    alone = picture_about(SIS, SOURCE, ETA, SIZE, 4, xi, mask_radius=5)
    inside = np.abs(pixel_grid(SIZE) - xi) <= 5
    np.testing.assert_array_equal(alone, np.where(inside, plain, 0))
    assert plain[~inside].max() > 1


def test_secondary_images_are_the_members_of_the_joined_picture():
    members = secondary_images(SIS, SOURCE, ETA, SIZE, ORDER)
    joined = join_image(SIS, SOURCE, ETA, SIZE, ORDER)
    assert len(members) == 2
    assert (np.maximum(*members) == joined).all()


def test_any_point_can_be_the_reference():
    xi = 25 - 14j
    picture = picture_about(SIS, SOURCE, ETA, SIZE, 60, xi, mask_scale=0.5)
    mask = region_mask(xi, SIZE, region=SIS.region(xi), mask_scale=0.5)
    traced = render_raytrace(SIS, SOURCE, ETA, SIZE)
    assert np.abs(picture - traced)[mask].max() < 1e-3
    assert not picture[~mask].any()


def test_components_lie_around_the_center_of_the_lens():
    lens = make_lens("SIS", einstein_radius=20, x=5, y=-3)
    points = component_points(lens, 5 + 3j, 6)
    assert points[0] == apparent_position(lens, 5 + 3j)
    sixth = np.exp(1j * np.pi / 3)
    expected = [(points[0] - (5 - 3j)) * sixth**j + (5 - 3j) for j in range(6)]
    assert points == pytest.approx(expected)
    joined = join_image(lens, SOURCE, 5 + 3j, SIZE, 12, points, sampling="floor")
    assert joined.dtype == np.uint8


def test_the_family_of_a_reference_is_turned_and_scaled():
    xi = apparent_position(SIS, ETA)
    points = family_points(SIS, ETA)
    turn = np.exp(1j * np.pi / 4)
    expected = {"-45+1": xi / turn, "+45+1": xi * turn, "+0-1": -xi, "+0+2": 2 * xi}
    assert points == pytest.approx(expected)
    pictures = family_images(SIS, SOURCE, ETA, SIZE, ORDER)
    assert list(pictures) == list(expected)
    assert (pictures["+0-1"] == picture_about(SIS, SOURCE, ETA, SIZE, ORDER, -xi)).all()


def test_a_ring_has_no_reference():
    with pytest.raises(LensError, match="ring"):
        family_points(SIS, 0j)
    with pytest.raises(LensError, match="components is 0"):
        component_points(SIS, ETA, 0)
