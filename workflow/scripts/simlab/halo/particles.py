"""What particles must be before they are projected: shapes, finite numbers, places in the box."""

import math

import numpy as np

from simlab.core.errors import PhysicsError
from simlab.halo.cutouts import check_box

__all__ = [
    "check_box",
    "check_center",
    "check_choice",
    "check_depth",
    "check_masses",
    "check_pixels",
    "check_positions",
    "into_box",
    "to_single",
    "wrapped",
]


def check_positions(positions, name="positions", axes=(3,)):
    """`positions` (N, d), d in `axes`, as float32 or float64 array in C order; finite."""
    from simlab.halo.kernels.deposit import count_outside

    array = np.asarray(positions)
    if array.ndim != 2 or array.shape[1] not in axes:
        expected = " or ".join(f"(N, {d})" for d in axes)
        raise PhysicsError(f"{name} has shape {array.shape}, expected {expected}")
    if array.dtype != np.float32:
        array = np.asarray(array, np.float64)
    array = np.ascontiguousarray(array)
    if count_outside(array.reshape(-1), -math.inf, math.inf) and not np.isfinite(array).all():
        row, axis = np.argwhere(~np.isfinite(array))[0]
        raise PhysicsError(f"{name}[{row}, {axis}] is {array[row, axis]}, expected a finite number")
    return array


def check_masses(masses, count, name="masses"):
    """Masses as array (count,), or (1,) if all are equal by construction: a scalar, a stride of 0.

    float32 or float64, C order; each finite and >= 0.
    """
    from simlab.halo.kernels.deposit import count_outside

    array = np.asarray(masses)
    if array.ndim == 0 or (array.shape == (count,) and count and array.strides == (0,)):
        array = array.reshape(-1)[:1].copy()  # a view would be read-only, a type of its own
    elif array.shape != (count,):
        raise PhysicsError(f"{name} has shape {array.shape}, expected ({count},) or one number")
    if array.dtype != np.float32:
        array = np.asarray(array, np.float64)
    array = np.ascontiguousarray(array)
    if count_outside(array, 0.0, math.inf):
        index = np.flatnonzero(~((array >= 0) & (array < math.inf)))[0]
        raise PhysicsError(f"{name}[{index}] is {array[index]}, expected a finite number >= 0")
    return array


def check_center(center, name="halo_center"):
    """`center` (3,) as float64; finite."""
    center = np.asarray(center, np.float64)
    if center.shape != (3,) or not np.isfinite(center).all():
        raise PhysicsError(f"{name} is {center.tolist()}, expected three finite numbers")
    return center


def wrapped(positions, box_size):
    """Positions in [0, box_size), float64; the remainder of -1e-20 rounds to the side: to 0."""
    positions = np.mod(np.asarray(positions, np.float64), box_size)
    positions[positions >= box_size] = 0
    return positions


def into_box(positions, box_size):
    """Positions as float32 in [0, box_size): wrapped in float64, rounded, `box_size` becomes 0."""
    from simlab.halo.kernels.deposit import count_outside

    single = positions.astype(np.float32, copy=False)
    if not count_outside(single.reshape(-1), 0.0, box_size):
        return single
    single = wrapped(positions, box_size).astype(np.float32)
    single[single >= box_size] = 0
    return single


def check_pixels(n, name):
    """Pixels along an axis as int > 0."""
    if n != int(n) or n < 1:
        raise PhysicsError(f"{name} is {n}, expected a whole number > 0")
    return int(n)


def check_choice(value, name, choices):
    """`value`, or PhysicsError if it is none of `choices`."""
    if value not in choices:
        raise PhysicsError(f"{name} is {value!r}, expected one of {', '.join(map(repr, choices))}")
    return value


def check_depth(depth, box_size):
    """Depth of the projection, Mpc/h; None = the box."""
    if depth is None:
        return box_size
    if not 0 < depth <= box_size * (1 + 1e-9):
        raise PhysicsError(f"depth is {depth}, expected 0 < depth <= {box_size:g} Mpc/h")
    return float(min(depth, box_size))


def to_single(field):
    """Float64 sums rounded once to float32; PhysicsError beyond its range."""
    if field.size and field.max() > np.finfo(np.float32).max:
        raise PhysicsError(f"a pixel holds {field.max():g} Msun/h, more than float32 can")
    return field.astype(np.float32)
