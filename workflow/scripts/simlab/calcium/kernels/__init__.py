"""Compiled kernels of calcium movies: arrays in, arrays out; no files or settings."""

from simlab.core.jit import use_kernel_cache


def warm():
    """Compile every kernel once, so that the jobs of a campaign find them in the cache."""
    from simlab.calcium.kernels import (
        composite,
        filters,
        footprints,
        frames,
        noise,
        traces,
        vessels,
    )

    for module in (noise, composite, frames, filters, footprints, traces, vessels):
        module.warm()


use_kernel_cache("calcium", warm)
