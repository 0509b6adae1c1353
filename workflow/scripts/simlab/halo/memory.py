"""How much memory the maps of haloes take while they are made, and how many views fit a limit.

Bytes of one view, with S scales of res px and npix px across the box; condition and large_scale
are kept until the maps of the other three species are there:

    fast route   (res + 3)^2 max(20 S, 4 S + 28)      sums, means (float64), maps (float32)
    full maps    npix^2 w + 4 res^2 (S + 3)           one field a view, w = 8, or 4 with masl
"""

import math

BASE_MB = 450
"""The program with its libraries and compiled kernels."""
CHUNK_BYTES = 3 * 16 * 2
"""Of a particle of a chunk: raw, prefetched and sorted, with room for the reader."""
KERNEL_BYTES = 4 * 8
"""Of a pixel and scale in the sums of a thread."""
BORDER = 3
"""Pixels by which sums are wider than maps."""
CUT_BYTES = 3 * 8
"""Of a pixel of a full map while cutouts are made of it."""


def is_fast(maps):
    """Whether maps are made without a map of the whole box."""
    return maps.mode == "exact" and maps.cic_backend == "numba"


def view_bytes(maps):
    """Bytes that one view more takes."""
    scales = len(maps.scales)
    if is_fast(maps):
        return (maps.resolution + BORDER) ** 2 * max(20 * scales, 4 * scales + 28)
    field = 4 if maps.cic_backend == "masl" else 8
    return maps.npix**2 * field + 4 * maps.resolution**2 * (scales + 3)


def fixed_megabytes(maps, chunk, threads=1):
    """MB of everything but the views, with chunks of `chunk` particles."""
    if is_fast(maps):
        pixels = (maps.resolution + BORDER) ** 2
        work = threads * len(maps.scales) * pixels * KERNEL_BYTES
    else:
        work = maps.npix**2 * CUT_BYTES
    return BASE_MB + (chunk * CHUNK_BYTES + work) / 1e6


def views_per_pass(maps, chunk, memory_mb, threads=1):
    """Views, each a halo and a rotation, whose maps fit `memory_mb` at a time; at least one."""
    free = memory_mb - fixed_megabytes(maps, chunk, threads)
    return max(1, int(free * 1e6 / view_bytes(maps)))


def peak_megabytes(maps, chunk, memory_mb, views):
    """MB of a process that makes `views` views, in passes that fit `memory_mb` if one view does.

    Program, chunks of particles and the maps of one pass over them.
    """
    views = min(views, views_per_pass(maps, chunk, memory_mb))
    return fixed_megabytes(maps, chunk) + views * view_bytes(maps) / 1e6


def problem(maps, chunk, memory_gb):
    """Why not even one view fits `execution.memory_gb`, or None."""
    least = peak_megabytes(maps, chunk, memory_gb * 1000, 1)
    if least <= memory_gb * 1000:
        return None
    return (
        f"execution.memory_gb: {memory_gb:g} is too little, one view at a time needs "
        f"{math.ceil(least / 10) / 100:.2f} GB: {BASE_MB / 1000:g} for the program, "
        f"{chunk * CHUNK_BYTES / 1e9:.2f} for chunks of {chunk} particles, the rest for maps"
    )
