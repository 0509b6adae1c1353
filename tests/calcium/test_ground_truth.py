"""Footprints of the ground truth in the field of view."""

import numpy as np
import pytest
from calcium_reference import NAMES, recorded, scene

from simlab.calcium.simulation import finalize


def images(offsets, shapes, data, canvas_shape):
    """Patches, one after the other in `data`, drawn one by one on canvases."""
    canvas = np.zeros((len(offsets), *canvas_shape), np.float32)
    start = 0
    for image, (y, x), (height, width) in zip(canvas, offsets, shapes, strict=True):
        patch = data[start : start + height * width].reshape(height, width)
        image[y : y + height, x : x + width] = patch
        start += height * width
    return canvas


@pytest.mark.parametrize("name", NAMES)
def test_planted_footprints_are_those_of_the_original_cut_to_the_field_of_view(name):
    stored = recorded(name)
    parts = (stored[f"planted_{part}"] for part in ("offsets", "shapes", "data"))
    whole = images(*parts, stored["canvas_shape"])
    truth = finalize(scene(name))
    (top, left), (height, width) = stored["fov_offset"], truth.fov_shape
    expected = whole[:, top : top + height, left : left + width]
    assert truth.A_planted.dtype == np.float32
    np.testing.assert_allclose(truth.A_planted, expected, rtol=2e-6)
    assert expected.any()
    if "gt_observed_gain" not in stored:
        np.testing.assert_array_equal(truth.A_observed, truth.A_planted)
