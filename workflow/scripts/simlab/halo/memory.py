"""How much memory the maps of haloes take while they are made, and how many views fit a limit.

Bytes of one view, with S scales of res px and npix px across the box:

| route | while particles are added | when the maps of a species are made of the sums |
|---|---|---|
| fast | 8 S (res + 3)^2 | max(20 S, 4 S + 28) (res + 3)^2: sums, means (float64), maps (float32) |
| full maps | w npix^2, w = 8, or 4 with masl | w npix^2 + 4 res^2 (S + 3) |

condition and large_scale (float32) are kept until the maps of the other three species are there.
Chunks of particles are held in the first of the two only.
"""

import math

BASE_MB = 300
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
    """Bytes that one view more takes: (while particles are added, when maps are made)."""
    scales = len(maps.scales)
    if is_fast(maps):
        pixels = (maps.resolution + BORDER) ** 2
        return pixels * max(8 * scales, 4 * scales + 8), pixels * max(20 * scales, 4 * scales + 28)
    kept = 4 * maps.resolution**2 * (scales + 3)
    return (maps.npix**2 * (4 if maps.cic_backend == "masl" else 8) + kept,) * 2


def fixed_bytes(maps, chunk, threads=1):
    """Bytes of all but the views, with chunks of `chunk` particles: at the same two times."""
    base = BASE_MB * 1e6
    if not is_fast(maps):
        return base + chunk * CHUNK_BYTES, base + maps.npix**2 * CUT_BYTES
    pixels = (maps.resolution + BORDER) ** 2
    base += threads * len(maps.scales) * pixels * KERNEL_BYTES
    return base + chunk * CHUNK_BYTES, base


def views_per_pass(maps, chunk, memory_mb, threads=1):
    """Views, each a halo and a rotation, whose maps fit `memory_mb` at a time; at least one."""
    pairs = zip(fixed_bytes(maps, chunk, threads), view_bytes(maps), strict=True)
    return max(1, min(int((memory_mb * 1e6 - fixed) / each) for fixed, each in pairs))


def peak_megabytes(maps, chunk, memory_mb, views):
    """MB of a process that makes `views` views, in passes that fit `memory_mb` if one view does.

    Program, chunks of particles and the maps of one pass over them.
    """
    views = min(views, views_per_pass(maps, chunk, memory_mb))
    pairs = zip(fixed_bytes(maps, chunk), view_bytes(maps), strict=True)
    return max(fixed + views * each for fixed, each in pairs) / 1e6


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
