"""Compiled kernels of gravitational lenses: arrays in, arrays out; no files or settings."""

from simlab.core.jit import use_kernel_cache

use_kernel_cache()


def warm():
    """Compile every kernel once, so that the jobs of a campaign find them in the cache."""
    from simlab.lensing.kernels import amplitudes, deflection, fields, images, roulette, trust

    for module in (deflection, fields, amplitudes, roulette, images, trust):
        module.warm()
