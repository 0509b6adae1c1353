"""Compiled kernels of atomic force microscopy: arrays in, arrays out; no files or settings."""

from importlib import import_module

from simlab.core.jit import use_kernel_cache

use_kernel_cache()

MODULES = ("grid", "vdw", "fields", "relax", "newton", "strokes", "direct", "maps", "clouds")


def warm():
    """Compile every kernel once, so that the jobs of a campaign find them in the cache."""
    for name in MODULES:
        import_module(f"{__name__}.{name}").warm()
