"""Footprints as patches against the same footprints as images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlab.calcium.footprints import FootprintStack

CANVAS = (12, 15)


@pytest.fixture
def stack():
    rng = np.random.default_rng(0)
    patches = [rng.random(shape) for shape in ((3, 4), (1, 1), (5, 2), (0, 0), (12, 15))]
    patches[0][1, 2] = 0
    return FootprintStack.from_patches(patches, [(0, 0), (11, 14), (6, 9), (0, 0), (0, 0)], CANVAS)


def test_images_hold_the_patches_at_their_offsets(stack):
    dense = stack.to_dense()
    assert dense.shape == (5, *CANVAS)
    assert dense.dtype == stack.data.dtype == np.float32
    assert np.array_equal(dense[2, 6:11, 9:11], stack.patch(2))
    assert np.count_nonzero(dense[2]) == 10
    assert not dense[3].any()
    assert stack.pointers.tolist() == [0, 12, 13, 23, 23, 23 + 180]


def test_patches_are_views_of_the_data(stack):
    stack.patch(1)[:] = 5
    assert stack.data[12] == 5


def test_sparse_rows_are_the_images_without_zeros(stack):
    csr = stack.to_csr()
    assert csr.shape == (5, 180)
    assert np.array_equal(csr.toarray().reshape(5, *CANVAS), stack.to_dense())
    assert csr.nnz == np.count_nonzero(stack.to_dense())


def test_sums_are_those_of_the_images(stack):
    assert stack.sums() == pytest.approx(stack.to_dense().sum(axis=(1, 2), dtype=float))


@given(
    top=st.integers(0, 11),
    left=st.integers(0, 14),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
)
def test_crops_are_crops_of_the_images(top, left, height, width):
    rng = np.random.default_rng(1)
    offsets = rng.integers(0, 9, (6, 2))
    stack = FootprintStack.from_patches([rng.random((3, 4)) for _ in offsets], offsets, CANVAS)
    height, width = min(height, 12 - top), min(width, 15 - left)
    cropped = stack.crop(top, left, height, width)
    expected = stack.to_dense()[:, top : top + height, left : left + width]
    assert cropped.canvas_shape == (height, width)
    assert np.array_equal(cropped.to_dense(), expected)
    seen = stack.overlaps(top, left, height, width)
    assert np.array_equal(seen, expected.any(axis=(1, 2)))


@pytest.mark.parametrize(
    "index", [[4, 0], slice(1, 3), np.array([True, False, False, True, False])]
)
def test_a_selection_has_the_cells_asked_for(stack, index):
    chosen = stack.select(index)
    assert np.array_equal(chosen.to_dense(), stack.to_dense()[index])


def test_no_cells_are_a_stack_too():
    empty = FootprintStack.empty(CANVAS)
    assert len(empty) == 0
    assert empty.to_dense().shape == (0, *CANVAS)
    assert empty.to_csr().shape == (0, 180)
    assert empty.sums().shape == (0,)
    assert len(empty.crop(0, 0, 2, 2)) == len(empty.select([])) == 0
    assert empty.overlaps(0, 0, 2, 2).shape == (0,)
