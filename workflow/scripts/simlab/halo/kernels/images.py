"""Periodic images of particles inside a rotated cube, particle by particle: the plain definition.

An image d + L n, n in {-1, 0, 1}^3, rotated, is taken if its x and y are in [-L/2, L/2) and its z
is in [-half_depth, half_depth). d (N, 3) float64: offsets from the center, nearest image, each in
[-L/2, L/2]. reach < 0: all images. reach >= 0: only d itself and those shifted by one box length
along one axis k with |d_k| > L/2 - reach (the six face copies).
"""

import numpy as np
from numba import njit

from simlab.halo.kernels.deposit import node


@njit(cache=True, nogil=True)
def find_images(d, rotation, box, half_depth, reach, found):
    """Rotated x + L/2, y + L/2 of the images of one particle d (3,) -> `found` (27, 2); number."""
    h = box / 2
    # an image farther than the cube's corners need not be rotated
    far = 0.75 * box * box * (1 + 1e-12)
    n = 0
    for a in range(-1, 2):
        x = d[0] + a * box
        if x * x > far:
            continue
        for b in range(-1, 2):
            y = d[1] + b * box
            if x * x + y * y > far:
                continue
            for c in range(-1, 2):
                z = d[2] + c * box
                if x * x + y * y + z * z > far:
                    continue
                if reach >= 0:
                    shifts = abs(a) + abs(b) + abs(c)
                    beyond = -(a * d[0] + b * d[1] + c * d[2])
                    if shifts > 1 or (shifts == 1 and not beyond > h - reach):
                        continue
                xr = rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z
                yr = rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z
                zr = rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z
                if -h <= xr < h and -h <= yr < h and -half_depth <= zr < half_depth:
                    found[n, 0] = xr + h
                    found[n, 1] = yr + h
                    n += 1
    return n


@njit(cache=True, nogil=True)
def deposit_images(d, masses, rotation, box, half_depth, reach, field):
    """Add all images to `field` (n, n) float64 by cloud in cell; returns their number.

    `masses` has one element per particle, or one for all.
    """
    n = field.shape[0]
    scale = n / box
    step = 0 if masses.size == 1 else 1
    found = np.empty((27, 2))
    taken = 0
    for k in range(d.shape[0]):
        images = find_images(d[k], rotation, box, half_depth, reach, found)
        m = np.float64(masses[k * step])
        for image in range(images):
            i0, i1, u = node(found[image, 0] * scale, n)
            j0, j1, v = node(found[image, 1] * scale, n)
            field[i0, j0] += m * (1 - u) * (1 - v)
            field[i0, j1] += m * (1 - u) * v
            field[i1, j0] += m * u * (1 - v)
            field[i1, j1] += m * u * v
        taken += images
    return taken


@njit(cache=True, nogil=True)
def count_images(d, rotation, box, half_depth, reach):
    """Number of images that `list_images` lists."""
    found = np.empty((27, 2))
    taken = 0
    for k in range(d.shape[0]):
        taken += find_images(d[k], rotation, box, half_depth, reach, found)
    return taken


@njit(cache=True, nogil=True)
def list_images(d, masses, rotation, box, half_depth, reach, places, weights):
    """Rotated x + L/2, y + L/2 of all images -> `places` (M, 2), masses -> `weights` (M,)."""
    step = 0 if masses.size == 1 else 1
    found = np.empty((27, 2))
    taken = 0
    for k in range(d.shape[0]):
        images = find_images(d[k], rotation, box, half_depth, reach, found)
        for image in range(images):
            places[taken, 0] = found[image, 0]
            places[taken, 1] = found[image, 1]
            weights[taken] = masses[k * step]
            taken += 1


def warm():
    """Compile for the types that the library uses."""
    for real in (np.float32, np.float64):
        deposit_images(
            np.zeros((1, 3)), np.ones(1, real), np.eye(3), 1.0, 0.5, -1.0, np.zeros((4, 4))
        )
