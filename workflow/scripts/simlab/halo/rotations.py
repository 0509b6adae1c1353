"""Random views: rotation matrices and the keys they belong to."""

import operator

import numpy as np

from simlab.core.errors import PhysicsError

WORD = 2**32
"""Elements of a production key are below: `SeedSequence` splits larger ones, and keys collide."""
ORTHOGONALITY = 1e-9


def rotation_key(seed, sim, group_index, rot):
    """Key of one view: (seed, simulation, row in the full catalog, number of the rotation).

    It holds the row of the full catalog, not the rank among the kept haloes, so that another mass
    threshold keeps the rotations of each halo. Four words, as `SeedSequence` pads shorter keys.
    """
    key = tuple(map(operator.index, (seed, sim, group_index, rot)))
    if any(not 0 <= word < WORD for word in key):
        raise PhysicsError(f"rotation key {key}: elements must be from 0 to 2^32 - 1")
    return key


def legacy_seed(sim, halo_idx, rot):
    """Seed of a view in the scheme `euler_legacy`; collides from the eleventh halo on."""
    return int(sim) * 1000 + int(halo_idx) * 100 + int(rot)


def random_rotation(key, scheme="so3"):
    """Rotation matrix (3, 3) float64 that belongs to a key.

    `so3`: uniform on SO(3), by the unit quaternion of four normal numbers (Shoemake 1992) drawn
    from `default_rng(SeedSequence(key))`; `key` is a tuple of ints >= 0, or an int s for (s,).
    `euler_legacy`: extrinsic x-y-z Euler angles, uniform in [0, 2 pi), of `RandomState(key)`;
    `key` is an int. Not uniform on SO(3): it exists to reproduce data of the original tool.
    """
    if scheme == "so3":
        return _uniform_rotation(_words(key))
    if scheme == "euler_legacy":
        return _euler_rotation(key)
    raise PhysicsError(f"rotation scheme {scheme!r}: expected 'so3' or 'euler_legacy'")


def check_rotation(rotation, name="rotation"):
    """`rotation` as float64 (3, 3), or PhysicsError if it is not proper and orthogonal to 1e-9."""
    matrix = np.asarray(rotation, np.float64)
    if matrix.shape != (3, 3):
        raise PhysicsError(f"{name} has shape {matrix.shape}, expected (3, 3)")
    # written so that NaN fails
    if not np.abs(matrix @ matrix.T - np.eye(3)).max() < ORTHOGONALITY:
        raise PhysicsError(f"{name} is not orthogonal to {ORTHOGONALITY:g}")
    if not np.linalg.det(matrix) > 0:
        raise PhysicsError(f"{name} has determinant -1: a reflection, expected a rotation")
    return matrix


def _words(key):
    words = key if isinstance(key, tuple | list) else (key,)
    try:
        words = tuple(map(operator.index, words))
    except TypeError:
        raise PhysicsError(f"rotation key {key!r}: expected an int or a tuple of ints") from None
    if not words or min(words) < 0:
        raise PhysicsError(f"rotation key {key!r}: expected at least one int, all >= 0")
    return words


def _uniform_rotation(words):
    q = np.random.default_rng(np.random.SeedSequence(words)).standard_normal(4)
    w, x, y, z = q / np.sqrt(q @ q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def _euler_rotation(seed):
    if not isinstance(seed, int | np.integer) or not 0 <= seed < WORD:
        raise PhysicsError(f"scheme euler_legacy needs one int from 0 to 2^32 - 1, found {seed!r}")
    angles = np.random.RandomState(seed).uniform(0, 2 * np.pi, 3)
    (ca, cb, cc), (sa, sb, sc) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
    about_y = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    about_z = np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x
