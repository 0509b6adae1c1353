"""Unwrapping of phase maps."""

import heapq
import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def unwrap(phase, quality):
    """Phase without jumps of 2 pi, float64 (H, W), radians.

    Quality-guided path following: from the pixel of highest quality outward, always the best
    neighbor of what is done, each pixel shifted by the multiple of 2 pi that brings it nearest
    to the neighbor it is reached from. Pixels of low quality (no light: no phase) come last and
    spoil nobody. The best pixel keeps its value.

    Parameters
    ----------
    phase : float64 (H, W)
        radians.
    quality : float64 (H, W)
        For example the amplitude.
    """
    height, width = phase.shape
    result = phase.copy()
    done = np.zeros((height, width), np.bool_)
    best = np.argmax(quality)
    heap = [(-quality[best // width, best % width], best, best)]
    while heap:
        _, pixel, source = heapq.heappop(heap)
        row, col = pixel // width, pixel % width
        if done[row, col]:
            continue
        done[row, col] = True
        reference = result[source // width, source % width]
        turns = math.floor((reference - phase[row, col]) / (2 * math.pi) + 0.5)
        result[row, col] = phase[row, col] + 2 * math.pi * turns
        for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            r, c = row + down, col + right
            if 0 <= r < height and 0 <= c < width and not done[r, c]:
                heapq.heappush(heap, (-quality[r, c], r * width + c, pixel))
    return result


def warm():
    """Compile the kernel of this module."""
    unwrap(np.zeros((2, 2)), np.ones((2, 2)))
