import math

import numpy as np
import pytest

from simlab.calcium.fields import falloff_field, leakage_field, radial_falloff, sample_field_at
from simlab.calcium.spec import Acquisition, IlluminationProfile, ImageSensor, Leakage, Vignette


def acquisition_of(height, width, pitch=8.0):
    return Acquisition(
        image_sensor=ImageSensor(n_px_height=height, n_px_width=width, pixel_pitch_um=pitch)
    )


@pytest.mark.parametrize("exponent", [0.5, 2.0, 4.0])
def test_light_falls_from_one_at_the_center_to_the_farthest_corner(exponent):
    field = radial_falloff((21, 31), (4.0, 20.0), 0.3, exponent)
    assert field.max() == field[4, 20] == 1.0
    assert field.min() == field[20, 0] == pytest.approx(0.3, abs=1e-15)
    middle = field[10, 12]
    rho = math.hypot(6, 8) / math.hypot(16, 20)
    assert middle == pytest.approx(1 - 0.7 * rho**exponent)


def test_a_field_without_falloff_is_flat():
    assert (radial_falloff((9, 7), (4.0, 3.0), 1.0, 2.0) == 1.0).all()
    assert radial_falloff((1, 1), (0.0, 0.0), 0.3, 2.0).tolist() == [[1.0]]


@pytest.mark.parametrize("step", [IlluminationProfile, Vignette])
def test_centers_lie_down_and_right_of_the_axis(step):
    field = falloff_field(step(center_offset_um=(4.0, -6.0)), acquisition_of(31, 41, 16.0))
    assert np.unravel_index(field.argmax(), field.shape) == (15 + 2, 20 - 3)


def test_leaked_light_has_its_level_in_the_center():
    acquisition = acquisition_of(31, 41)
    field = leakage_field(Leakage(level=0.4, sigma_um=6.0), acquisition, (31, 41))
    assert field[15, 20] == 0.4
    assert field[15, 26] == pytest.approx(0.4 * math.exp(-0.5))
    assert field[9, 20] == field[15, 26]


def test_leaked_light_is_a_quarter_of_the_shorter_side_wide_by_default():
    field = leakage_field(Leakage(level=1.0), acquisition_of(41, 61, 16.0), (41, 61))
    sigma_px = 41 / 4
    assert field[20, 40] == pytest.approx(math.exp(-(10**2) / (2 * sigma_px**2)))


def test_uniform_leakage_ignores_its_width():
    leakage = Leakage(profile="uniform", level=0.25, sigma_um=-3.0)
    assert (leakage_field(leakage, acquisition_of(5, 6), (5, 6)) == 0.25).all()


def test_fields_are_sampled_at_the_nearest_pixel_halves_to_even_and_clipped():
    acquisition = acquisition_of(4, 6)
    field = np.arange(24.0).reshape(4, 6)
    centers = np.array([[9, 0.0, 0.0], [9, 0.6, -1.2], [9, 99.0, -99.0], [9, -1.0, 1.0]])
    # rows 1.5, 2.1, clipped, 0.5; columns 2.5, 1.3, clipped, 3.5
    expected = [field[2, 2], field[2, 1], field[3, 0], field[0, 4]]
    assert sample_field_at(field, acquisition, centers).tolist() == expected


def test_an_absent_field_is_one():
    assert sample_field_at(None, acquisition_of(4, 6), np.zeros((3, 3))).tolist() == [1.0] * 3
