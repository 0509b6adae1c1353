"""Ray-traced pictures on an OpenCL device, many in one launch.

The device is opened once in a process; it must compute in double precision. Pictures differ from
those of `render.raytrace` by rounding only.
"""

import functools
import threading
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from simlab.core.opencl import named_device, open_device
from simlab.lensing.kernels.deflection import COLUMNS as MEMBERS
from simlab.lensing.kernels.deflection import ROUND
from simlab.lensing.kernels.render import DARK
from simlab.lensing.kernels.sources import COLUMNS as PROFILES
from simlab.lensing.kernels.sources import FARTHEST

BATCH = 64
"""Pictures per launch."""
VIEW = 5
GROUP = (16, 4, 1)


class View(NamedTuple):
    """What a picture shows.

    Attributes
    ----------
    members : float64 (k, 8)
        Lens, table of `deflection`.
    profiles : float64 (k, 10)
        Source, table of `sources`.
    ceiling : float
        Largest sum of the profiles.
    eta, center : complex
        Source position and shift of the grid, px.
    """

    members: np.ndarray
    profiles: np.ndarray
    ceiling: float
    eta: complex
    center: complex = 0j


class Device:
    """The ray tracer of one OpenCL device; safe to use from several threads.

    Raises
    ------
    SimlabError
        Where there is no device, or none in double precision; lists the platforms.
    """

    def __init__(self):
        import pyopencl as cl

        self._cl = cl
        self.device, self._context, program = open_device(_source(), _options)
        self._queue = cl.CommandQueue(self._context)
        self._kernel = cl.Kernel(program, "raytrace")
        self._lock = threading.Lock()
        self._pictures = None

    @property
    def description(self):
        """Backend and name of the device."""
        return {"backend": "opencl", "device": self.device.name.strip()}

    def raytrace(self, views, size, supersample=1):
        """Pictures of views: float32 (k, size, size)."""
        out = np.empty((len(views), size, size), np.float32)
        for first in range(0, len(views), BATCH):
            with self._lock:
                self._launch(views[first : first + BATCH], supersample, out[first : first + BATCH])
        return out

    def _launch(self, views, subs, out):
        count, n, _ = out.shape
        members, profiles = ([view[part] for view in views] for part in (0, 1))
        ranges = np.column_stack([*_ranges(members), *_ranges(profiles)]).astype(np.int32)
        numbers = np.array(
            [[v.eta.real, v.eta.imag, v.center.real, v.center.imag, v.ceiling] for v in views]
        )
        lenses = np.concatenate(members)
        lenses[:, 6], lenses[:, 7] = np.cos(lenses[:, 5]), np.sin(lenses[:, 5])
        inputs = [self._upload(lenses), self._upload(np.concatenate(profiles))]
        inputs += [self._upload(numbers), self._upload(ranges)]
        if self._pictures is None or self._pictures.size < out.nbytes:
            self._pictures = self._cl.Buffer(
                self._context, self._cl.mem_flags.WRITE_ONLY, out.nbytes
            )
        across, along = (-(-n // side) * side for side in GROUP[:2])
        self._kernel(
            self._queue, (across, along, count), GROUP,
            *inputs, np.int32(n), np.int32(subs), self._pictures,
        )  # fmt: skip
        self._cl.enqueue_copy(self._queue, out, self._pictures)

    def _upload(self, array):
        flags = self._cl.mem_flags.READ_ONLY | self._cl.mem_flags.COPY_HOST_PTR
        filled = array if array.size else np.zeros(1, array.dtype)  # empty buffers do not exist
        return self._cl.Buffer(self._context, flags, hostbuf=np.ascontiguousarray(filled))


def open_raytracer():
    """The ray tracer of this process; errors as of `Device`."""
    with _OPENING:
        return _opened(named_device())


_OPENING = threading.Lock()


@functools.cache
def _opened(variable):
    return Device()


def _ranges(tables):
    """(first, end) of every table in their concatenation: int64 (k,), (k,)."""
    ends = np.cumsum([len(table) for table in tables])
    return ends - [len(table) for table in tables], ends


def _source():
    return files(__package__).joinpath("raytrace.cl").read_text(encoding="utf-8")


def _options(device):
    numbers = {"ROUND": ROUND, "FARTHEST": FARTHEST, "DARK": DARK}
    counts = {"MEMBERS": MEMBERS, "PROFILES": PROFILES, "VIEW": VIEW}
    return [f"-D{name}={value!r}" for name, value in (numbers | counts).items()]
