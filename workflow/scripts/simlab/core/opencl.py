"""OpenCL devices: which ones there are, which one is used."""

import os

from simlab.core.errors import SimlabError

DEVICE_VARIABLE = "SIMLAB_OPENCL_DEVICE"


def named_device():
    """What SIMLAB_OPENCL_DEVICE says, "platform:device", or None."""
    return os.environ.get(DEVICE_VARIABLE)


def opencl_platforms():
    """All OpenCL platforms; empty without any, or without pyopencl."""
    try:
        import pyopencl as cl
    except ImportError:
        return []
    try:
        return cl.get_platforms()
    except cl.LogicError:  # the loader's word for none
        return []


def open_device(source, options, platform=None):
    """(device, context, program) of the first device that can be used, GPUs first.

    SIMLAB_OPENCL_DEVICE=platform:device names one and wins over `platform`.

    Parameters
    ----------
    source : str
        OpenCL C.
    options : callable
        Device -> list of build options.
    platform : pyopencl.Platform, optional
        Only its devices are tried.

    Raises
    ------
    SimlabError
        Where there is no device, or none that can compile; lists the platforms.
    """
    platforms = opencl_platforms()
    devices = [_devices(one) for one in platforms]
    failures = []
    for device in _candidates(platforms, devices, platform):
        import pyopencl as cl

        try:
            context = cl.Context([device])
            return device, context, cl.Program(context, source).build(options(device))
        except cl.Error as error:
            reason = next((line for line in str(error).splitlines() if "error:" in line), error)
            failures.append(f"{device.name.strip()} cannot compile ({reason})")
    raise SimlabError(
        "; ".join(
            [
                "backend: opencl found no usable device",
                *failures,
                listing(platforms, devices),
                "install a driver or use backend: numba",
            ]
        )
    )


def is_gpu(device):
    """Whether an OpenCL device is a GPU."""
    import pyopencl as cl

    return bool(device.type & cl.device_type.GPU)


def gpu_exists():
    """Whether any platform has a GPU."""
    return any(is_gpu(device) for one in opencl_platforms() for device in _devices(one))


def listing(platforms, devices=None):
    """The numbers and names of platforms and devices, for messages."""
    devices = [_devices(one) for one in platforms] if devices is None else devices
    texts = [
        f"{i} = {platform.name.strip()}: "
        + ", ".join(f"{k} = {device.name.strip()}" for k, device in enumerate(those))
        for i, (platform, those) in enumerate(zip(platforms, devices, strict=True))
    ]
    return "platforms: " + ("; ".join(texts) or "none")


def _devices(platform):
    import pyopencl as cl

    try:
        return platform.get_devices()
    except cl.RuntimeError:  # a driver without hardware
        return []


def _candidates(platforms, devices, platform):
    wanted = named_device()
    if wanted:
        try:
            number, device = (int(part) for part in wanted.split(":"))
            if min(number, device) < 0:
                raise IndexError
            return [devices[number][device]]
        except (ValueError, IndexError):
            raise SimlabError(
                f"{DEVICE_VARIABLE} is {wanted!r}, expected platform:device; "
                + listing(platforms, devices)
            ) from None
    if platform is not None:
        devices = [platform.get_devices()]
    found = [device for those in devices for device in those]
    return sorted(found, key=lambda device: not is_gpu(device))
