import numpy as np
import pytest
from afm_reference import HELPERS

from simlab.afm.boxes import GRID_SIZES, Box, equilibrium_offset, get_lvec
from simlab.afm.errors import AfmConfigError


@pytest.mark.parametrize("case", HELPERS["get_lvec"], ids=lambda c: f"ppa{c['pixPerAngstrome']}")
def test_automatic_boxes_equal_the_reference(case):
    found = get_lvec(
        case["scan_window"], tipR0=case["tipR0"], pixPerAngstrome=case["pixPerAngstrome"]
    )
    np.testing.assert_allclose(found, case["lvec"], rtol=1e-12, atol=1e-12)


def test_the_box_of_the_seed_is_as_published():
    lvec = get_lvec(((2, 2, 5), (18, 18, 6.9)), tipR0=(0, 0, 3), pixPerAngstrome=10)
    np.testing.assert_allclose(lvec[0], [-2.8, -2.8, -3.45], atol=1e-12)
    assert Box.from_lvec(lvec, 10).shape == (256, 256, 128)


def test_automatic_boxes_have_the_listed_sizes_and_hold_window_and_padding():
    for side in (1.0, 7.3, 31.0):
        box = Box.from_lvec(get_lvec(((0, 0, 0), (side, 2 * side, 2)), pixPerAngstrome=8), 8)
        assert set(box.shape) <= set(GRID_SIZES)
        assert (np.diag(box.cell) >= np.array([side, 2 * side, 2]) + 2 * np.array([3, 3, 5])).all()


def test_a_window_that_needs_too_many_points_names_the_axis():
    with pytest.raises(AfmConfigError, match=r"2060 grid points along y .* at most 2048"):
        get_lvec(((0, 0, 0), (10, 200, 2)), pixPerAngstrome=10)


def test_grid_points_lie_where_the_box_says():
    box = Box.from_lvec([[1, 2, 3], [4, 0, 0], [1, 5, 0], [0, 0, 6]], 2)
    assert box.shape == (8, 10, 12)
    point = box.origin + 3 * box.cell[0] / 8 + 7 * box.cell[1] / 10 + 2 * box.cell[2] / 12
    np.testing.assert_allclose(box.to_grid(point), [3, 7, 2], atol=1e-12)
    assert not box.is_orthogonal


@pytest.mark.parametrize(
    ("lvec", "message"),
    [
        (np.zeros((3, 3)), "4 rows"),
        (np.full((4, 3), np.nan), "finite"),
        ([[0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 0, 1]], "no volume"),
        ([[0, 0, 0], [500, 0, 0], [0, 5, 0], [0, 0, 5]], "2 to 2048"),
    ],
)
def test_unusable_boxes_are_refused(lvec, message):
    with pytest.raises(AfmConfigError, match=message):
        Box.from_lvec(lvec, 10)


def test_the_unloaded_particle_hangs_at_the_length_of_the_tip():
    offset = equilibrium_offset((0.3, -0.4, 3.0))
    assert np.linalg.norm(offset) == pytest.approx(3.0, rel=1e-15)
    np.testing.assert_array_equal(offset[:2], [0.3, -0.4])
    assert offset[2] < 0


@pytest.mark.parametrize("tipR0", [(3, 0, 3), (0, 0, 0), (0, 0, -1), (2.5, 2.5, 3), (np.nan, 0, 3)])
def test_a_tilt_not_below_the_length_of_the_tip_is_refused(tipR0):
    with pytest.raises(AfmConfigError, match="tipR0"):
        equilibrium_offset(tipR0)
