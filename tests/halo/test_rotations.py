"""Random views."""

import numpy as np
import pytest

from simlab.core.errors import PhysicsError
from simlab.halo.rotations import check_rotation, legacy_seed, random_rotation, rotation_key


@pytest.fixture(scope="module")
def reference(data):
    return np.load(data / "halo" / "rotations.npz")


def test_uniform_rotations_are_those_of_the_reference(reference):
    for key, matrix in zip(reference["so3_keys"], reference["so3_matrices"], strict=True):
        assert np.abs(random_rotation(tuple(key)) - matrix).max() < 1e-12


def test_legacy_rotations_are_those_of_the_original(reference):
    for seed, matrix in zip(reference["euler_seeds"], reference["euler_matrices"], strict=True):
        assert np.abs(random_rotation(int(seed), "euler_legacy") - matrix).max() < 1e-12


def test_rotations_are_proper_and_uniform():
    rotations = np.array([random_rotation((5, k)) for k in range(20000)])
    unity = rotations @ rotations.transpose(0, 2, 1) - np.eye(3)
    assert np.abs(unity).max() < 1e-14
    assert np.abs(np.linalg.det(rotations) - 1).max() < 1e-14
    # standard errors: 0.0041 of R_ij, 0.0021 of its square
    assert np.abs(rotations.mean(0)).max() < 0.0165
    assert np.abs((rotations**2).mean(0) - 1 / 3).max() < 0.0085


def test_an_int_is_the_key_of_one_word():
    assert np.array_equal(random_rotation(12), random_rotation((12,)))


def test_production_keys_hold_four_words():
    assert rotation_key(1993, 7, 123, 0) == (1993, 7, 123, 0)
    views = {random_rotation(rotation_key(1, 2, 3, k)).tobytes() for k in range(4)}
    assert len(views) == 4


@pytest.mark.parametrize("bad", [(2**32, 0, 0, 0), (0, 0, -1, 0)])
def test_words_beyond_32_bits_are_refused_in_production(bad):
    with pytest.raises(PhysicsError, match="rotation key"):
        rotation_key(*bad)


def test_legacy_seeds_collide_from_the_eleventh_halo_on():
    assert legacy_seed(3, 12, 4) == 3000 + 1200 + 4
    assert legacy_seed(0, 10, 0) == legacy_seed(1, 0, 0)


@pytest.mark.parametrize("key", [-1, (), (1, -2), 1.5, "seed", None])
def test_keys_that_are_not_counts_are_refused(key):
    with pytest.raises(PhysicsError, match="rotation key"):
        random_rotation(key)


@pytest.mark.parametrize("seed", [(1, 2), -1, 2**32, None, 1.5])
def test_legacy_seeds_are_one_int(seed):
    with pytest.raises(PhysicsError, match="euler_legacy"):
        random_rotation(seed, "euler_legacy")


def test_an_unknown_scheme_is_refused():
    with pytest.raises(PhysicsError, match="'so3' or 'euler_legacy'"):
        random_rotation(1, "euler")


def test_the_global_generators_are_left_alone():
    state = np.random.get_state()[1].copy()
    random_rotation(3), random_rotation(3, "euler_legacy")
    assert np.array_equal(np.random.get_state()[1], state)


def test_matrices_that_are_no_rotations_are_refused():
    turn = random_rotation(4)
    assert np.array_equal(check_rotation(turn.tolist()), turn)
    with pytest.raises(PhysicsError, match=r"shape \(2, 2\)"):
        check_rotation(np.eye(2))
    with pytest.raises(PhysicsError, match="not orthogonal"):
        check_rotation(turn * (1 + 1e-8))
    with pytest.raises(PhysicsError, match="not orthogonal"):
        check_rotation(np.full((3, 3), np.nan))
    with pytest.raises(PhysicsError, match="reflection"):
        check_rotation(-turn)
