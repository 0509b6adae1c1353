"""Compiled kernels of atomic force microscopy: arrays in, arrays out; no files or settings."""

from simlab.core.jit import use_kernel_cache


def warm():
    """Compile every kernel once, so that the jobs of a campaign find them in the cache."""
    from simlab.afm.kernels import (
        clouds,
        direct,
        fields,
        grid,
        maps,
        newton,
        relax,
        strokes,
        vdw,
    )

    for module in (grid, vdw, fields, relax, newton, strokes, direct, maps, clouds):
        module.warm()


use_kernel_cache("afm", warm)
