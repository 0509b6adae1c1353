"""Compiled kernels of gravitational lenses: arrays in, arrays out; no files or settings."""

from simlab.core.jit import use_kernel_cache


def warm():
    """Compile every kernel once, so that the jobs of a campaign find them in the cache."""
    from simlab.lensing.kernels import (
        amplitudes,
        deflection,
        fields,
        histogram,
        image_search,
        images,
        moments,
        rays,
        render,
        roulette,
        series,
        sources,
        trust,
        warp,
    )

    modules = (deflection, fields, amplitudes, roulette, images, image_search, trust, histogram)
    for module in (*modules, sources, rays, series, render, warp, moments):
        module.warm()


use_kernel_cache("lensing", warm)
