"""Compiled kernels of halo maps: arrays in, arrays out; no files, no configuration."""

from simlab.core.jit import use_kernel_cache


def warm():
    """Compile every kernel once, so that the jobs of a campaign find them in the cache."""
    from simlab.halo.kernels import deposit, images, multiscale, neighbors, sorting

    for module in (deposit, images, neighbors, sorting, multiscale):
        module.warm()


use_kernel_cache("halo", warm)
