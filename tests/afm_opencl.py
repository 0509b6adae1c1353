"""What the tests of the OpenCL backend share; PoCL is a device like any other."""

import functools

import numpy as np
import pytest

from simlab.afm.errors import AfmPhysicsError
from simlab.afm.kernels.opencl import Device
from simlab.afm.kernels.opencl_forces import POINT_BYTES, Forces, Region
from simlab.afm.opencl_scanning import OpenCLEngine


@functools.cache
def usable():
    """Why no device can be used; empty where one can."""
    try:
        OpenCLEngine()
    except AfmPhysicsError as error:
        return str(error)
    return ""


def require_device():
    """Skip the test where there is no OpenCL device."""
    if usable():
        pytest.skip(usable())


@functools.cache
def device():
    """One device for all tests."""
    require_device()
    return Device()


def filled(fields, start, shape, columns=None, energy=True):
    """`fill` of several fields on the device, in one launch: list of float32 (sx, sy, sz, 4)."""
    start, shape = np.array(start), np.array(shape)
    size = int(np.prod(shape))
    regions = [
        Region(field.parts, field.box.steps, field.box.shape, start, shape, columns, k * size)
        for k, field in enumerate(fields)
    ]
    buffer = device().upload("test", np.full((len(fields) * size, 4), 7, np.float32))
    Forces(device()).fill(regions, buffer, energy)
    out = np.empty((len(fields), *shape.tolist(), 4), np.float32)
    assert buffer.size >= POINT_BYTES * len(fields) * size
    return list(device().download(buffer, out))
