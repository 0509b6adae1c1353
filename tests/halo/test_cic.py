"""Cloud in cell on unrotated grids."""

import numpy as np
import pytest
from halo_particles import L, clustered

from simlab.core.errors import PhysicsError
from simlab.halo.grids import cic_deposit, project_particles_2d


@pytest.mark.parametrize("case", [0, 1, 2])
def test_maps_are_those_of_masl(data, case):
    reference = np.load(data / "halo" / "masl_cic.npz")
    positions, masses, box, field = (
        reference[f"c{case}_{name}"] for name in ("pos", "w", "L", "field")
    )
    ours = cic_deposit(positions, masses, float(box), len(field))
    assert ours.dtype == np.float32
    assert ours.shape == field.shape
    assert np.max(np.abs(ours - field) - 1e-5 * np.abs(field)) <= 1e-4 * masses.max()


def test_a_particle_on_a_node_is_in_one_pixel():
    field = cic_deposit([[3.0, 5.0]], [2.0], 8.0, 8)
    assert field[3, 5] == field.sum() == 2


def test_a_cloud_is_shared_by_overlap_and_wraps():
    field = cic_deposit([[7.75, 2.5]], 4.0, 8.0, 8)
    expected = np.zeros((8, 8))
    expected[7, 2:4] = 0.5
    expected[0, 2:4] = 1.5
    assert np.array_equal(field, expected)


def test_positions_anywhere_are_wrapped():
    inside = np.array([[0.25, 7.5, 3.0], [1.0, 0.0, 7.75]])
    moved = inside + 8.0 * np.array([[-1, 3, 0], [2, 1, -5]])
    assert np.array_equal(cic_deposit(moved, 1.0, 8.0, 4), cic_deposit(inside, 1.0, 8.0, 4))


@pytest.mark.parametrize("axes", [2, 3])
def test_total_mass_is_conserved(axes):
    positions, masses = clustered(20000)
    field = cic_deposit(positions[:, :axes], masses, L, 37)
    assert field.sum(dtype=float) == pytest.approx(masses.sum(dtype=float), rel=1e-6)


def test_projection_keeps_the_other_axes_in_order():
    positions = np.array([[1.0, 2.0, 3.0]])
    for axis, pixel in ((0, (2, 3)), (1, (1, 3)), (2, (1, 2))):
        field = project_particles_2d(positions, 5.0, 8.0, 8, axis)
        assert field[pixel] == field.sum() == 5


def test_projection_is_the_sum_along_the_axis():
    positions, masses = clustered(5000)
    volume = cic_deposit(positions, masses, L, 16)
    flat = project_particles_2d(positions, masses, L, 16, axis=1)
    assert np.allclose(volume.sum(1), flat, rtol=1e-5)


def test_no_particles_make_a_map_of_zeros():
    assert not cic_deposit(np.zeros((0, 3)), np.zeros(0), L, 8).any()


def test_inputs_are_not_modified():
    positions, masses = clustered(100, dtype=np.float64)
    positions += 60
    before = positions.copy(), masses.copy()
    cic_deposit(positions, masses, L, 8)
    assert np.array_equal(positions, before[0])
    assert np.array_equal(masses, before[1])


@pytest.mark.parametrize(
    ("positions", "masses", "message"),
    [
        (np.zeros((4, 4)), 1.0, r"positions has shape \(4, 4\)"),
        (np.zeros(3), 1.0, r"positions has shape \(3,\)"),
        ([[0, 1, 2], [0, np.nan, 2]], 1.0, r"positions\[1, 1\] is nan"),
        ([[0, 1, np.inf]], 1.0, r"positions\[0, 2\] is inf"),
        (np.zeros((3, 3)), np.ones(2), r"masses has shape \(2,\), expected \(3,\)"),
        (np.zeros((3, 3)), np.ones((3, 1)), r"masses has shape \(3, 1\)"),
        (np.zeros((3, 3)), [1, 2, -1], r"masses\[2\] is -1"),
        (np.zeros((3, 3)), [1, np.nan, 1], r"masses\[1\] is nan"),
        (np.zeros((3, 3)), np.inf, r"masses\[0\] is inf"),
    ],
)
def test_particles_that_make_no_sense_are_refused(positions, masses, message):
    with pytest.raises(PhysicsError, match=message):
        cic_deposit(positions, masses, L, 8)


@pytest.mark.parametrize(("box", "n"), [(0.0, 8), (np.nan, 8), (L, 0), (L, 2.5)])
def test_grids_that_make_no_sense_are_refused(box, n):
    with pytest.raises(PhysicsError):
        cic_deposit(np.zeros((1, 2)), 1.0, box, n)


def test_an_unknown_axis_is_refused():
    with pytest.raises(PhysicsError, match="axis"):
        project_particles_2d(np.zeros((1, 3)), 1.0, L, 8, axis=3)


def test_a_mass_beyond_single_precision_is_an_error():
    with pytest.raises(PhysicsError, match="float32"):
        cic_deposit([[1.0, 1.0]], 1e39, L, 8)
