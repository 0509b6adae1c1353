"""The OpenCL device of the AFM kernels: program, queue, buffers.

Device memory is allocated once per name and size and used again; kernel objects are made once.
Global sizes are rounded up to the work-group, and every kernel checks its bounds.
"""

import functools
import math
from importlib.resources import files

import numpy as np

from simlab.core.opencl import is_gpu, named_device, open_device

SOURCES = ("prelude", "forces", "relax", "newton", "maps", "direct")

REGION = [
    "out",
    "nx",
    "ny",
    "nz",
    "row",
    "plane",
    "x",
    "xs",
    "y",
    "ys",
    "z",
    "zs",
    "first",
    "last",
    "reach",
    "below",
    "tip",
    "tips",
    "mask",
    "add",
    "kind",
    "data",
]
SCAN = ["piece", "sx", "sy", "sz", "px", "py", "pz", "tables"]
"""Members of the structures of the kernels, all int32."""

LANES = (16, 8, 4)
MEMORY = {False: 512 * 2**20, True: 4 * 2**30}
"""Most bytes of the force grids of a batch on a device that is (True) or is not a GPU."""


def source():
    """OpenCL C of all kernels."""
    structures = [
        f"typedef struct {{ int {', '.join(members)}; }} {name};\n"
        for name, members in (("Region", REGION), ("Scan", SCAN))
    ]
    folder = files(__package__)
    texts = [folder.joinpath(f"{name}.cl").read_text(encoding="utf-8") for name in SOURCES]
    return "\n".join([texts[0], *structures, *texts[1:]])


def lanes_of(device):
    """Points or pixels that a work-item handles: vectors on a CPU, one on a GPU."""
    if is_gpu(device):
        return 1
    preferred = device.native_vector_width_float
    return next((lanes for lanes in LANES if lanes <= preferred), 1)


def build_options(device):
    """Options of the compiler; none of them gives accuracy away."""
    import pyopencl as cl

    options = [f"-DLANES={lanes_of(device)}"]
    if device.single_fp_config & cl.device_fp_config.CORRECTLY_ROUNDED_DIVIDE_SQRT:
        options.append("-cl-fp32-correctly-rounded-divide-sqrt")
    return options


@functools.cache
def _opened(platform, variable):
    return open_device(source(), build_options, platform)


class Device:
    """Kernels and memory of one OpenCL device.

    Parameters
    ----------
    platform : pyopencl.Platform, optional
        See `core.opencl.open_device`, also for errors.
    """

    def __init__(self, platform=None):
        import pyopencl as cl

        self._cl = cl
        opened = _opened(platform, named_device())
        self.device, self._context, program = opened
        self._queue = cl.CommandQueue(self._context)
        self._kernels = {kernel.function_name: kernel for kernel in program.all_kernels()}
        self._buffers = {}
        self.is_gpu = is_gpu(self.device)
        self.lanes = lanes_of(self.device)
        self.has_double = "direct_df" in self._kernels
        self.description = {"backend": "opencl", "device": self.device.name.strip()}

    @property
    def memory(self):
        """Bytes that one buffer of force grids may have."""
        return min(MEMORY[self.is_gpu], self.device.max_mem_alloc_size)

    def run(self, name, size, group, *arguments):
        """Start a kernel on at least `size` work-items in groups of `group`."""
        size = tuple(math.ceil(n / g) * g for n, g in zip(size, group, strict=True))
        self._kernels[name](self._queue, size, group, *arguments)

    def local_floats(self, n):
        """Local memory of n floats, as an argument."""
        return self._cl.LocalMemory(4 * n)

    def space(self, name, size):
        """Buffer `name` of at least `size` bytes, kept for the next time."""
        if name not in self._buffers or self._buffers[name].size < size:
            self._buffers.pop(name, None)
            flags = self._cl.mem_flags
            self._buffers[name] = self._cl.Buffer(self._context, flags.READ_WRITE, max(16, size))
        return self._buffers[name]

    def upload(self, name, array, dtype=None):
        """Buffer `name` with the contents of an array."""
        array = np.ascontiguousarray(array, dtype)
        buffer = self.space(name, array.nbytes)
        if array.nbytes:
            self._cl.enqueue_copy(self._queue, buffer, array)
        return buffer

    def write(self, buffer, array, offset):
        """Copy an array to `offset` bytes behind the begin of a buffer."""
        self._cl.enqueue_copy(self._queue, buffer, array, dst_offset=offset)

    def download(self, buffer, array, offset=0):
        """Fill a contiguous array from `offset` bytes behind the begin of a buffer."""
        if array.nbytes:
            self._cl.enqueue_copy(self._queue, array, buffer, src_offset=offset)
        return array


def table(members, rows):
    """Rows (mappings) of a structure as int32 (n, members); what a row lacks is 0."""
    return np.array([[row.get(name, 0) for name in members] for row in rows], np.int32)
