"""Maps of several scales cut from a map of the box."""

import itertools
import re

import numpy as np
import pytest

from simlab.halo.cutouts import (
    extract_inference_cutouts,
    extract_multiscale_cutouts,
    fine_pixels,
)
from simlab.halo.errors import CutoutError


def formula(n, a, b):
    """Map with a value of its own in nearly every pixel."""
    i, j = np.mgrid[:n, :n]
    return np.float32(1e9 * (1 + ((i * a + j * b) % 1000)))


def test_cutouts_are_those_of_the_original(data):
    reference = np.load(data / "halo" / "multiscale_formula.npz")
    for name in reference.files:
        n, resolution, a, b, box = map(int, re.findall(r"\d+", name))
        maps = extract_multiscale_cutouts(formula(n, a, b), box, resolution)
        assert maps.dtype == np.float32
        assert np.abs(maps / reference[name] - 1).max() < 1e-6


def test_scales_nest():
    maps = extract_multiscale_cutouts(formula(1024, 7919, 104729), 50.0)
    for fine, coarse in itertools.pairwise(maps):
        means = fine.astype(float).reshape(64, 2, 64, 2).mean((1, 3))
        assert np.abs(coarse[32:96, 32:96] / means - 1).max() < 1e-6


def test_another_center_wraps_periodically():
    field = formula(1024, 31, 17)
    (cut,) = extract_multiscale_cutouts(field, 50.0, scales=(6.25,), center_pix=(10, 1000))
    rows, columns = np.arange(10 - 64, 10 + 64) % 1024, np.arange(1000 - 64, 1000 + 64) % 1024
    assert rows[0] == 970
    assert np.array_equal(cut, field[np.ix_(rows, columns)])


def test_the_whole_box_ignores_another_center():
    field = formula(256, 3, 5)
    (whole,) = extract_multiscale_cutouts(field, 50.0, 256, scales=(50.0,), center_pix=(0, 0))
    assert np.array_equal(whole, field)


@pytest.mark.parametrize(("axis", "kept"), [(0, (1, 2)), (1, (0, 2)), (2, (0, 1))])
def test_inference_puts_the_halo_in_the_middle_at_every_scale(axis, kept):
    center = np.array([0.1, 49.9, 24.0])
    field = np.zeros((1024, 1024), np.float32)
    pixel = tuple(np.floor(center[list(kept)] * 1024 / 50).astype(int))
    field[pixel] = 64
    maps = extract_inference_cutouts(field, center, 50.0, axis=axis)
    assert [m[64, 64] for m in maps] == [64, 16, 4, 1]
    assert [m.sum() for m in maps] == [64, 16, 4, 1]


def test_a_center_on_a_node_is_not_moved_by_rounding():
    field = np.zeros((1000, 1000))
    field[29, 0] = 1
    # 2.9 * 1000 / 100 is 28.999999999999996 in floating point
    maps = extract_inference_cutouts(field, (2.9, 100.0, 1), 100.0, 2, 50, (5.0,))
    assert maps[0, 25, 25] == 1


def test_fewer_pixels_than_asked_for_need_permission():
    field = formula(256, 3, 5)
    with pytest.raises(CutoutError, match="32 pixels is smaller than 128"):
        extract_multiscale_cutouts(field, 50.0, scales=(6.25,))
    (zoomed,) = extract_multiscale_cutouts(field, 50.0, scales=(6.25,), allow_upsample=True)
    assert zoomed.shape == (128, 128)
    assert zoomed[0, 0] == field[112, 112]
    assert zoomed[-1, -1] == field[143, 143]


def test_cutouts_that_are_not_multiples_are_refused():
    with pytest.raises(CutoutError, match="200 pixels is not a multiple of 128"):
        extract_multiscale_cutouts(np.ones((1600, 1600)), 50.0, scales=(6.25,))


@pytest.mark.parametrize("shape", [(4, 8), (8,), (2, 8, 8), (0, 0)])
def test_maps_that_are_no_squares_are_refused(shape):
    with pytest.raises(CutoutError, match="expected a square"):
        extract_multiscale_cutouts(np.ones(shape), 50.0, 8)


@pytest.mark.parametrize("resolution", [127, 0, -2, 2.5])
def test_an_odd_resolution_is_refused(resolution):
    with pytest.raises(CutoutError, match="expected an even number"):
        extract_multiscale_cutouts(np.ones((1024, 1024)), 50.0, resolution)


@pytest.mark.parametrize(
    ("scales", "message"),
    [
        ((6.25, 9.0), "not multiples of 128"),
        ((12.5, 6.25), "must ascend"),
        ((6.25, 62.5), "larger than the box"),
        ((7.0,), "whole number"),
        ((), "finite lengths"),
        ((0.0, 6.25), "finite lengths"),
        ((np.nan,), "finite lengths"),
    ],
)
def test_scales_without_a_common_grid_are_refused(scales, message):
    with pytest.raises(CutoutError, match=message):
        fine_pixels(50.0, 128, scales)


def test_the_finest_scale_fixes_the_grid():
    assert fine_pixels(50.0, 128, (6.25, 12.5, 25, 50)) == (1024, (1, 2, 4, 8))
    assert fine_pixels(25.0, 128, (3.125, 6.25, 12.5, 25)) == (1024, (1, 2, 4, 8))
    assert fine_pixels(50.0, 128, (6.25, 18.75)) == (1024, (1, 3))
    assert fine_pixels(50.0, 128, (50.0,)) == (128, (1,))


def test_inference_refuses_a_center_without_a_place():
    with pytest.raises(CutoutError, match="three finite numbers"):
        extract_inference_cutouts(np.ones((1024, 1024)), (1, np.nan, 2), 50.0)
    with pytest.raises(CutoutError, match="axis"):
        extract_inference_cutouts(np.ones((1024, 1024)), (1, 2, 3), 50.0, axis=3)
