"""Patches, exit waves and their power.

Complex arrays are handled as float32 with real and imaginary parts side by side, so that a row of
N complex pixels is one run of 2N numbers on which the same arithmetic is done.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _bilinear_row(upper, upper_next, lower, lower_next, w00, w01, w10, w11, out):
    for j in range(out.size):
        out[j] = w00 * upper[j] + w01 * upper_next[j] + w10 * lower[j] + w11 * lower_next[j]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _patch_row(plane, r, c, wy, wx, out):
    """Row of a patch: `out` float32 (2N,) from rows r, r+1 and columns c.. of a padded object."""
    n2 = out.size
    left, right = 2 * c, 2 * c + 2
    _bilinear_row(
        plane[r, left : left + n2],
        plane[r, right : right + n2],
        plane[r + 1, left : left + n2],
        plane[r + 1, right : right + n2],
        np.float32((1.0 - wy) * (1.0 - wx)),
        np.float32((1.0 - wy) * wx),
        np.float32(wy * (1.0 - wx)),
        np.float32(wy * wx),
        out,
    )


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _illuminate(patch, real, imaginary, out):
    for c in range(real.size):
        out[2 * c] = real[c] * patch[2 * c] - imaginary[c] * patch[2 * c + 1]
        out[2 * c + 1] = real[c] * patch[2 * c + 1] + imaginary[c] * patch[2 * c]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _wave_power(wave, squares, total):
    """`total` + sum of |wave|^2 (float32 (2N,)), pixel after pixel in float64."""
    for c in range(squares.size):
        re, im = np.float64(wave[2 * c]), np.float64(wave[2 * c + 1])
        squares[c] = re * re + im * im
    for c in range(squares.size):
        total += squares[c]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def gather_patches(objects, index, corners, weights, patches):
    """Object patches at given corners, interpolated bilinearly.

    O[r, c] (1-wy)(1-wx) + O[r, c+1] (1-wy) wx + O[r+1, c] wy (1-wx) + O[r+1, c+1] wy wx, weights
    rounded to float32 last.

    Parameters
    ----------
    objects : float32 (K, Hp, 2 Wp)
        Zero-padded objects, real and imaginary parts side by side.
    index : int64 (m,)
        Object of each frame.
    corners : int64 (m, 2)
        Row and column of the first pixel of each patch in the padded object.
    weights : float64 (m, 2)
        Fractions (wy, wx) in [0, 1).
    patches : float32 (m, N, 2N)
        Written.
    """
    for j in range(patches.shape[0]):
        plane = objects[index[j]]
        for r in range(patches.shape[1]):
            _patch_row(
                plane, corners[j, 0] + r, corners[j, 1], weights[j, 0], weights[j, 1], patches[j, r]
            )


@njit(cache=True, nogil=True, error_model="numpy")
def gather_and_illuminate(objects, index, corners, weights, real, imaginary, patches, waves):
    """Patches as in `gather_patches` and the exit waves of every mode, P_k * patch, in one pass.

    Parameters
    ----------
    objects, index, corners, weights
        See `gather_patches`.
    real, imaginary : float32 (P, N, N)
        Probe modes.
    patches : float32 (m, N, 2N)
        Written.
    waves : float32 (m, P, N, 2N)
        Written.
    """
    for j in range(waves.shape[0]):
        plane = objects[index[j]]
        for r in range(waves.shape[2]):
            row = patches[j, r]
            _patch_row(plane, corners[j, 0] + r, corners[j, 1], weights[j, 0], weights[j, 1], row)
            for k in range(waves.shape[1]):
                _illuminate(row, real[k, r], imaginary[k, r], waves[j, k, r])


@njit(cache=True, nogil=True, error_model="numpy")
def gather_power(objects, index, corners, weights, real, imaginary, power):
    """Power of the exit waves, sum_k sum_rc |P_k patch|^2, float64 (m,); arrays as above.

    |psi|^2 is taken from the complex64 exit wave and summed row-major in sequence, mode after mode.
    """
    n = real.shape[1]
    row, wave, squares = np.empty(2 * n, np.float32), np.empty(2 * n, np.float32), np.empty(n)
    for j in range(power.size):
        plane = objects[index[j]]
        total = 0.0
        for k in range(real.shape[0]):
            for r in range(n):
                _patch_row(
                    plane, corners[j, 0] + r, corners[j, 1], weights[j, 0], weights[j, 1], row
                )
                _illuminate(row, real[k, r], imaginary[k, r], wave)
                total = _wave_power(wave, squares, total)
        power[j] = total


@njit(cache=True, nogil=True, error_model="numpy")
def illuminate(patches, real, imaginary, waves):
    """Exit waves float32 (m, P, N, 2N) of given `patches` float32 (m, N, 2N)."""
    for j in range(waves.shape[0]):
        for k in range(waves.shape[1]):
            for r in range(waves.shape[2]):
                _illuminate(patches[j, r], real[k, r], imaginary[k, r], waves[j, k, r])


@njit(cache=True, nogil=True, error_model="numpy")
def wave_power(waves, power):
    """Power float64 (m,) of exit waves float32 (m, P, N, 2N), summed as in `gather_power`."""
    squares = np.empty(waves.shape[2])
    for j in range(waves.shape[0]):
        total = 0.0
        for k in range(waves.shape[1]):
            for r in range(waves.shape[2]):
                total = _wave_power(waves[j, k, r], squares, total)
        power[j] = total


@njit(cache=True, nogil=True, error_model="numpy")
def largest_modulus(patches, out):
    """max |patch| float64 (m,) of patches float32 (m, N, 2N)."""
    n = patches.shape[1]
    largest = np.empty(n)
    for j in range(patches.shape[0]):
        largest[:] = 0.0
        for r in range(n):
            row = patches[j, r]
            for c in range(n):
                re, im = np.float64(row[2 * c]), np.float64(row[2 * c + 1])
                square = re * re + im * im
                largest[c] = square if square > largest[c] else largest[c]
        top = 0.0
        for c in range(n):
            top = max(top, largest[c])
        out[j] = np.sqrt(top)


def warm():
    """Compile the kernels of this module."""
    planes, patches = np.zeros((1, 4, 8), np.float32), np.zeros((1, 2, 4), np.float32)
    index, corners, weights = np.zeros(1, np.int64), np.zeros((1, 2), np.int64), np.zeros((1, 2))
    probe, waves, one = (
        np.zeros((1, 2, 2), np.float32),
        np.zeros((1, 1, 2, 4), np.float32),
        np.zeros(1),
    )
    located = planes, index, corners, weights
    gather_patches(*located, patches)
    gather_and_illuminate(*located, probe, probe, patches, waves)
    gather_power(*located, probe, probe, one)
    illuminate(patches, probe, probe, waves)
    wave_power(waves, one)
    largest_modulus(patches, one)
