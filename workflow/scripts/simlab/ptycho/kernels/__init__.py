"""Compiled kernels of ptychography: arrays in, arrays out; no files, no configuration."""

from simlab.core.jit import use_kernel_cache


def warm():
    """Compile every kernel once, so that the jobs of a campaign find them in the cache."""
    from simlab.ptycho.kernels import detection, drawing, elementary, gather, unwrapping

    for module in (elementary, gather, detection, drawing, unwrapping):
        module.warm()


use_kernel_cache("ptycho", warm)
