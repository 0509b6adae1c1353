import numpy as np
import pytest
from scipy import ndimage

from simlab.calcium.errors import SpecError
from simlab.calcium.filters import gaussian_filter

SCIPY_NAMES = {"reflect": "reflect", "nearest": "nearest", "zero": "constant"}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("mode", SCIPY_NAMES)
@pytest.mark.parametrize("sigma", [0.05, 1.0, 2.3, 24.2])
@pytest.mark.parametrize("shape", [(1, 3), (5, 7), (64, 60)])
def test_the_filter_is_that_of_scipy(shape, sigma, mode, rng):
    field = rng.standard_normal(shape)
    expected = ndimage.gaussian_filter(field, sigma, mode=SCIPY_NAMES[mode])
    found = gaussian_filter(field, sigma, mode)
    assert abs(found - expected).max() <= 1e-13 * abs(expected).max()


@pytest.mark.parametrize("mode", ["reflect", "nearest"])
def test_a_flat_field_stays_flat(mode):
    np.testing.assert_allclose(gaussian_filter(np.full((9, 4), 3.0), 5.0, mode), 3.0, rtol=1e-14)


def test_nothing_beyond_the_edges_keeps_the_light_of_a_point_inside_and_loses_it_outside():
    field = np.zeros((41, 41))
    field[20, 20] = 1.0
    assert gaussian_filter(field, 4.0, "zero").sum() == pytest.approx(1.0, abs=1e-12)
    half = gaussian_filter(field[:, 20:], 4.0, "zero").sum()
    center = gaussian_filter(field, 4.0, "zero")[:, 20].sum()
    assert half == pytest.approx((1.0 + center) / 2, abs=1e-12)


def test_no_blur_changes_nothing(rng):
    field = rng.standard_normal((6, 5))
    np.testing.assert_array_equal(gaussian_filter(field, 0.0, "reflect"), field)


def test_views_are_filtered_like_copies(rng):
    field = rng.standard_normal((12, 14))
    view = field[::2, ::-1]
    found = gaussian_filter(view, 1.5, "nearest")
    np.testing.assert_array_equal(found, gaussian_filter(view.copy(), 1.5, "nearest"))


def test_an_unknown_edge_is_named():
    with pytest.raises(SpecError, match=r"'wrap'.*reflect, nearest or zero"):
        gaussian_filter(np.ones((3, 3)), 1.0, "wrap")
