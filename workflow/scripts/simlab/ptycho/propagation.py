"""Exit waves and their far field, batch by batch."""

import threading

import numpy as np
import scipy.fft

from simlab.core.errors import SimlabError
from simlab.ptycho.kernels import gather


class Propagator:
    """Exit waves and their far field for batches of up to `frames` frames; one a thread."""

    counts_photons = False

    def __init__(self, source, real, imaginary, frames, fft="scipy"):
        self._source, self._real, self._imaginary = source, real, imaginary
        shape = (frames, *real.shape)
        self._plan = None
        if fft == "fftw":
            self._waves, self._plan = _fftw_plan(shape)
        else:
            self._waves = np.empty(shape, np.complex64)

    def waves(self, located, patches):
        """Exit waves float32 (m, P, N, 2N); also writes `patches` complex64 (m, N, N)."""
        waves = self._waves[: len(patches)].view(np.float32)
        flat = patches.view(np.float32)
        if self._source.subpixel == "fourier":
            self._source.cut(*located, patches)
            gather.illuminate(flat, self._real, self._imaginary, waves)
        else:
            gather.gather_and_illuminate(
                self._source.planes, *located, self._real, self._imaginary, flat, waves
            )
        return waves

    def fields(self, located, patches):
        """FFT of the exit waves, unnormalized and unshifted, float32 (m, P, N, 2N)."""
        self.waves(located, patches)
        if self._plan is not None:
            self._plan()
            return self._waves[: len(patches)].view(np.float32)
        waves = self._waves[: len(patches)]
        return scipy.fft.fft2(waves, overwrite_x=True).view(np.float32)


_planning = threading.Lock()


def _fftw_plan(shape):
    """Aligned complex64 array and the FFTW plan that transforms it in place."""
    try:
        import pyfftw
    except ImportError:
        raise SimlabError("fft: fftw needs the package pyfftw, which is not installed") from None
    with _planning:
        waves = pyfftw.zeros_aligned(shape, np.complex64)
        return waves, pyfftw.FFTW(waves, waves, axes=(-2, -1), flags=("FFTW_MEASURE",))
