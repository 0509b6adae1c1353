"""Directions from which a molecule is seen, and how flat it looks from there.

Products are written out: a matrix product of BLAS would differ in its last bits between CPUs.
"""

import math

import numpy as np

from simlab.afm.errors import AfmConfigError

BETA = 1.0
"""Inverse depth over which an atom counts in the entropy, 1/Å."""


def sphereTangentSpace(n=100):
    """Rotations whose third rows are n directions spread evenly over the sphere.

    Golden spiral: theta_i = pi (3 - sqrt 5) i, z_i from 1 - 1/n to 1/n - 1; row 0 is the
    tangent (-sin theta, cos theta, 0), row 1 = row 2 x row 0.

    Returns
    -------
    (n, 3, 3) float64
        Orthogonal, determinant +1.
    """
    if isinstance(n, bool) or int(n) != n or n < 1:
        raise AfmConfigError(f"afm: n: {n!r} directions; expected a whole number >= 1")
    n = int(n)
    theta = math.pi * (3 - math.sqrt(5)) * np.arange(n)
    z = np.linspace(1 - 1 / n, 1 / n - 1, n)
    rho = np.sqrt(1 - z**2)
    cos, sin, zero = np.cos(theta), np.sin(theta), np.zeros(n)
    rotations = np.empty((n, 3, 3))
    rotations[:, 2] = np.column_stack([rho * cos, rho * sin, z])
    rotations[:, 0] = np.column_stack([-sin, cos, zero])
    rotations[:, 1] = np.column_stack([-z * cos, -z * sin, rho])
    return rotations


def rotation_matrix(axis, theta):
    """Counter-clockwise rotation by theta (rad) about `axis` (3,), Euler-Rodrigues.

    Returns (3, 3) float64; AfmConfigError for an axis without length.
    """
    axis = np.asarray(axis, np.float64)
    length = math.sqrt(float((axis**2).sum())) if axis.shape == (3,) else 0.0
    if not (0 < length < math.inf) or not math.isfinite(theta):
        raise AfmConfigError(
            f"afm: axis, theta: {axis.tolist()}, {theta}; expected a vector of three numbers "
            "with a length, and an angle in rad"
        )
    a = math.cos(theta / 2)
    b, c, d = (-axis / length * math.sin(theta / 2)).tolist()
    return np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c + a * d), 2 * (b * d - a * c)],
            [2 * (b * c - a * d), a * a + c * c - b * b - d * d, 2 * (c * d + a * b)],
            [2 * (b * d + a * c), 2 * (c * d - a * b), a * a + d * d - b * b - c * c],
        ]
    )


def rotate(xyzs, rotation):
    """Coordinates xyzs @ rotation.T about the origin, (n, 3) float64 in Å."""
    xyzs, rotation = np.asarray(xyzs, np.float64), np.asarray(rotation, np.float64)
    return (
        xyzs[:, 0:1] * rotation[:, 0]
        + xyzs[:, 1:2] * rotation[:, 1]
        + xyzs[:, 2:3] * rotation[:, 2]
    )


def rotate_about(xyzs, rotation, center=None):
    """Coordinates rotated about `center` (3,), default their mean; (n, 3) float64 in Å."""
    xyzs = np.asarray(xyzs, np.float64)
    center = xyzs.mean(axis=0) if center is None else np.asarray(center, np.float64)
    return rotate(xyzs - center, rotation) + center


def check_rotation(rotation, name="rot"):
    """`rotation` as a (3, 3) float64 copy.

    Raises AfmConfigError unless it is orthogonal within 1e-6 and of determinant +1: a reflection
    would make another molecule of a chiral one.
    """
    try:
        matrix = np.array(rotation, np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    square = matrix.shape == (3, 3)
    orthogonal = square and np.allclose(matrix @ matrix.T, np.eye(3), rtol=0, atol=1e-6)
    if not orthogonal or np.linalg.det(matrix) < 0:
        found = str(rotation) if matrix.size == 0 else matrix.tolist()
        raise AfmConfigError(
            f"afm: {name}: {found}; expected a (3, 3) rotation matrix: orthogonal, determinant +1"
        )
    return matrix


def entropies(xyzs, directions):
    """Entropy of a molecule seen from many directions.

    S(h) = sum over atoms of exp(beta (x.h - max x.h)), beta = 1/Å: the number of atoms close to
    the topmost plane normal to h.

    Parameters
    ----------
    xyzs : (n, 3) float
        Å.
    directions : (m, 3) float
        Unit vectors.

    Returns
    -------
    (m,) float64
        From 1 to n.
    """
    x, y, z = np.asarray(xyzs, np.float64).T[:, :, None]
    hx, hy, hz = np.asarray(directions, np.float64).T[:, None, :]
    height = x * hx + y * hy + z * hz
    return np.exp(BETA * (height - height.max(axis=0))).sum(axis=0)


def direction_entropy(xyzs, direction):
    """Entropy (`entropies`) of the molecule `xyzs` (n, 3) in one `direction` (3,): float."""
    return float(entropies(xyzs, [direction])[0])


def entropy_order(xyzs, rotations):
    """Order of falling entropy of rotations (m, 3, 3): (indices (m,), entropies of all (m,)).

    Ties keep the order of the list.
    """
    values = entropies(xyzs, np.asarray(rotations, np.float64)[:, 2])
    return np.argsort(-values, kind="stable"), values


def sort_rotations_by_entropy(xyzs, rotations):
    """Rotations (m, 3, 3) as a list of (3, 3) by falling entropy of their third rows."""
    rotations = np.array([check_rotation(rotation, "rotations") for rotation in rotations])
    order, _ = entropy_order(xyzs, rotations)
    return [rotations[k].copy() for k in order]
