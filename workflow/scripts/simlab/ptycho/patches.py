"""Patches of the object at scan positions: where they lie and how they are interpolated.

patch_j[r, c] = O(row = y_j + r - N//2, col = x_j + c - N//2), O = 0 outside its array.
"""

import math

import numpy as np
import scipy.fft

from simlab.core.errors import ConfigError
from simlab.ptycho.inputs import as_complex64
from simlab.ptycho.kernels.elementary import turns
from simlab.ptycho.kernels.gather import gather_patches

SUBPIXEL = ("bilinear", "nearest", "fourier")
GUARD = 8
"""Pixels around a patch that take the wrap-around of the Fourier shift."""
BATCH_BYTES = 2**20


def as_positions(x, y):
    """`x`, `y` as float64 (M,) arrays.

    Errors: TypeError for what is not numeric, ConfigError unless 1-D, of equal length and finite.
    """
    x, y = (np.atleast_1d(_numbers(values, name, "biuf")) for name, values in (("x", x), ("y", y)))
    x, y = x.astype(np.float64), y.astype(np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ConfigError(f"x and y must be 1-D and of equal length, found {x.shape} and {y.shape}")
    for name, values in (("x", x), ("y", y)):
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise ConfigError(
                f"{name}: {bad.size} positions are not finite, the first is that of frame {bad[0]}"
            )
    return x, y


def _numbers(values, name, kinds):
    values = np.asarray(values)
    if values.size and values.dtype.kind not in kinds:
        raise TypeError(f"{name} has dtype {values.dtype}, numbers are expected")
    return values


def as_stack(array, name):
    """`inputs.as_complex64`, a single image as a stack of one: complex64 (K, rows, columns)."""
    array = as_complex64(array, name)
    return array[None] if array.ndim == 2 else array


class PatchSource:
    """Objects prepared once for cutting any number of patches.

    Parameters
    ----------
    objects : complex64 (K, H, W)
        See `as_stack`.
    N : int
        Side of a patch, px.
    subpixel : {"bilinear", "nearest", "fourier"}
        bilinear: corner by corner, weights in float64 rounded to float32; it damps the spatial
        frequency f (cycles/px) at fraction 1/2 by cos(pi f). nearest: rounds half to even.
        fourier: phase ramp on the FFT of the patch and a guard band of 8 px.
    """

    def __init__(self, objects, N, subpixel="bilinear"):
        if subpixel not in SUBPIXEL:
            raise ConfigError(f"subpixel is {subpixel!r}, it must be one of {', '.join(SUBPIXEL)}")
        self.N = N
        self.subpixel = subpixel
        self.count = len(objects)
        self.shape = objects.shape[1:]
        self.side = N + 2 * GUARD if subpixel == "fourier" else N
        self._margin = self.side + 1
        m = self._margin
        padded = np.zeros((self.count, self.shape[0] + 2 * m, self.shape[1] + 2 * m), np.complex64)
        padded[:, m:-m, m:-m] = objects
        self.planes = padded.view(np.float32)

    def locate(self, x, y, object_index=None):
        """Where the patches of positions `x`, `y` begin.

        Returns
        -------
        index : int64 (M,)
            Object of each frame.
        corners : int64 (M, 2)
            Row and column of the patch's first pixel in the padded object `planes`.
        weights : float64 (M, 2)
            Interpolation fractions (wy, wx); for fourier the shift dy, dx in [-1/2, 1/2].
        """
        x, y = as_positions(x, y)
        if object_index is None:
            index = np.zeros(x.size, np.int64)
        else:
            given = _numbers(object_index, "object_index", "iuf")
            if given.shape != x.shape:
                raise ConfigError(f"object_index has shape {given.shape}, x has {x.shape}")
            part = np.flatnonzero(given % 1 != 0)
            if part.size:
                raise ConfigError(
                    f"object_index of frame {part[0]} is {given[part[0]]}, a whole number expected"
                )
            index = np.ascontiguousarray(given, np.int64)
            if index.size and not 0 <= index.min() <= index.max() < self.count:
                raise ConfigError(
                    f"object_index reaches from {index.min()} to {index.max()}, "
                    f"there are {self.count} objects"
                )
        corners = np.empty((x.size, 2), np.int64)
        weights = np.empty((x.size, 2))
        for axis, (position, extent) in enumerate(((y, self.shape[0]), (x, self.shape[1]))):
            whole = np.floor(position) if self.subpixel == "bilinear" else np.rint(position)
            fraction = np.zeros_like(position) if self.subpixel == "nearest" else position - whole
            first = whole - self.N // 2 - (self.side - self.N) // 2
            # beyond the margin there is nothing but zeros
            far = (first < -self._margin) | (first > extent)
            corners[:, axis] = np.clip(first, -self._margin, extent).astype(np.int64) + self._margin
            weights[:, axis] = np.where(far, 0.0, fraction)
        return index, corners, weights

    def cut(self, index, corners, weights, patches):
        """Write the located patches into `patches` complex64 (m, N, N)."""
        if self.subpixel != "fourier":
            gather_patches(self.planes, index, corners, weights, patches.view(np.float32))
            return
        windows = np.empty((len(patches), self.side, self.side), np.complex64)
        gather_patches(
            self.planes, index, corners, np.zeros_like(weights), windows.view(np.float32)
        )
        spectra = scipy.fft.fft2(windows.astype(np.complex128), overwrite_x=True)
        spectra *= self._ramp(weights[:, 0])[:, :, None]
        spectra *= self._ramp(weights[:, 1])[:, None, :]
        shifted = scipy.fft.ifft2(spectra, overwrite_x=True)
        patches[:] = shifted[:, GUARD:-GUARD, GUARD:-GUARD]

    def _ramp(self, shift):
        """exp(2 pi i f shift), complex128 (m, side); at the Nyquist frequency its real part."""
        frequency = np.fft.fftfreq(self.side)
        factor = turns(np.outer(shift, frequency).ravel()).reshape(shift.size, self.side)
        if self.side % 2 == 0:
            factor[:, self.side // 2] = factor[:, self.side // 2].real
        return factor


def extract_patches(object_guess, x, y, N, *, subpixel="bilinear"):
    """Ground-truth patches: the object around every scan position, zero outside the object.

    Parameters
    ----------
    object_guess : (H, W) complex
        Object; any numeric type.
    x, y : (M,)
        Scan positions, object px, x = column; pixel [N//2, N//2] of a patch lies at (x, y).
    N : int
        Side of a patch, px.
    subpixel : {"bilinear", "nearest", "fourier"}
        How values between pixels are found, see `PatchSource`.

    Returns
    -------
    complex64 (M, N, N)
    """
    if isinstance(N, bool) or int(N) != N or N < 1:
        raise ConfigError(f"N is {N}, it must be a whole number >= 1")
    source = PatchSource(as_stack(object_guess, "object_guess"), int(N), subpixel)
    index, corners, weights = source.locate(x, y)
    patches = np.empty((index.size, source.N, source.N), np.complex64)
    step = max(1, math.ceil(BATCH_BYTES / (16 * source.side**2)))
    for a in range(0, index.size, step):
        b = a + step
        source.cut(index[a:b], corners[a:b], weights[a:b], patches[a:b])
    return patches
