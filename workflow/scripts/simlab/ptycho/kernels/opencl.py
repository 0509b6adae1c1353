"""Diffraction frames on an OpenCL device.

Any even side: lines are transformed in local memory by mixed radices. Counts need double
precision; on a device without it the caller samples on the CPU.
"""

import logging
from importlib.resources import files

import numpy as np

from simlab.core import opencl as core_opencl
from simlab.core.errors import SimlabError
from simlab.ptycho.kernels.counter import LARGEST_RATE, SMALL_RATE, STIRLING_OF_FEW

logger = logging.getLogger("simlab.ptycho")

WORKERS = 32
"""Work items that share a line of the Fourier transform."""


def open_device():
    """(device, context, program) of the first device that can be used; see `core.opencl`."""
    source = files(__package__).joinpath("frames.cl").read_text(encoding="utf-8")
    return core_opencl.open_device(
        source, lambda device: ["-DDOUBLE_PRECISION"] if device.double_fp_config else []
    )


def auto_backend():
    """What `--backend auto` means here: "opencl" with a usable device, else "numba"."""
    try:
        device, _, _ = open_device()
    except SimlabError as error:
        logger.info("backend: numba (%s)", error)
        return "numba"
    logger.info("backend: opencl (%s)", device.name.strip())
    return "opencl"


def radices(n):
    """Factors of `n` for the stages of the transform: fours, then primes."""
    factors = []
    for radix in (4, 2, *range(3, n + 1, 2)):
        while n % radix == 0:
            factors.append(radix)
            n //= radix
    return factors


class Sampler:
    """Photon counts on a device."""

    def __init__(self):
        import pyopencl as cl

        self._cl = cl
        self._device, self._context, self._program = open_device()
        self._queue = cl.CommandQueue(self._context)
        self._kernels = {kernel.function_name: kernel for kernel in self._program.all_kernels()}
        self._buffers = {}
        self._stirling = self._constant(STIRLING_OF_FEW)

    @property
    def counts_photons(self):
        """Whether the device has the double precision that counting photons needs."""
        return "count_photons" in self._kernels

    def sample(self, expected, key, first_frame):
        """Poisson counts float64 (m, p) of `expected` float64 (m, p); see `counter`.

        An expectation that cannot be sampled comes back as its negative, or NaN.
        """
        buffer = self._uploaded("counts", expected)
        self._count(buffer, expected.shape, key, first_frame)
        return self._downloaded(buffer, np.empty(expected.shape))

    def _count(self, buffer, shape, key, first_frame):
        self._run(
            "count_photons",
            shape[::-1],
            None,
            buffer,
            np.uint64(key),
            np.uint64(first_frame),
            np.float64(SMALL_RATE),
            np.float64(LARGEST_RATE),
            self._stirling,
        )

    def _run(self, name, size, group, *arguments):
        self._kernels[name](self._queue, size, group, *arguments)

    def _constant(self, array):
        flags = self._cl.mem_flags
        array = np.ascontiguousarray(array)
        return self._cl.Buffer(self._context, flags.READ_ONLY | flags.COPY_HOST_PTR, hostbuf=array)

    def _space(self, name, size):
        """Device memory for `name`, at least `size` bytes, kept for the next batch."""
        if name not in self._buffers or self._buffers[name].size < size:
            flags = self._cl.mem_flags
            self._buffers[name] = self._cl.Buffer(self._context, flags.READ_WRITE, size)
        return self._buffers[name]

    def _uploaded(self, name, array):
        array = np.ascontiguousarray(array)
        buffer = self._space(name, array.nbytes)
        self._cl.enqueue_copy(self._queue, buffer, array)
        return buffer

    def _downloaded(self, buffer, array):
        self._cl.enqueue_copy(self._queue, array, buffer)
        return array


