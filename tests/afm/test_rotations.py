import math

import numpy as np
import pytest
from afm_reference import HELPERS, molecule

from simlab.afm.errors import AfmConfigError
from simlab.afm.rotations import (
    check_rotation,
    direction_entropy,
    entropies,
    entropy_order,
    rotate,
    rotate_about,
    rotation_matrix,
    sort_rotations_by_entropy,
    sphereTangentSpace,
)

TIGHT = {"rtol": 1e-12, "atol": 1e-12}


@pytest.mark.parametrize("n", sorted(HELPERS["sphereTangentSpace"], key=int))
def test_directions_equal_the_reference(n):
    expected = np.array(HELPERS["sphereTangentSpace"][n])
    np.testing.assert_allclose(sphereTangentSpace(int(n)), expected, **TIGHT)


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_tangent_spaces_are_right_handed_rotations(n):
    rotations = sphereTangentSpace(n)
    assert rotations.shape == (n, 3, 3)
    unit = np.tile(np.eye(3), (n, 1, 1))
    np.testing.assert_allclose(rotations @ rotations.transpose(0, 2, 1), unit, atol=1e-14)
    np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=1e-14)


@pytest.mark.parametrize("n", [10, 100, 1000])
def test_directions_cover_the_sphere_evenly(n):
    directions = sphereTangentSpace(n)[:, 2]
    assert np.linalg.norm(directions.mean(axis=0)) < 1 / n
    np.testing.assert_allclose(np.sort(np.diff(directions[:, 2])), -2 / n, atol=2 / n**2 * 1.01)


@pytest.mark.parametrize("n", [0, -1, 2.5, True])
def test_a_number_of_directions_that_is_none_is_refused(n):
    with pytest.raises(AfmConfigError, match="n:"):
        sphereTangentSpace(n)


def test_entropies_and_their_order_equal_the_reference():
    reference = HELPERS["entropy"]
    xyz = molecule(reference["molecule"])[0]
    rotations = sphereTangentSpace(reference["n"])
    order, values = entropy_order(xyz, rotations)
    np.testing.assert_allclose(values, reference["entropy"], **TIGHT)
    assert order[:30].tolist() == reference["best30_index"]
    best = sort_rotations_by_entropy(xyz, rotations)
    assert len(best) == len(rotations)
    for k, index in enumerate(reference["best30_index"]):
        assert np.array_equal(best[k], rotations[index])


def test_a_plane_seen_from_above_or_below_counts_all_its_atoms():
    rng = np.random.default_rng(2)
    xyz = np.column_stack([rng.normal(size=(9, 2)), np.full(9, 3.0)])
    assert direction_entropy(xyz, (0, 0, 1)) == 9
    assert direction_entropy(xyz, (0, 0, -1)) == 9
    values = entropies(xyz, sphereTangentSpace(50)[:, 2])
    assert (values >= 1).all()
    assert (values < 9).all()


def test_entropy_of_two_atoms_is_one_plus_the_exponential_of_their_depth():
    xyz = [[0, 0, 0], [0, 0, -1.7]]
    assert direction_entropy(xyz, (0, 0, 1)) == pytest.approx(1 + math.exp(-1.7), rel=1e-15)


def test_directions_of_equal_entropy_keep_their_order():
    xyz = np.array([[0.0, 0, 0], [1, 0, 0]])
    rotations = np.array([rotation_matrix((1, 0, 0), angle) for angle in (0.3, 0.1, 0.2)])
    order, _ = entropy_order(xyz, rotations)
    assert order.tolist() == [0, 1, 2]


def test_rotation_matrix_turns_counter_clockwise():
    quarter = rotation_matrix((0, 0, 2), math.pi / 2)
    np.testing.assert_allclose(quarter @ [1, 0, 0], [0, 1, 0], atol=1e-15)
    turn = rotation_matrix((1, -2, 0.5), 0.7)
    np.testing.assert_allclose(turn @ [1, -2, 0.5], [1, -2, 0.5], atol=1e-15)
    np.testing.assert_allclose(turn @ rotation_matrix((1, -2, 0.5), -0.7), np.eye(3), atol=1e-15)
    assert np.trace(turn) == pytest.approx(1 + 2 * math.cos(0.7))


@pytest.mark.parametrize("axis", [(0, 0, 0), (1, 2), (1, 2, math.nan)])
def test_an_axis_without_direction_is_refused(axis):
    with pytest.raises(AfmConfigError, match="axis"):
        rotation_matrix(axis, 1.0)


def test_rotated_coordinates_are_products_with_the_transposed_matrix():
    xyz = np.random.default_rng(3).normal(size=(4, 3))
    turn = rotation_matrix((1, 1, 0), 1.1)
    np.testing.assert_allclose(rotate(xyz, turn), xyz @ turn.T, **TIGHT)
    center = np.array([1.0, 2, 3])
    about = rotate_about(xyz, turn, center)
    np.testing.assert_allclose(about, (xyz - center) @ turn.T + center, **TIGHT)
    np.testing.assert_allclose(rotate_about(xyz, turn).mean(axis=0), xyz.mean(axis=0), atol=1e-15)


@pytest.mark.parametrize(
    "matrix",
    [np.ones((3, 3)), np.eye(2), "x", None, 2 * np.eye(3), np.diag([1, 1, -1]), -np.eye(3)],
)
def test_what_is_no_rotation_is_refused(matrix):
    with pytest.raises(AfmConfigError, match="orthogonal"):
        check_rotation(matrix)
    with pytest.raises(AfmConfigError, match=r"rotations: .*orthogonal"):
        sort_rotations_by_entropy(np.eye(3), [np.eye(3), matrix])
