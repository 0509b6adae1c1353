"""Circular cross-correlation of periodic grids with tips, E(p) = dV sum_u tip(u) f(p + u)."""

import numba
import numpy as np

from simlab.afm.kernels import fields
from simlab.afm.kernels.threads import over_rows


def spectrum(array):
    """Discrete Fourier transform of a real grid (nx, ny, nz) float32.

    Returns (nx, ny, nz // 2 + 1) complex64.
    """
    from scipy.fft import rfftn

    return rfftn(np.asarray(array, np.float32), workers=numba.get_num_threads())


def tip_spectrum(array):
    """Complex conjugate of the transform of a tip density, as `correlate` takes it."""
    transformed = spectrum(array)
    return np.conj(transformed, out=transformed)


def correlate(terms, shape):
    """sum_t factor_t sum_u tip_t(u) f_t(p + u) with periodic wrap, one inverse transform in all.

    Parameters
    ----------
    terms : iterable of (factor, tip, f)
        Factor, `tip_spectrum` of a tip, `spectrum` of a grid; taken one after the other, so that
        a generator keeps only one of them in memory.
    shape : (3,) int
        Of the grids.

    Returns
    -------
    (nx, ny, nz) float32
    """
    from scipy.fft import irfftn

    nx, ny, nz = shape
    total = np.zeros((nx, ny, nz // 2 + 1), np.complex64)
    for factor, tip, transformed in terms:
        arrays = [array.view(np.float32) for array in (transformed, tip, total)]
        over_rows(_product(np.float32(factor), *arrays), nx)
    return irfftn(total, s=shape, workers=numba.get_num_threads(), overwrite_x=True)


def _product(factor, transformed, tip, total):
    def task(first, last):
        fields.weighted_product(first, last, transformed, tip, factor, total)

    return task