class FrameDevice(Sampler):
    """Patches, exit waves, far field and photon counts of batches of frames on a device.

    Parameters
    ----------
    source : PatchSource
        Padded objects; fourier patches are cut on the CPU.
    real, imaginary : float32 (P, N, N)
        Probe modes.
    """

    def __init__(self, source, real, imaginary):
        super().__init__()
        self._source = source
        self._modes, self._side, _ = real.shape
        self._real, self._imaginary = self._constant(real), self._constant(imaginary)
        self._planes = self._constant(source.planes)
        turns = np.exp(-2j * np.pi * np.arange(self._side) / self._side)
        self._turns = self._constant(turns.astype(np.complex64))
        stages = radices(self._side)
        self._stages = len(stages)
        self._radices = self._constant(np.array(stages, np.int32))
        self.description = {
            "backend": "opencl",
            "fft": "opencl",
            "device": self._device.name.strip(),
            "driver": self._device.driver_version.strip(),
        }

    def fields(self, located, patches):
        """FFT of the exit waves, unnormalized and unshifted, float32 (m, P, N, 2N).

        Also writes `patches` complex64 (m, N, N).
        """
        waves = self._propagate(located, patches)
        shape = (len(patches), self._modes, self._side, 2 * self._side)
        return self._downloaded(waves, np.empty(shape, np.float32))

    def counts(self, located, patches, key, first_frame, rules, scales):
        """Counts float64 (m, N^2) before read-out, of `detection.Detector` rules.

        lambda = sum_k |F_k|^2 s^2/N^2 + background; expectations without Poisson noise. Also writes
        `patches`. An expectation that cannot be sampled comes back as its negative, or NaN.
        """
        waves = self._propagate(located, patches)
        frames, n = len(patches), self._side
        valid = rules.valid if rules.masked else np.ones(n * n, np.uint8)
        buffer = self._space("counts", 8 * frames * n * n)
        self._run(
            "expect",
            (n * n, frames),
            None,
            waves,
            np.int32(n),
            np.int32(self._modes),
            self._uploaded("scales", scales * scales / (n * n)),
            np.float64(rules.background),
            self._uploaded("valid", valid),
            buffer,
        )
        if rules.poisson:
            self._count(buffer, (frames, n * n), key, first_frame)
        return self._downloaded(buffer, np.empty((frames, n * n)))

    def _propagate(self, located, patches):
        """Device buffer of the far fields; `patches` are written on the host."""
        frames, n = len(patches), self._side
        if self._source.subpixel == "fourier":
            self._source.cut(*located, patches)
            on_device = self._uploaded("patches", patches)
        else:
            on_device = self._gather(located, frames)
            self._downloaded(on_device, patches)
        waves = self._space("waves", 8 * frames * self._modes * n * n)
        self._run(
            "illuminate",
            (n * n, self._modes, frames),
            None,
            on_device,
            self._real,
            self._imaginary,
            waves,
        )
        local = self._cl.LocalMemory(8 * n)
        for line, element in ((n, 1), (1, n)):
            self._run(
                "transform_lines",
                (n * WORKERS, frames * self._modes),
                (WORKERS, 1),
                waves,
                np.int32(n),
                np.int32(line),
                np.int32(element),
                self._turns,
                self._radices,
                np.int32(self._stages),
                local,
                self._cl.LocalMemory(8 * n),
            )
        return waves

    def _gather(self, located, frames):
        index, corners, weights = located
        wy, wx = weights.T
        four = np.stack([(1 - wy) * (1 - wx), (1 - wy) * wx, wy * (1 - wx), wy * wx], axis=1)
        _, rows, width = self._source.planes.shape
        patches = self._space("patches", 8 * frames * self._side**2)
        self._run(
            "gather",
            (self._side**2, frames),
            None,
            self._planes,
            np.int64(rows * (width // 2)),
            np.int64(width // 2),
            self._uploaded("index", index),
            self._uploaded("corners", corners),
            self._uploaded("weights", four.astype(np.float32)),
            np.int32(self._side),
            patches,
        )
        return patches
