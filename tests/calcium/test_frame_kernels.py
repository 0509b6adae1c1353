"""Kernels of frames against the same float32 operations in numpy, to the bit."""

import numpy as np
import pytest
from calcium_specs import small

from simlab.calcium import noise
from simlab.calcium.footprints import FootprintStack
from simlab.calcium.kernels import composite, frames
from simlab.calcium.sensor import Digitizer
from simlab.core.threads import over_items

F4 = np.float32
CANVAS = (20, 23)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def random_stack(rng, n):
    offsets = rng.integers(0, 12, (n, 2))
    patches = [rng.random(rng.integers(1, 9, 2)) for _ in range(n)]
    return FootprintStack.from_patches(patches, offsets, CANVAS)


@pytest.mark.parametrize("n_frames", [1, 3, 4, 5, 8, 15])
def test_cells_are_summed_in_ascending_order(rng, n_frames):
    stack = random_stack(rng, 30)
    emission = rng.random((n_frames, 30), dtype=F4)
    expected = np.zeros((n_frames, *CANVAS), F4)
    for i, footprint in enumerate(stack.to_dense()):
        expected += emission[:, i, None, None] * footprint
    canvas = np.zeros_like(expected)
    patches = stack.data, stack.pointers, stack.offsets, stack.shapes
    for first in range(0, 20, 7):
        composite.add_cells(canvas, *patches, emission, first, min(first + 7, 20))
    assert np.array_equal(canvas, expected)


def test_background_is_summed_in_ascending_order(rng):
    canvas, spatial = (rng.random((n, *CANVAS), dtype=F4) for n in (5, 3))
    weights = rng.random((5, 3), dtype=F4)
    expected = canvas.copy()
    for k in range(3):
        expected += weights[:, k, None, None] * spatial[k]
    expected[:, :4] = canvas[:, :4]
    composite.add_background(canvas, spatial, weights, 4, 20)
    assert np.array_equal(canvas, expected)


def test_shifted_frames_weigh_four_pixels_from_left_to_right(rng):
    canvas = rng.random((3, *CANVAS), dtype=F4)
    shifts = np.array([[0.3, -1.7], [-2.0, 0.25], [2.0, 2.0]])
    corners, weights = frames.warp_corners(shifts, 2)
    assert corners.tolist() == [[1, 3], [4, 1], [0, 0]]
    view = np.empty((3, 16, 19), F4)
    frames.expose(
        0, 48, canvas, corners, weights, True, np.empty((0, 0), F4), np.empty((0, 0), F4), view
    )
    for t, (y, x) in enumerate(corners):
        a, b, c, d = (
            np.pad(canvas[t], 3)[3 + y + i : 19 + y + i, 3 + x + j : 22 + x + j]
            for i in (0, 1)
            for j in (0, 1)
        )
        w = weights[t]
        assert np.array_equal(view[t], w[0] * a + w[1] * b + w[2] * c + w[3] * d)
    fy, fx = F4(0.7), F4(0.7)
    assert weights[0] == pytest.approx([(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx])


@pytest.mark.parametrize("corner", [(-1, -1), (5, 5), (-3, 4), (30, 30)])
def test_pixels_beyond_the_canvas_are_dark(rng, corner):
    canvas = rng.random((1, *CANVAS), dtype=F4)
    weights = np.array([[0.25, 0.25, 0.25, 0.25]], F4)
    view, nothing = np.empty((1, *CANVAS), F4), np.empty((0, 0), F4)
    corners = np.array([corner])
    frames.expose(0, 20, canvas, corners, weights, True, nothing, nothing, view)
    padded = np.zeros((90, 90), F4)
    padded[35 : 35 + 20, 35 : 35 + 23] = canvas[0]
    y, x = 35 + corner[0], 35 + corner[1]
    expected = sum(
        F4(0.25) * padded[y + i : y + i + 20, x + j : x + j + 23] for i in (0, 1) for j in (0, 1)
    )
    assert np.array_equal(view[0], expected)


@pytest.mark.parametrize("width", [24, 25, 26, 27])
def test_counts_are_float32_in_the_order_of_the_definition(rng, width):
    chip = {"quantum_efficiency": 0.62, "read_noise_e": 1.9, "gain_adu_per_e": 1.3, "bit_depth": 10}
    step = {"kind": "sensor", "photons_per_unit": 210.0}
    spec = small(step, n_px=(13, width), frames=3, sensor=chip)
    clean = (2 * rng.random((3, 13, width), dtype=F4)) - F4(0.2)
    counts = np.empty(clean.shape, np.uint16)
    Digitizer(spec).digitize(clean, 0, counts)
    for t in range(3):
        z = noise.normals(spec.seed, t, 13 * width).reshape(13, width)
        lam = np.maximum(clean[t] * F4(210.0), F4(0)) * F4(0.62)
        signal = (lam + np.sqrt(lam + F4(1.9**2)) * z) * F4(1.3)
        assert signal.dtype == F4
        assert np.array_equal(counts[t], np.clip(signal, 0, 1023).astype(np.uint16))


def test_every_item_is_worked_on_once():
    done = np.zeros(101, int)

    def task(first, last):
        done[first:last] += 1

    over_items(task, 101, 7)
    assert (done == 1).all()
    over_items(task, 0, 7)
    assert (done == 1).all()


def test_errors_of_helping_threads_are_raised():
    def task(first, last):
        raise RuntimeError(f"item {first}")

    with pytest.raises(RuntimeError, match="item"):
        over_items(task, 50, 1)
